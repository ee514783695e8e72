"""The registers are in the store in time: with each start and stop, and as soon as a meter begins anew."""

from pathlib import Path

from cpd.domain.register import Register
from tests.hal.bench import virtual
from tests.station.bench import Bench, bench


async def kept(here: Bench) -> Register | None:
    registers = await here.store.relaxed(lambda repositories: repositories.registers.all())
    return registers.get(1)


@virtual
async def test_start_and_stop_keep_the_register_that_they_tell(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.world.meter(1, energy_wh=700)
        await here.charge()
        assert await kept(here) == Register(lifetime_wh=700, raw_wh=700)
        await here.clock.sleep(60)
        here.world.plug_out(1)
        await here.until(lambda: here.running() is None)
        (stopped,) = await here.stopped()
        register = await kept(here)
        assert register is not None
        assert register.lifetime_wh == stopped.meter_stop_wh


@virtual
async def test_a_meter_that_begins_anew_is_kept_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.world.meter(1, energy_wh=9_000)
        here.station.snapshot()
        here.world.meter(1, energy_wh=5)
        here.station.snapshot()
        await here.clock.sleep(1)
        assert await kept(here) == Register(lifetime_wh=9_000, raw_wh=5)


@virtual
async def test_a_meter_that_is_reset_takes_along_no_more_than_a_second(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        await here.charge()
        await here.clock.sleep(50)
        before = here.world.delivered_wh(1)
        here.world.meter(1, energy_wh=0)
        here.world.plug_out(1)
        await here.until(lambda: here.running() is None)
        (stopped,) = await here.stopped()
        assert stopped.meter_stop_wh is not None
        booked = stopped.meter_stop_wh - stopped.meter_start_wh
        assert before > 200
        assert before - 10 <= booked <= before


@virtual
async def test_a_store_that_refuses_does_not_end_the_station(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.world.meter(1, energy_wh=9_000)
        here.station.snapshot()
        here.store.failures = 1
        here.world.meter(1, energy_wh=5)
        here.station.snapshot()
        await here.clock.sleep(1)
        assert await kept(here) is None
        here.world.meter(1, energy_wh=0)
        await here.charge()
        register = await kept(here)
        assert register is not None
        assert register.lifetime_wh >= 9_000


@virtual
async def test_everything_but_the_energy_is_the_outlets_own(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        own, told = here.guard.evses[1].snapshot(), here.station.hal.evses[1].snapshot()
        assert (told.pilot, told.contactor, told.lock, told.faults) == (
            own.pilot,
            own.contactor,
            own.lock,
            own.faults,
        )
