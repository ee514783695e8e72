"""The samples that go with a StopTransaction: as asked for, few, and in the store in time."""

from dataclasses import replace
from pathlib import Path

from cpd.domain.metering import SampleContext
from cpd.domain.transactions import Transaction
from cpd.ocpp.v16.transaction_data import MOST_BYTES, size_of, with_transaction_data
from cpd.station.transaction_samples import KEEP_S, MOST_KEPT
from tests.hal.bench import virtual
from tests.station.bench import Bench, bench, sample

SAMPLED = {"StopTxnSampledData": "Energy.Active.Import.Register", "MeterValueSampleInterval": "60"}


async def written(here: Bench, transaction: Transaction) -> list[SampleContext]:
    return [one.context for one in await here.station.transaction_samples.of(transaction)]


@virtual
async def test_the_first_sample_is_kept_with_the_start_and_the_last_with_the_stop(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=SAMPLED) as here:
        running = await here.charge()
        assert await written(here, running) == [SampleContext.BEGIN]
        here.world.plug_out(1)
        await here.until(lambda: here.running() is None)
        (stopped,) = await here.stopped()
        first, last = await here.station.transaction_samples.of(stopped)
        assert (first.energy_wh, first.taken) == (stopped.meter_start_wh, stopped.started)
        assert (last.energy_wh, last.taken) == (stopped.meter_stop_wh, stopped.stopped)
        assert (last.context, last.power_w) == (SampleContext.END, 0)


@virtual
async def test_what_no_key_asks_for_is_not_kept(tmp_path: Path) -> None:
    async with bench(
        tmp_path, ocpp={"MeterValueSampleInterval": "10", "ClockAlignedDataInterval": "60"}
    ) as here:
        running = await here.charge()
        await here.clock.sleep(2 * KEEP_S)
        here.world.plug_out(1)
        await here.until(lambda: here.running() is None)
        assert await written(here, running) == []


@virtual
async def test_what_lies_between_is_written_every_five_minutes_without_a_durable_write(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, ocpp=SAMPLED) as here:
        running = await here.charge()
        commits = here.store.commits
        await here.clock.sleep(KEEP_S - 20)
        assert await written(here, running) == [SampleContext.BEGIN]
        await here.clock.sleep(80)
        assert len(await written(here, running)) >= 5
        assert here.store.commits == commits


@virtual
async def test_a_refused_stop_is_asked_for_again_and_nothing_is_there_twice(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=SAMPLED) as here:
        running = await here.charge()
        await here.clock.sleep(130)
        here.store.failures = 2
        here.world.plug_out(1)
        await here.until(lambda: here.running() is None)
        assert await written(here, running) == [
            SampleContext.BEGIN,
            SampleContext.PERIODIC,
            SampleContext.PERIODIC,
            SampleContext.END,
        ]


@virtual
async def test_a_stop_while_the_disk_stalls_takes_each_sample_along_once(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=SAMPLED) as here:
        running = await here.charge()
        await here.clock.sleep(KEEP_S - 1)
        here.store.hold()
        await here.clock.sleep(10)
        here.world.plug_out(1)
        await here.clock.sleep(10)
        here.store.let_go()
        await here.until(lambda: here.running() is None)
        kept = await here.station.transaction_samples.of(running)
        assert len({one.taken.monotonic_s for one in kept}) == len(kept) == 7
        assert [one.context for one in kept][-1] is SampleContext.END


@virtual
async def test_without_a_reading_the_edges_still_tell_the_register(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=SAMPLED) as here:
        running = await here.charge()
        await here.clock.sleep(10)
        here.world.fault(1, "meter_offline", True)
        here.world.plug_out(1)
        await here.until(lambda: here.running() is None)
        last = (await here.station.transaction_samples.of(running))[-1]
        assert (last.context, last.power_w) == (SampleContext.END, None)
        assert last.energy_wh is not None


@virtual
async def test_two_days_of_ten_second_samples_fit_into_one_frame(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=SAMPLED) as here:
        running = await here.charge()
        samples = here.station.transaction_samples
        began_s = running.started.monotonic_s
        for count in range(1, 48 * 360 + 1):
            taken = replace(running.started, monotonic_s=began_s + 10.0 * count, at=None)
            samples.add(running, sample(count, taken))
            if count % 30 == 0:
                await here.store.relaxed(samples.keep(running))
        kept = await samples.of(running)
        assert len(kept) <= MOST_KEPT
        payload = with_transaction_data(
            {"transactionId": 1, "meterStop": 5, "timestamp": "2026-03-02T10:00:00.000Z"},
            running,
            kept,
            variables=here.station.configuration.variables,
            timebase=here.timebase,
            most_bytes=MOST_BYTES,
        )
        told = payload["transactionData"]
        assert MOST_BYTES * 0.5 < size_of(payload) <= MOST_BYTES
        assert told[0]["sampledValue"][0]["context"] == "Transaction.Begin"
        assert told[-1]["sampledValue"][0]["value"] == str(48 * 360)
