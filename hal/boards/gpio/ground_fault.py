"""The residual-current detector behind one contact, closed while no current leaks, and its test input."""

import asyncio
from collections.abc import Callable
from enum import Enum, auto

from hal.boards.gpio.lines import Contact, Output
from hal.values import SelfTest

HOLD_S = 0.1
"""A trip shows at least this long, however short the contact was open; and it is over once that is closed so long."""

ASSERT_S = 1.2
"""The test is driven until the detector trips on it; one that has not by then has failed."""

RELEASE_S = 3.2
"""The trip of the test must be gone this long after the test's end."""


class _Test(Enum):
    NONE = auto()
    TRIPS = auto()
    RELEASES = auto()
    HOPELESS = auto()
    """The detector had tripped before: its answer could not be told from that."""


class GpioGroundFault:
    """A `hal.board.GroundFaultMonitor`; a broken wire is a trip. *test* None: it cannot test itself.

    A detector may release by itself once its trip has taken the coil's power. So each opening that an edge tells is a
    trip at once, whatever a second look finds: the pin library tells of none under 1 ms, and detectors trip for
    longer. Where the edge was lost, the contact must be open at two looks (`contacts.TRIP_SETTLE_S`).
    """

    def __init__(self, contact: Contact, test: Output | None, *, changed: Callable[[], None]) -> None:
        self._contact = contact
        self._test_output = test
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._held: asyncio.TimerHandle | None = None
        self._test = _Test.NONE
        self._due: asyncio.TimerHandle | None = None
        self._resting: asyncio.TimerHandle | None = None
        self._result = SelfTest.ABSENT if test is None else SelfTest.IDLE
        contact.watch(self._moved, opened=self._opened, trips=True)

    def tripped(self) -> bool:
        """True while the contact is open, or cannot be read, and not for the detector's own test."""
        if self._test in (_Test.TRIPS, _Test.RELEASES):
            return False
        return self._held is not None or self._contact.is_closed() is not True

    def start_self_test(self) -> None:
        """Drive the test input until the detector trips, then wait until it has released."""
        if self._test_output is None:
            return
        self._cancel()
        self._result = SelfTest.RUNNING
        tripped = self.tripped()
        self._test = _Test.HOPELESS if tripped else _Test.TRIPS
        self._due = self._loop.call_later(ASSERT_S, self._end, SelfTest.FAILED)
        if not tripped and not self._test_output.set(True):
            self._test = _Test.HOPELESS
        self._changed()

    def self_test(self) -> SelfTest:
        """How the last test stands."""
        return self._result

    def close(self) -> None:
        """Forget what runs; the test input goes low with its pin."""
        self._cancel()
        if self._held is not None:
            self._held.cancel()

    def _opened(self) -> None:
        if self._test in (_Test.TRIPS, _Test.RELEASES):
            self._answered()
            return
        if self._held is not None:
            self._held.cancel()
        self._held = self._loop.call_later(HOLD_S, self._let_go)
        self._changed()

    def _let_go(self) -> None:
        self._held = None
        self._changed()

    def _moved(self) -> None:
        if self._test is _Test.TRIPS and self._contact.is_closed() is not True:
            self._answered()
        elif self._test is _Test.RELEASES:
            self._rest()
        elif self._test in (_Test.NONE, _Test.HOPELESS):
            self._changed()

    def _answered(self) -> None:
        """The detector has tripped on its test; a contact may bounce as it opens, and as it closes."""
        if self._test is _Test.TRIPS:
            self._test = _Test.RELEASES
            if self._due is not None:
                self._due.cancel()
            self._due = self._loop.call_later(RELEASE_S, self._end, SelfTest.FAILED)
            if self._test_output is not None:
                self._test_output.set(False)
        self._rest()

    def _rest(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
        self._resting = self._loop.call_later(HOLD_S, self._rested)

    def _rested(self) -> None:
        if self._contact.is_closed():
            self._end(SelfTest.PASSED)

    def _end(self, result: SelfTest) -> None:
        self._cancel()
        self._result = result
        self._changed()

    def _cancel(self) -> None:
        for timer in (self._due, self._resting):
            if timer is not None:
                timer.cancel()
        self._due = self._resting = None
        if self._test_output is not None:
            self._test_output.set(False)
        self._test = _Test.NONE
