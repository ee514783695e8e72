"""Each kind of fault met while charging: how fast it opens, what the CSMS is told, what becomes of the session."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from ocpp.v16 import call

from hal.values import FaultKind
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
OPEN_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a fault does to a charging connector; *opens_within_s* None: it goes on charging.

    *ends* is the reason of StopTransaction, None where the transaction stays. *latched*: its cause may go, it stands.
    """

    error_code: str
    opens_within_s: float | None
    ends: str | None
    latched: bool
    code: str | None = None


def _ends(error_code: str, within_s: float, *, latched: bool = True, reason: str = "Other") -> Expected:
    return Expected(error_code=error_code, opens_within_s=within_s, ends=reason, latched=latched)


def _suspends(error_code: str, within_s: float) -> Expected:
    return Expected(error_code=error_code, opens_within_s=within_s, ends=None, latched=False)


def _goes_on(error_code: str) -> Expected:
    return Expected(error_code=error_code, opens_within_s=None, ends=None, latched=False)


EXPECTED: dict[FaultKind, Expected] = {
    FaultKind.GROUND_FAULT: _ends("GroundFailure", OPEN_S),
    FaultKind.PILOT_SHORT: _ends("EVCommunicationError", OPEN_S),
    FaultKind.DIODE_MISSING: _ends("EVCommunicationError", 3.0),
    FaultKind.PILOT_FAULT: _ends("EVCommunicationError", OPEN_S),
    FaultKind.OVER_CURRENT: _ends("OverCurrentFailure", 7.0 + OPEN_S),
    FaultKind.OVER_TEMPERATURE: _suspends("HighTemperature", OPEN_S),
    FaultKind.UNDER_VOLTAGE: _suspends("UnderVoltage", 1.0 + OPEN_S),
    FaultKind.OVER_VOLTAGE: _suspends("OverVoltage", 1.0 + OPEN_S),
    FaultKind.LOCK_FAILURE: Expected(
        error_code="ConnectorLockFailure", opens_within_s=OPEN_S, ends=None, latched=True
    ),
    FaultKind.EMERGENCY_STOP: _ends("OtherError", OPEN_S, latched=False, reason="EmergencyStop"),
    FaultKind.POWER_SWITCH_FAILURE: _ends("PowerSwitchFailure", 1.0 + OPEN_S),
    FaultKind.METER_OFFLINE: _goes_on("PowerMeterFailure"),
    FaultKind.READER_OFFLINE: _goes_on("ReaderFailure"),
}
"""The table of the faults that can meet a closed contactor; a weld and a contactor stuck open show elsewhere."""

CODES = {FaultKind.EMERGENCY_STOP: "EMERGENCY_STOP"}
OPENING = [kind for kind, expected in EXPECTED.items() if expected.opens_within_s is not None]
LATCHED = [kind for kind in OPENING if EXPECTED[kind].latched]
ACKNOWLEDGED = {FaultKind.POWER_SWITCH_FAILURE}


def told(here: Site, since: int = 0) -> list[tuple[str, str, str | None]]:
    """Status, error and info of connector 1 as the CSMS was told them."""
    return [
        (str(one.message.status), str(one.message.error_code), one.message.info)
        for one in here.log.calls[since:]
        if one.action == "StatusNotification" and one.message.connector_id == 1
    ]


def closed(here: Site) -> bool:
    """Whether the socket is energised."""
    return here.connector().outlet.contactor == "closed"


async def charging(here: Site) -> int:
    """Charge steadily; returns how many calls the CSMS has seen by then."""
    await here.charge(TAG)
    await here.clock.sleep(20)
    return len(here.log.calls)


def test_every_kind_that_can_be_shown_is_met() -> None:
    elsewhere = {FaultKind.CONTACTOR_WELDED, FaultKind.CONTACTOR_STUCK_OPEN, FaultKind.GUARD_LOST}
    assert set(EXPECTED) | elsewhere == set(FaultKind)


