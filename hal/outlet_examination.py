"""What a person is told of an outlet's parts when they look at it: measured now, without moving anything.

It reads the parts of any board as the guard sees them; what only a board knows of its devices, it tells itself.
"""

from collections.abc import Iterator

from hal.board import OutletBoard
from hal.evse import OutletSnapshot
from hal.examination import Finding, Health
from hal.iec61851 import DIODE_LOW_MV, PERIOD_NS
from hal.latches import OutletLatch
from hal.outlet.config import OutletConfig
from hal.values import ContactorState, FaultKind, LockState, PilotState, SelfTest

_HOTTEST_MC = 60_000
"""From here on a warm outlet offers less."""


def examine_outlet(
    config: OutletConfig, board: OutletBoard, seen: OutletSnapshot, *, kept: OutletLatch, now_s: float
) -> tuple[Finding, ...]:
    """The findings on connector *config.id*; *seen* is its present truth, *kept* what outlives the guard."""

    def found(part: str, health: Health, evidence: str, next_step: str = "") -> Finding:
        return Finding(part=part, connector=config.id, health=health, evidence=evidence, next_step=next_step)

    def findings() -> Iterator[Finding]:
        yield found("pilot", *_pilot(board, seen))
        yield found("contactor", *_contactor(seen, kept))
        yield found("ground fault", *_ground_fault(board))
        yield found("emergency stop", *_emergency_stop(board))
        if config.lock:
            yield found("lock", *_lock(board))
            yield found("proximity", *_proximity(board, seen))
        if board.thermometer is not None:
            yield found("temperature", *_temperature(board.thermometer.temperature_mc()))
        yield found("meter", *_meter(config, board, seen, now_s))

    return tuple(findings())


def _pilot(board: OutletBoard, seen: OutletSnapshot) -> tuple[Health, str, str]:
    sample = board.pilot.sample()
    if sample.high_mv is None or seen.pilot is PilotState.UNKNOWN:
        return Health.FAILED, "cannot be read", "check the pilot's wiring, its ±12 V supply and the ADC"
    volts = f"{sample.high_mv / 1_000:+.1f} V"
    if sample.low_mv is not None:
        volts += f" / {sample.low_mv / 1_000:+.1f} V"
    duty = "steady" if seen.duty_ns is None else f"PWM {seen.duty_ns // (PERIOD_NS // 1_000) / 10:.1f} %"
    evidence = f"state {seen.pilot}, {volts}, {duty}"
    if seen.pilot is PilotState.E:
        return Health.FAILED, evidence, "unplug; if it stays, the pilot is shorted or its supply is missing"
    if sample.low_mv is not None and sample.low_mv > DIODE_LOW_MV:
        return Health.FAILED, evidence, "the negative half is missing: the vehicle's diode, or our −12 V"
    return Health.OK, evidence, ""


def _contactor(seen: OutletSnapshot, kept: OutletLatch) -> tuple[Health, str, str]:
    cycles = f"cycles {kept.contactor_cycles}, {kept.opened_under_load} under load"
    told = f"told {seen.contactor_commanded}, is {seen.contactor}, {cycles}"
    faults = {fault.kind for fault in seen.faults}
    if FaultKind.CONTACTOR_WELDED in faults:
        return Health.FAILED, told, "danger: switch off the supply, replace the contactor"
    if FaultKind.CONTACTOR_STUCK_OPEN in faults:
        evidence = f"did not close when it was told to, {cycles}"
        return Health.FAILED, evidence, "check the coil, its interlock and its supply"
    if FaultKind.POWER_SWITCH_FAILURE in faults:
        return Health.FAILED, told, "check the wiring of the mirror contacts"
    if seen.contactor is not seen.contactor_commanded:
        return Health.WARNING, told, "it moves, or is about to fail: look again"
    return Health.OK, f"{seen.contactor}, as told; {cycles}", ""


def _ground_fault(board: OutletBoard) -> tuple[Health, str, str]:
    if board.ground_fault is None:
        return Health.WARNING, "no detector is wired", "an RCD type B must protect this outlet from outside"
    if board.ground_fault.tripped():
        return Health.FAILED, "tripped, or not readable", "have the vehicle and the installation checked"
    match board.ground_fault.self_test():
        case SelfTest.FAILED:
            return Health.FAILED, "its self-test failed", "replace the detector, or mend its test line"
        case SelfTest.ABSENT:
            return Health.WARNING, "healthy, cannot test itself", "press its test button every month"
        case SelfTest.PASSED:
            return Health.OK, "healthy, self-test passed", ""
        case SelfTest.RUNNING:
            return Health.OK, "healthy, self-test runs", ""
        case SelfTest.IDLE:
            return Health.OK, "healthy, not tested yet", ""


def _emergency_stop(board: OutletBoard) -> tuple[Health, str, str]:
    if board.emergency_stop is None:
        return Health.OK, "none is wired", ""
    if board.emergency_stop.pressed():
        return Health.FAILED, "pressed, or its line is broken", "release it, or mend its line"
    return Health.OK, "released", ""


def _lock(board: OutletBoard) -> tuple[Health, str, str]:
    if board.lock is None:
        return Health.FAILED, "no lock is wired", "wire one, or set lock = false for a fixed cable"
    position = board.lock.position()
    if position is LockState.FAILED:
        return Health.FAILED, "jammed", "free the bolt, then plug out and in again"
    return Health.OK, str(position), ""


def _proximity(board: OutletBoard, seen: OutletSnapshot) -> tuple[Health, str, str]:
    ohm = None if board.cable is None else board.cable.resistance_ohm()
    if board.cable is None:
        return Health.FAILED, "no contact is wired", "wire PP, or set lock = false for a fixed cable"
    if ohm is None and not seen.pilot.plugged:
        return Health.OK, "no plug", ""
    if ohm is None or (seen.cable_a is None and seen.pilot.plugged):
        evidence = "plug without coding" if ohm is None else f"{ohm} Ω is no known cable"
        return Health.FAILED, evidence, "try another cable; clean the PP contact"
    rating = "" if seen.cable_a is None else f", {seen.cable_a} A cable"
    return Health.OK, f"{ohm} Ω{rating}", ""


def _temperature(temperature_mc: int | None) -> tuple[Health, str, str]:
    if temperature_mc is None:
        return Health.FAILED, "does not answer", "check the sensor; until then less is offered"
    evidence = f"{temperature_mc / 1_000:.1f} °C"
    if temperature_mc >= _HOTTEST_MC:
        return Health.WARNING, evidence, "less is offered; check ventilation and terminals"
    return Health.OK, evidence, ""


def _meter(
    config: OutletConfig, board: OutletBoard, seen: OutletSnapshot, now_s: float
) -> tuple[Health, str, str]:
    if board.meter is None:
        return Health.FAILED, "none is configured", "name it in [[meter]] of cpd.toml"
    if seen.meter is None:
        if config.meter_behind_contactor and seen.contactor is ContactorState.OPEN:
            return Health.OK, "dark behind the open contactor", ""
        return Health.FAILED, "does not answer", "check its supply, A/B wires, unit and baud rate"
    age_s = max(0.0, now_s - seen.meter.at_s)
    return Health.OK, f"{seen.meter.energy_wh} Wh, {age_s:.1f} s old", ""
