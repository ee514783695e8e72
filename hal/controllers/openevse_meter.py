"""The meter of an OpenEVSE: one register for good, out of the two that its firmware counts in.

Its total does not run in every firmware: some add a session to it at the session's end only. The energy of the
session itself runs in all of them, begins at 0 with each vehicle, and stays when that has left.
"""

import asyncio

from hal.controllers import openevse_answers as answers
from hal.controllers.rapi import Reply
from hal.controllers.state import EXCHANGE_S
from hal.outlet.config import OutletConfig
from hal.values import MeterReading

METER_FRESH_S = 3.0

_WS_PER_WH = 3_600
_MOST_PERCENT = 150
"""Of the largest power of the outlet: no vehicle that came later has drawn more."""


class SessionMeter:
    """A `hal.board.Meter`: the controller's own, which says nothing where none is fitted."""

    def __init__(self, config: OutletConfig) -> None:
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._last: MeterReading | None = None
        self._session_ws: int | None = None
        self._base_wh = 0
        self._register_wh = 0
        self._counted_s = self._loop.time()

    def read(self) -> MeterReading | None:
        """The last reading; None where there is none younger than 3 s."""
        if self._last is None or self._loop.time() > self._last.at_s + METER_FRESH_S:
            return None
        return self._last

    def forget_session(self) -> None:
        """The controller has booted: that its session begins anew is no sign of another vehicle."""
        self._session_ws = None

    def take(self, measured: Reply, counted: Reply) -> bool | None:
        """Take the answers to $GG and $GU; whether the vehicle was exchanged since the last ones, None if unknown."""
        now_s = self._loop.time()
        counters = answers.counters_in(counted)
        if counters is None:
            self._last = None
            return None
        replugged = self._exchanged(counters.session_ws, now_s - self._counted_s)
        self._count(counters)
        self._counted_s = now_s
        self._last = answers.reading_in(
            measured, energy_wh=self._register_wh, phases=self._config.phases, at_s=now_s
        )
        return replugged

    def _count(self, counters: answers.Counters) -> None:
        session_wh = counters.session_ws // _WS_PER_WH
        if self._session_ws is None or counters.session_ws < self._session_ws:
            # How much of this session the total has already, it does not say: nothing is counted twice.
            self._base_wh = max(self._register_wh, counters.total_wh - session_wh)
        self._session_ws = counters.session_ws
        self._register_wh = max(self._register_wh, counters.total_wh, self._base_wh + session_wh)

    def _exchanged(self, session_ws: int, within_s: float) -> bool | None:
        """A session that began anew is another vehicle's; one that has more than that could have drawn is not."""
        if self._session_ws is None:
            return None
        if session_ws < self._session_ws:
            return True
        config = self._config
        most_w = config.max_current_ma * config.voltage_v * config.phases * _MOST_PERCENT // 100_000
        return False if session_ws > most_w * (within_s - EXCHANGE_S) else None