@pytest.mark.parametrize("kind", OPENING)
def test_a_fault_opens_in_time_and_is_told_with_its_code(tmp_path: Path, kind: FaultKind) -> None:
    expected = EXPECTED[kind]

    async def scenario() -> None:
        async with site(tmp_path) as here:
            seen = await charging(here)
            began_s = here.clock.monotonic_s()
            here.world.fault(1, kind, True)
            if kind is FaultKind.POWER_SWITCH_FAILURE:
                # What fails is the mirror contact itself, so only the command can be seen.
                await here.until(lambda one: one.outlet.contactor_commanded == "open")
            else:
                await here.until(lambda one: one.outlet.contactor == "open")
            assert here.clock.monotonic_s() - began_s <= expected.opens_within_s
            await here.status("Faulted")
            assert here.clock.monotonic_s() - began_s <= max(3.0, expected.opens_within_s)
            await here.clock.sleep(20)
            now = here.connector()
            code = CODES.get(kind, f"FAULT_{kind.upper()}")
            assert (now.status, now.error_code, now.offer_ma) == ("Faulted", expected.error_code, 0)
            assert now.blockers[0].code == code
            assert ("Faulted", expected.error_code, code) in told(here, seen)
            if expected.ends is None:
                assert now.transaction is not None
                assert here.log.messages(call.StopTransaction) == []
            else:
                (booked,) = here.log.ledger.transactions
                assert (booked.reason, booked.stops) == (expected.ends, 1)
            if kind in ACKNOWLEDGED:
                here.world.fault(1, kind, False)

    run_virtual(scenario())


@pytest.mark.parametrize(
    "kind", [FaultKind.OVER_TEMPERATURE, FaultKind.UNDER_VOLTAGE, FaultKind.OVER_VOLTAGE]
)
def test_a_session_goes_on_by_itself_once_the_cause_is_gone(tmp_path: Path, kind: FaultKind) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await charging(here)
            here.world.fault(1, kind, True)
            await here.status("Faulted")
            await here.clock.sleep(120)
            assert not closed(here)
            here.world.fault(1, kind, False)
            mended_s = here.clock.monotonic_s()
            await here.until(lambda one: one.status != "Faulted", within_s=120)
            healed_s = here.clock.monotonic_s() - mended_s
            assert healed_s >= 60 if "voltage" in kind else healed_s < 1
            await here.status("Charging", within_s=120)
            assert here.connector().error_code == "NoError"
            assert len(here.log.ledger.transactions) == 1
            await here.clock.sleep(5)
            assert told(here)[-1] == ("Charging", "NoError", None)

    run_virtual(scenario())


@pytest.mark.parametrize("kind", [FaultKind.UNDER_VOLTAGE, FaultKind.OVER_VOLTAGE])
def test_a_voltage_that_nobody_measures_has_not_come_back(tmp_path: Path, kind: FaultKind) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await charging(here)
            here.world.fault(1, kind, True)
            await here.status("Faulted")
            here.world.fault(1, "meter_offline", True)
            await here.clock.sleep(300)
            assert here.connector().status == "Faulted"
            here.world.fault(1, kind, False)
            here.world.fault(1, "meter_offline", False)
            await here.status("Charging", within_s=120)

    run_virtual(scenario())


@pytest.mark.parametrize("kind", [kind for kind in LATCHED if kind not in ACKNOWLEDGED])
def test_a_latched_fault_stands_until_the_vehicle_is_unplugged(tmp_path: Path, kind: FaultKind) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await charging(here)
            here.world.fault(1, kind, True)
            await here.status("Faulted")
            await here.clock.sleep(30)
            here.world.fault(1, kind, False)
            await here.clock.sleep(120)
            assert here.connector().status == "Faulted"
            here.world.swipe("OTHER")
            await here.clock.sleep(10)
            assert not closed(here)
            here.world.plug_out(1)
            await here.status("Available")
            assert here.connector().error_code == "NoError"
            await here.charge("NEXT")

    run_virtual(scenario())


def test_the_emergency_stop_ends_with_its_release_and_the_session_does_not_come_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await charging(here)
            here.world.fault(1, "emergency_stop", True)
            await here.status("Faulted")
            await here.stopped()
            here.world.fault(1, "emergency_stop", False)
            await here.status("Finishing")
            await here.clock.sleep(120)
            assert not closed(here)
            here.world.swipe(TAG)
            await here.status("Charging", within_s=120)
            assert len(here.log.ledger.transactions) == 2

    run_virtual(scenario())


@pytest.mark.parametrize("kind", [FaultKind.METER_OFFLINE, FaultKind.READER_OFFLINE])
def test_a_fault_that_harms_nobody_is_told_and_charging_goes_on(tmp_path: Path, kind: FaultKind) -> None:
    expected = EXPECTED[kind]

    async def scenario() -> None:
        async with site(tmp_path) as here:
            seen = await charging(here)
            here.world.fault(1, kind, True)
            await here.clock.sleep(130)
            assert closed(here)
            assert told(here, seen) == [("Charging", expected.error_code, None)]
            here.world.fault(1, kind, False)
            await here.clock.sleep(10)
            assert told(here, seen)[-1] == ("Charging", "NoError", None)
            here.world.swipe(TAG)
            (booked,) = await here.stopped()
            assert booked.reason == "Local"
            assert booked.meter_stop_wh is not None
            assert booked.meter_stop_wh >= booked.last_meter_wh

    run_virtual(scenario())


