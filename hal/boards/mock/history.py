"""What physically happened to one mock outlet, as far as its witness must remember it to judge.

It sees contacts, voltages and currents, and hears each permission as it is given; nothing that the outlet machine
believes.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from hal.boards.mock.pilot_circuit import Load
from hal.evse import Offer
from hal.iec61851 import F_NS, X1_NS, current_ma_for
from hal.values import FaultKind, LockState

if TYPE_CHECKING:
    from hal.boards.mock.outlet import MockOutlet

_TRACE_LENGTH = 80

AT_ONCE = frozenset(
    {
        FaultKind.GROUND_FAULT,
        FaultKind.EMERGENCY_STOP,
        FaultKind.OVER_TEMPERATURE,
        FaultKind.LOCK_FAILURE,
        FaultKind.PILOT_SHORT,
        FaultKind.PILOT_FAULT,
    }
)
"""What an outlet must not be closed on, not even for a moment."""
_LATCHED = AT_ONCE - {FaultKind.PILOT_SHORT, FaultKind.PILOT_FAULT}
"""The same, as far as a moment of it counts as a fault."""


class OutletHistory:
    """One outlet's present and what led there."""

    def __init__(self, outlet: "MockOutlet") -> None:
        self.outlet: MockOutlet = outlet
        self._loop = asyncio.get_running_loop()
        self._trace: deque[str] = deque(maxlen=_TRACE_LENGTH)
        self._offer: Offer | None = None
        self._offer_until_s = 0.0
        self._available = True
        self.holds_plug = False
        self._emergency = False
        self._leaving = False
        self._tripped = False
        self._was_live = False
        self._was_ready = False
        self._was_plugged = False
        self._ready_since_s: float | None = None
        self._cable_a: int | None = None
        self._pilot_since_s = self.now_s
        self._increased_s: float | None = None
        self._offering_ended_s: float | None = None
        self._phases_moved_s: float | None = None
        """Both in this plug-in only."""
        self._advertised: deque[tuple[float, int]] = deque(maxlen=32)
        self._diode_seen = False
        self._closed_s = 0.0
        self._opened_s: float | None = None
        self._released_s: float | None = None
        """When the coil was released last, also one that had not pulled in yet."""
        self._closes: deque[float] = deque(maxlen=10)
        self._fault_over_s: float | None = None
        self._was_faulty = False
        self._f_excused = True
        self._pulses = 0
        self._energy_wh = 0

    @property
    def now_s(self) -> float:
        """The loop's time."""
        return self._loop.time()

    @property
    def live(self) -> bool:
        """True while the socket is energised because the coil holds it (a weld is nobody's decision)."""
        return self.outlet.contactor.closed and not self.outlet.contactor.welded

    @property
    def ready(self) -> bool:
        """True while the vehicle physically asks for energy, and may have it here."""
        load = self.outlet.pilot.load
        if self.outlet.pilot.shorted or self.outlet.pilot.unreadable:
            return False
        return load is Load.READY or (load is Load.READY_WITH_VENTILATION and self.outlet.config.ventilation)

    @property
    def offering(self) -> bool:
        """True while the vehicle sees a PWM."""
        return self.outlet.pilot.high_ns not in (F_NS, X1_NS)

    @property
    def permitted_ma(self) -> int:
        """What the user, the cable and the hardware allow now."""
        if self._offer is None or self.now_s >= self._offer_until_s:
            return 0
        config = self.outlet.config
        cable_a = self._cable_a if config.lock else config.fixed_cable_a
        cable_ma = config.max_current_ma if cable_a is None else cable_a * 1_000
        return min(self._offer.current_ma, cable_ma, config.max_current_ma)

    @property
    def permitted_phases(self) -> int:
        """On how many phases the user allows it."""
        return 0 if self._offer is None else self._offer.phases

    @property
    def tripped(self) -> bool:
        """True from a ground fault until an unplug without it."""
        return self._tripped

    @property
    def available(self) -> bool:
        """What the user last said."""
        return self._available

    @property
    def shows_voltage(self) -> bool:
        """True while the meter tells what the voltage is; a bad one that no meter tells is left to the breaker."""
        return not self.outlet.meter.is_silent and not self.outlet.meter.is_frozen

    @property
    def reference_ma(self) -> int:
        """The largest current advertised within the last 5 s."""
        recent = [ma for until_s, ma in self._advertised if self.now_s < until_s + 5.0]
        return max([current_ma_for(self.outlet.pilot.high_ns), *recent])

    def may_wait_for_close(self) -> bool:
        """True while nothing physical speaks against a closed contactor."""
        rested_s = max(self._opened_s or 0.0, self._released_s or 0.0) + 5.0
        rate = len(self._closes) < 10 or self.now_s >= self._closes[0] + 600.0
        return (
            self.ready
            and self.offering
            and self.permitted_ma > 0
            and not self.outlet.hazards
            and (not self.outlet.config.lock or self.outlet.lock.position() is LockState.LOCKED)
            and self.now_s >= rested_s
            and rate
        )

    def _follow(self) -> None:
        """Remember the instants of what just changed."""
        now_s, outlet = self.now_s, self.outlet
        plugged = outlet.vehicle.plugged
        if plugged and not self._was_plugged:
            self._cable_a, self._diode_seen, self._pulses = None, False, 0
            self._increased_s = None
        if not plugged:
            self._offering_ended_s = self._phases_moved_s = None
        self._was_plugged = plugged
        if plugged and outlet.inputs.plug is not None and outlet.config.lock:
            self._cable_a = min(self._cable_a or 80, outlet.inputs.plug.rating_a)
        if outlet.hazards and outlet.pilot.high_ns == F_NS:
            self._f_excused = True
        if outlet.inputs.tripped():
            self._tripped = True
        elif not plugged:
            self._tripped = False
        if self.ready is not self._was_ready:
            self._was_ready = self.ready
            self._ready_since_s = now_s if self.ready else None
            self._note("ready %s", self.ready)
        if self.offering and plugged and not outlet.pilot.diode_missing:
            self._diode_seen = True
        faulty = bool(outlet.hazards & _LATCHED)
        if self._was_faulty and not faulty:
            self._fault_over_s = now_s
        self._was_faulty = faulty
        if self.live is not self._was_live:
            self._was_live = self.live
            self._note("live %s", self.live)
            if self.live:
                self._pulses = 0
                self._closed_s = now_s
            else:
                # The pause counts from the command, however late a busy process lets the contacts part.
                released_s = self._released_s if self._released_s is not None else now_s
                self._opened_s = released_s if released_s >= self._closed_s else now_s
                self._emergency = False

    def _note(self, text: str, value: object) -> None:
        self._trace.append(f"{self.now_s:.3f} " + text % (value,))
