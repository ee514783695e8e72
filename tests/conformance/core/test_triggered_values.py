"""What MeterValues say, read off triggered ones while nobody charges (OCPP 1.6 §3.14, §7.33, §9.1)."""

import pytest

from tests.conformance.core.meter_values import sampled, told
from tests.conformance.station import Station

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERYTHING = (
    "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,Current.Offered,Power.Offered"
)


async def test_every_measurand_of_the_hardware_is_told_in_the_order_asked(idle: Station) -> None:
    assert await idle.change("MeterValuesSampledData", EVERYTHING) == "Accepted"
    measurands = list(dict.fromkeys(one["measurand"] for one in await sampled(idle)))
    assert measurands == EVERYTHING.split(",")


async def test_a_changed_list_of_measurands_counts_at_once(idle: Station) -> None:
    assert await idle.change("MeterValuesSampledData", "Voltage") == "Accepted"
    assert {one["measurand"] for one in await sampled(idle)} == {"Voltage"}


async def test_one_phase_alone_can_be_asked_for(idle: Station) -> None:
    assert await idle.change("MeterValuesSampledData", "Voltage.L2-N") == "Accepted"
    assert [one.get("phase") for one in await sampled(idle)] == ["L2-N"]


async def test_values_have_the_unit_of_their_measurand(idle: Station) -> None:
    assert await idle.change("MeterValuesSampledData", EVERYTHING) == "Accepted"
    units = {one["measurand"]: one["unit"] for one in await sampled(idle)}
    assert units == {
        "Energy.Active.Import.Register": "Wh",
        "Power.Active.Import": "W",
        "Current.Import": "A",
        "Voltage": "V",
        "Current.Offered": "A",
        "Power.Offered": "W",
    }


async def test_the_voltage_is_told_for_each_phase(idle: Station) -> None:
    assert await idle.change("MeterValuesSampledData", "Voltage") == "Accepted"
    assert [phase for phase, _ in told(await sampled(idle), "Voltage")] == ["L1-N", "L2-N", "L3-N"]


async def test_the_register_is_that_of_the_meter(idle: Station) -> None:
    assert await idle.change("MeterValuesSampledData", "Energy.Active.Import.Register") == "Accepted"
    await idle.charger.call("mock.meter", connector=1, energy_wh=123_456)
    assert told(await sampled(idle), "Energy.Active.Import.Register") == [(None, "123456")]


async def test_an_idle_connector_draws_nothing_and_is_offered_nothing(idle: Station) -> None:
    measurands = "Power.Active.Import,Current.Offered"
    assert await idle.change("MeterValuesSampledData", measurands) == "Accepted"
    values = await sampled(idle)
    assert float(told(values, "Power.Active.Import")[0][1]) == 0
    assert float(told(values, "Current.Offered")[0][1]) == 0


async def test_triggered_values_say_that_they_were_triggered(idle: Station) -> None:
    assert {one["context"] for one in await sampled(idle)} == {"Trigger"}


async def test_values_outside_of_a_transaction_name_none(idle: Station) -> None:
    await sampled(idle)
    assert "transactionId" not in idle.sent("MeterValues")[0].payload


async def test_two_connectors_are_told_apart(idle: Station) -> None:
    assert await idle.change("MeterValuesSampledData", "Energy.Active.Import.Register") == "Accepted"
    # A register that falls is not followed, so connector 1 goes on from the highest of these tests.
    for connector, energy_wh in ((1, 200_111), (2, 222)):
        await idle.charger.call("mock.meter", connector=connector, energy_wh=energy_wh)
    await idle.ask("TriggerMessage", requestedMessage="MeterValues")
    for connector, energy in ((1, "200111"), (2, "222")):
        payload = (await idle.sends("MeterValues", connectorId=connector)).payload
        values = payload["meterValue"][0]["sampledValue"]
        assert told(values, "Energy.Active.Import.Register") == [(None, energy)]
