"""Look at everything that can be looked at, and say what to do: `cpd doctor`, with the daemon or without it."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from cpd.clock import Clock, LinuxMachine
from cpd.control.api import DoctorDocument
from cpd.control.doctor import doctor_document
from cpd.diagnostics.machine_examination import examine_devices, examine_files, examine_software, found
from cpd.diagnostics.station_examination import examine_station
from cpd.errors import SettingsError
from cpd.settings import Settings, load_settings
from cpd.station.snapshot import StationSnapshot
from hal.examination import Finding, Health

_HARDWARE_S: Final = 3.0
"""Less than a client waits for its answer."""


class Doctor:
    """Examines the daemon that it is part of, and what it stands on."""

    def __init__(
        self,
        *,
        settings: Callable[[], Settings],
        snapshot: Callable[[], StationSnapshot],
        hardware: Callable[[], Awaitable[tuple[Finding, ...]]],
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._snapshot = snapshot
        self._hardware = hardware
        self._clock = clock

    async def examine(self) -> tuple[Finding, ...]:
        """All findings: the machine's, the daemon's, the hardware's."""
        system_now = self._clock.system_now()
        station = examine_station(self._snapshot(), system_now=system_now, environment=os.environ)
        # A card that stalls must not stall the loop.
        machine = asyncio.to_thread(
            lambda: (*examine_software(), *examine_files(self._settings(), system_now))
        )
        return (*await machine, *station, *await self._examined_hardware())

    async def _examined_hardware(self) -> tuple[Finding, ...]:
        try:
            async with asyncio.timeout(_HARDWARE_S):
                return await self._hardware()
        except TimeoutError:
            evidence = f"does not answer within {_HARDWARE_S:g} s"
            return (found("guard", Health.FAILED, evidence, "sudo systemctl status cpd-guard"),)


def examine_without_daemon(config: Path) -> DoctorDocument:
    """What can be found while cpd does not run: the machine, the file *config*, what it names."""
    findings = list(examine_software())
    try:
        settings = load_settings(config)
    except SettingsError as error:
        step = f"cpd config check {config}"
        findings.append(found("configuration", Health.FAILED, str(error).splitlines()[0], step))
    else:
        findings += examine_files(settings, LinuxMachine().wall())
        findings += examine_devices(settings)
    return doctor_document(findings, running=False)
