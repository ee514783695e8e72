"""Names are looked up in threads that nobody waits for and that do not pile up; no address hides the next one."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from cpd.ocpp.addresses import Address, Names, first_connected

HERE: Address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))


class Resolver:
    """A name server that answers once it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.let = threading.Event()

    def __call__(self, host: str, port: int) -> list[Address]:
        self.asked += 1
        self.let.wait(10)
        return [HERE]


async def test_a_look_up_that_hangs_is_waited_for_by_every_later_dial_and_not_doubled() -> None:
    resolver = Resolver()
    names = Names(resolver)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await names.addresses("csms.example", 80)
    waiting = names.addresses("csms.example", 80)
    resolver.let.set()
    assert await waiting == [HERE]
    assert resolver.asked == 1


async def test_what_is_known_is_asked_again_the_next_time() -> None:
    resolver = Resolver()
    resolver.let.set()
    names = Names(resolver)
    assert [await names.addresses("csms.example", 80) for _ in range(2)] == [[HERE], [HERE]]
    assert resolver.asked == 2


@pytest.mark.parametrize(
    "error", [socket.gaierror(socket.EAI_AGAIN, "again"), UnicodeError("label too long")]
)
async def test_what_the_system_says_is_raised(error: Exception) -> None:
    def fails(_host: str, _port: int) -> list[Address]:
        raise error

    with pytest.raises(type(error)):
        await Names(fails).addresses("csms.example", 80)


def at(listener: socket.socket) -> Address:
    """The address of *listener*."""
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", listener.getsockname())


@contextmanager
def silent() -> Iterator[Address]:
    """An address at which nobody answers: what listens there has no room for one more."""
    with ExitStack() as held:
        listener = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(2):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield at(listener)


@pytest.fixture
def closed() -> Address:
    """An address that refuses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return at(listener)


UNREACHABLE: Address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("255.255.255.255", 9))


async def test_an_address_that_is_silent_does_not_keep_from_the_next(closed: Address) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, silent() as broken:
        connected = await first_connected([closed, broken, at(listener)], silent_s=0.05)
        with closing(connected):
            assert connected.getpeername() == listener.getsockname()


async def test_of_several_failures_the_one_that_tells_most_is_raised(closed: Address) -> None:
    with pytest.raises(ConnectionRefusedError):
        await first_connected([closed, UNREACHABLE])
    with silent() as broken, pytest.raises(TimeoutError):
        await first_connected([broken, UNREACHABLE], silent_s=0.05)
    with pytest.raises(OSError, match="no address"):
        await first_connected([])
