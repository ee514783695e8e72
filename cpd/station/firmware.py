"""Firmware updates carried out: fetched, installed once nothing charges, each step kept before it is told.

How a file is fetched and installed is the machine's matter; what follows what is decided in the domain.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Never, Protocol

from cpd.domain.firmware import (
    MAX_RETRIES,
    MIN_RETRY_INTERVAL_S,
    FirmwareStatus,
    FirmwareUpdate,
    Phase,
    Step,
    begin_download,
    begin_installation,
    confirmed,
    download_failed,
    downloaded,
    installation_failed,
    installed,
    resumed,
    roll_back,
    stay,
)
from cpd.errors import StorageError
from cpd.station.csms import Csms
from cpd.station.file_statuses import FileStatuses
from cpd.station.repositories import Repositories, Store, UntoldStatus
from cpd.station.signal import Signal
from cpd.station.timebase import Timebase

log = logging.getLogger(__name__)

RETRY_S = 5.0
"""What the store refused is tried again this much later."""

TELL_S = 10.0
"""How long a restart waits for that at most."""

CONFIRM_RETRY_S = 60.0
"""A confirmation that failed is tried again this much later."""


class FirmwareFailure(Exception):
    """The machine could not do its part; `str()` says why, without the location of the file."""


class FirmwareMachine(Protocol):
    """What fetches a file and installs it; one at a time. Its methods raise `FirmwareFailure`."""

    @property
    def confirm_within_s(self) -> float:
        """How long a new version may take until the CSMS accepts it."""

    async def fetch(self, location: str) -> None:
        """Fetch the file, whole, in the place of the last one."""

    async def install(self) -> bool:
        """Install the file; True where the machine is to restart before it counts."""

    async def confirm(self) -> None:
        """The new version is good: keep it."""

    def discard(self) -> None:
        """The file is of no use any more, if there is one."""

    async def roll_back(self) -> None:
        """Bring the old version back, for the next start of the machine."""


class Firmware:
    """The update on its way, if one is; *changed* is called when it begins or ceases to keep sessions from starting.

    *idle* is true while nothing charges, which may turn whenever *turned* fires, as may the standing at the CSMS.
    *restart* restarts the machine.
    """

    def __init__(
        self,
        kept: FirmwareUpdate | None,
        *,
        machine: FirmwareMachine,
        version: str,
        statuses: FileStatuses,
        csms: Csms,
        store: Store,
        timebase: Timebase,
        idle: Callable[[], bool],
        turned: Signal,
        changed: Callable[[], None],
        restart: Callable[[], None],
    ) -> None:
        self._update = kept
        self._machine = machine
        self._version = version
        self._statuses = statuses
        self._csms = csms
        self._store = store
        self._timebase = timebase
        self._idle = idle
        self._turned = turned
        self._changed = changed
        self._restart = restart
        self._asked = Signal()
        # A step is judged, written and then in force: another request must not come between.
        self._changing = asyncio.Lock()

    @property
    def status(self) -> FirmwareStatus:
        """What is done at present; Idle where that is nothing (§6.19)."""
        return FirmwareStatus.IDLE if self._update is None else self._update.status

    @property
    def closes(self) -> bool:
        """True while no session may begin, because of the update."""
        return self._update is not None and self._update.closes

    async def ask(self, location: str, retrieve_at: datetime, retries: int, retry_interval_s: int) -> bool:
        """Update from *location*, in the place of an update that is not being installed yet; False where one is.

        Kept once this returns True. Raises `StorageError`.
        """
        update = FirmwareUpdate(
            location=location,
            retrieve_at=retrieve_at,
            retries=min(max(retries, 0), MAX_RETRIES),
            retry_interval_s=max(retry_interval_s, MIN_RETRY_INTERVAL_S),
            version=self._version,
        )
        async with self._changing:
            if self._update is not None and not self._update.replaceable:
                return False
            await self._store.commit(lambda repositories: repositories.firmware.put(update))
            self._take(update)
        log.info("firmware update is due at=%s retries=%d", retrieve_at, update.retries)
        self._asked.fire()
        return True

    def look(self) -> None:
        """The wall clock stepped: look again whether it is time."""
        self._asked.fire()

    async def run(self) -> None:
        """Carry updates out, for ever."""
        if self._update is not None:
            await self._move(self._update, resumed(self._update, self._version))
        if self._update is None or self._update.phase not in (Phase.DOWNLOADED, Phase.INSTALLING):
            self._machine.discard()
        while True:
            if self._update is None:
                await self._asked.wait()
            else:
                await self._do(self._update)

    async def _do(self, update: FirmwareUpdate) -> None:
        match update.phase:
            case Phase.WAITING:
                await self._wait_until(update)
            case Phase.DOWNLOADING:
                await self._move(update, await self._fetch(update))
            case Phase.DOWNLOADED:
                if self._idle():
                    await self._move(update, begin_installation(update, online=self._csms.online))
                else:
                    await self._turned.wait()
            case Phase.INSTALLING:
                await self._move(update, await self._install(update))
                # Not before: an installation whose end is not kept is begun again after a restart, and needs it.
                self._machine.discard()
            case Phase.RESTARTING:
                await self._end()
            case Phase.CONFIRMING:
                await self._move(update, await self._confirm(update))
            case Phase.ROLLING_BACK:
                await self._roll_back(update)
            case Phase.STAYING:
                await self._move(update, await self._confirm_for_good())

    async def _wait_until(self, update: FirmwareUpdate) -> None:
        ahead_s = (update.retrieve_at - self._timebase.clock.now()).total_seconds()
        if ahead_s <= 0:
            await self._move(update, begin_download(update))
            return
        try:
            async with asyncio.timeout(ahead_s):
                await self._asked.wait()
        except TimeoutError:
            return

    async def _fetch(self, update: FirmwareUpdate) -> Step:
        try:
            await self._machine.fetch(update.location)
        except FirmwareFailure as error:
            log.warning("firmware is not fetched retries=%d: %s", update.retries, error)
            return download_failed(update, self._timebase.clock.now())
        return downloaded(update)

    async def _install(self, update: FirmwareUpdate) -> Step:
        try:
            restarts = await self._machine.install()
        except FirmwareFailure as error:
            log.error("firmware is not installed: %s", error)
            return installation_failed()
        return installed(update, restarts=restarts)

    async def _confirm(self, update: FirmwareUpdate) -> Step:
        """The new version is up. Where the CSMS was there before it, its silence says that the new one is no good."""
        if update.online and not await self._is_accepted_in_time():
            return roll_back(update)
        return await self._confirm_for_good()

    async def _is_accepted_in_time(self) -> bool:
        try:
            async with asyncio.timeout(self._machine.confirm_within_s):
                await self._until_accepted()
        except TimeoutError:
            log.error("firmware version=%s was not accepted in time", self._version)
            # What charges is not cut off for it, and an acceptance that comes meanwhile counts.
            while not self._is_accepted() and not self._idle():
                await self._turned.wait()
        return self._is_accepted()

    async def _confirm_for_good(self) -> Step:
        await self._until_accepted()
        while True:
            try:
                await self._machine.confirm()
            except FirmwareFailure as error:
                log.error("firmware version=%s is not confirmed: %s", self._version, error)
                await self._timebase.clock.sleep(CONFIRM_RETRY_S)
            else:
                return confirmed()

    async def _until_accepted(self) -> None:
        while not self._is_accepted():
            await self._turned.wait()

    def _is_accepted(self) -> bool:
        """The CSMS has accepted this boot, or there is none whose word is to be waited for."""
        link = self._csms.link
        return link.url is None or link.registration == "Accepted"

    async def _roll_back(self, update: FirmwareUpdate) -> None:
        log.error("firmware goes back to version=%s", update.version)
        try:
            await self._machine.roll_back()
        except FirmwareFailure as error:
            log.error("firmware version=%s stays: %s", self._version, error)
            await self._move(update, stay(update))
        else:
            await self._end()

    async def _end(self) -> Never:
        """Restart the machine, once the CSMS has been told what came before; nothing more is done."""
        if self._csms.online:
            # A status that is on its way when the link goes down is told twice.
            await self._statuses.until_told(TELL_S)
        self._restart()
        while True:
            await asyncio.Event().wait()

    async def _move(self, before: FirmwareUpdate, step: Step) -> None:
        """Keep a step, and what is told of it, until the store takes it; nothing where another update came."""
        while True:
            try:
                async with self._changing:
                    if self._update is before:
                        await self._keep(step)
                    return
            except StorageError as error:
                log.error("firmware update waits for the store: %s", error)
            await self._timebase.clock.sleep(RETRY_S)

    async def _keep(self, step: Step) -> None:
        def work(repositories: Repositories) -> UntoldStatus | None:
            if step.update is None:
                repositories.firmware.remove()
            else:
                repositories.firmware.put(step.update)
            return None if step.told is None else repositories.file_statuses.tell(step.told)

        untold = await self._store.commit(work)
        if untold is not None:
            log.info("firmware %s", untold.status)
        self._statuses.add(untold)
        self._take(step.update)

    def _take(self, update: FirmwareUpdate | None) -> None:
        closed, self._update = self.closes, update
        if closed is not self.closes:
            self._changed()
