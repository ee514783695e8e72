"""The settings in force, and their file read again while the daemon runs: what can be followed, or nothing."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Never

from cpd.errors import SettingsError
from cpd.settings import Settings, load_settings
from cpd.settings.changes import Changes, changes, followed

log = logging.getLogger(__name__)


class Reloading:
    """Follows the file of the settings that a daemon was started with; `run` serves whoever cannot wait for it."""

    def __init__(self, started: Settings, apply: Callable[[Settings], None]) -> None:
        """*apply* puts settings in force, whole, before it returns."""
        self.settings = started
        """What is in force."""
        self._started = started
        self._apply = apply
        self.noted: Callable[[], AbstractContextManager[None]] = nullcontext
        """Encloses each reload, for whoever is to know of it."""
        self._asked = asyncio.Event()
        # The file that was read later is the one that is to hold.
        self._reading = asyncio.Lock()

    async def reload(self) -> Changes:
        """Read the file again; what can be followed is in force once this returns.

        Raises `SettingsError`, nothing changed.
        """
        async with self._reading:
            with self.noted():
                return await self._reload()

    def ask(self) -> None:
        """Reload soon, and tell the log what came of it (SIGHUP)."""
        self._asked.set()

    async def run(self) -> Never:
        """Do what is asked for, for ever."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                await self.reload()
            except SettingsError as error:
                log.error("reload refused, nothing is changed: %s", " ".join(str(error).split()))

    async def _reload(self) -> Changes:
        file = await asyncio.to_thread(load_settings, self._started.file)
        before = self.settings
        self.settings = followed(self._started, before, file)
        found = changes(before, self.settings, file)
        if found.changed:
            self._apply(self.settings)
        for warning in found.warnings:
            log.warning("%s", warning)
        for change in found.changed:
            log.info("reload %s = %s, was %s", change.key, change.now, change.before)
        for change in found.needs_restart:
            log.warning("reload %s = %s needs a restart", change.key, change.now)
        log.info("reload changed=%d needs_restart=%d", len(found.changed), len(found.needs_restart))
        return found
