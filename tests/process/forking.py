"""Starts `cpd` by forking a process that has loaded it already: a fifth of a second of imports less, each time.

What is forked is a process of its own, with its own pid, signals, files, arguments and environment. Tests of how
the program starts from nothing do not come this way. ``python -m tests.process.forking`` is the parent of them all:
it is asked over the socket on its standard input, and ends with whoever asks.
"""

import asyncio
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NoReturn

_STATUS = struct.Struct("i")
_LONGEST_REQUEST_BYTES = 1 << 17


class Forked(asyncio.SubprocessTransport):
    """A running child; what it writes on standard error goes to *protocol*, as from asyncio's own transport."""

    def __init__(self, pid: int, protocol: asyncio.SubprocessProtocol, errors: int, status: int) -> None:
        super().__init__()
        self._pid = pid
        self._protocol = protocol
        self._returncode: int | None = None
        self._errors = errors
        self._reading = {errors, status}
        self._loop = asyncio.get_running_loop()
        for end in self._reading:
            os.set_blocking(end, False)
            self._loop.add_reader(end, self._readable, end)

    def get_pid(self) -> int:
        return self._pid

    def get_returncode(self) -> int | None:
        return self._returncode

    def send_signal(self, signal: int) -> None:
        if self._returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """What is still to come is not read any more."""
        for end in set(self._reading):
            self._done(end)

    def _readable(self, end: int) -> None:
        data = os.read(end, 1 << 16)
        if end == self._errors:
            if data:
                self._protocol.pipe_data_received(2, data)
                return
        else:
            (self._returncode,) = _STATUS.unpack(data)
        self._done(end)
        if not self._reading:
            # Dead, and all that it wrote has been read.
            self._protocol.connection_lost(None)

    def _done(self, end: int) -> None:
        self._reading.discard(end)
        self._loop.remove_reader(end)
        os.close(end)


class Parent:
    """The process that has loaded `cpd`, and forks."""

    def __init__(self) -> None:
        self._asked, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # It ends where this end of the socket is closed, as it is when this process ends.
            self._process = subprocess.Popen((sys.executable, "-m", __name__), stdin=theirs)

    def fork(
        self, protocol: asyncio.SubprocessProtocol, arguments: Sequence[str], environment: Mapping[str, str]
    ) -> Forked:
        """Run ``cpd`` with *arguments* in *environment*."""
        errors, their_errors = os.pipe()
        status, their_status = os.pipe()
        request = json.dumps([arguments, dict(environment), str(Path.cwd())]).encode()
        socket.send_fds(self._asked, [request], [their_errors, their_status])
        os.close(their_errors)
        os.close(their_status)
        pid = int(self._asked.recv(32))
        return Forked(pid, protocol, errors, status)


@cache
def parent() -> Parent:
    """The one of this process, loaded when it is asked for first."""
    return Parent()


def _be_the_program(request: bytes, errors: int) -> NoReturn:
    """In the child: never returns."""
    status = 1
    try:
        arguments, environment, folder = json.loads(request)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(errors, 2)
        os.closerange(3, 64)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = ["cpd", *arguments]
        from cpd.cli.main import main

        status = main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def serve() -> None:
    """Fork for whoever asks on standard input, and tell how each child ended, until nobody can ask any more."""
    import cpd.cli.main
    import cpd.cli.run
    import cpd.daemon  # noqa: F401 — all of it is loaded before the first fork

    asked = socket.socket(fileno=0)
    with selectors.DefaultSelector() as waiting:
        waiting.register(asked, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is asked:
                    request, fds, _, _ = socket.recv_fds(asked, _LONGEST_REQUEST_BYTES, 2)
                    if not request:
                        return
                    errors, status = fds
                    pid = os.fork()
                    if not pid:
                        _be_the_program(request, errors)
                    os.close(errors)
                    asked.send(str(pid).encode())
                    waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, status))
                else:
                    pid, status = key.data
                    waiting.unregister(key.fileobj)
                    os.close(key.fd)
                    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                    with suppress(BrokenPipeError):
                        os.write(status, _STATUS.pack(code))
                    os.close(status)


if __name__ == "__main__":
    serve()
