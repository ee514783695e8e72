import asyncio
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from cpd.control.client import (
    ClientError,
    ControlClient,
    DaemonNotRunning,
    InvalidParams,
    NotFound,
    NotSupported,
    PermissionRefused,
    Refused,
    TimedOut,
    _connected,
)
from tests.control.fake_target import FakeTarget
from tests.control.served import served

T = TypeVar("T")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cpd.sock"


async def asked(path: Path, question: Callable[[ControlClient], T], target: FakeTarget | None = None) -> T:
    """The answer to *question*, put by a client on a thread of its own."""
    async with served(path, target or FakeTarget()):
        with ControlClient(str(path)) as client:
            return await asyncio.to_thread(question, client)


@contextmanager
def peer(path: Path, behaviour: Callable[[socket.socket], object]) -> Iterator[None]:
    """Something on the socket that is not quite a daemon."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                behaviour(connection)

        thread = threading.Thread(target=run)
        thread.start()
        yield
        thread.join()


def _swallow(connection: socket.socket) -> None:
    while connection.recv(1_000):
        pass


async def test_a_call_returns_the_document(path: Path) -> None:
    document = await asked(path, lambda client: client.call("status"))
    assert document["station"]["id"] == "CP-0042"


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        ("why", {"connector": 9}, NotFound),
        ("why", {"connector": "one"}, InvalidParams),
        ("authorize", {"id_tag": "BLOCKED"}, Refused),
        ("teleport", {}, NotSupported),
    ],
)
async def test_an_error_says_what_and_what_next(
    path: Path, method: str, params: dict[str, object], expected: type[ClientError]
) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await asked(path, lambda client: client.call(method, params))
    error = caught.value.exceptions[0]
    assert type(error) is expected
    assert str(error)
    assert error.next_step


async def test_a_connection_serves_after_an_error(path: Path) -> None:
    def question(client: ControlClient) -> str:
        with pytest.raises(NotFound):
            client.call("why", {"connector": 9})
        return str(client.call("why", {"connector": 1})["schema"])

    assert await asked(path, question) == "cpd.why/1"


def test_no_socket_means_not_running(path: Path) -> None:
    with pytest.raises(DaemonNotRunning, match="not running") as caught, ControlClient(str(path)) as client:
        client.call("status")
    assert "systemctl status cpd" in caught.value.next_step


def test_the_socket_of_a_killed_daemon_means_not_running(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    with pytest.raises(DaemonNotRunning), ControlClient(str(path)) as client:
        client.call("status")


def test_a_daemon_that_ends_during_the_call_is_not_running(path: Path) -> None:
    with (
        peer(path, lambda connection: connection.recv(10)),
        ControlClient(str(path)) as client,
        pytest.raises(DaemonNotRunning),
    ):
        client.call("status")


def test_a_daemon_that_does_not_answer_is_given_up(path: Path) -> None:
    with (
        peer(path, _swallow),
        ControlClient(str(path), timeout_s=0.05) as client,
        pytest.raises(TimedOut, match=r"0\.05 s"),
    ):
        try:
            client.call("status")
        finally:
            client.close()


@pytest.mark.parametrize("line", [b"220 mail.example ESMTP\n", b"[]\n"])
def test_something_else_on_the_socket_is_told_from_cpd(path: Path, line: bytes) -> None:
    with (
        peer(path, lambda connection: connection.sendall(line)),
        ControlClient(str(path)) as client,
        pytest.raises(ClientError, match="no cpd at"),
    ):
        client.call("status")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_a_user_outside_the_group_is_told_which_group_to_join() -> None:
    # Not tmp_path, whose parents are closed to other users.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder) / "cpd.sock"
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o660)
        path.parent.chmod(0o755)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.setgid(65_534)
            os.setuid(65_534)
            try:
                _connected(str(path), 1.0)
            except PermissionRefused as error:
                os.write(write, f"{error}; {error.next_step}".encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(write)
        with os.fdopen(read) as words:
            assert "usermod -aG root nobody" in words.read()


async def test_watch_gives_the_state_now_and_after_each_change(path: Path) -> None:
    target = FakeTarget()
    loop = asyncio.get_running_loop()

    def question(client: ControlClient) -> list[int]:
        documents = client.watch()
        first = next(documents)
        loop.call_soon_threadsafe(target.change, replace(target.state, queued=7))
        second = next(documents)
        assert first is not None
        assert second is not None
        return [first["csms"]["queued"], second["csms"]["queued"]]

    assert await asked(path, question, target) == [0, 7]


async def test_watch_asks_again_where_nothing_changes(path: Path) -> None:
    def question(client: ControlClient) -> list[bool]:
        documents = client.watch(refresh_s=0.01)
        return [next(documents) is not None for _ in range(3)]

    assert await asked(path, question) == [True, True, True]


def test_watch_survives_that_there_is_no_daemon(path: Path) -> None:
    with ControlClient(str(path)) as client:
        assert next(client.watch()) is None
