"""MeterValues: what is measured, when, and how it is told (OCPP 1.6 §3.14, §4.7, §7.33, §9.1)."""

from pathlib import Path

import pytest

from tests.conformance.core.meter_values import sampled, told
from tests.conformance.station import Station, station


async def test_a_measurand_that_only_the_file_names_is_left_out(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp='MeterValuesSampledData = "SoC,Voltage"') as here:
        assert {one["measurand"] for one in await sampled(here)} == {"Voltage"}


async def test_a_vehicle_that_charges_draws_what_it_is_offered_at_most(tmp_path: Path) -> None:
    keys = 'MeterValuesSampledData = "Current.Import,Current.Offered"'
    async with station(tmp_path, ocpp=keys) as here:
        await here.charge()
        values = await sampled(here)
        offered = float(told(values, "Current.Offered")[0][1])
        assert offered > 0
        assert all(float(value) <= offered for _, value in told(values, "Current.Import"))


async def test_an_interval_of_zero_means_no_periodic_values(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="MeterValueSampleInterval = 0\nHeartbeatInterval = 1") as here:
        await here.charge()
        for _ in range(2):
            await here.sends("Heartbeat")
        await here.swipe()
        await here.stopped()
        assert here.sent("MeterValues") == []


async def test_a_changed_interval_counts_for_the_transaction_that_runs(here: Station) -> None:
    await here.charge()
    assert here.sent("MeterValues") == []
    assert await here.change("MeterValueSampleInterval", "1") == "Accepted"
    await here.sends("MeterValues", transactionId=1)
    await here.sends("MeterValues", transactionId=1)


async def test_clock_aligned_values_of_every_connector_come_outside_of_transactions(tmp_path: Path) -> None:
    async with station(tmp_path, connectors=2, ocpp="ClockAlignedDataInterval = 1") as here:
        for connector in (1, 2):
            payload = (await here.sends("MeterValues", connectorId=connector)).payload
            (value,) = payload["meterValue"]
            assert {one["context"] for one in value["sampledValue"]} == {"Sample.Clock"}
            assert "transactionId" not in payload


async def test_clock_aligned_values_name_the_transaction_that_runs(tmp_path: Path) -> None:
    keys = "ClockAlignedDataInterval = 1\nMeterValueSampleInterval = 0"
    async with station(tmp_path, ocpp=keys) as here:
        await here.begin()
        payload = (await here.sends("MeterValues", transactionId=1)).payload
        assert {one["context"] for one in payload["meterValue"][0]["sampledValue"]} == {"Sample.Clock"}


async def test_clock_aligned_values_have_their_own_measurands(tmp_path: Path) -> None:
    keys = 'ClockAlignedDataInterval = 1\nMeterValuesAlignedData = "Voltage"'
    async with station(tmp_path, ocpp=keys) as here:
        payload = (await here.sends("MeterValues")).payload
        assert {one["measurand"] for one in payload["meterValue"][0]["sampledValue"]} == {"Voltage"}


async def test_a_stop_carries_clock_aligned_data_where_they_were_asked_for(tmp_path: Path) -> None:
    keys = 'ClockAlignedDataInterval = 1\nStopTxnAlignedData = "Energy.Active.Import.Register"'
    async with station(tmp_path, ocpp=keys) as here:
        await here.begin()
        for _ in range(2):
            await here.sends("MeterValues", transactionId=1)
        await here.swipe()
        (stop,) = await here.stopped()
        contexts = {one["context"] for value in stop["transactionData"] for one in value["sampledValue"]}
        assert "Sample.Clock" in contexts


async def test_a_meter_that_is_silent_ends_no_transaction(here: Station) -> None:
    await here.charge()
    await here.charger.call("mock.fault", connector=1, kind="meter_offline", active=True)
    await here.sends("StatusNotification", connectorId=1, errorCode="PowerMeterFailure")
    assert await here.ask("RemoteStopTransaction", transactionId=1) == {"status": "Accepted"}
    (stop,) = await here.stopped()
    assert stop["reason"] == "Remote"


@pytest.mark.parametrize("phases", [1, 3])
async def test_the_phases_that_are_wired_are_told(tmp_path: Path, phases: int) -> None:
    keys = 'MeterValuesSampledData = "Voltage"'
    async with station(tmp_path, connector=f"phases = {phases}", ocpp=keys) as here:
        assert len(await sampled(here)) == phases
