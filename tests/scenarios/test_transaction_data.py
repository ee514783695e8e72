"""What a StopTransaction carries of its transaction: as asked for, through power cuts, in a frame that is taken."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ocpp.v16 import call

from tests.scenarios.meter_frames import TAG, contexts, data, frame_of, instants, sets, stop
from tests.scenarios.site import site
from tests.virtual_time import run_virtual


def test_a_stop_carries_nothing_that_was_not_asked_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="ClockAlignedDataInterval = 60") as here:
            await here.charge(TAG)
            await here.clock.sleep(200)
            stopped = await stop(here)
            assert stopped.message.transaction_data is None

    run_virtual(scenario())


def test_a_stop_carries_begin_samples_and_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        keys = (
            "MeterValueSampleInterval = 60\nClockAlignedDataInterval = 900\n"
            'StopTxnSampledData = "Energy.Active.Import.Register,Voltage.L1-N"\n'
            'StopTxnAlignedData = "Current.Import"\n'
            'MeterValuesSampledData = ""\nMeterValuesAlignedData = ""'
        )
        # A second beside the grid: at one and the same instant either sample may be the first.
        start = datetime(2026, 3, 2, 10, 14, 1, tzinfo=UTC)
        async with site(tmp_path, ocpp=keys, start=start) as here:
            await here.charge(TAG)
            await here.clock.sleep(130)
            values = await data(here)
            assert sets(here) == []
            assert contexts(values) == [
                "Transaction.Begin",
                "Sample.Clock",
                "Sample.Periodic",
                "Sample.Periodic",
                "Transaction.End",
            ]
            told = [
                [(one["measurand"], one.get("phase")) for one in value["sampled_value"]] for value in values
            ]
            both = [("Energy.Active.Import.Register", None), ("Voltage", "L1-N")]
            currents = [("Current.Import", f"L{phase}") for phase in (1, 2, 3)]
            assert told == [both, currents, both, both, both]
            (booked,) = await here.stopped()
            registers = [
                int(one["value"]) for value in values for one in value["sampled_value"] if one["unit"] == "Wh"
            ]
            assert registers[0] == booked.meter_start_wh
            assert registers[-1] == booked.meter_stop_wh
            assert registers == sorted(registers)
            assert instants(values)[0] == booked.started_at
            assert instants(values)[-1] == booked.stopped_at

    run_virtual(scenario())


@pytest.mark.parametrize("online", [True, False])
def test_a_power_cut_costs_five_minutes_of_samples_at_most(tmp_path: Path, online: bool) -> None:
    async def scenario() -> None:
        keys = 'MeterValueSampleInterval = 60\nStopTxnSampledData = "Energy.Active.Import.Register"'
        async with site(tmp_path, ocpp=keys) as first:
            await first.charge(TAG)
            if not online:
                first.network.cut()
            await first.clock.sleep(1_000)
        async with site(tmp_path, ocpp=keys, after=first) as second:
            stopped = await second.log.message(call.StopTransaction)
            values = stopped.transaction_data or []
            assert stopped.reason == "PowerLoss"
            assert contexts(values)[0] == "Transaction.Begin"
            assert contexts(values)[-1] == "Transaction.End"
            assert 11 <= contexts(values).count("Sample.Periodic") <= 16
            registers = [int(value["sampled_value"][0]["value"]) for value in values]
            assert registers == sorted(registers)

    run_virtual(scenario())


def test_many_samples_fit_into_a_frame(tmp_path: Path) -> None:
    async def scenario() -> None:
        measurands = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage"
        keys = (
            "MeterValueSampleInterval = 2\nClockAlignedDataInterval = 60\n"
            'MeterValuesSampledData = ""\nMeterValuesAlignedData = ""\n'
            f'StopTxnSampledData = "{measurands}"\nStopTxnAlignedData = "{measurands}"'
        )
        async with site(tmp_path, ocpp=keys) as here:
            await here.charge(TAG)
            await here.clock.sleep(2 * 3_600)
            values = await data(here)
            size = len(frame_of(here, "StopTransaction").encode())
            assert 40_000 < size <= 60_000
            assert contexts(values)[0] == "Transaction.Begin"
            assert contexts(values)[-1] == "Transaction.End"
            assert {"Sample.Clock", "Sample.Periodic"} <= set(contexts(values))
            at = instants(values)
            assert at == sorted(at)
            assert max(later - earlier for earlier, later in itertools.pairwise(at)) < timedelta(minutes=15)

    run_virtual(scenario())


def test_a_stop_that_is_too_big_comes_smaller_until_it_is_taken(tmp_path: Path) -> None:
    async def scenario() -> None:
        keys = (
            "MeterValueSampleInterval = 10\n"
            'MeterValuesSampledData = ""\nStopTxnSampledData = "Energy.Active.Import.Register"'
        )
        async with site(tmp_path, ocpp=keys) as here:
            await here.charge(TAG)
            await here.clock.sleep(3_600)
            here.behave(most_characters=16_000)
            values = await data(here)
            assert 8_000 < len(frame_of(here, "StopTransaction")) <= 16_000
            assert contexts(values)[0] == "Transaction.Begin"
            assert contexts(values)[-1] == "Transaction.End"
            assert here.log.connections >= 2
            seen = here.log.connections
            here.world.plug_out(1)
            await here.status("Available")
            await here.charge(TAG)
            await here.clock.sleep(3_600)
            await data(here)
            assert here.log.connections == seen, "it was learnt"

    run_virtual(scenario())


def test_what_a_stop_carries_is_gone_once_it_is_delivered(tmp_path: Path) -> None:
    async def scenario() -> None:
        keys = 'StopTxnSampledData = "Energy.Active.Import.Register"'
        async with site(tmp_path, ocpp=keys) as here:
            await here.charge(TAG)
            await here.clock.sleep(100)
            running = here.connector().transaction
            assert running is not None
            assert await data(here)
            await here.clock.sleep(1)
            assert await here.daemon.station.transaction_samples.of(running) == ()

    run_virtual(scenario())


def test_every_value_says_what_it_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        keys = (
            "ClockAlignedDataInterval = 60\n"
            'StopTxnSampledData = "Energy.Active.Import.Register"\nStopTxnAlignedData = "Voltage"'
        )
        async with site(tmp_path, ocpp=keys) as here:
            await here.charge(TAG)
            await here.clock.sleep(130)
            await here.call(call.TriggerMessage(requested_message="MeterValues"))  # type: ignore[arg-type]
            await stop(here)
            told = [json.loads(one.text) for one in here.log.entries if '"sampledValue"' in one.text]
            sampled = [
                sample
                for _, _, action, payload in told
                for value in payload["meterValue" if action == "MeterValues" else "transactionData"]
                for sample in value["sampledValue"]
            ]
            assert sampled
            for sample in sampled:
                assert {"context", "measurand", "unit", "location", "value"} <= set(sample)
                assert ("phase" in sample) == (sample["measurand"] in ("Voltage", "Current.Import"))

    run_virtual(scenario())


def test_a_session_of_two_days_fits_into_any_frame(tmp_path: Path) -> None:
    """17 000 samples, and a central system that hangs up with 1009 over 16 kB."""

    async def scenario() -> None:
        keys = (
            "MeterValueSampleInterval = 10\n"
            'MeterValuesSampledData = ""\nStopTxnSampledData = "Energy.Active.Import.Register,Voltage"'
        )
        async with site(tmp_path, ocpp=keys) as here:
            await here.charge(TAG)
            # Paused, the outlet has nothing to do each second, and the samples are as many.
            assert await here.set_profile(1, **PAUSE) == "Accepted"
            await here.clock.sleep(48 * 3_600)
            here.behave(most_characters=16_000)
            values = await data(here)
            frames = [one for one in here.log.entries if '"StopTransaction"' in one.text[:120]]
            assert len(frames[-1].text) <= 16_000
            assert contexts(values)[0] == "Transaction.Begin"
            assert contexts(values)[-1] == "Transaction.End"
            (booked,) = await here.stopped()
            at = instants(values)
            assert (at[0], at[-1]) == (booked.started_at, booked.stopped_at)
            assert at[-1] - at[0] >= timedelta(hours=48)
            assert max(later - earlier for earlier, later in itertools.pairwise(at)) < timedelta(hours=6)
            assert (booked.starts, booked.stops) == (1, 1)

    run_virtual(scenario())


PAUSE = {
    "charging_profile_id": 1,
    "stack_level": 0,
    "charging_profile_purpose": "TxDefaultProfile",
    "charging_profile_kind": "Relative",
    "charging_schedule": {
        "charging_rate_unit": "A",
        "charging_schedule_period": [{"start_period": 0, "limit": 0}],
    },
}
