"""What runs on each connector, and under which profiles: changed in memory only after the store has it.

A transaction's start, its end and its TxProfiles belong together, so one owner changes them in one SQL
transaction each, together with the fact for the CSMS.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from cpd.domain.metering import SampleContext
from cpd.domain.profile_book import BookChange, InstalledProfile, ProfileBook, ProfileFilter
from cpd.domain.profiles import Capabilities, ChargingProfile, Refusal, check_profile
from cpd.domain.sessions import Session
from cpd.domain.transactions import FactKind, Moment, StopReason, Transaction
from cpd.station.journal import Journal
from cpd.station.repositories import Repositories, Store
from cpd.station.timebase import Timebase

log = logging.getLogger(__name__)

Bracket = Callable[[Transaction, SampleContext], Callable[[Repositories], None]]
"""Gives the work that keeps the first or last meter sample of a transaction, to be done with its start or stop."""


def no_samples(_transaction: Transaction, _context: SampleContext) -> Callable[[Repositories], None]:
    """A `Bracket` that keeps nothing."""
    return lambda _repositories: None


class Ledger:
    """Running transactions by connector and the profile book; *changed* is called after every change of either."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        timebase: Timebase,
        *,
        book: ProfileBook,
        next_order: int,
        changed: Callable[[], None],
        bracket: Bracket = no_samples,
    ) -> None:
        self._store = store
        self._journal = journal
        self._timebase = timebase
        self._next_order = next_order
        self._changed = changed
        self._bracket = bracket
        self._sessions: dict[int, Session] = {}
        self._running: dict[int, Transaction] = {}
        self._stopped: dict[str, Moment] = {}
        # The book is read, committed and then replaced: two changes must not read the same one.
        self._book_change = asyncio.Lock()
        self.book = book

    @property
    def running(self) -> Mapping[int, Transaction]:
        """The transaction of each connector that has one, until its stop is booked."""
        return self._running

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The running transactions as smart charging sees them."""
        return tuple(self._sessions.values())

    def session(self, connector: int) -> Session | None:
        """The running transaction of *connector* as smart charging sees it."""
        return self._sessions.get(connector)

    async def start(
        self,
        connector: int,
        id_tag: str,
        parent_id_tag: str | None,
        meter_start_wh: int,
        *,
        bind_profile: bool,
        reservation_id: int | None = None,
    ) -> Transaction:
        """Begin a transaction; returns once it would survive a power cut. Raises `StorageError`.

        *bind_profile*: it was started remotely with a profile, which now becomes its first TxProfile.
        *reservation_id*: the reservation that it uses up.
        """
        async with self._book_change:
            started = self._timebase.moment()
            transaction = Transaction(
                local_id=uuid.uuid4().hex,
                order=self._next_order,
                connector=connector,
                id_tag=id_tag,
                parent_id_tag=parent_id_tag,
                started=started,
                meter_start_wh=meter_start_wh,
                last_meter_wh=meter_start_wh,
                reservation_id=reservation_id,
            )
            session = self._session_of(transaction)
            change = (
                self.book.bind_pending(session)
                if bind_profile
                else BookChange(self.book.drop_pending(connector), ())
            )
            bound = [one for one in change.book.profiles if one.transaction_key == transaction.local_id]

            keep_sample = self._bracket(transaction, SampleContext.BEGIN)

            def work(repositories: Repositories) -> None:
                repositories.transactions.put(transaction)
                keep_sample(repositories)
                if reservation_id is not None:
                    repositories.reservations.remove(reservation_id)
                for profile in bound:
                    repositories.profiles.replace(profile, change.removed)

            await self._journal.commit(work, FactKind.STARTED, transaction.local_id, started)
            self._next_order += 1
            self._running[connector] = transaction
            self._sessions[connector] = session
            self.book = change.book
        self._changed()
        return transaction

    async def intend_stop(self, connector: int, reason: StopReason, id_tag: str | None) -> None:
        """Keep why the transaction of *connector* is to end; the first reason stands."""
        transaction = self._running[connector].ending(reason, id_tag)
        self._running[connector] = transaction
        self._changed()
        await self._store.commit(lambda repositories: repositories.transactions.put(transaction))

    async def end(self, connector: int, register_wh: int | None) -> Transaction:
        """Book the stop of the transaction on *connector*, its TxProfiles gone with it."""
        async with self._book_change:
            running = self._running[connector]
            # What the store refuses is tried again, and was when it was tried first.
            stopped = self._stopped.setdefault(running.local_id, self._timebase.moment())
            transaction = await self._book_stop(running, stopped, register_wh)
            del self._stopped[running.local_id]
            del self._running[connector]
            del self._sessions[connector]
        self._changed()
        return transaction

    async def end_interrupted(self, transaction: Transaction, register_wh: int | None) -> Transaction:
        """Book the stop of a transaction that a power cut interrupted; a reason that was kept before it stands."""
        async with self._book_change:
            ending = transaction.ending(StopReason.POWER_LOSS, None)
            return await self._book_stop(ending, self._timebase.moment(), register_wh)

    async def restarted(self, interrupted: Iterable[Transaction]) -> None:
        """Drop the profiles that do not outlive a restart; those of *interrupted* transactions stay for now."""
        async with self._book_change:
            change = self.book.after_restart({one.local_id for one in interrupted})
            if change.removed:
                await self._store.commit(lambda repositories: repositories.profiles.remove(change.removed))
            self.book = change.book

    def adopt(self, transaction: Transaction) -> None:
        """Go on with a transaction that a restart interrupted."""
        self._running[transaction.connector] = transaction
        self._sessions[transaction.connector] = self._session_of(transaction)
        self._changed()

    def metered(self, connector: int, energy_wh: int) -> Transaction:
        """Remember the register that was last reported within the transaction of *connector*."""
        transaction = self._running[connector]
        transaction = replace(transaction, last_meter_wh=max(transaction.last_meter_wh, energy_wh))
        self._running[connector] = transaction
        return transaction

    def numbered(
        self,
        transaction: Transaction,
        csms_id: int,
        *,
        refused: bool = False,
        parent_id_tag: str | None = None,
    ) -> Callable[[Repositories], None]:
        """The CSMS gave its number, and its word on the idTag: in force at once, the returned work keeps it.

        *parent_id_tag* None: it told of no group; what was known of one stays.
        """
        running = self._running.get(transaction.connector)
        if running is not None and running.local_id == transaction.local_id:
            self._running[transaction.connector] = replace(
                running,
                csms_id=csms_id,
                refused=refused,
                parent_id_tag=parent_id_tag or running.parent_id_tag,
            )
            self._sessions[transaction.connector] = replace(
                self._sessions[transaction.connector], transaction_id=csms_id
            )
            self._changed()

        def work(repositories: Repositories) -> None:
            repositories.transactions.number(
                transaction.local_id, csms_id, refused=refused, parent_id_tag=parent_id_tag
            )

        return work

    async def date_start(self, transaction: Transaction) -> Transaction:
        """*transaction* with the date of its start, kept before the CSMS is told of it. Raises `StorageError`.

        Where nobody knows the time that is a guess, which must stay: the same message may have to go once more, and
        what follows in the transaction is told from there.
        """
        if transaction.started.at is not None:
            return transaction
        at = self._timebase.date(transaction.started)
        await self._store.commit(
            lambda repositories: repositories.transactions.date_start(transaction.local_id, at)
        )
        dated = replace(transaction, started=replace(transaction.started, at=at))
        running = self._running.get(transaction.connector)
        if running is not None and running.local_id == transaction.local_id:
            self._running[transaction.connector] = replace(running, started=dated.started)
        return dated

    def clock_stepped(self) -> None:
        """Running transactions keep their durations: their starts step with the wall clock."""
        for transaction in self._running.values():
            self._sessions[transaction.connector] = self._session_of(transaction)
        self._changed()

    async def install(
        self, profile: ChargingProfile, connector: int, capabilities: Capabilities
    ) -> Refusal | None:
        """Install *profile*; returns why not, or None once it is kept and in force. Raises `StorageError`."""
        async with self._book_change:
            session = self._sessions.get(connector)
            refusal = check_profile(profile, connector, capabilities, session)
            if refusal is not None:
                return refusal
            received_at_s = self._timebase.epoch_s()
            change = self.book.install(
                profile,
                connector=connector,
                received_at_s=received_at_s,
                max_installed=capabilities.max_installed,
                session=session,
            )
            if isinstance(change, Refusal):
                return change
            _warn_of_other_connector(profile, connector, change.removed)
            added = change.book.profiles[-1]
            removed = change.removed
            await self._store.commit(lambda repositories: repositories.profiles.replace(added, removed))
            self.book = change.book
        self._changed()
        return None

    async def clear(self, which: ProfileFilter) -> int:
        """Remove the profiles that *which* names; returns how many went."""
        return await self._remove(lambda book: book.clear(which))

    async def sweep(self) -> int:
        """Remove the profiles that ended for good more than a day ago; returns how many went."""
        return await self._remove(lambda book: book.sweep(self._timebase.epoch_s()))

    async def hold(
        self, profile: ChargingProfile, connector: int | None, capabilities: Capabilities
    ) -> Refusal | None:
        """Keep the profile of a remote start aside; a restart drops it."""
        async with self._book_change:
            refusal = check_profile(profile, connector or 0, capabilities, None, for_remote_start=True)
            if refusal is not None:
                return refusal
            held = self.book.hold(
                profile,
                connector=connector,
                received_at_s=self._timebase.epoch_s(),
                max_installed=capabilities.max_installed,
            )
            if isinstance(held, Refusal):
                return held
            self.book = held
        return None

    async def drop_pending(self, connector: int | None) -> None:
        """A remote start came to nothing: its profile goes with it."""
        async with self._book_change:
            self.book = self.book.drop_pending(connector)

    async def _book_stop(
        self, transaction: Transaction, stopped: Moment, register_wh: int | None
    ) -> Transaction:
        ended = transaction.ended(stopped, register_wh)
        change = self.book.end_transaction(ended.local_id)

        keep_sample = self._bracket(ended, SampleContext.END)

        def work(repositories: Repositories) -> None:
            repositories.transactions.put(ended)
            keep_sample(repositories)
            repositories.profiles.remove(change.removed)

        await self._journal.commit(work, FactKind.STOPPED, ended.local_id, stopped)
        self.book = change.book
        return ended

    async def _remove(self, removal: Callable[[ProfileBook], BookChange]) -> int:
        async with self._book_change:
            change = removal(self.book)
            if not change.removed:
                return 0
            await self._store.commit(lambda repositories: repositories.profiles.remove(change.removed))
            self.book = change.book
        self._changed()
        return len(change.removed)

    def _session_of(self, transaction: Transaction) -> Session:
        return Session(
            connector=transaction.connector,
            key=transaction.local_id,
            transaction_id=transaction.csms_id,
            started_at_s=self._timebase.epoch_s(transaction.started),
            order=transaction.order,
        )


def _warn_of_other_connector(
    profile: ChargingProfile, connector: int, removed: tuple[InstalledProfile, ...]
) -> None:
    for other in removed:
        if other.profile.id == profile.id and other.connector != connector:
            log.warning(
                "profile #%d on connector=%d replaces the one on connector=%d",
                profile.id,
                connector,
                other.connector,
            )
