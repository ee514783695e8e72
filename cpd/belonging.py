"""Whose store this is: a copied SD card comes up elsewhere with the id, the password and the queue of its original.

The board is known by what no card carries along, a Raspberry Pi by its serial number; elsewhere the system's
machine-id must do, which at least tells a store that was carried to another system. The charger goes on either way:
only a person knows whether the card was copied, or put into a new board on purpose.
"""

import hashlib
import logging
from pathlib import Path
from typing import Final

from cpd.station.repositories import KnownMachine
from cpd.storage.database import Database

log = logging.getLogger(__name__)

_SOURCES: Final = (("serial", "proc/device-tree/serial-number"), ("machine-id", "etc/machine-id"))
"""Kinds of identity, the best first, and their files. Only two of one kind can be compared."""


def machine_identity(root: Path = Path("/")) -> str | None:
    """Which machine this is, as ``serial:…`` or ``machine-id:…`` with a hash; None where it does not say.

    *root* is where the files of the system begin.
    """
    for kind, name in _SOURCES:
        try:
            told = (root / name).read_bytes().strip(b"\0\n ")
        except OSError:
            continue
        if told.strip(b"0"):
            return f"{kind}:{hashlib.sha256(b'cpd ' + told).hexdigest()[:24]}"
    return None


class Belonging:
    """Compares the machine of *store* with this one, which is *identity* and serves as *station_id*."""

    def __init__(self, store: Database, *, identity: str | None, station_id: str) -> None:
        self._store = store
        self._here = None if identity is None else KnownMachine(identity=identity, station_id=station_id)

    async def look(self) -> None:
        """Remember this machine in a store that knows none, and tell in the store's health of one that has another.

        Raises `StorageError`.
        """
        here = self._here
        known = await self._store.relaxed(lambda repositories: repositories.machine.get())
        if here is None or known == here:
            return
        if known is not None and _differ(known.identity, here.identity):
            self._store.moved = _sentence(known, here)
            log.warning("store moved, known_as=%s: %s", known.station_id, self._store.moved)
        elif known is None or not known.identity.startswith("serial:") or here.identity.startswith("serial:"):
            await self._store.relaxed(lambda repositories: repositories.machine.put(here))

    async def accept(self) -> bool:
        """The store belongs here from now on; False where nobody doubted it. Raises `StorageError`."""
        here = self._here
        if here is None or self._store.moved is None:
            return False
        await self._store.commit(lambda repositories: repositories.machine.put(here))
        self._store.moved = None
        return True


def _differ(known: str, here: str) -> bool:
    return known.partition(":")[0] == here.partition(":")[0] and known != here


def _sentence(known: KnownMachine, here: KnownMachine) -> str:
    if known.station_id == here.station_id:
        return f"it comes from another machine that was {known.station_id} as well: a copied SD card?"
    return f"it comes from another machine, {known.station_id}, whose sessions and keys it holds"
