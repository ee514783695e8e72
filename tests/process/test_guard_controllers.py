"""The guard over a controller on a serial line: driven, let go in order, and stopped by others once it is dead."""

import asyncio
import sys
from asyncio.subprocess import create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hal.serving import serving
from hal.values import ContactorState
from tests.hal.simulators.openevse import OpenEvseSimulator
from tests.hal.simulators.plugged import plugged
from tests.hal.simulators.simpleevse import SimpleEvseSimulator
from tests.process.guard import GuardProcess, guard_process, until, user
from tests.process.program import PATIENCE_S, environment

Simulator = OpenEvseSimulator | SimpleEvseSimulator
KINDS = {"openevse": OpenEvseSimulator, "simpleevse": SimpleEvseSimulator}


@asynccontextmanager
async def charging(folder: Path, backend: str) -> AsyncIterator[tuple[GuardProcess, Simulator]]:
    """A guard, and a simulated controller that charges a vehicle under its offers."""
    port = folder / "line"
    with plugged(port, lambda data: simulator.received(data)) as line:
        simulator: Simulator = KINDS[backend](line.send)
        connector = f'lock = false\n[connector.serial]\nport = "{port}"'
        async with (
            guard_process(folder, hal=f'backend = "{backend}"', connector=connector) as guard,
            user(guard) as driver,
            serving(driver.permit()),
        ):
            simulator.vehicle.plug_in()
            await driver.until(lambda now: now.contactor is ContactorState.CLOSED)
            assert simulator.closed
            assert simulator.advertised_ma == 16_000
            yield guard, simulator


@pytest.mark.parametrize("backend", KINDS)
async def test_told_to_end_it_has_the_controller_open(tmp_path: Path, backend: str) -> None:
    async with charging(tmp_path, backend) as (guard, simulator):
        assert await guard.terminate() == 0
        assert (simulator.closed, simulator.advertised_ma) == (False, 0)


@pytest.mark.parametrize("backend", KINDS)
async def test_safe_outputs_opens_what_a_dead_guard_has_left_charging(tmp_path: Path, backend: str) -> None:
    """Somebody has been editing the configuration meanwhile."""
    async with charging(tmp_path, backend) as (guard, simulator):
        guard.config.write_text("[hal")
        await guard.power_cut()
        assert simulator.closed
        process = await create_subprocess_exec(
            *(sys.executable, "-m", "hal", "safe-outputs", "--config", str(guard.config)),
            env=environment(RUNTIME_DIRECTORY=str(guard.socket.parent)),
        )
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0
        await until(lambda: not simulator.closed)
        assert simulator.advertised_ma == 0


async def test_a_card_at_a_reader_beside_the_controller_is_told(tmp_path: Path) -> None:
    line, reader = tmp_path / "line", tmp_path / "reader"
    with (
        plugged(line, lambda data: simulator.received(data)) as controller,
        plugged(reader) as antenna,
    ):
        simulator = OpenEvseSimulator(controller.send)
        connector = f'lock = false\n[connector.serial]\nport = "{line}"'
        reading = f'[[reader]]\nkind = "rdm6300"\nport = "{reader}"'
        async with (
            guard_process(tmp_path, hal='backend = "openevse"', connector=connector, more=reading) as guard,
            user(guard) as driver,
        ):
            cards = driver.cards()
            antenna.send(b"\x023000E2F44264\x03")
            async with asyncio.timeout(PATIENCE_S):
                assert (await anext(cards)).id_tag == "3000E2F442"


async def test_a_reader_that_is_not_there_stops_the_start_with_status_2(tmp_path: Path) -> None:
    line = tmp_path / "line"
    with plugged(line, lambda data: simulator.received(data)) as controller:
        simulator = OpenEvseSimulator(controller.send)
        connector = f'lock = false\n[connector.serial]\nport = "{line}"'
        reading = f'[[reader]]\nkind = "rdm6300"\nport = "{tmp_path / "none"}"'
        hal = 'backend = "openevse"'
        async with guard_process(tmp_path, start=False, hal=hal, connector=connector, more=reading) as guard:
            await guard.launch()
            assert await guard.ended() == 2
            assert str(tmp_path / "none") in guard.log
