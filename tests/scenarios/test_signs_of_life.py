"""The tasks whose signs of life systemd gets answer in every state of a connector."""

from pathlib import Path

from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual


async def answers(here: Site) -> bool:
    """Whether every watched task goes round when it is asked to; all of them are asked."""
    station, now_s = here.daemon.station, here.clock.monotonic_s()
    station.prove_alive(now_s)
    assert all(pulse.silent_s(now_s + 1) == 1 for pulse in station.pulses.values())
    await here.clock.sleep(0.1)
    return not any(pulse.silent_s(here.clock.monotonic_s()) for pulse in station.pulses.values())


def test_limits_and_sessions_answer_idle_charging_and_behind_a_dead_line(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            assert set(here.daemon.station.pulses) == {
                "limits",
                "session of connector 1",
                "session of connector 2",
            }
            assert await answers(here)
            await here.charge()
            assert await answers(here)
            here.network.up = False
            here.world.plug_in(2)
            await here.clock.sleep(3_600)
            assert await answers(here)
            here.world.plug_out(1)
            await here.clock.sleep(1)
            assert await answers(here)
            here.network.up = True
            await here.stopped()

    run_virtual(scenario())


def test_a_sign_of_life_changes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge()
            await here.clock.sleep(1)
            before, frames = here.connector(), len(here.log.calls)
            for _ in range(20):
                assert await answers(here)
            after = here.connector()
            assert (after.status, after.offer_ma, after.transaction) == (
                before.status,
                before.offer_ma,
                before.transaction,
            )
            assert len(here.log.calls) == frames

    run_virtual(scenario())
