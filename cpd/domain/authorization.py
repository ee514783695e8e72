"""Who may charge: the decision on an idTag from what is known locally, and what an answer of the CSMS means.

idTags are CiStrings (OCPP 1.6 §7.9): they compare without regard to case and are kept as they were written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_ID_TAG_CHARACTERS = 20
"""The longest idTag (OCPP 1.6 §7.28 IdToken, CiString20Type)."""


class AuthorizationStatus(StrEnum):
    """What the CSMS says of an idTag (OCPP 1.6 §7.2)."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"


_VALID = (AuthorizationStatus.ACCEPTED, AuthorizationStatus.CONCURRENT_TX)
"""What a local list marks a valid idTag with (OCPP 1.6 §3.5.2); ConcurrentTx speaks of another transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdTagInfo:
    """An answer about an idTag, valid until *expires_at* (None: without end)."""

    status: AuthorizationStatus
    parent_id_tag: str | None = None
    expires_at: datetime | None = None

    def status_at(self, now: datetime) -> AuthorizationStatus:
        """The status at *now*: a valid answer that has run out is Expired."""
        expired = self.expires_at is not None and now >= self.expires_at
        return AuthorizationStatus.EXPIRED if expired and self.status in _VALID else self.status

    def is_valid_at(self, now: datetime) -> bool:
        """True where the idTag itself is good at *now*, whatever other transaction it may have."""
        return self.status_at(now) in _VALID


class CardVerdict(StrEnum):
    """Why a presented idTag did not lead to a charge."""

    REFUSED = "refused"
    UNKNOWN_OFFLINE = "unknown_offline"


class AuthorizationKey(StrEnum):
    """The configuration keys that rule local authorisation (OCPP 1.6 §9.1, §9.2)."""

    LOCAL_PRE_AUTHORIZE = "LocalPreAuthorize"
    LOCAL_AUTHORIZE_OFFLINE = "LocalAuthorizeOffline"
    LOCAL_AUTH_LIST_ENABLED = "LocalAuthListEnabled"
    AUTHORIZATION_CACHE_ENABLED = "AuthorizationCacheEnabled"
    ALLOW_OFFLINE_TX_FOR_UNKNOWN_ID = "AllowOfflineTxForUnknownId"


AuthorizationRules = Mapping[AuthorizationKey, bool]
"""The values of the keys; one whose feature profile is off is absent, and off."""


class Connection(StrEnum):
    """What is known of the way to the CSMS.

    Unanswered: it seemed to be there, was asked and did not answer, as long as nobody has noticed that it is gone.
    """

    ONLINE = "online"
    OFFLINE = "offline"
    UNANSWERED = "unanswered"


class Action(StrEnum):
    """What to do with a presented idTag before, or without, an answer of the CSMS."""

    ACCEPT = "accept"
    ASK = "ask"
    REFUSE = "refuse"


class Source(StrEnum):
    """What decided: an entry known here, the key for strangers, the CSMS that is asked, or nothing at all."""

    LIST = "list"
    CACHE = "cache"
    ALLOW_OFFLINE = "AllowOfflineTxForUnknownId"
    CSMS = "csms"
    NONE = "none"


class Standing(StrEnum):
    """How an idTag stands by the entry that counts: valid; blocked, expired or invalid; or without one."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the local list and the cache hold about an idTag, whether they are enabled or not."""

    listed: IdTagInfo | None = None
    cached: IdTagInfo | None = None

    def counting(self, rules: AuthorizationRules) -> tuple[Source, IdTagInfo] | None:
        """The entry that counts, and whose it is: the list before the cache (OCPP 1.6 §3.5.3)."""
        if self.listed is not None and rules.get(AuthorizationKey.LOCAL_AUTH_LIST_ENABLED, False):
            return Source.LIST, self.listed
        if self.cached is not None and rules.get(AuthorizationKey.AUTHORIZATION_CACHE_ENABLED, False):
            return Source.CACHE, self.cached
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of `TABLE`: what it names must be so (*key* is true), None is anything."""

    online: bool
    standing: Standing | None
    key: AuthorizationKey | None
    action: Action


TABLE: tuple[Row, ...] = (
    Row(
        online=True,
        standing=Standing.ACCEPTED,
        key=AuthorizationKey.LOCAL_PRE_AUTHORIZE,
        action=Action.ACCEPT,
    ),
    Row(online=True, standing=None, key=None, action=Action.ASK),
    Row(online=False, standing=Standing.REFUSED, key=None, action=Action.REFUSE),
    Row(
        online=False,
        standing=Standing.ACCEPTED,
        key=AuthorizationKey.LOCAL_AUTHORIZE_OFFLINE,
        action=Action.ACCEPT,
    ),
    Row(
        online=False,
        standing=Standing.UNKNOWN,
        key=AuthorizationKey.ALLOW_OFFLINE_TX_FOR_UNKNOWN_ID,
        action=Action.ACCEPT,
    ),
    Row(online=False, standing=None, key=None, action=Action.REFUSE),
)
"""The decision table: the first row that fits decides (OCPP 1.6 §3.5, §9.1).

