"""Samples on the clock's grid, inside and outside of transactions."""

from pathlib import Path

from cpd.clock import ClockSource
from cpd.domain.metering import SampleContext
from tests.hal.bench import virtual
from tests.station.bench import Bench, bench

GRID = {"ClockAlignedDataInterval": "900"}


def told(here: Bench) -> list[tuple[int, str]]:
    """What was told outside of transactions: connector and wall time."""
    return [(connector, f"{sample.taken.at:%H:%M:%S}") for connector, sample in here.csms.metered_samples]


@virtual
async def test_idle_connectors_are_told_on_the_grid(tmp_path: Path) -> None:
    async with bench(tmp_path, connectors=2, ocpp=GRID) as here:
        await here.clock.sleep(1_801)
        assert told(here) == [(1, "10:15:00"), (2, "10:15:00"), (1, "10:30:00"), (2, "10:30:00")]
        assert {sample.context for _, sample in here.csms.metered_samples} == {SampleContext.CLOCK}


@virtual
async def test_a_running_transaction_has_its_own_and_the_idle_neighbour_is_told(tmp_path: Path) -> None:
    async with bench(tmp_path, connectors=2, ocpp=GRID) as here:
        await here.charge()
        here.csms.online = False
        await here.clock.sleep(901)
        entries = await here.store.relaxed(lambda repositories: repositories.journal.entries())
        samples = [one.sample for one in entries if one.sample is not None]
        assert [sample.context for sample in samples] == [SampleContext.CLOCK]
        assert told(here) == [(2, "10:15:00")]


@virtual
async def test_what_is_being_stopped_is_not_sampled_any_more(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=GRID) as here:
        await here.charge()
        here.csms.online = False
        await here.clock.sleep(890 - (here.clock.now().minute * 60 + here.clock.now().second))
        here.store.hold()
        here.world.plug_out(1)
        await here.clock.sleep(20)
        here.store.let_go()
        await here.until(lambda: here.running() is None)
        entries = await here.store.relaxed(lambda repositories: repositories.journal.entries())
        assert [one.sample for one in entries if one.sample is not None] == []
        assert told(here) == []


@virtual
async def test_a_meter_that_says_nothing_is_left_out(tmp_path: Path) -> None:
    async with bench(tmp_path, connectors=2, ocpp=GRID) as here:
        here.world.fault(1, "meter_offline", True)
        await here.clock.sleep(901)
        assert told(here) == [(2, "10:15:00")]


@virtual
async def test_a_clock_that_becomes_trusted_starts_the_grid(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp=GRID, source=ClockSource.NONE) as here:
        await here.clock.sleep(2_000)
        assert told(here) == []
        here.clock.learn(here.clock.now())
        await here.clock.sleep(900)
        assert told(here) == [(1, "10:45:00")]
