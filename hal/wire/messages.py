"""What is said on the wire, each message one line.

The first line of each side is its `Hello`, which stays as it is in every version to come. Then the client gives
numbered orders, and the guard tells what is true. Instants are on the machine's monotonic clock, one for both.
"""

from dataclasses import dataclass

from hal.evse import CardRead, Offer, OutletEvent, OutletSnapshot
from hal.examination import Finding
from hal.light import LightSignal
from hal.values import FaultKind, StopReason, UnlockResult
from hal.world_acts import WorldAct

VERSION = 1
"""Of all that follows the Hello; both sides must speak the same."""

LONGEST_LINE_BYTES = 64 * 1024
BEAT_S = 1.0
"""The guard says something at least this often."""

SILENCE_S = 3.0
"""A guard that has said nothing for longer is lost: it no longer hears either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The *version* of the wire that the speaker knows."""

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveOffer:
    """`Evse.offer`; the lease counts from the instant at which the order was sent."""

    connector: int
    offer: Offer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """`Evse.stop`."""

    connector: int
    reason: StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAvailable:
    """`Evse.set_available`."""

    connector: int
    available: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPlug:
    """`Evse.hold_plug`."""

    connector: int
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """`Evse.wake`."""

    connector: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowLight:
    """`Light.show`."""

    connector: int
    signal: LightSignal


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlock:
    """`Evse.unlock`; answered by `Unlocked`."""

    connector: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    """`Evse.acknowledge_fault`; answered by `Acknowledged`."""

    connector: int
    kind: FaultKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Examine:
    """`Hal.examine`; answered by `Examined`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Perform:
    """An act upon the mock's world; answered by `Performed` or `Refused`."""

    act: WorldAct


OutletWish = GiveOffer | Stop | SetAvailable | HoldPlug | Wake | ShowLight
Question = Unlock | Acknowledge | Examine | Perform
Content = OutletWish | Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The *number* rises with each order of a connection: what does not is a duplicate."""

    number: int
    sent_at_s: float
    content: Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """What there is, and which *backend* drives it, as hal.backend names it."""

    backend: str
    connectors: tuple[int, ...]
    lights: tuple[int, ...]
    has_world: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletTold:
    """*events* in order, and what is true after the last of them."""

    connector: int
    events: tuple[OutletEvent, ...]
    snapshot: OutletSnapshot
    contactor_cycles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CardTold:
    """A card was presented."""

    card: CardRead


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """The guard lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocked:
    """The answer to the `Unlock` of that number."""

    number: int
    result: UnlockResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The answer to the `Acknowledge` of that number."""

    number: int
    cleared: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """The answer to the `Examine` of that number."""

    number: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """The answer to the `Perform` of that number: it is done."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The answer to a question of that number that is not granted, in words."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Farewell:
    """The guard hangs up, in words why."""

    reason: str


Answer = Unlocked | Acknowledged | Examined | Performed | Refused
FromGuard = Greeting | OutletTold | CardTold | Beat | Farewell | Answer
