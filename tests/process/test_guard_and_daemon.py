"""The guard and the daemon as two processes: what one does while the other is dead, stopped or not there yet."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cpd.clock import SystemClock
from hal.evse import LEASE_S
from tests.process.charger import charger
from tests.process.guard import GuardProcess, guard_process
from tests.process.site import Site, site

BEHIND = 'process = "guard"\nguard_socket = "guard.sock"'
LETS_GO_S = 6.0
LATE_S = 2.0
"""How much later than its time something may happen on a machine that has other things to do."""


@asynccontextmanager
async def both(folder: Path, *, station: str = "") -> AsyncIterator[tuple[GuardProcess, Site]]:
    """A guard, and a charger with its central system in front of it."""
    async with guard_process(folder) as guard, site(folder, hal=BEHIND, station=station) as here:
        yield guard, here


async def test_a_killed_daemon_leaves_the_vehicle_its_lease_and_no_more(tmp_path: Path) -> None:
    clock = SystemClock()
    async with both(tmp_path) as (guard, here):
        await here.charger.charge()
        mark = len(guard.log)
        await here.charger.power_cut()
        killed_s = clock.monotonic_s()
        await guard.logged("contactor connector=1 state=open", since=mark)
        assert clock.monotonic_s() - killed_s < LEASE_S + LETS_GO_S + LATE_S


async def test_a_stopped_daemon_loses_its_lease_and_goes_on_with_its_session_afterwards(
    tmp_path: Path,
) -> None:
    clock = SystemClock()
    async with both(tmp_path) as (guard, here):
        await here.charger.charge()
        mark = len(guard.log)
        os.kill(here.charger.pid, signal.SIGSTOP)
        try:
            stopped_s = clock.monotonic_s()
            await guard.logged("contactor connector=1 state=open", since=mark)
            assert clock.monotonic_s() - stopped_s < LEASE_S + LETS_GO_S + LATE_S
        finally:
            os.kill(here.charger.pid, signal.SIGCONT)
        mark = len(guard.log)
        await guard.logged("contactor connector=1 state=closed", since=mark)
        assert "guard lost" not in here.charger.log, "what came meanwhile says that the guard lives"
        await here.charger.until_status("Charging")
        await here.charger.call("mock.plug_out", connector=1)
        (booked,) = await here.booked()
        assert (booked.starts, booked.stops, booked.reason) == (1, 1, "EVDisconnected")


async def test_a_session_outlives_its_daemon_in_one_transaction(tmp_path: Path) -> None:
    async with both(tmp_path, station='on_power_loss = "resume"') as (guard, here):
        before = await here.charger.charge()
        mark = len(guard.log)
        await here.charger.power_cut()
        await guard.logged("contactor connector=1 state=open", since=mark)
        await here.charger.start()
        after = await here.charger.until_status("Charging")
        assert after["transaction"] is not None and before["transaction"] is not None
        assert after["transaction"]["local_id"] == before["transaction"]["local_id"]
        await here.charger.call("mock.plug_out", connector=1)
        (booked,) = await here.booked()
        assert (booked.starts, booked.stops, booked.reason) == (1, 1, "EVDisconnected")


async def test_what_was_interrupted_is_booked_once_its_outlet_is_open(tmp_path: Path) -> None:
    """The daemon is back before the lease of the one before has lapsed."""
    async with both(tmp_path) as (guard, here):
        await here.charger.charge()
        mark = len(guard.log)
        await here.charger.power_cut()
        await here.charger.start()
        (booked,) = await here.booked()
        assert "contactor connector=1 state=open" in guard.log[mark:]
        assert booked.reason == "PowerLoss"
        meter = (await here.charger.connector())["meter"]
        assert meter is not None and booked.meter_stop_wh == meter["energy_wh"]


async def test_a_killed_guard_is_told_and_the_session_goes_on_with_the_next_one(tmp_path: Path) -> None:
    hal = 'mock_vehicle = "remembered"'
    async with guard_process(tmp_path, hal=hal) as guard, site(tmp_path, hal=f"{BEHIND}\n{hal}") as here:
        await here.charger.charge()
        await guard.power_cut()
        faulted = await here.charger.until_status("Faulted")
        assert faulted["error_code"] == "InternalError"
        why = await here.charger.cpd("why", "1")
        assert "GUARD LOST" in why.stdout
        refused = await here.charger.cpd("mock", "swipe", "04A31F02B16180")
        assert (refused.status, "systemctl status cpd-guard" in refused.stderr) == (5, True)
        await guard.start()
        await here.charger.until_status("Charging")
        await here.charger.call("mock.plug_out", connector=1)
        (booked,) = await here.booked()
        assert (booked.starts, booked.stops, booked.reason) == (1, 1, "EVDisconnected")


async def test_without_a_guard_the_daemon_ends_with_status_2_and_the_next_step(tmp_path: Path) -> None:
    async with charger(tmp_path, start=False, hal=BEHIND) as here:
        await here.launch()
        assert await here.ended() == 2
        assert "systemctl status cpd-guard" in here.log


async def test_a_guard_that_runs_on_the_hardware_of_an_older_file_is_of_no_use(tmp_path: Path) -> None:
    hal, connector = f'{BEHIND}\nbackend = "openevse"', '[connector.serial]\nport = "/dev/ttyUSB0"'
    async with guard_process(tmp_path), charger(tmp_path, start=False, hal=hal, connector=connector) as here:
        await here.launch()
        assert await here.ended() == 2
        words = "it drives mock, and cpd.toml has openevse; systemctl restart cpd-guard cpd"
        assert words in here.log


async def test_a_stopped_guard_is_lost_after_three_seconds_and_obeys_no_late_offer(tmp_path: Path) -> None:
    async with both(tmp_path) as (guard, here):
        await here.charger.charge()
        mark = len(guard.log)
        os.kill(guard.pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(LEASE_S + 5):
                await here.charger.until_status("Faulted")
        finally:
            os.kill(guard.pid, signal.SIGCONT)
        await here.charger.until_status("Charging")
        assert "unsafe outlet" not in guard.log[mark:]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_the_daemon_is_started_again_while_the_guard_runs(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with both(tmp_path) as (guard, here):
        for _ in range(2):
            await here.charger.terminate(number)
            await here.charger.start()
        await here.charger.charge()
        assert not guard.dead