def test_without_a_meter_nothing_starts_and_why_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.fault(1, "meter_offline", True)
            here.world.plug_in(1)
            here.world.swipe(TAG)
            await here.clock.sleep(20)
            assert here.log.messages(call.StartTransaction) == []
            assert here.connector().blockers[0].code == "FAULT_METER_OFFLINE"
            here.world.fault(1, "meter_offline", False)
            await here.status("Charging")

    run_virtual(scenario())


def test_a_session_that_is_stopped_without_a_meter_is_booked_by_the_last_reading(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="MeterValueSampleInterval = 30") as here:
            await charging(here)
            await here.clock.sleep(100)
            here.world.fault(1, "meter_offline", True)
            await here.clock.sleep(100)
            here.world.swipe(TAG)
            (booked,) = await here.stopped()
            assert booked.meter_stop_wh == booked.last_meter_wh > 0

    run_virtual(scenario())


def test_a_stop_without_a_meter_is_not_below_a_reading_that_the_csms_asked_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="MeterValueSampleInterval = 0") as here:
            seen = await charging(here)
            await here.clock.sleep(100)
            await here.call(call.TriggerMessage(requested_message="MeterValues"))  # type: ignore[arg-type]
            await here.log.message(call.MeterValues, since=seen)
            here.world.fault(1, "meter_offline", True)
            here.world.swipe(TAG)
            (booked,) = await here.stopped()
            assert booked.meter_stop_wh == booked.last_meter_wh > 0

    run_virtual(scenario())


def test_a_lock_that_fails_refuses_the_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.fault(1, "lock_failure", True)
            here.world.plug_in(1)
            here.world.swipe(TAG)
            await here.status("Faulted")
            await here.clock.sleep(60)
            assert here.connector().blockers[0].code == "FAULT_LOCK_FAILURE"
            assert here.connector().outlet.duty_ns is None
            assert here.log.messages(call.StopTransaction) == []
            here.world.fault(1, "lock_failure", False)
            here.world.plug_out(1)
            await here.status("Available")

    run_virtual(scenario())


def test_a_contactor_that_does_not_close_ends_the_session_and_waits_for_service(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as first:
            first.world.fault(1, "contactor_stuck_open", True)
            first.world.plug_in(1)
            first.world.swipe(TAG)
            await first.status("Faulted", within_s=120)
            (booked,) = await first.stopped()
            assert booked.reason == "Other"
            assert ("Faulted", "PowerSwitchFailure", "FAULT_CONTACTOR_STUCK_OPEN") in told(first)
            first.world.fault(1, "contactor_stuck_open", False)
            first.world.plug_out(1)
            await first.clock.sleep(120)
            assert first.connector().status == "Faulted"
        async with site(tmp_path, after=first) as second:
            await second.clock.sleep(60)
            assert second.connector().status == "Faulted", "it survives a restart"
            await second.daemon.guard.evses[1].acknowledge_fault(FaultKind.CONTACTOR_STUCK_OPEN)
            await second.status("Available")

    run_virtual(scenario())


def test_a_welded_contactor_is_seen_within_a_second_of_the_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await charging(here)
            here.world.fault(1, "contactor_welded", True)
            await here.clock.sleep(20)
            assert here.connector().status == "Charging"
            here.world.swipe(TAG)
            await here.until(lambda one: one.outlet.contactor_commanded == "open")
            opened_s = here.clock.monotonic_s()
            await here.status("Faulted")
            assert here.clock.monotonic_s() - opened_s <= 1.1
            (booked,) = await here.stopped()
            assert booked.reason == "Local", "the card came first"
            assert here.connector().blockers[0].code == "FAULT_CONTACTOR_WELDED"
            assert here.connector().outlet.lock == "locked"
            here.world.fault(1, "contactor_welded", False)
            await here.clock.sleep(60)
            assert here.connector().status == "Faulted"

    run_virtual(scenario())


def test_a_fault_on_one_connector_leaves_the_other_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            await here.charge("ONE", 1)
            await here.charge("TWO", 2)
            here.world.fault(1, "ground_fault", True)
            await here.status("Faulted", 1)
            await here.clock.sleep(60)
            assert here.connector(2).status == "Charging"
            assert [(one.connector, one.reason) for one in await here.stopped()] == [(1, "Other"), (2, None)]

    run_virtual(scenario())
