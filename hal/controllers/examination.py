"""What a person is told of an outlet that a controller runs, beside what the controller says of itself."""

from collections.abc import Iterator

from hal.evse import OutletSnapshot
from hal.examination import Finding, Health
from hal.latches import OutletLatch
from hal.outlet.config import OutletConfig
from hal.values import ContactorState, FaultKind, PilotState


def examine_controlled(
    config: OutletConfig,
    seen: OutletSnapshot,
    *,
    trouble: str,
    kept: OutletLatch,
    reader_online: bool,
    now_s: float,
) -> tuple[Finding, ...]:
    """The findings on connector *config.id*; *trouble* is what the last exchange failed of, empty if it did not."""

    def found(part: str, health: Health, evidence: str, next_step: str = "") -> Finding:
        return Finding(part=part, connector=config.id, health=health, evidence=evidence, next_step=next_step)

    def findings() -> Iterator[Finding]:
        if trouble:
            yield found("line", Health.FAILED, trouble, "check the controller's supply and its cable")
        yield found("pilot", *_pilot(seen))
        yield found("contactor", *_contactor(seen, kept))
        if seen.temperature_mc is not None:
            yield found("temperature", *_temperature(seen, seen.temperature_mc))
        yield found("meter", *_meter(config, seen, now_s))
        if not reader_online:
            yield found("reader", Health.FAILED, "does not answer", "check its cable and supply")

    return tuple(findings())


def _pilot(seen: OutletSnapshot) -> tuple[Health, str, str]:
    if seen.pilot is PilotState.UNKNOWN:
        return Health.FAILED, "not known", "check the line to the controller, then the pilot's wiring"
    carries = f"{seen.offer_ma / 1_000:.1f} A" if seen.offer_ma else "steady"
    if any(fault.kind is FaultKind.PILOT_FAULT for fault in seen.faults):
        return Health.FAILED, f"state {seen.pilot}, {carries}, faulted", "unplug; cpd why tells more"
    return Health.OK, f"state {seen.pilot}, {carries}", ""


def _contactor(seen: OutletSnapshot, kept: OutletLatch) -> tuple[Health, str, str]:
    evidence = f"{seen.contactor}, cycles {kept.contactor_cycles}, {kept.opened_under_load} under load"
    if seen.contactor is ContactorState.UNKNOWN:
        return Health.FAILED, evidence, "check the line to the controller"
    if any(fault.kind is FaultKind.CONTACTOR_WELDED for fault in seen.faults):
        return Health.FAILED, evidence, "danger: switch off the supply, replace the contactor"
    return Health.OK, evidence, ""


def _temperature(seen: OutletSnapshot, temperature_mc: int) -> tuple[Health, str, str]:
    evidence = f"{temperature_mc / 1_000:.1f} °C"
    if seen.thermal_limit_ma is None:
        return Health.OK, evidence, ""
    evidence += f", lowered to {seen.thermal_limit_ma / 1_000:.0f} A"
    return Health.WARNING, evidence, "check ventilation and terminals"


def _meter(config: OutletConfig, seen: OutletSnapshot, now_s: float) -> tuple[Health, str, str]:
    if seen.meter is not None:
        return Health.OK, f"{seen.meter.energy_wh} Wh, {max(0.0, now_s - seen.meter.at_s):.1f} s old", ""
    if config.meter_behind_contactor and seen.contactor is ContactorState.OPEN:
        return Health.OK, "dark behind the open contactor", ""
    return Health.FAILED, "none, or it does not answer", "name it in [[meter]]; check supply and wires"