==  =======  ===========  ==========================  ===============
 #  link     entry here   key that is true            then
==  =======  ===========  ==========================  ===============
 1  online   accepted     LocalPreAuthorize           start at once
 2  online   any or none                              ask the CSMS
 3  offline  refused                                  refuse
 4  offline  accepted     LocalAuthorizeOffline       start
 5  offline  none         AllowOfflineTxForUnknownId  start
 6  offline  any or none                              refuse
==  =======  ===========  ==========================  ===============

Offline is also the time before the boot is accepted, a charger without a CSMS, and a question that nobody
answered. The entry is that of the local list where LocalAuthListEnabled is true, else that of the cache where
AuthorizationCacheEnabled is true, else none; an entry that has run out is refused. AllowOfflineTxForUnknownId
speaks of strangers alone: it overrules neither a refusal (§3.5.4) nor LocalAuthorizeOffline.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What `decide` found: the *row* of `TABLE`, counted from 1, and *source*, what decided.

    *entry* is that of the list or the cache where it decided. *change* is the key of which another value alone
    would lead to another action; None where none would, and for a refusal that only the CSMS can lift.
    """

    action: Action
    source: Source
    row: int
    entry: IdTagInfo | None
    change: AuthorizationKey | None

    @property
    def verdict(self) -> CardVerdict:
        """Why the idTag is refused, where it is."""
        return CardVerdict.UNKNOWN_OFFLINE if self.entry is None else CardVerdict.REFUSED


def decide(connection: Connection, known: Known, now: datetime, rules: AuthorizationRules) -> Decision:
    """Decide on an idTag by `TABLE`."""
    number, source = _decided_by(connection, known, now, rules)
    row, counting = TABLE[number], known.counting(rules)
    change = None
    if row.standing is not Standing.REFUSED:
        for key, value in rules.items():
            other, _ = _decided_by(connection, known, now, {**rules, key: not value})
            if TABLE[other].action is not row.action:
                change = key
                break
    return Decision(
        action=row.action,
        source=source,
        row=number + 1,
        entry=counting[1] if row.standing is not None and counting is not None else None,
        change=change,
    )


def _decided_by(
    connection: Connection, known: Known, now: datetime, rules: AuthorizationRules
) -> tuple[int, Source]:
    """The index of the row that decides, and what decided."""
    counting = known.counting(rules)
    standing, source = Standing.UNKNOWN, Source.ALLOW_OFFLINE
    if counting is not None:
        source, entry = counting
        standing = Standing.ACCEPTED if entry.is_valid_at(now) else Standing.REFUSED
    online = connection is Connection.ONLINE
    number, row = next(
        (number, row)
        for number, row in enumerate(TABLE)
        if row.online is online
        and row.standing in (None, standing)
        and (row.key is None or rules.get(row.key, False))
    )
    if row.standing is None:
        source = Source.CSMS if row.action is Action.ASK else Source.NONE
    return number, source


def contradicts(entry: IdTagInfo, answer: IdTagInfo, now: datetime) -> bool:
    """True where the list's *entry* and an *answer* disagree on whether the idTag is good (OCPP 1.6 §3.5.2)."""
    return entry.is_valid_at(now) is not answer.is_valid_at(now)


def same_id_tag(one: str | None, other: str | None) -> bool:
    """True when both are the same CiString; nothing equals None."""
    return one is not None and other is not None and one.casefold() == other.casefold()


def shortened(id_tag: str) -> str:
    """An idTag as people who need not know all of it may see it: ``04A3…6180``."""
    return id_tag if len(id_tag) <= 8 else f"{id_tag[:4]}…{id_tag[-4:]}"
