"""A vehicle at the end of the cable: what it wants, how it answers the pilot, what it draws.

It closes S2 only under a valid PWM (except where its personality is not to have one), and follows every new duty.
"""

import asyncio
from collections.abc import Callable
from math import inf

from hal.boards.mock.personalities import PERSONALITIES
from hal.boards.mock.pilot_circuit import Load
from hal.iec61851 import F_NS, current_ma_for, is_pwm

AWAKE_AFTER_F_S = 3.0
LET_GO_S = 0.5


_SIMPLIFIED_MAX_MA = 10_000


class Vehicle:
    """One vehicle; *changed* is called whenever its load on the pilot or its current changes."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._high_ns: int | None = None
        self._f_since_s: float | None = None
        self._pwm_ended_s: float | None = None
        self._awake = False
        self._shortest_pause_s = inf
        self._rested = 0
        self._s2 = False
        self._follows_ma = 0
        self.plugged = False
        self.ready = True
        self.max_current_ma = 32_000
        self.phases = 3
        self.ventilation = False
        self.personality = PERSONALITIES["default"]
        self.overdraws = False

    @property
    def load(self) -> Load:
        """What hangs on the pilot."""
        if not self.plugged:
            return Load.NOTHING
        if not self._s2:
            return Load.WAITING
        return Load.READY_WITH_VENTILATION if self.ventilation else Load.READY

    @property
    def is_ready(self) -> bool:
        """True while S2 is closed."""
        return self.plugged and self._s2

    @property
    def wants_ma(self) -> int:
        """What it draws per phase once it is connected."""
        if not self.is_ready:
            return 0
        percent = 140 if self.overdraws else self.personality.draws_percent
        allowed_ma = self._follows_ma * percent // 100
        most_ma = self.max_current_ma if percent <= 100 else self.max_current_ma * 2
        return min(allowed_ma, most_ma, _SIMPLIFIED_MAX_MA if self.personality.always_ready else most_ma)

    def plug_in(self, high_ns: int) -> None:
        """Meet a pilot with *high_ns*."""
        self.plugged = True
        self._awake = False
        self._shortest_pause_s = inf
        self._rested = 0
        self._pwm_ended_s = None
        self._high_ns = None
        self._s2 = self.ready and self.personality.always_ready
        self.see(high_ns)

    def plug_out(self) -> None:
        """Leave."""
        self._cancel_all()
        self.plugged = self._s2 = False
        self._follows_ma = 0
        self._f_since_s = None
        self._changed()

    def see(self, high_ns: int) -> None:
        """The pilot has *high_ns* from now on."""
        if not self.plugged or high_ns == self._high_ns:
            return
        before_ns, self._high_ns = self._high_ns, high_ns
        self._sense_f(high_ns)
        self._sense_pause(before_ns, high_ns)
        offered_ma = current_ma_for(high_ns)
        if offered_ma > 0 or self.personality.leaves_after_s is not None or self.personality.always_ready:
            self._later("follow", self.personality.follows_after_s, lambda: self._follow(offered_ma))
        self._answer()

    def wish(self) -> None:
        """What it wants was changed from outside: answer the pilot again."""
        self._answer()
        self._changed()

    def release(self) -> None:
        """Forget everything that is pending."""
        self._cancel_all()

    def _answer(self) -> None:
        """Close or open S2 in due time, as the pilot and the wishes demand."""
        if not self.plugged or self._high_ns is None:
            return
        personality = self.personality
        if personality.always_ready:
            self._set_s2(self.ready)
            return
        if self._asks_for(current_ma_for(self._high_ns)):
            self._cancel("leave")
            if not self._s2 and "ready" not in self._timers:
                self._later("ready", personality.ready_after_s, self._become_ready)
            return
        self._cancel("ready")
        if not self._s2 or "leave" in self._timers:
            return
        if not self.ready:
            self._follows_ma = 0
            self._later("leave", LET_GO_S, lambda: self._set_s2(False))
        elif personality.leaves_after_s is not None:
            self._later("leave", personality.leaves_after_s, lambda: self._set_s2(False))

    def _asks_for(self, offered_ma: int) -> bool:
        personality = self.personality
        asleep = personality.needs_pulse and not self._awake
        upset = self._shortest_pause_s < personality.least_pause_s
        willing = self.ready and not asleep and not upset and "rest" not in self._timers
        return willing and offered_ma > 0 and offered_ma >= personality.least_offer_ma

    def _become_ready(self) -> None:
        if self.personality.pulse_s is not None:
            self._set_s2(True)
            self._later("ready", self.personality.pulse_s, self._end_pulse)
        else:
            self._set_s2(True)
            if self.personality.rests:
                rest = self.personality.rests[self._rested % len(self.personality.rests)]
                self._later("tire", rest.after_s, lambda: self._take_rest(rest.for_s))

    def _take_rest(self, for_s: float) -> None:
        self._rested += 1
        self._later("rest", for_s, self._answer)
        self._follow(0)
        self._later("leave", LET_GO_S, lambda: self._set_s2(False))

    def _end_pulse(self) -> None:
        self._set_s2(False)
        self._later("ready", 1.0, lambda: self._set_s2(True))

    def _set_s2(self, closed: bool) -> None:
        if closed and not self._s2 and self._high_ns is not None:
            self._follows_ma = current_ma_for(self._high_ns)
        if not closed:
            self._cancel("tire")
        self._s2 = closed
        self._changed()

    def _follow(self, offered_ma: int) -> None:
        self._follows_ma = offered_ma if self.ready else 0
        self._changed()

    def _sense_f(self, high_ns: int) -> None:
        now_s = self._loop.time()
        if high_ns == F_NS:
            self._f_since_s = now_s
        elif self._f_since_s is not None:
            self._awake = self._awake or now_s >= self._f_since_s + AWAKE_AFTER_F_S
            self._f_since_s = None

    def _sense_pause(self, before_ns: int | None, high_ns: int) -> None:
        now_s = self._loop.time()
        had_pwm = before_ns is not None and is_pwm(before_ns)
        if had_pwm and not is_pwm(high_ns) and self._s2:
            self._pwm_ended_s = now_s
        if had_pwm or not is_pwm(high_ns) or self._pwm_ended_s is None:
            return
        paused_s = now_s - self._pwm_ended_s
        self._pwm_ended_s = None
        self._shortest_pause_s = min(self._shortest_pause_s, paused_s)
        self._awake = self._awake and paused_s < self.personality.sleeps_after_s

    def _later(self, name: str, delay_s: float, act: Callable[[], None]) -> None:
        self._cancel(name)
        self._timers[name] = self._loop.call_later(delay_s, self._run, name, act)

    def _run(self, name: str, act: Callable[[], None]) -> None:
        del self._timers[name]
        act()

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _cancel_all(self) -> None:
        for name in tuple(self._timers):
            self._cancel(name)
