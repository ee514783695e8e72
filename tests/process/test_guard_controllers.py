"""The guard over a controller on a serial line: driven, let go in order, and stopped by others once it is dead."""

import asyncio
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hal.serving import serving
from hal.unix_socket import GUARD_SOCKET, listening
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
        runtime = folder / "run"
        runtime.mkdir()
        given = {"RUNTIME_DIRECTORY": str(runtime)}
        async with (
            guard_process(
                folder, hal=f'backend = "{backend}"', connector=connector, environment=given
            ) as guard,
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
        assert await safe_outputs(guard) == (0, "")
        await until(lambda: not simulator.closed)
        assert simulator.advertised_ma == 0


async def test_safe_outputs_touches_nothing_of_a_living_guard(tmp_path: Path) -> None:
    async with charging(tmp_path, "simpleevse") as (guard, simulator):
        status, told = await safe_outputs(guard)
        assert (status, told) == (
            1,
            "safe-outputs: the guard is running, and\n"
            "sets them itself; to end it, run\n"
            "  sudo systemctl stop cpd-guard\n",
        )
        assert simulator.closed
        await guard.power_cut()
        assert await safe_outputs(guard) == (0, "")
        await until(lambda: not simulator.closed)


async def test_after_the_end_of_a_guard_that_cannot_be_killed_its_outputs_are_set(tmp_path: Path) -> None:
    async with charging(tmp_path, "simpleevse") as (guard, simulator):
        await guard.power_cut()
        with listening(guard.socket, GUARD_SOCKET):
            assert await safe_outputs(guard, SERVICE_RESULT="watchdog") == (0, "")
        await until(lambda: not simulator.closed)


async def test_what_a_dead_guard_has_left_charging_is_set_by_the_next_one_though_it_drives_another(
    tmp_path: Path,
) -> None:
    other = tmp_path / "other"
    with plugged(other, lambda data: second.received(data)) as line:
        second = SimpleEvseSimulator(line.send)
        async with charging(tmp_path, "simpleevse") as (guard, first):
            await guard.power_cut()
            guard.config.write_text(guard.config.read_text().replace(f"{tmp_path}/line", str(other)))
            await guard.start()
            await until(lambda: not first.closed)


async def safe_outputs(guard: GuardProcess, **more: str) -> tuple[int, str]:
    """Run it as systemd does, or with nothing *more* a person; its exit status and what it told."""
    process = await create_subprocess_exec(
        *(sys.executable, "-m", "hal", "safe-outputs", "--config", str(guard.config)),
        env=environment(**guard.environment, **more),
        stderr=PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        _, told = await process.communicate()
    assert process.returncode is not None
    return process.returncode, told.decode()


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
