"""How the central system answers: one frozen value, so that a test or a demo says what it wants in one line.

It knows what to answer, not how frames travel; `BehaviourInForce` is the one place where the value changes.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from ocpp.v16.enums import AuthorizationStatus, DataTransferStatus, RegistrationStatus

from cpd.station.signal import Signal

_EMPTY: Mapping[str, Any] = MappingProxyType({})


class Tag(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the central system knows of an idTag."""

    status: AuthorizationStatus = AuthorizationStatus.accepted
    parent_id_tag: str | None = None


class Reaction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What CALLs of one action meet: the waits, then the first of the rest that is set, else an answer.

    *held* waits until a behaviour comes into force that does not hold the action. *error* is the code of a
    CALLERROR. *answer* goes out as it is, right or wrong, and nothing is booked. *times* counts CALLs; None
    means all of them.
    """

    delay_s: float = 0.0
    held: bool = False
    drops_link: bool = False
    silent: bool = False
    error: str | None = None
    answer: dict[str, Any] | None = None
    times: int | None = None

    @property
    def plain(self) -> bool:
        """True where the CALL is answered at once, though perhaps with an error or with nonsense."""
        return not (self.delay_s or self.held or self.drops_link or self.silent)


_PLAIN = Reaction()


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The default answers everything well, and accepts every idTag.

    *clock_error_s* is added to each currentTime. *tags* are compared without regard to case; *start_status*
    replaces their status in StartTransaction.conf. *transaction_ids* are given first, in order; then numbers
    count up from *first_transaction_id*. *reactions* are by action. With *upgrade_status* the WebSocket is
    refused with that HTTP status, and *retry_after_s* where it is set; *subprotocol* None selects none.

    *clock_format* writes each currentTime (UTC) by `strftime`, None as OCPP 1.6 wants it. *unknown_tags* is the
    status of idTags that are not in *tags*. *crossed* is what a CALL meets that a CALL of the central system
    crosses; None: nothing, as each direction is on its own. *numeric_ids*: its CALLs have numbers for ids.
    A frame of more than *most_characters* makes it close the link with 1009. *closes_after_s* is how long the
    links are kept, in turn and over and over, until they are closed with *close_code*; empty: for ever.
    """

    registration: RegistrationStatus = RegistrationStatus.accepted
    interval_s: int = 300
    clock_error_s: float = 0.0
    tags: Mapping[str, Tag] = msgspec.field(default_factory=dict)
    start_status: AuthorizationStatus | None = None
    first_transaction_id: int = 1
    transaction_ids: tuple[int, ...] = ()
    data_transfer: DataTransferStatus = DataTransferStatus.unknown_vendor_id
    reactions: Mapping[str, Reaction] = msgspec.field(default_factory=dict)
    upgrade_status: int | None = None
    retry_after_s: int | None = None
    subprotocol: str | None = "ocpp1.6"
    clock_format: str | None = None
    unknown_tags: AuthorizationStatus = AuthorizationStatus.accepted
    crossed: Reaction | None = None
    numeric_ids: bool = False
    most_characters: int | None = None
    closes_after_s: tuple[float, ...] = ()
    close_code: int = 1000

    def tag(self, id_tag: str) -> Tag:
        """What is known of *id_tag*."""
        for known, tag in self.tags.items():
            if known.casefold() == id_tag.casefold():
                return tag
        return Tag(status=self.unknown_tags)

    def keeps_s(self, link: int) -> float | None:
        """How long the *link*-th link of a charge point, from 1, is kept; None for ever."""
        return self.closes_after_s[(link - 1) % len(self.closes_after_s)] if self.closes_after_s else None

    def transaction_id(self, started: int) -> int:
        """The number of a transaction before which *started* others were booked."""
        if started < len(self.transaction_ids):
            return self.transaction_ids[started]
        return self.first_transaction_id + started - len(self.transaction_ids)

    def reaction_to(self, action: str) -> Reaction:
        """What the next CALL of *action* meets."""
        reaction = self.reactions.get(action, _PLAIN)
        return _PLAIN if reaction.times == 0 else reaction

    def after(self, action: str) -> "Behaviour":
        """The behaviour once a CALL of *action* came in: a counted reaction is used up by one."""
        reaction = self.reactions.get(action)
        if reaction is None or not reaction.times:
            return self
        used = msgspec.structs.replace(reaction, times=reaction.times - 1)
        return msgspec.structs.replace(self, reactions={**self.reactions, action: used})

    def changed(self, changes: Mapping[str, Any] = _EMPTY) -> "Behaviour":
        """The behaviour with some fields replaced, as JSON spells them; ValueError says what is wrong."""
        try:
            return msgspec.convert({**msgspec.to_builtins(self), **changes}, Behaviour)
        except msgspec.ValidationError as error:
            raise ValueError(f"behaviour: {error}") from error


class BehaviourInForce:
    """The behaviour that holds now, for all links; who waits on it is woken when it changes."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._changed = Signal()

    @property
    def now(self) -> Behaviour:
        """The behaviour that holds now."""
        return self._behaviour

    def put(self, behaviour: Behaviour) -> None:
        """Let *behaviour* hold from now on."""
        self._behaviour = behaviour
        self._changed.fire()

    def take(self, action: str) -> Reaction:
        """The reaction to a CALL that has come in, counted."""
        reaction = self._behaviour.reaction_to(action)
        self._behaviour = self._behaviour.after(action)
        return reaction

    async def released(self, action: str) -> None:
        """Return once a behaviour is in force that does not hold *action*."""
        while self._behaviour.reactions.get(action, _PLAIN).held:
            await self._changed.wait()
