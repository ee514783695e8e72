"""The machine's side of a firmware update: a file over http, https or ftp, and the installer's command for it."""

import asyncio
import os
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from cpd.station.firmware import FirmwareFailure

RESTART_STATUS = 64
"""The exit status with which the installer asks for a restart of the machine."""

SILENCE_S = 20.0
"""How long a server may say nothing."""

_CHUNK_BYTES = 1 << 16
_SCHEMES = ("http", "https", "ftp")


class MachineFirmware:
    """A `cpd.station.firmware.FirmwareMachine`; the file is *file*.

    *command* has ``{file}`` for it. Without a command nothing is installed, unless *takes_anything*: nothing is to
    be changed then.
    """

    def __init__(self, file: Path, command: Sequence[str] | None, *, takes_anything: bool) -> None:
        self._file = file
        self._command = command
        self._takes_anything = takes_anything

    async def fetch(self, location: str) -> None:
        abandoned = threading.Event()
        try:
            await asyncio.to_thread(_download, location, self._file, abandoned)
        finally:
            abandoned.set()

    async def install(self) -> bool:
        if not self._file.exists():
            raise FirmwareFailure("the file is gone")
        if self._command is None:
            if self._takes_anything:
                self._discard()
                return False
            raise FirmwareFailure("firmware.install_command is not set")
        status = await _run([part.replace("{file}", str(self._file)) for part in self._command])
        if status not in (0, RESTART_STATUS):
            raise FirmwareFailure(f"{self._command[0]} ended with status {status}")
        self._discard()
        return status == RESTART_STATUS

    def _discard(self) -> None:
        with suppress(OSError):
            self._file.unlink()


def _download(location: str, file: Path, abandoned: threading.Event) -> None:
    """Fetch *location* into *file*, which is there whole or not at all. Raises `FirmwareFailure`."""
    # Needed once in months, and slow to import.
    import ftplib
    import http.client
    import urllib.request

    part = file.with_name(f"{file.name}.part")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        if urlsplit(location).scheme.lower() not in _SCHEMES:
            raise FirmwareFailure(f"only {', '.join(_SCHEMES)} are served")
        with opener.open(location, timeout=SILENCE_S) as answer, part.open("wb") as target:
            got = 0
            while chunk := answer.read(_CHUNK_BYTES):
                if abandoned.is_set():
                    raise FirmwareFailure("the download was abandoned")
                got += target.write(chunk)
            promised = answer.headers.get("Content-Length")
            if promised is not None and promised.isdigit() and int(promised) != got:
                raise FirmwareFailure(f"the file ended after {got} of {promised} bytes")
            target.flush()
            os.fsync(target.fileno())
        part.replace(file)
        _sync_folder(file.parent)
    except (OSError, EOFError, ftplib.Error, http.client.HTTPException, ValueError) as error:
        raise FirmwareFailure(
            f"{type(error).__name__}: {getattr(error, 'reason', None) or 'no file'}"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _run(command: Sequence[str]) -> int:
    """Run *command* to its end; returns its exit status. Raises `FirmwareFailure` where it cannot be started.

    It is in a session of its own and lives on where the daemon is stopped: an installer may do just that.
    """
    process = _start(command)
    descriptor = os.pidfd_open(process.pid)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return process.wait()


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        raise FirmwareFailure(f"{command[0]}: {error.strerror}") from error
