"""Who may charge: the decision on an idTag from what is known locally, and what an answer of the CSMS means.

idTags are CiStrings (OCPP 1.6 §7.9): they compare without regard to case and are kept as they were written.
"""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class IdTagInfo:
    """An answer about an idTag, valid until *expires_at* (None: without end)."""

    status: AuthorizationStatus
    parent_id_tag: str | None = None
    expires_at: datetime | None = None

    def status_at(self, now: datetime) -> AuthorizationStatus:
        """The status at *now*: an accepted answer that has run out is Expired."""
        expired = self.expires_at is not None and now >= self.expires_at
        if expired and self.status is AuthorizationStatus.ACCEPTED:
            return AuthorizationStatus.EXPIRED
        return self.status


class Decision(StrEnum):
    """What to do with a presented idTag before, or without, asking the CSMS."""

    ACCEPT = "accept"
    ASK = "ask"
    REFUSE = "refuse"


class CardVerdict(StrEnum):
    """Why a presented idTag did not lead to a charge."""

    REFUSED = "refused"
    UNKNOWN_OFFLINE = "unknown_offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRules:
    """The configuration keys that rule offline and early authorisation (OCPP 1.6 §3.5.1, §9.1)."""

    local_pre_authorize: bool
    local_authorize_offline: bool
    allow_offline_for_unknown: bool
    cache_enabled: bool


def decide(*, online: bool, known: IdTagInfo | None, now: datetime, rules: AuthorizationRules) -> Decision:
    """Decide from *known*, the cached answer about the idTag, or None.

    Online an accepted entry starts at once only with LocalPreAuthorize; anything else is asked of the CSMS.
    Offline a known entry rules where LocalAuthorizeOffline allows it, and an unknown idTag is accepted only
    with AllowOfflineTxForUnknownId; a known refusal is never overruled by that (OCPP 1.6 §3.5.1).
    """
    entry = known if rules.cache_enabled else None
    accepted = entry is not None and entry.status_at(now) is AuthorizationStatus.ACCEPTED
    if online:
        return Decision.ACCEPT if accepted and rules.local_pre_authorize else Decision.ASK
    if entry is not None and rules.local_authorize_offline:
        return Decision.ACCEPT if accepted else Decision.REFUSE
    return Decision.ACCEPT if entry is None and rules.allow_offline_for_unknown else Decision.REFUSE


def same_id_tag(one: str | None, other: str | None) -> bool:
    """True when both are the same CiString; nothing equals None."""
    return one is not None and other is not None and one.casefold() == other.casefold()


def shortened(id_tag: str) -> str:
    """An idTag as people who need not know all of it may see it: ``04A3…6180``."""
    return id_tag if len(id_tag) <= 8 else f"{id_tag[:4]}…{id_tag[-4:]}"
