"""The thread of slow devices: opened before anything goes on, ended in order, and never in the way."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hal.errors import DeviceUnavailable
from hal.io_thread import on_io_thread


class Device:
    """A device that says on which thread things happen to it."""

    def __init__(self) -> None:
        self.story: list[str] = []

    @asynccontextmanager
    async def opening(self) -> AsyncIterator[str]:
        self._note("opened")
        try:
            yield "a reading"
        finally:
            await asyncio.sleep(0)
            self._note("closed")

    def _note(self, what: str) -> None:
        self.story.append(f"{what} on {threading.current_thread().name}")


def unexpected(error: BaseException) -> None:
    raise AssertionError(error)


async def test_devices_are_opened_and_closed_on_a_thread_of_their_own() -> None:
    device = Device()
    async with on_io_thread(device.opening, failed=unexpected) as opened:
        assert opened == "a reading"
        assert device.story == ["opened on hal-io"]
    assert device.story == ["opened on hal-io", "closed on hal-io"]


async def test_a_device_that_cannot_be_opened_is_raised_here() -> None:
    @asynccontextmanager
    async def opening() -> AsyncIterator[None]:
        raise DeviceUnavailable("meter", "no such device", "plug it in")
        yield

    with pytest.raises(DeviceUnavailable, match="plug it in"):
        async with on_io_thread(opening, failed=unexpected):
            raise AssertionError("it is not open")


async def test_a_bug_behind_an_open_device_is_told_once_to_who_opened_it() -> None:
    break_it = threading.Event()
    told: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def opening() -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail())
            yield

    async def fail() -> None:
        await asyncio.to_thread(break_it.wait)
        raise ZeroDivisionError("a bug")

    async with on_io_thread(opening, failed=told.set_result):
        break_it.set()
        async with asyncio.timeout(10):
            error = await told
    assert isinstance(error, BaseExceptionGroup) and error.subgroup(ZeroDivisionError)


async def test_a_device_that_blocks_its_thread_does_not_hold_the_loop_up() -> None:
    release = threading.Event()
    turned = asyncio.Event()

    @asynccontextmanager
    async def opening() -> AsyncIterator[None]:
        asyncio.get_running_loop().call_soon(release.wait)
        yield

    async with on_io_thread(opening, failed=unexpected):
        asyncio.get_running_loop().call_soon(turned.set)
        async with asyncio.timeout(5):
            await turned.wait()
        release.set()


async def test_who_gives_up_while_devices_are_opened_leaves_none_open() -> None:
    device, entered = Device(), threading.Event()

    @asynccontextmanager
    async def opening() -> AsyncIterator[str]:
        async with device.opening() as opened:
            entered.set()
            yield opened

    async def use() -> None:
        async with on_io_thread(opening, failed=unexpected):
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        using = tasks.create_task(use())
        await asyncio.to_thread(entered.wait)
        using.cancel()
    assert device.story[-1] == "closed on hal-io"
