from pathlib import Path

import pytest

from cpd.domain.metering import MeterSample, SampleContext
from cpd.domain.transactions import FactKind, StopReason
from cpd.station.journal import MOST_HELD
from tests.hal.bench import virtual
from tests.station.bench import Bench, bench

EACH_MINUTE = {"MeterValueSampleInterval": "60"}


async def samples(here: Bench) -> list[tuple[float, int, MeterSample]]:
    """What was journalled: seconds since its transaction began, connector, sample."""
    entries = await here.station.journal.entries()
    return [
        (
            round(one.sample.taken.monotonic_s - one.transaction.started.monotonic_s, 1),
            one.transaction.connector,
            one.sample,
        )
        for one in entries
        if one.sample is not None
    ]


async def offline(here: Bench) -> None:
    """From now on every sample is journalled, where a test can see it."""
    here.csms.online = False


@virtual
async def test_samples_are_on_the_grid_of_their_transaction(tmp_path: Path) -> None:
    async with bench(tmp_path, connectors=2, ocpp=EACH_MINUTE) as here:
        await here.charge("A", 1)
        await here.clock.sleep(20)
        await here.charge("B", 2)
        await offline(here)
        await here.clock.sleep(130)
        assert [(at_s, connector) for at_s, connector, _ in await samples(here)] == [
            (60, 1),
            (60, 2),
            (120, 1),
            (120, 2),
        ]


@virtual
async def test_a_changed_interval_counts_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=EACH_MINUTE) as here:
        await here.charge()
        await offline(here)
        await here.clock.sleep(10)
        await here.station.configuration.change("MeterValueSampleInterval", "25", "csms")
        await here.clock.sleep(50)
        await here.station.configuration.change("MeterValueSampleInterval", "0", "csms")
        await here.clock.sleep(500)
        assert [at_s for at_s, _, _ in await samples(here)] == [25, 50]


@virtual
async def test_outside_a_transaction_nothing_is_sampled(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=EACH_MINUTE) as here:
        await here.charge()
        await offline(here)
        await here.station.connectors[1].stop(StopReason.LOCAL)
        await here.until(lambda: here.running() is None)
        await here.clock.sleep(500)
        assert await samples(here) == []


@virtual
async def test_no_sample_comes_after_the_stop_however_long_the_disk_stalls(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=EACH_MINUTE) as here:
        await here.charge()
        await offline(here)
        await here.clock.sleep(50)
        await here.station.connectors[1].stop(StopReason.LOCAL)
        here.store.hold()
        await here.clock.sleep(70)
        here.store.let_go()
        await here.until(lambda: here.running() is None)
        await here.clock.sleep(1)
        entries = await here.store.relaxed(lambda repositories: repositories.journal.entries())
        assert [one.kind for one in entries] == [FactKind.STARTED, FactKind.STOPPED]


@virtual
async def test_a_sample_that_waits_for_the_disk_does_not_fall_to_the_next_transaction(tmp_path: Path) -> None:
    async with bench(tmp_path, connectors=2, ocpp=EACH_MINUTE) as here:
        for connector in (1, 2):
            here.world.plug_in(connector)
            await here.station.remote.start(f"TAG{connector}", connector, None)
        await here.status("Charging", 2)
        first, second = here.running(1), here.running(2)
        assert first is not None and second is not None
        assert first.started.monotonic_s == second.started.monotonic_s
        await offline(here)
        await here.clock.sleep(first.started.monotonic_s + 59.5 - here.clock.monotonic_s())
        before = here.station.sampler.sample(1, SampleContext.TRIGGER)
        assert before is not None
        for _ in range(MOST_HELD):
            await here.station.journal.sample(first, before, answered=False)
        here.store.hold()
        await here.clock.sleep(10)
        here.world.plug_out(2)
        await here.clock.sleep(10)
        here.store.let_go()
        await here.until(lambda: here.running(2) is None)
        taken = (await samples(here))[MOST_HELD:]
        assert [(at_s, connector) for at_s, connector, _ in taken] == [(60, 1)]


@virtual
async def test_a_sample_says_what_is_measured_and_what_is_offered(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        await here.charge()
        await here.clock.sleep(10)
        sample = here.station.sampler.sample(1, SampleContext.TRIGGER)
        assert sample is not None
        assert sample.context is SampleContext.TRIGGER
        assert sample.current_ma == (32_000, 32_000, 32_000)
        assert sample.voltage_mv == (230_000, 230_000, 230_000)
        assert (sample.power_w, sample.offered_ma, sample.offered_w) == (22_080, 32_000, 22_080)


@virtual
async def test_without_a_meter_there_is_no_sample_and_the_transaction_goes_on(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=EACH_MINUTE) as here:
        await here.charge()
        await offline(here)
        here.world.fault(1, "meter_offline", True)
        await here.clock.sleep(70)
        assert here.station.sampler.sample(1, SampleContext.TRIGGER) is None
        here.world.fault(1, "meter_offline", False)
        await here.clock.sleep(60)
        assert [at_s for at_s, _, _ in await samples(here)] == [120]


@pytest.mark.parametrize("interval_s", ["60", "0", "7200"])
@virtual
async def test_the_register_is_kept_every_five_minutes_whatever_is_sampled(
    tmp_path: Path, interval_s: str
) -> None:
    async with bench(tmp_path, ocpp={"MeterValueSampleInterval": interval_s}) as here:
        await here.charge()
        await here.clock.sleep(370)
        running = await here.store.relaxed(lambda repositories: repositories.transactions.running())
        assert running[0].last_meter_wh == pytest.approx(22_080 * 300 // 3_600, rel=0.25)
        assert running[0].last_meter_wh > 0


@virtual
async def test_what_is_sampled_offline_is_written_every_five_minutes(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=EACH_MINUTE) as here:
        await here.charge()
        await offline(here)
        counted: list[int] = []
        for sleep_s in (290, 20, 280, 20):
            await here.clock.sleep(sleep_s)
            written = await here.store.relaxed(lambda repositories: repositories.journal.entries())
            counted.append(sum(one.sample is not None for one in written))
        assert counted == [0, 5, 5, 10]
        assert [at_s for at_s, _, _ in await samples(here)] == list(range(60, 601, 60))


@virtual
async def test_a_store_that_refuses_for_a_while_loses_no_sample(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=EACH_MINUTE) as here:
        await here.charge()
        await offline(here)
        await here.clock.sleep(290)
        here.store.failures = 1
        await here.clock.sleep(310)
        assert [at_s for at_s, _, _ in await samples(here)] == list(range(60, 601, 60))
