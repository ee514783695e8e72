"""Whose store this is: a copied SD card comes up elsewhere with the id, the password and the queue of its original.

The board is known by what no card carries along, a Raspberry Pi by its serial number; elsewhere the system's
machine-id must do, which at least tells a store that was carried to another system. The charger goes on either way:
only a person knows whether the card was copied, or put into a new board on purpose. Until that is said, what the
original had not told yet is held among the dead letters, its open sessions ended: told by both, it is billed twice.
"""

import hashlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import Final

from cpd.domain.transactions import FactKind, Moment, StopReason
from cpd.station.journal import Journal
from cpd.station.repositories import KnownMachine, Repositories
from cpd.station.timebase import Timebase
from cpd.storage.database import Database

log = logging.getLogger(__name__)

_SOURCES: Final = (("serial", "proc/device-tree/serial-number"), ("machine-id", "etc/machine-id"))
"""Kinds of identity, the best first, and their files. Only two of one kind can be compared."""

HELD: Final = "of another machine; cpd machine accept sends it"
"""Why a technician finds what the original had not told among the dead letters."""


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

    def __init__(self, store: Database, timebase: Timebase, *, identity: str | None, station_id: str) -> None:
        self._store = store
        self._timebase = timebase
        self._here = None if identity is None else KnownMachine(identity=identity, station_id=station_id)

    async def look(self) -> None:
        """Remember this machine in a store that knows none, and tell in the store's health of one that has another.

        At the first start on that one what is untold is held, and what is open ended; at home again it is released.
        For before the station is loaded. Raises `StorageError`.
        """
        here = self._here
        known = await self._store.relaxed(lambda repositories: repositories.machine.get())
        if here is None or known == here:
            return
        if known is not None and _differ(known.identity, here.identity):
            self._store.moved = _sentence(known, here)
            log.warning("store moved, known_as=%s: %s", known.station_id, self._store.moved)
            if known.held_on != here.identity:
                now = self._timebase.moment()
                held = await self._store.commit(lambda repositories: _hold(repositories, known, here, now))
                log.warning("store moved, messages held=%d: %s", held, HELD)
        elif known is not None and known.held_on is not None and known.identity == here.identity:
            await self._store.commit(lambda repositories: _release(repositories, here))
        elif known is None or not known.identity.startswith("serial:") or here.identity.startswith("serial:"):
            await self._store.relaxed(lambda repositories: repositories.machine.put(here))

    async def accept(self, journal: Journal) -> bool:
        """The store belongs here from now on, and *journal* tells what was held, in its order.

        False where nobody doubted it. Raises `StorageError`.
        """
        here = self._here
        if here is None or self._store.moved is None:
            return False
        dead = await journal.entries(dead=True)
        await journal.revive([one.seq for one in dead if one.seq is not None and one.last_error == HELD])
        await self._store.commit(lambda repositories: repositories.machine.put(here))
        self._store.moved = None
        return True


def is_elsewhere(known: KnownMachine | None, identity: str | None) -> bool:
    """True where what is open in a store of *known* was begun on another machine than this, which is *identity*."""
    if known is None or identity is None:
        return False
    return _differ(known.identity, identity) and known.held_on != identity


def _hold(repositories: Repositories, known: KnownMachine, here: KnownMachine, now: Moment) -> int:
    """End what was open at *now*, and give up what was to be told; returns how many messages that are."""
    journal = repositories.journal
    for transaction in repositories.transactions.running():
        told = repositories.transactions.told(transaction.local_id)
        repositories.transactions.put(transaction.ending(StopReason.POWER_LOSS, None).ended(now, None))
        if told:
            journal.append(FactKind.STOPPED, transaction.local_id, now)
        else:
            repositories.transaction_samples.remove(transaction.local_id)
    repositories.machine.put(replace(known, held_on=here.identity))
    return sum(journal.bury(one.seq, HELD) for one in journal.entries(dead=False) if one.seq is not None)


def _release(repositories: Repositories, here: KnownMachine) -> None:
    for one in repositories.journal.entries(dead=True):
        if one.seq is not None and one.last_error == HELD:
            repositories.journal.revive(one.seq)
    repositories.machine.put(here)


def _differ(known: str, here: str) -> bool:
    return known.partition(":")[0] == here.partition(":")[0] and known != here


def _sentence(known: KnownMachine, here: KnownMachine) -> str:
    if known.station_id == here.station_id:
        return f"it comes from another machine that was {known.station_id} as well: a copied SD card?"
    return f"it comes from another machine, {known.station_id}, whose sessions and keys it holds"
