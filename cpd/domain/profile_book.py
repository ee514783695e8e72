"""The charging profiles a charge point holds, as one immutable value: what replaces what, what goes when.

Knows nothing of volts and amperes, of JSON or of how the book is stored; the time comes in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cpd.domain.profiles import STATION, ChargingProfile, Kind, Purpose, Refusal
from cpd.domain.sessions import Session
from cpd.domain.timeline import CompiledProfile, compile_profile

_KEPT_AFTER_END_S: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledProfile:
    """A profile with where and when it was set; *transaction_key* binds a TxProfile to its transaction."""

    connector: int
    received_at_s: int
    profile: ChargingProfile
    transaction_key: str | None = None
    compiled: CompiledProfile = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if (self.profile.purpose is Purpose.TX) != (self.transaction_key is not None):
            raise ValueError("transaction_key is for a TxProfile, and a TxProfile needs one")
        compiled = compile_profile(self.profile, connector=self.connector, received_at_s=self.received_at_s)
        object.__setattr__(self, "compiled", compiled)

    @property
    def slot(self) -> tuple[Purpose, int, int]:
        """Purpose, stack level and connector: there is one profile for each (OCPP 1.6 §3.13.2)."""
        return self.profile.purpose, self.profile.stack_level, self.connector


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingProfile:
    """The profile of a RemoteStartTransaction that waits for it; connector None: whichever starts."""

    connector: int | None
    received_at_s: int
    profile: ChargingProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFilter:
    """The profiles ClearChargingProfile names; None is "any", 0 is a value (OCPP 1.6 §6.13)."""

    profile_id: int | None = None
    connector: int | None = None
    purpose: Purpose | None = None
    stack_level: int | None = None

    def matches(self, installed: InstalledProfile) -> bool:
        """With an id given, the other fields are not looked at (errata 3.26)."""
        profile = installed.profile
        if self.profile_id is not None:
            return profile.id == self.profile_id
        return (
            self.connector in (None, installed.connector)
            and self.purpose in (None, profile.purpose)
            and self.stack_level in (None, profile.stack_level)
        )


class BookChange(NamedTuple):
    """The book after a change, and the installed profiles that are no longer in it."""

    book: ProfileBook
    removed: tuple[InstalledProfile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileBook:
    """All profiles of the charge point. Every method leaves this book as it is and returns another one."""

    profiles: tuple[InstalledProfile, ...] = ()
    pending: tuple[PendingProfile, ...] = ()
    max_stack: tuple[CompiledProfile, ...] = field(init=False, compare=False, repr=False)
    _defaults: dict[int, tuple[CompiledProfile, ...]] = field(init=False, compare=False, repr=False)
    _bound: dict[str, tuple[CompiledProfile, ...]] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        ranked = sorted(self.profiles, key=_rank)
        top = [one.compiled for one in ranked if one.profile.purpose is Purpose.CHARGE_POINT_MAX]
        defaults = [one for one in ranked if one.profile.purpose is Purpose.TX_DEFAULT]
        places = {one.connector for one in defaults} | {STATION}
        by_place = {
            place: tuple(one.compiled for one in defaults if one.connector in (place, STATION))
            for place in places
        }
        by_key: dict[str, tuple[CompiledProfile, ...]] = {}
        for one in ranked:
            if one.transaction_key is not None:
                by_key[one.transaction_key] = (*by_key.get(one.transaction_key, ()), one.compiled)
        object.__setattr__(self, "max_stack", tuple(top))
        object.__setattr__(self, "_defaults", by_place)
        object.__setattr__(self, "_bound", by_key)

    def stack_for(self, connector: int, session: Session | None) -> tuple[CompiledProfile, ...]:
        """The profiles of *connector* in the order in which they are asked, ChargePointMaxProfiles aside.

        TxProfiles of *session* first, then TxDefaultProfiles of the connector and of the station as one list;
        the higher stackLevel first, at an equal level the connector's own (OCPP 1.6 §3.13.1, §3.13.2).
        """
        defaults = self._defaults.get(connector, self._defaults[STATION])
        return defaults if session is None else (*self._bound.get(session.key, ()), *defaults)

    def install(
        self,
        profile: ChargingProfile,
        *,
        connector: int,
        received_at_s: int,
        max_installed: int,
        session: Session | None = None,
    ) -> BookChange | Refusal:
        """Store *profile*, which `check_profile` has passed; a TxProfile is bound to *session*.

        It takes the place of the profile with its id, wherever that is, and of the one in its slot; the count
        is checked after that. A refusal changes nothing. The new profile is the last of the book's.
        """
        bound_to = session.key if session is not None and profile.purpose is Purpose.TX else None
        new = InstalledProfile(
            connector=connector, received_at_s=received_at_s, profile=profile, transaction_key=bound_to
        )
        pending = tuple(one for one in self.pending if one.profile.id != profile.id)
        kept, removed = self._split(lambda one: one.profile.id == profile.id or one.slot == new.slot)
        if len(kept) + len(pending) >= max_installed:
            return Refusal.TOO_MANY_PROFILES
        return BookChange(ProfileBook(profiles=(*kept, new), pending=pending), removed)

    def clear(self, which: ProfileFilter) -> BookChange:
        """Remove what *which* names; pending profiles are not seen. Nothing removed: answer Unknown."""
        return self._without(which.matches)

    def end_transaction(self, key: str) -> BookChange:
        """Remove the TxProfiles of a transaction that has stopped (OCPP 1.6 §3.13.1)."""
        return self._without(lambda one: one.transaction_key == key)

    def hold(
        self, profile: ChargingProfile, *, connector: int | None, received_at_s: int, max_installed: int
    ) -> ProfileBook | Refusal:
        """Keep the profile of an accepted RemoteStartTransaction aside until its transaction starts.

        It counts towards *max_installed* and is visible nowhere else. An earlier one for the same connector,
        or with the same id, is dropped.
        """
        new = PendingProfile(connector=connector, received_at_s=received_at_s, profile=profile)
        others = tuple(
            one for one in self.pending if one.connector != connector and one.profile.id != profile.id
        )
        if len(self.profiles) + len(others) >= max_installed:
            return Refusal.TOO_MANY_PROFILES
        return ProfileBook(profiles=self.profiles, pending=(*others, new))

    def drop_pending(self, connector: int | None) -> ProfileBook:
        """The remote start on *connector* came to nothing: refused, cancelled, or timed out."""
        others = tuple(one for one in self.pending if one.connector != connector)
        return ProfileBook(profiles=self.profiles, pending=others)

    def bind_pending(self, session: Session) -> BookChange:
        """The remotely started transaction runs: its pending profile becomes its first TxProfile.

        The profile held for the session's connector, else the one held for any connector; none held, no
        change. For a transaction that was not started remotely call `drop_pending` instead.
        """
        held = {one.connector: one for one in self.pending}
        mine = held.get(session.connector, held.get(None))
        if mine is None:
            return BookChange(self, ())
        book = ProfileBook(
            profiles=self.profiles, pending=tuple(one for one in self.pending if one is not mine)
        )
        outcome = book.install(
            mine.profile,
            connector=session.connector,
            received_at_s=mine.received_at_s,
            # It was counted when it was held, so there is room for it.
            max_installed=len(self.profiles) + len(self.pending),
            session=session,
        )
        assert isinstance(outcome, BookChange)
        return outcome

    def after_restart(self, resumed: Collection[str]) -> BookChange:
        """What outlives a restart: no pending profile, and TxProfiles only with a key in *resumed*."""
        book = ProfileBook(profiles=self.profiles)
        return book._without(
            lambda one: one.transaction_key is not None and one.transaction_key not in resumed
        )

    def sweep(self, now_s: int) -> BookChange:
        """Remove what ended more than a day ago; never changes a limit. Only with a trusted clock."""
        return self._without(lambda one: _ended_at_s(one.profile, now_s) < now_s - _KEPT_AFTER_END_S)

    def _without(self, unwanted: Callable[[InstalledProfile], bool]) -> BookChange:
        kept, removed = self._split(unwanted)
        book = ProfileBook(profiles=kept, pending=self.pending) if removed else self
        return BookChange(book, removed)

    def _split(
        self, unwanted: Callable[[InstalledProfile], bool]
    ) -> tuple[tuple[InstalledProfile, ...], tuple[InstalledProfile, ...]]:
        removed = tuple(one for one in self.profiles if unwanted(one))
        kept = tuple(one for one in self.profiles if not unwanted(one)) if removed else self.profiles
        return kept, removed


def _rank(installed: InstalledProfile) -> tuple[int, bool]:
    return -installed.profile.stack_level, installed.connector == STATION


def _ended_at_s(profile: ChargingProfile, now_s: int) -> int:
    """When the profile stopped for good, *now_s* while it has not."""
    ends_s = [now_s]
    if profile.valid_to_s is not None:
        ends_s.append(profile.valid_to_s)
    if (
        profile.kind is Kind.ABSOLUTE
        and profile.fixed_start_s is not None
        and profile.schedule.duration_s is not None
    ):
        ends_s.append(profile.fixed_start_s + profile.schedule.duration_s)
    return min(ends_s)
