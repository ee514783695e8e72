"""Opening the board: what is refused, in which order things happen, and that a failure half-way leaves all safe."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gpiozero import GPIOZeroError
from gpiozero.pins.mock import MockFactory

from hal.boards.gpio.board import open_board
from hal.boards.gpio.chip import GpioChip
from hal.boards.gpio.pins import GpioOutletConfig
from hal.boards.gpio.plug_lock import MOST_STROKES, PULSE_S, GpioPlugLock
from hal.errors import DeviceUnavailable
from hal.values import LockState
from tests.hal.bench import virtual
from tests.hal.simulators.gpio import PINS, Driven, Header, PinError, Wired, WiredOutlet, board_parts, machine

LEAST = GpioOutletConfig(contactor=17, feedback=27, heartbeat=22)
SECOND = GpioOutletConfig(pilot_pwm=19, pilot_channel=1, contactor=23, feedback=24, heartbeat=25)


def sited(tmp_path: Path, header: Header, configs: dict[int, GpioOutletConfig]) -> dict[int, WiredOutlet]:
    sites = {}
    for connector, config in configs.items():
        folder = tmp_path / str(connector)
        folder.mkdir()
        sites[connector] = WiredOutlet(header, config, folder)
    return sites


@virtual
async def test_all_contactors_are_low_before_any_pilot_is_opened_and_stay_so_when_one_fails(
    tmp_path: Path,
) -> None:
    header, configs = Header(), {1: LEAST, 2: SECOND}
    sites = sited(tmp_path, header, configs)
    parts = board_parts(header, sites)
    opened: list[int] = []

    def pilot(connector: int, config: GpioOutletConfig, root: Path) -> Any:
        assert all(header.pin(one.contactor).function == "output" for one in configs.values())
        assert not any(site.coil for site in sites.values())
        opened.append(connector)
        if connector == 2:
            raise DeviceUnavailable("PWM on GPIO19", "busy", "end what uses it")
        sites[connector].circuit.drive(1_000_000)
        return sites[connector].pilot

    with (
        pytest.raises(DeviceUnavailable, match="PWM on GPIO19"),
        open_board(configs, root=machine(tmp_path / "root"), parts=replace(parts, pilot=pilot)),
    ):
        pass
    assert opened == [1, 2]
    assert sites[1].circuit.high_ns == 0
    assert sites[1].pilot.closed
    assert {pin.function for site in sites.values() for pin in site.outputs.values()} == {"input"}
    for site in sites.values():
        site.release()


@virtual
async def test_two_outlets_are_opened_and_told_of_apart(tmp_path: Path) -> None:
    header, configs = Header(), {1: LEAST, 2: SECOND}
    sites = sited(tmp_path, header, configs)
    root, parts = machine(tmp_path / "root"), board_parts(header, sites)
    with open_board(configs, root=root, parts=parts) as board:
        changed: list[int] = []
        board.outlets[1].watch(lambda: changed.append(1))
        board.outlets[2].watch(lambda: changed.append(2))
        await asyncio.sleep(0.1)
        changed.clear()
        sites[2].inputs["feedback"].put(closed=not sites[2].inputs["feedback"].closed)
        await asyncio.sleep(0.05)
        assert changed == [2]
        assert board.lights == {}
        pins = [found for found in board.examine() if found.part == "GPIO pins"]
        assert [(found.connector, found.evidence) for found in pins] == [
            (1, "feedback GPIO27 high"),
            (2, "feedback GPIO24 low"),
        ]
    for site in sites.values():
        site.release()


@virtual
async def test_the_circuit_of_one_emergency_stop_is_that_of_every_outlet_that_names_its_pin(
    tmp_path: Path,
) -> None:
    header, configs = Header(), {1: replace(LEAST, emergency_stop=16), 2: replace(SECOND, emergency_stop=16)}
    sites = sited(tmp_path, header, configs)
    parts = board_parts(header, sites)
    with open_board(configs, root=machine(tmp_path / "root"), parts=parts) as board:
        changed: set[int] = set()
        stops = [outlet.emergency_stop for outlet in board.outlets.values()]
        board.outlets[1].watch(lambda: changed.add(1))
        board.outlets[2].watch(lambda: changed.add(2))
        await asyncio.sleep(0.1)
        for closed in (False, True):
            changed.clear()
            sites[1].inputs["emergency stop"].put(closed=closed)
            await asyncio.sleep(0.004)
            assert [stop is not None and stop.pressed() for stop in stops] == [not closed] * 2
            assert changed == {1, 2}
        pins = [found.evidence for found in board.examine() if found.part == "GPIO pins"]
        assert all("emergency stop GPIO16 low" in evidence for evidence in pins)
    for site in sites.values():
        site.release()


@virtual
async def test_the_contactor_is_released_before_the_pilot_tells_the_vehicle_to_stop(tmp_path: Path) -> None:
    header = Header()
    sites = sited(tmp_path, header, {1: PINS})
    done: list[str] = []
    with open_board({1: PINS}, root=machine(tmp_path / "root"), parts=board_parts(header, sites)) as board:
        board.outlets[1].contactor.command(True)
        assert sites[1].coil
        sites[1].outputs["contactor"].told = lambda high: done.append("coil")
        sites[1].circuit.changed = lambda before_ns: done.append("pilot")
    assert done[:2] == ["coil", "pilot"]
    sites[1].release()


def without(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).unlink()


@pytest.mark.parametrize(
    ("spoil", "configs", "message"),
    [
        (without("proc/device-tree/model"), {1: PINS}, "has no device tree"),
        (without("boot/firmware/config.txt"), {1: PINS}, "keeps the last level of a process that died"),
        (without("sys/bus/w1/devices/28-0000/w1_slave"), {1: PINS}, "w1_slave does not exist"),
        (lambda root: None, {1: LEAST, 2: replace(SECOND, pilot_pwm=12)}, "makes the same signal there"),
    ],
)
@virtual
async def test_what_is_not_safe_is_refused_before_any_pin_is_touched(
    tmp_path: Path, spoil: Callable[[Path], None], configs: dict[int, GpioOutletConfig], message: str
) -> None:
    root = machine(tmp_path / "root")
    spoil(root)
    header = Header()
    with (
        pytest.raises(DeviceUnavailable, match=message),
        open_board(configs, root=root, parts=board_parts(header, {})),
    ):
        pass
    assert header.pins == {}


@virtual
async def test_an_edge_that_comes_on_a_foreign_thread_is_told_on_the_loops(tmp_path: Path) -> None:
    header = Header()
    sites = sited(tmp_path, header, {1: PINS})
    parts = board_parts(header, sites)
    with open_board({1: PINS}, root=machine(tmp_path / "root"), parts=parts) as board:
        told_on: list[threading.Thread] = []
        board.outlets[1].watch(lambda: told_on.append(threading.current_thread()))
        await asyncio.sleep(0.1)
        edge = sites[1].inputs["emergency stop"].put
        for closed in (False, True):
            told_on.clear()
            await asyncio.get_running_loop().run_in_executor(None, edge, closed)
            await asyncio.sleep(0.004)
            assert set(told_on) == {threading.main_thread()}
    sites[1].release()


@virtual
async def test_a_bolt_gets_pulses_and_no_more_than_its_motor_stands() -> None:
    header = Header()
    motor = [header.pin(pin, pin_class=Driven) for pin in (5, 6)]
    bolt = header.pin(13, pin_class=Wired)
    chip = GpioChip(factory=header, errors=(GPIOZeroError, PinError), user_of=lambda pin: None)
    lock = GpioPlugLock(
        chip.output("lock in", 1, 5),
        chip.output("lock out", 1, 6),
        chip.contact("lock feedback", 1, 13, settle_s=0.05),
        changed=lambda: None,
    )
    strokes: list[int] = []
    for number, pin in enumerate(motor):
        pin.told = lambda high, number=number: strokes.append(number) if high else None  # type: ignore[misc]
    lock.lock()
    assert (lock.position(), motor[0].state, motor[1].state) == (LockState.MOVING, 1, 0)
    await asyncio.sleep(PULSE_S / 2)
    lock.unlock()
    assert (motor[0].state, motor[1].state) == (0, 1)
    await asyncio.sleep(PULSE_S + 0.01)
    assert (lock.position(), motor[0].state, motor[1].state) == (LockState.UNLOCKED, 0, 0)
    for _ in range(MOST_STROKES):
        lock.lock()
        await asyncio.sleep(1)
    assert len(strokes) == MOST_STROKES
    await asyncio.sleep(60)
    lock.lock()
    assert len(strokes) == MOST_STROKES + 1
    bolt.put(closed=True)
    await asyncio.sleep(PULSE_S + 0.1)
    assert lock.position() is LockState.LOCKED
    lock.close()
    header.close()


def test_the_plain_mock_factory_of_gpiozero_serves_as_well() -> None:
    """The header of the simulator differs from it by nothing but the kinds of pins that it has side by side."""
    factory = MockFactory()
    chip = GpioChip(factory=factory, errors=(GPIOZeroError,), user_of=lambda pin: None)
    output = chip.output("contactor", 1, 17)
    assert factory.pin(17).state == 0
    output.set(True)
    assert factory.pin(17).state == 1
    output.close()
    assert (factory.pin(17).function, factory.pin(17).pull) == ("input", "down")
