"""StatusNotification: every error of OCPP 1.6 §7.6, as the hardware brings it about (§4.9)."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.conformance.station import Station, station

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAULTS = {
    "ground_fault": ("GroundFailure", "Faulted"),
    "contactor_welded": ("PowerSwitchFailure", "Faulted"),
    "pilot_short": ("EVCommunicationError", "Faulted"),
    "over_temperature": ("HighTemperature", "Faulted"),
    "under_voltage": ("UnderVoltage", "Faulted"),
    "over_voltage": ("OverVoltage", "Faulted"),
    "emergency_stop": ("OtherError", "Faulted"),
    "meter_offline": ("PowerMeterFailure", "Available"),
    "reader_offline": ("ReaderFailure", "Available"),
}
WHILE_CHARGING = {"diode_missing": "EVCommunicationError", "over_current": "OverCurrentFailure"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def faulty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Station]:
    """A connector for each fault."""
    async with station(
        tmp_path_factory.mktemp("faults"), connectors=len(FAULTS) + len(WHILE_CHARGING)
    ) as running:
        yield running


@pytest.mark.parametrize(("number", "kind"), list(enumerate(FAULTS, 1)), ids=list(FAULTS))
async def test_a_fault_is_told_with_its_error_code(faulty: Station, number: int, kind: str) -> None:
    error_code, status = FAULTS[kind]
    await faulty.charger.call("mock.fault", connector=number, kind=kind, active=True)
    told = await faulty.sends("StatusNotification", connectorId=number, errorCode=error_code)
    assert told.payload["status"] == status


@pytest.mark.parametrize(
    ("number", "kind"), list(enumerate(WHILE_CHARGING, len(FAULTS) + 1)), ids=list(WHILE_CHARGING)
)
async def test_a_fault_of_a_vehicle_that_charges_is_told_with_its_error_code(
    faulty: Station, number: int, kind: str
) -> None:
    await faulty.charge(number)
    await faulty.charger.call("mock.fault", connector=number, kind=kind, active=True)
    await faulty.status("Faulted", number, errorCode=WHILE_CHARGING[kind])


@pytest.mark.parametrize("kind", ["ground_fault", "over_temperature", "emergency_stop", "meter_offline"])
async def test_a_fault_that_has_gone_is_told_as_no_error(faulty: Station, kind: str) -> None:
    number = list(FAULTS).index(kind) + 1
    await faulty.charger.call("mock.fault", connector=number, kind=kind, active=True)
    await faulty.charger.until_connector(lambda one: bool(one["faults"]), number)
    await faulty.charger.call("mock.fault", connector=number, kind=kind, active=False)
    await faulty.status("Available", number, errorCode="NoError")
