"""Which StatusNotifications go out and when: every change, but none that lasts shorter than MinimumStatusDuration.

The last state and every distinct error always get through (OCPP 1.6 §4.9). Knows no link: it hands out reports.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cpd.clock import Clock
from cpd.domain.connector_status import NO_ERROR
from cpd.station.csms import ConnectorReport
from cpd.station.signal import Signal

RETRIES = 3
"""How often a report that got no good answer is sent again while it is still the truth."""

RETRY_S = 10.0
"""How long such a report waits."""


@dataclass(slots=True, kw_only=True)
class PendingReport:
    """A report to send at *due_s* (monotonic)."""

    report: ConnectorReport
    due_s: float
    attempts: int = 0


class StatusLane:
    """Reports in the order in which they are to go out; *minimum_s* gives MinimumStatusDuration."""

    def __init__(self, clock: Clock, minimum_s: Callable[[], int]) -> None:
        self._clock = clock
        self._minimum_s = minimum_s
        self._pending: deque[PendingReport] = deque()
        self._told: dict[int, ConnectorReport] = {}
        self._put = Signal()
        self._taken = Signal()

    def restart(self, reports: Iterable[ConnectorReport]) -> None:
        """The link is new: only the present truth counts, and all of it."""
        now_s = self._clock.monotonic_s()
        self._told.clear()
        self._pending = deque(PendingReport(report=report, due_s=now_s) for report in reports)
        self._put.fire()

    def put(self, report: ConnectorReport) -> None:
        """The status of a connector changed."""
        now_s = self._clock.monotonic_s()
        self._pending = deque(one for one in self._pending if not _superseded(one, report, now_s))
        # Never before an older one of its connector, whose wait may be longer: the last state is told last.
        older_s = [one.due_s for one in self._pending if one.report.connector == report.connector]
        due_s = max([now_s + self._minimum_s(), *older_s])
        self._pending.append(PendingReport(report=report, due_s=due_s))
        self._put.fire()

    def repeat(self, pending: PendingReport) -> None:
        """*pending* got no good answer: it goes again later, unless something newer is to be told."""
        newer = any(one.report.connector == pending.report.connector for one in self._pending)
        self._told.pop(pending.report.connector, None)
        if newer or pending.attempts >= RETRIES:
            return
        pending.attempts += 1
        pending.due_s = self._clock.monotonic_s() + RETRY_S
        self._pending.append(pending)

    @property
    def idle(self) -> bool:
        """True while nothing is due."""
        return not any(one.due_s <= self._clock.monotonic_s() for one in self._pending)

    async def until_idle(self) -> None:
        """Wait until all that is due was handed out."""
        while not self.idle:
            await self._taken.wait()

    async def next(self) -> PendingReport:
        """The report that is due, waiting for it; one that says nothing new is skipped."""
        while True:
            now_s = self._clock.monotonic_s()
            due = next((one for one in self._pending if one.due_s <= now_s), None)
            if due is None:
                await self._wait(now_s)
                continue
            self._pending.remove(due)
            self._taken.fire()
            told = self._told.get(due.report.connector)
            if told is None or _content(told) != _content(due.report):
                self._told[due.report.connector] = due.report
                return due

    async def _wait(self, now_s: float) -> None:
        wait_s = min((one.due_s - now_s for one in self._pending), default=None)
        try:
            async with asyncio.timeout(wait_s):
                await self._put.wait()
        except TimeoutError:
            return


def _superseded(pending: PendingReport, report: ConnectorReport, now_s: float) -> bool:
    """True where *pending* did not last long enough to be told; an error of its own is told all the same."""
    if pending.report.connector != report.connector or pending.due_s <= now_s:
        return False
    return pending.report.error_code in (NO_ERROR, report.error_code)


def _content(report: ConnectorReport) -> tuple[object, ...]:
    return report.status, report.error_code, report.info
