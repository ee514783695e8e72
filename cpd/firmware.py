"""The machine's side of a firmware update: the file, and the installer's commands for it."""

import asyncio
import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cpd.station.firmware import FirmwareFailure
from cpd.transfers.location import TransferFailed
from cpd.transfers.transfer import fetch

RESTART_STATUS = 64
"""The exit status with which the installer asks for a restart of the machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareCommands:
    """What the installer of the charger has set: *install* has ``{file}`` for the file. None: there is none."""

    install: Sequence[str] | None
    confirm: Sequence[str] | None
    roll_back: Sequence[str] | None
    confirm_within_s: float


class MachineFirmware:
    """A `cpd.station.firmware.FirmwareMachine`; the file is *file*, *ca_file* adds to who is trusted with it.

    Without a command nothing is installed, unless *takes_anything*: nothing is to be changed then.
    """

    def __init__(
        self, file: Path, commands: FirmwareCommands, *, ca_file: Path | None, takes_anything: bool
    ) -> None:
        self._file = file
        self.commands = commands
        """What holds from the next step on."""
        self.ca_file = ca_file
        self._takes_anything = takes_anything

    @property
    def confirm_within_s(self) -> float:
        return self.commands.confirm_within_s

    async def fetch(self, location: str) -> None:
        try:
            await fetch(location, self._file, ca_file=self.ca_file)
        except TransferFailed as failure:
            raise FirmwareFailure(str(failure)) from failure

    async def install(self) -> bool:
        if not self._file.exists():
            raise FirmwareFailure("the file is gone")
        if self.commands.install is None:
            if self._takes_anything:
                return False
            raise FirmwareFailure("firmware.install_command is not set")
        status = await _run([part.replace("{file}", str(self._file)) for part in self.commands.install])
        if status not in (0, RESTART_STATUS):
            raise FirmwareFailure(f"{self.commands.install[0]} ended with status {status}")
        return status == RESTART_STATUS

    async def confirm(self) -> None:
        if self.commands.confirm is not None:
            await _require(self.commands.confirm)

    async def roll_back(self) -> None:
        if self.commands.roll_back is None:
            raise FirmwareFailure("firmware.rollback_command is not set")
        await _require(self.commands.roll_back)

    def discard(self) -> None:
        with suppress(OSError):
            self._file.unlink()


async def _require(command: Sequence[str]) -> None:
    status = await _run(command)
    if status != 0:
        raise FirmwareFailure(f"{command[0]} ended with status {status}")


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
