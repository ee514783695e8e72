"""The parts of a raw board as the guard sees them: what can be set, what can be read.

No policy lives here, and no time: a part does what it is told and says what it sees. A board calls back whenever
something that it shows has changed; one that must sample does so on its own thread, and calls back on the loop.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from hal.evse import CardRead, Offer
from hal.examination import Finding
from hal.values import ContactorState, LockState, MeterReading, SelfTest, StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotSample:
    """The levels of the pilot in mV.

    *high_mv* is the upper plateau (the only one of a steady pilot), None when it cannot be read; *low_mv* is the
    lower plateau of a PWM, None while the pilot is steady.
    """

    high_mv: int | None
    low_mv: int | None


class Pilot(Protocol):
    """The control-pilot generator and its measurement."""

    def drive(self, high_ns: int) -> None:
        """High time of each 1 ms period: 0 is state F, 1 000 000 the steady X1."""

    def sample(self) -> PilotSample:
        """The levels now, under the output that was last set."""


INTERLOCK_HOLD_S = 0.5
"""The coil's interlock opens where no heartbeat came for this long, whatever level the command is left at."""


class Contactor(Protocol):
    """The power contactor with its mirror contacts, and the phase relay before it where one is wired."""

    def command(self, closed: bool) -> None:
        """Energise or release the coil; it pulls in only while the heartbeat holds its interlock."""

    def heartbeat(self) -> None:
        """The guard lives: toggle the line that holds the coil's interlock for `INTERLOCK_HOLD_S` more."""

    def select_phases(self, phases: int) -> None:
        """Connect 1 or 3 phases; only ever called while the contactor is confirmed open."""

    def feedback(self) -> ContactorState:
        """What the mirror contacts say."""


class PlugLock(Protocol):
    """The bolt that holds the plug of a socket outlet."""

    def lock(self) -> None:
        """Start to drive the bolt in."""

    def unlock(self) -> None:
        """Start to drive the bolt out."""

    def position(self) -> LockState:
        """Where the bolt is."""


class CableSensor(Protocol):
    """The proximity contact of a socket outlet."""

    def resistance_ohm(self) -> int | None:
        """Resistance between PP and PE; None while nothing is plugged."""


class GroundFaultMonitor(Protocol):
    """The residual-current detector."""

    def tripped(self) -> bool:
        """True while the detector reports a residual current, or cannot be read; not for its own test."""

    def start_self_test(self) -> None:
        """Begin the test of its outputs, which opens its contact in the coil's circuit; RUNNING from now on."""

    def self_test(self) -> SelfTest:
        """How the last test stands; ABSENT where it cannot test itself."""


class EmergencyStop(Protocol):
    """The emergency-stop circuit."""

    def pressed(self) -> bool:
        """True while the circuit is open."""


class StopButton(Protocol):
    """The button with which whoever stands there ends the session."""

    def watch(self, pressed: Callable[[], None]) -> None:
        """Call *pressed* on the loop once for each press."""


class Thermometer(Protocol):
    """The temperature sensor of the enclosure."""

    def temperature_mc(self) -> int | None:
        """Temperature in thousandths of a degree Celsius; None when the sensor does not answer."""


class Meter(Protocol):
    """The outlet's energy meter."""

    def read(self) -> MeterReading | None:
        """The latest reading at once, without waiting for a bus; None when there is none younger than 3 s."""


class CardReader(Protocol):
    """A card reader."""

    def online(self) -> bool:
        """True while the reader answers."""


class OutletBoard(Protocol):
    """The parts that belong to one outlet; None for a part that is not fitted."""

    @property
    def pilot(self) -> Pilot: ...
    @property
    def contactor(self) -> Contactor: ...
    @property
    def lock(self) -> PlugLock | None: ...
    @property
    def cable(self) -> CableSensor | None: ...
    @property
    def ground_fault(self) -> GroundFaultMonitor | None: ...
    @property
    def emergency_stop(self) -> EmergencyStop | None: ...
    @property
    def stop_button(self) -> StopButton | None: ...
    @property
    def thermometer(self) -> Thermometer | None: ...
    @property
    def meter(self) -> Meter | None: ...
    @property
    def reader(self) -> CardReader | None: ...

    def watch(self, changed: Callable[[], None]) -> None:
        """Call *changed* on the loop whenever a part shows something new."""


class Board(Protocol):
    """All outlets of a charge point, and its card readers."""

    @property
    def outlets(self) -> Mapping[int, OutletBoard]:
        """The outlets by connector number."""

    def watch_cards(self, presented: Callable[[CardRead], None]) -> None:
        """Call *presented* on the loop once for every swipe.

        A reader that sees a card again and again while it is held there asks `hal.card_sights.CardSights` first.
        """

    def examine(self) -> tuple[Finding, ...]:
        """What only the board knows of its devices; the guard tells of the parts of each outlet."""

    def close(self) -> None:
        """Release the devices. The guard has made the outputs safe before."""


class Witness(Protocol):
    """Someone who checks the guard from outside, and therefore hears of each permission as it is given."""

    def offered(self, connector: int, offer: Offer | None) -> None:
        """The user gave, renewed, changed or withdrew its permission."""

    def stopped(self, connector: int, reason: StopReason) -> None:
        """The user ended its permission."""

    def availability_set(self, connector: int, available: bool) -> None:
        """The user took the outlet out of service, or back."""

    def plug_held(self, connector: int, held: bool) -> None:
        """The user wants the plug kept where the vehicle's end is pulled, or no more."""

    def leaving(self, connector: int) -> None:
        """The guard makes the outlet safe and ends, whatever flows."""
