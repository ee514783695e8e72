"""Every fault of the fault table on a real daemon: in the status, in `why`, at the central system, in the session."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from ocpp.v16 import call

from tests.process.site import Site, site

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDS, EMERGENCY, SUSPENDS, GOES_ON = "Other", "EmergencyStop", "suspends", "goes on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A fault that meets a session: what it is called, and what becomes of the session."""

    kind: str
    error_code: str
    clears_by: str
    session: str
    faulted: bool = True

    @property
    def code(self) -> str:
        """Its blocker."""
        return "EMERGENCY_STOP" if self.kind == "emergency_stop" else f"FAULT_{self.kind.upper()}"


CASES = (
    Case(kind="ground_fault", error_code="GroundFailure", clears_by="unplug", session=ENDS),
    Case(kind="pilot_short", error_code="EVCommunicationError", clears_by="unplug", session=ENDS),
    Case(kind="diode_missing", error_code="EVCommunicationError", clears_by="unplug", session=ENDS),
    Case(kind="pilot_fault", error_code="EVCommunicationError", clears_by="unplug", session=ENDS),
    Case(kind="over_current", error_code="OverCurrentFailure", clears_by="unplug", session=ENDS),
    Case(kind="over_temperature", error_code="HighTemperature", clears_by="recovers", session=SUSPENDS),
    Case(kind="under_voltage", error_code="UnderVoltage", clears_by="recovers_for_60_s", session=SUSPENDS),
    Case(kind="over_voltage", error_code="OverVoltage", clears_by="recovers_for_60_s", session=SUSPENDS),
    Case(kind="emergency_stop", error_code="OtherError", clears_by="recovers", session=EMERGENCY),
    Case(kind="power_switch_failure", error_code="PowerSwitchFailure", clears_by="acknowledge", session=ENDS),
    Case(
        kind="meter_offline",
        error_code="PowerMeterFailure",
        clears_by="recovers",
        session=GOES_ON,
        faulted=False,
    ),
    Case(
        kind="reader_offline",
        error_code="ReaderFailure",
        clears_by="recovers",
        session=GOES_ON,
        faulted=False,
    ),
)
WELDED, STUCK, UNLOCKABLE = len(CASES) + 1, len(CASES) + 2, len(CASES) + 3


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A connector for each case, in that order, and three more; all broken at once: some faults take seconds."""
    async with site(tmp_path_factory.mktemp("faults"), connectors=UNLOCKABLE) as running:
        charger = running.charger
        await charger.call("mock.fault", connector=STUCK, kind="contactor_stuck_open", active=True)
        await charger.call("mock.fault", connector=UNLOCKABLE, kind="lock_failure", active=True)
        for number in range(1, UNLOCKABLE + 1):
            await charger.call("mock.plug_in", connector=number)
            await charger.call("mock.swipe", id_tag=f"TAG-{number}", connector=number)
        for number in range(1, WELDED + 1):
            await charger.until_status("Charging", number)
            await charger.until_connector(
                lambda one: one["transaction"] is not None and one["transaction"]["id"] is not None, number
            )
        for number, case in enumerate(CASES, 1):
            await charger.call("mock.fault", connector=number, kind=case.kind, active=True)
        await charger.call("mock.fault", connector=WELDED, kind="contactor_welded", active=True)
        assert not (await charger.connector(WELDED))["faults"], "it shows when the contactor should open"
        await charger.call("mock.plug_out", connector=WELDED)
        yield running


async def told(here: Site, number: int, error_code: str) -> call.StatusNotification:
    """The StatusNotification that tells the central system of an error."""
    return await here.log.message(
        call.StatusNotification, lambda one: (one.connector_id, one.error_code) == (number, error_code)
    )


@pytest.mark.parametrize(("number", "case"), list(enumerate(CASES, 1)), ids=[case.kind for case in CASES])
async def test_a_fault_in_a_session(here: Site, number: int, case: Case) -> None:
    charger = here.charger
    connector = await charger.until_connector(lambda one: bool(one["faults"]), number)
    (fault,) = connector["faults"]
    assert (fault["kind"], fault["error_code"]) == (case.kind, case.error_code)
    assert (fault["clears_by"], fault["latched"]) == (
        case.clears_by,
        case.clears_by in ("unplug", "acknowledge"),
    )
    notification = await told(here, number, case.error_code)
    why = (await charger.cpd("why", str(number), "--json")).document
    if case.faulted:
        assert notification.status == "Faulted"
        assert notification.info == case.code
        assert why["blockers"][0]["code"] == notification.info
        assert why["blockers"][0]["evidence"] and why["blockers"][0]["next_step"]
        connector = await charger.until_connector(lambda one: one["offer_a"] == 0, number)
        assert connector["ocpp_status"] == "Faulted"
    else:
        assert notification.status == "Charging"
        assert (why["charging"], why["blockers"]) == (True, [])
    if case.kind == "power_switch_failure":
        # Nobody can tell when its contactor is open: the stop is booked 10 s later, which is not waited for.
        assert connector["offer_a"] == 0
    elif case.session in (ENDS, EMERGENCY):
        await charger.until_connector(lambda one: one["transaction"] is None, number)
        booked = next(one for one in here.transactions if one.connector == number)
        while booked.open:
            await here.grown.wait()
        assert booked.reason == case.session
    else:
        assert (await charger.connector(number))["transaction"] is not None

    await charger.call("mock.fault", connector=number, kind=case.kind, active=False)
    if case.clears_by == "unplug":
        assert (await charger.connector(number))["faults"], "it is latched"
        await charger.call("mock.plug_out", connector=number)
    if case.clears_by in ("unplug", "recovers"):
        await charger.until_connector(lambda one: not one["faults"], number)


async def test_a_welded_contactor_is_seen_when_it_should_open(here: Site) -> None:
    charger = here.charger
    connector = await charger.until_connector(lambda one: bool(one["faults"]), WELDED)
    assert connector["faults"][0]["error_code"] == "PowerSwitchFailure"
    assert connector["contactor"] == {"commanded": "open", "confirmed": "closed", "phases": 3}
    assert (await told(here, WELDED, "PowerSwitchFailure")).info == "FAULT_CONTACTOR_WELDED"


async def test_a_contactor_that_does_not_close_is_seen_when_it_should(here: Site) -> None:
    charger = here.charger
    connector = await charger.until_connector(lambda one: bool(one["faults"]), STUCK)
    assert connector["faults"][0]["kind"] == "contactor_stuck_open"
    assert (await told(here, STUCK, "PowerSwitchFailure")).info == "FAULT_CONTACTOR_STUCK_OPEN"
    await charger.until_connector(lambda one: one["transaction"] is None, STUCK)


async def test_a_plug_that_cannot_be_locked_is_refused_before_the_start(here: Site) -> None:
    charger = here.charger
    connector = await charger.until_connector(lambda one: bool(one["faults"]), UNLOCKABLE)
    assert connector["faults"][0]["error_code"] == "ConnectorLockFailure"
    assert (await told(here, UNLOCKABLE, "ConnectorLockFailure")).status == "Faulted"
    assert connector["offer_a"] == 0
    assert not any(one.connector == UNLOCKABLE for one in here.transactions)


async def test_a_board_that_is_inside_cannot_lose_its_guard(here: Site) -> None:
    finished = await here.charger.cpd("mock", "fault", "1", "guard_lost", "on")
    assert finished.status == 2
    assert "guard_lost" in finished.stderr
