"""Mostly on real ptys and in real time: what the kernel does to a line cannot be made up."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from hal.errors import DeviceUnavailable
from hal.serial_line import UNSENT_MAX, Port, SerialLine, is_console
from tests.hal.bench import virtual
from tests.hal.simulators.plugged import plugged
from tests.hal.simulators.virtual_device import PORT, virtual_device


class Ear:
    """What the user of a line hears."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.changes: list[bool] = []
        self._stirred = asyncio.Event()

    def line(self, port: Path) -> SerialLine:
        return SerialLine(str(port), baudrate=9600, received=self.receive, changed=self.change)

    def receive(self, data: bytes) -> None:
        self.heard += data
        self._stirred.set()

    def change(self, is_open: bool) -> None:
        self.changes.append(is_open)
        self._stirred.set()

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not met():
                self._stirred.clear()
                await self._stirred.wait()


@asynccontextmanager
async def running(line: SerialLine) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(line.run())
        yield
        serving.cancel()


async def test_bytes_go_both_ways(tmp_path: Path) -> None:
    ear, far = Ear(), Ear()
    with plugged(tmp_path / "tty", far.receive) as device:
        line = ear.line(device.port)
        line.open()
        async with running(line):
            assert line.write(b"\x00\r\n\x03\x11\xff")
            device.send(b"\xff\x13\x04\n\r\x00")
            await far.until(lambda: far.heard == b"\x00\r\n\x03\x11\xff")
            await ear.until(lambda: ear.heard == b"\xff\x13\x04\n\r\x00")
    assert ear.changes == [True]


async def test_a_line_that_is_pulled_out_is_open_again_once_it_is_back(tmp_path: Path) -> None:
    ear = Ear()
    with plugged(tmp_path / "tty") as device:
        line = ear.line(device.port)
        line.open()
        async with running(line):
            device.pull_out()
            await ear.until(lambda: ear.changes == [True, False])
            assert not line.is_open
            assert line.trouble is not None
            assert not line.write(b"lost")
            device.plug_in()
            await ear.until(lambda: ear.changes == [True, False, True])
            assert line.trouble is None
            device.send(b"again")
            await ear.until(lambda: ear.heard == b"again")


async def test_a_line_that_is_cancelled_is_closed(tmp_path: Path) -> None:
    with plugged(tmp_path / "tty") as device:
        line = Ear().line(device.port)
        line.open()
        async with running(line):
            await asyncio.sleep(0)
        assert not line.is_open


async def test_a_device_that_takes_nothing_is_lost(tmp_path: Path) -> None:
    ear = Ear()
    with plugged(tmp_path / "tty") as device:
        line = ear.line(device.port)
        line.open()
        device.deafen()
        took = [line.write(bytes(UNSENT_MAX // 2)) for _ in range(40)]
        assert took[0] and not took[-1]
        assert not line.is_open
        assert ear.changes == [True, False]


async def test_a_port_that_is_not_there_names_the_place_to_look(tmp_path: Path) -> None:
    with pytest.raises(DeviceUnavailable, match="no such device; see what is there: ls /dev/serial/by-id"):
        Ear().line(tmp_path / "tty").open()


async def test_a_file_is_no_serial_line(tmp_path: Path) -> None:
    (tmp_path / "tty").write_text("")
    with pytest.raises(DeviceUnavailable, match="no serial device"):
        Ear().line(tmp_path / "tty").open()


CONSOLES = """\
ttyAMA0              -W- (EC  p  )  204:64
tty1                 -WU (EC  p  )    4:1
"""


@pytest.mark.parametrize(("name", "console"), [("ttyAMA0", True), ("ttyAMA1", False), ("ttyUSB0", False)])
def test_a_port_with_a_login_prompt_on_it_is_known_under_each_of_its_names(
    tmp_path: Path, name: str, console: bool
) -> None:
    (tmp_path / name).write_text("")
    (tmp_path / "serial0").symlink_to(name)
    assert is_console(str(tmp_path / "serial0"), CONSOLES) is console
    assert is_console(str(tmp_path / name), CONSOLES) is console


async def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with plugged(tmp_path / "tty") as device:
        other = os.open(device.port, os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DeviceUnavailable, match="used by another program; find and stop it: sudo fuser"):
            Ear().line(device.port).open()
        os.close(other)


@virtual
async def test_a_line_that_is_gone_for_long_is_tried_every_5_s() -> None:
    tried_s: list[float] = []
    loop = asyncio.get_running_loop()
    with virtual_device() as device:

        def open_port(port: str, baudrate: int) -> Port:
            tried_s.append(loop.time())
            return device.open_port(port, baudrate)

        line = SerialLine(
            PORT, baudrate=9600, received=lambda data: None, changed=lambda is_open: None, open_port=open_port
        )
        line.open()
        async with running(line):
            device.pull_out()
            await asyncio.sleep(60)
            waits_s = [later - earlier for earlier, later in pairwise(tried_s)]
            assert waits_s[:3] == pytest.approx([0.1, 0.2, 0.4])
            assert waits_s[-3:] == pytest.approx([5.0, 5.0, 5.0])
            device.plug_in()
            await asyncio.sleep(5.1)
            assert line.is_open


@virtual
async def test_a_line_that_comes_and_goes_is_not_opened_ten_times_a_second() -> None:
    opened = 0
    with virtual_device() as device:

        def changed(is_open: bool) -> None:
            nonlocal opened
            opened += is_open
            if is_open:
                asyncio.get_running_loop().call_soon(device.pull_out)
            else:
                device.plug_in()

        line = SerialLine(
            PORT, baudrate=9600, received=lambda data: None, changed=changed, open_port=device.open_port
        )
        line.open()
        async with running(line):
            await asyncio.sleep(60)
    assert 10 < opened < 25
