"""What must reach the CSMS, in strict order: transaction facts, kept in the store until they are answered.

While the CSMS answers and nothing waits, a meter sample goes straight out and is written only if it stays
unanswered: that spares the SD card. Else it is held in memory, until `keep` or the next start or stop writes all that
is held in one go: each commit costs the card ten times what is in a sample. Whatever is appended later goes behind
it, in the store too.

A charger without a CSMS tells nobody: its transactions stay in the store's list of them. Only of those that a
CSMS was told of, or is to be told of, before it was taken out of the configuration, the facts are still kept.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from cpd.domain.metering import MeterSample
from cpd.domain.transactions import FactKind, Moment, Transaction
from cpd.errors import StorageError
from cpd.station.repositories import JournalEntry, Repositories, Store
from cpd.station.signal import Signal

log = logging.getLogger(__name__)

QUOTA_BYTES = 64_000_000

MOST_HELD = 200
"""So many samples are held in memory at most, however often they are taken."""


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One fact on its way. *seq* is None while it was never written."""

    kind: FactKind
    transaction: Transaction
    sample: MeterSample | None
    created: Moment
    attempts: int
    seq: int | None


class Journal:
    """The outbox. One task delivers (`next`, `delivered`, `failed`, `given_up`); the station appends."""

    def __init__(
        self,
        store: Store,
        *,
        queued: int,
        dead: int,
        has_csms: bool = True,
        quota_bytes: int = QUOTA_BYTES,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """*changed* is called whenever `queued` or `dead` may have changed; it must not wait.

        Beyond *quota_bytes* of the store samples are thinned, starts and stops never.
        """
        self._store = store
        self._has_csms = has_csms
        self._changed = changed
        self.quota_bytes = quota_bytes
        self._direct: deque[Delivery] = deque()
        self._stored = queued
        # What goes behind all that is in the store, and is not written yet.
        self._held: deque[Delivery] = deque()
        self._due: Delivery | None = None
        # Two writers at once would both write what is still unwritten.
        self._writing = asyncio.Lock()
        self.dead = dead
        self.appended = Signal()

    @property
    def queued(self) -> int:
        """How many facts wait."""
        return self._stored + len(self._unwritten())

    async def commit(
        self, work: Callable[[Repositories], None], kind: FactKind, local_id: str, created: Moment
    ) -> None:
        """Commit *work* and one fact of transaction *local_id* together, durably.

        Without a CSMS the fact is kept only where one was told of the transaction, or was to be told.
        """
        async with self._writing:
            unwritten = self._unwritten()

            def both(repositories: Repositories) -> tuple[list[int], bool]:
                seqs = _write(repositories, unwritten)
                work(repositories)
                tells = self._has_csms or repositories.transactions.told(local_id)
                if tells:
                    repositories.journal.append(kind, local_id, created)
                elif kind is FactKind.STOPPED:
                    # They wait for a StopTransaction, and there will be none.
                    repositories.transaction_samples.remove(local_id)
                return seqs, tells

            seqs, tells = await self._store.commit(both)
            self._written(unwritten, seqs)
            self._stored += tells
        self._appended()

    async def sample(self, transaction: Transaction, sample: MeterSample, *, answered: bool) -> None:
        """Take a sample of a running transaction; *answered*: the CSMS answers at present.

        A power cut may lose it until `keep` returns. Raises `StorageError` where the oldest one that is held is lost,
        because the store takes nothing for too long.
        """
        if not self._has_csms:
            return
        delivery = Delivery(
            kind=FactKind.METERED,
            transaction=transaction,
            sample=sample,
            created=sample.taken,
            attempts=0,
            seq=None,
        )
        async with self._writing:
            if answered and self._stored == 0 and not self._held:
                self._direct.append(delivery)
            else:
                self._held.append(delivery)
                await self._write_excess()
        self._appended()

    async def keep(self) -> None:
        """Write the samples that are held in memory. Raises `StorageError`, and holds them on then."""
        async with self._writing:
            if self._held:
                await self._write_all(self._unwritten())

    async def write_unanswered(self) -> None:
        """The link is gone: what went straight out and was not answered is kept in the store."""
        async with self._writing:
            await self._write_all(_unwritten(self._direct))
            self._direct.clear()

    async def until_due(self) -> None:
        """Wait until there is a fact to deliver."""
        while not (self._direct or self._stored or self._held):
            await self.appended.wait()

    async def next(self) -> Delivery:
        """The fact that is due, waiting for one where there is none."""
        while True:
            if self._direct:
                return self._direct[0]
            if not self._stored:
                if self._held:
                    await self._release()
                else:
                    await self.appended.wait()
                continue
            # Who thins meanwhile is to know what is due, and what is appended is to be counted.
            async with self._writing:
                entry = await self._store.relaxed(lambda repositories: repositories.journal.head())
                if entry is not None:
                    self._due = _delivery(entry)
                    return self._due
                self._stored = 0

    async def delivered(self, delivery: Delivery, work: Callable[[Repositories], None] | None = None) -> None:
        """The CSMS has it. *work* (what its answer brought) is committed durably in the same SQL transaction.

        That meter values were delivered is not: a power cut may undo it, and the CSMS then gets the same message
        once more, equal in every byte but its unique id. Start and stop cannot come again once this returns.

        Raises `StorageError`; what the CSMS has is not to be sent again, so call this again with the same values.
        """
        async with self._writing:
            if self._direct and self._direct[0] is delivery:
                self._direct.popleft()
            seq = delivery.seq

            def settle(repositories: Repositories) -> bool:
                waited = seq is not None and repositories.journal.delivered(seq)
                if delivery.kind is FactKind.STOPPED:
                    repositories.transaction_samples.remove(delivery.transaction.local_id)
                if work is not None:
                    work(repositories)
                return waited

            waited = False
            if work is not None or (seq is not None and delivery.kind is not FactKind.METERED):
                waited = await self._store.commit(settle)
            elif seq is not None:
                waited = await self._store.relaxed(settle)
            self._stored -= waited
        self._changed()

    async def failed(self, delivery: Delivery, error: str) -> None:
        """The CSMS did not take it: one attempt more was in vain, it stays the first."""
        delivery.attempts += 1
        await self.write_unanswered()
        seq = delivery.seq
        if seq is not None:
            await self._store.relaxed(lambda repositories: repositories.journal.failed(seq, error))

    async def given_up(self, delivery: Delivery, error: str) -> None:
        """The last attempt was in vain: it is kept among the dead, and the next one is due."""
        await self.failed(delivery, error)
        seq = delivery.seq
        if seq is not None:
            async with self._writing:
                buried = await self._store.commit(lambda repositories: repositories.journal.bury(seq, error))
                self._stored -= buried
                self.dead += buried
            self._changed()

    async def entries(self, *, dead: bool | None = None) -> Sequence[JournalEntry]:
        """What waits and what is dead, in the order of delivery; *dead*: only that, or only the rest."""
        kept = await self._store.relaxed(lambda repositories: repositories.journal.entries(dead=dead))
        return kept if dead else [*kept, *map(_entry, self._unwritten())]

    async def revive(self, seqs: Collection[int]) -> Sequence[JournalEntry]:
        """Put the dead facts of these numbers back in their places, with no attempts; returns what waits anew.

        The stop of a start that comes back follows it, though it was given up as well, or was delivered without
        a transaction number: else the CSMS would book a transaction that never ends. Raises `StorageError`.
        """
        async with self._writing:
            revived, dead = await self._store.commit(lambda repositories: _revive(repositories, seqs))
            self._stored += len(revived)
            self.dead = dead
        self._appended()
        return revived

    def _appended(self) -> None:
        self.appended.fire()
        self._changed()

    async def _release(self) -> None:
        """Nothing is before the samples that are held: they go straight out, as of their transactions now."""
        async with self._writing:
            if self._stored:
                # They were written meanwhile, and others are behind them.
                return
            running = await self._store.relaxed(lambda repositories: repositories.transactions.running())
            known = {one.local_id: one for one in running}
            for delivery in self._held:
                delivery.transaction = known.get(delivery.transaction.local_id, delivery.transaction)
            self._direct.extend(self._held)
            self._held.clear()

    async def _write_excess(self) -> None:
        if len(self._held) <= MOST_HELD:
            return
        try:
            await self._write_all(self._unwritten())
        except StorageError:
            self._held.popleft()
            raise

    async def _write_all(self, deliveries: list[Delivery]) -> None:
        if not deliveries:
            return
        on_their_way = (*self._direct, self._due)
        spared = {one.seq for one in on_their_way if one is not None and one.seq is not None}
        fresh = len(_unwritten(self._direct))
        quota_bytes = self.quota_bytes

        def write(repositories: Repositories) -> tuple[list[int], int, tuple[int, int]]:
            seqs = _write(repositories, deliveries)
            thinned = repositories.journal.thin(quota_bytes, spared=spared.union(seqs[:fresh]))
            return seqs, thinned, repositories.journal.counts() if thinned else (0, 0)

        seqs, thinned, counts = await self._store.relaxed(write)
        self._written(deliveries, seqs)
        if thinned:
            self._stored, self.dead = counts
            log.warning("journal has more than %d bytes, samples dropped=%d", quota_bytes, thinned)

    def _unwritten(self) -> list[Delivery]:
        return [*_unwritten(self._direct), *self._held]

    def _written(self, deliveries: list[Delivery], seqs: list[int]) -> None:
        for delivery, seq in zip(deliveries, seqs, strict=True):
            delivery.seq = seq
        self._held = deque(_unwritten(self._held))
        self._stored += len(seqs)


def _unwritten(deliveries: Iterable[Delivery]) -> list[Delivery]:
    return [delivery for delivery in deliveries if delivery.seq is None]


def _write(repositories: Repositories, deliveries: list[Delivery]) -> list[int]:
    return [
        repositories.journal.append(
            delivery.kind, delivery.transaction.local_id, delivery.created, delivery.sample
        )
        for delivery in deliveries
    ]


def _revive(repositories: Repositories, seqs: Collection[int]) -> tuple[list[JournalEntry], int]:
    """What waits anew, and how many are dead now."""
    journal = repositories.journal
    entries = journal.entries()
    stops = {one.transaction.local_id: one for one in entries if one.kind is FactKind.STOPPED}
    revived = {seq for seq in seqs if journal.revive(seq)}
    for start in (one for one in entries if one.seq in revived and one.kind is FactKind.STARTED):
        local_id, ended = start.transaction.local_id, start.transaction.stopped
        stop = stops.get(local_id)
        if stop is None and ended is not None:
            revived.add(journal.append(FactKind.STOPPED, local_id, ended))
        elif stop is not None and stop.seq is not None and journal.revive(stop.seq):
            revived.add(stop.seq)
    _, dead = journal.counts()
    return [one for one in journal.entries(dead=False) if one.seq in revived], dead


def _entry(delivery: Delivery) -> JournalEntry:
    return JournalEntry(
        seq=delivery.seq,
        kind=delivery.kind,
        transaction=delivery.transaction,
        sample=delivery.sample,
        attempts=delivery.attempts,
        last_error=None,
        dead=False,
        created=delivery.created,
    )


def _delivery(entry: JournalEntry) -> Delivery:
    return Delivery(
        kind=entry.kind,
        transaction=entry.transaction,
        sample=entry.sample,
        created=entry.created,
        attempts=entry.attempts,
        seq=entry.seq,
    )
