"""The world around a simulated charge point: people with cables and cards, vehicles, wear and weather.

Every act is checked first and refused with `ValueError`, which names the value and what is allowed.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping

from hal.boards.mock.meter import MAX_WH
from hal.boards.mock.outlet import CABLE_OHM, Defect, MockOutlet
from hal.boards.mock.personalities import PERSONALITIES
from hal.boards.mock.truth import Truth, Violation
from hal.card_sights import CardSights
from hal.evse import CardRead
from hal.light import RecordedLight
from hal.values import FaultKind

SHOWN_FAULTS = tuple(kind for kind in FaultKind if kind is not FaultKind.GUARD_LOST)
"""What a mock board can show; a lost guard is seen by its user only."""

MAX_VOLTAGE_V = 500
MAX_TAG_LENGTH = 64
BOUNCES = 20
BOUNCE_S = 0.1
"""A reader that bounces sees a card so many times, so far apart."""

_UID_DIGITS = (8, 10, 14, 20)


class MockWorld:
    """What happens to the outlets from outside."""

    def __init__(self, outlets: Mapping[int, MockOutlet]) -> None:
        self._outlets = outlets
        self._presented: Callable[[CardRead], None] = lambda card: None
        self._loop = asyncio.get_running_loop()
        self._sights = CardSights()
        self._bounces: deque[asyncio.TimerHandle] = deque(maxlen=4 * BOUNCES)
        self.truth = Truth(outlets)
        self.lights = {number: RecordedLight() for number in outlets}

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Every moment at which an outlet was physically unsafe; empty is the only good answer."""
        return self.truth.violations

    def watch_cards(self, presented: Callable[[CardRead], None]) -> None:
        """Call *presented* for every card."""
        self._presented = presented

    def release(self) -> None:
        """Nobody does anything any more."""
        for sight in self._bounces:
            sight.cancel()

    def plug_in(self, connector: int, cable_a: int = 32) -> None:
        """A vehicle is plugged in with a cable of 13, 20, 32 or 63 A: pilot state B."""
        outlet = self._outlet(connector)
        if cable_a not in CABLE_OHM:
            raise ValueError(f"cable_a {cable_a} is none of {', '.join(map(str, CABLE_OHM))}")
        if outlet.vehicle.plugged:
            raise ValueError(f"connector {connector} has a vehicle already; plug it out first")
        outlet.plug_in(cable_a)

    def plug_out(self, connector: int) -> None:
        """The vehicle's end of the cable is pulled, whatever flows: pilot state A. Without effect where none is."""
        outlet = self._outlet(connector)
        if outlet.vehicle.plugged:
            outlet.plug_out()

    def ev(
        self,
        connector: int,
        *,
        ready: bool | None = None,
        max_current_a: int | None = None,
        phases: int | None = None,
        ventilation: bool | None = None,
        personality: str | None = None,
    ) -> None:
        """Change what the vehicle at *connector* wants, now and for every later plug-in; None leaves a wish alone.

        *max_current_a* 1 … 80 per phase, *phases* 1 … 3, *personality* one of `PERSONALITIES`.
        """
        outlet = self._outlet(connector)
        vehicle = outlet.vehicle
        if max_current_a is not None and not 1 <= max_current_a <= 80:
            raise ValueError(f"max_current_a {max_current_a} is outside 1 … 80")
        if phases is not None and not 1 <= phases <= 3:
            raise ValueError(f"phases {phases} is outside 1 … 3")
        if personality is not None and personality not in PERSONALITIES:
            raise ValueError(f"personality {personality!r} is none of {', '.join(PERSONALITIES)}")
        vehicle.ready = vehicle.ready if ready is None else ready
        vehicle.max_current_ma = vehicle.max_current_ma if max_current_a is None else max_current_a * 1_000
        vehicle.phases = vehicle.phases if phases is None else phases
        vehicle.ventilation = vehicle.ventilation if ventilation is None else ventilation
        vehicle.personality = vehicle.personality if personality is None else PERSONALITIES[personality]
        outlet.remember()
        vehicle.wish()

    def swipe(self, id_tag: str, connector: int | None = None) -> None:
        """Somebody holds a card to the reader, of one outlet or of all, and takes it away."""
        if not 1 <= len(id_tag) <= MAX_TAG_LENGTH or not id_tag.isprintable():
            raise ValueError(f"id_tag {id_tag!r} is not 1 … {MAX_TAG_LENGTH} printable characters")
        readers = tuple(self._outlets.values()) if connector is None else (self._outlet(connector),)
        bounces = any(Defect.READER_BOUNCES in outlet.inputs.defects for outlet in readers)
        card = CardRead(id_tag=id_tag, connector=connector, uid=_uid_of(id_tag))
        if not bounces:
            self._presented(card)
            return
        for sight in range(BOUNCES):
            self._bounces.append(self._loop.call_later(sight * BOUNCE_S, self._see, card))

    def press_stop(self, connector: int) -> None:
        """Somebody presses the stop button of *connector*."""
        self._outlet(connector).stop_button.press()

    def fault(self, connector: int, kind: str, active: bool) -> None:
        """Break the outlet in the way that shows as the fault *kind*, or mend it.

        What shows only in use shows then: a contactor that does not close, a vehicle that draws too much, a diode.
        """
        outlet = self._outlet(connector)
        if kind not in SHOWN_FAULTS:
            raise ValueError(f"kind {kind!r} is none of {', '.join(SHOWN_FAULTS)}")
        if kind == FaultKind.LOCK_FAILURE and not outlet.config.lock:
            raise ValueError(f"connector {connector} has a fixed cable, and no lock that could fail")
        outlet.set_cause(FaultKind(kind), active)

    def deceive(self, connector: int, defect: str, active: bool) -> None:
        """A part begins to deceive its outlet in the way of `Defect`, or is mended."""
        outlet = self._outlet(connector)
        if defect not in tuple(Defect):
            raise ValueError(f"defect {defect!r} is none of {', '.join(Defect)}")
        outlet.set_defect(Defect(defect), active)

    def proximity(self, connector: int, *, broken: bool) -> None:
        """The proximity contact breaks, so that no cable tells its rating; or it is mended."""
        outlet = self._outlet(connector)
        outlet.inputs.proximity_broken = broken
        outlet.changed()

    def warmth(self, connector: int, temperature_c: int) -> None:
        """The outlet has *temperature_c* inside, −40 … 70."""
        if not -40 <= temperature_c <= 70:
            raise ValueError(f"temperature_c {temperature_c} is outside -40 … 70")
        outlet = self._outlet(connector)
        outlet.inputs.ambient_mc = temperature_c * 1_000
        outlet.changed()

    def self_test(self, connector: int, *, passes: bool) -> None:
        """Every later self-test of the residual-current detector passes, or fails."""
        self._outlet(connector).detector.broken = not passes

    def meter(self, connector: int, *, energy_wh: int | None = None, voltage_v: int | None = None) -> None:
        """Turn the energy register to *energy_wh*, set the mains voltage of each phase to *voltage_v*."""
        outlet = self._outlet(connector)
        if energy_wh is not None and not 0 <= energy_wh <= MAX_WH:
            raise ValueError(f"energy_wh {energy_wh} is outside 0 … {MAX_WH}")
        if voltage_v is not None and not 0 <= voltage_v <= MAX_VOLTAGE_V:
            raise ValueError(f"voltage_v {voltage_v} is outside 0 … {MAX_VOLTAGE_V}")
        if energy_wh is not None:
            outlet.truth.register_set(energy_wh)
            outlet.meter.set_register(energy_wh)
        if voltage_v is not None:
            outlet.set_voltage(voltage_v * 1_000)

    def delivered_wh(self, connector: int) -> int:
        """What truly flowed to vehicles at *connector* since the start, whatever its meter shows."""
        return self._outlet(connector).meter.delivered_wh

    def _see(self, card: CardRead) -> None:
        if self._sights.is_swipe(card, self._loop.time()):
            self._presented(card)

    def _outlet(self, connector: int) -> MockOutlet:
        if connector not in self._outlets:
            raise ValueError(f"connector {connector} is outside 1 … {len(self._outlets)}")
        return self._outlets[connector]


def _uid_of(id_tag: str) -> str | None:
    """The bytes of the card whose idTag this is, by the format that idTags have by themselves; a name has none."""
    digits = id_tag.upper()
    is_uid = len(digits) in _UID_DIGITS and all(digit in "0123456789ABCDEF" for digit in digits)
    return digits if is_uid else None
