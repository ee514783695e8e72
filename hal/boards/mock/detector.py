"""A residual-current detector that tests itself, and can fail its test."""

import asyncio
from collections.abc import Callable

from hal.values import SelfTest

TEST_S = 0.2


class MockDetector:
    """Trips on a residual current; the trip that its own test causes stays inside."""

    def __init__(self, changed: Callable[[], None], leaks: Callable[[], bool]) -> None:
        self._changed = changed
        self._leaks = leaks
        self._loop = asyncio.get_running_loop()
        self._testing: asyncio.TimerHandle | None = None
        self._result = SelfTest.IDLE
        self.broken = False
        self.passed_s: float | None = None

    def tripped(self) -> bool:
        """True while a residual current flows."""
        return self._leaks()

    def start_self_test(self) -> None:
        """Begin a test; one that runs begins anew."""
        self.release()
        self._result = SelfTest.RUNNING
        self._testing = self._loop.call_later(TEST_S, self._answer)
        self._changed()

    def self_test(self) -> SelfTest:
        """How the last test stands."""
        return self._result

    def release(self) -> None:
        """Forget the test that runs."""
        if self._testing is not None:
            self._testing.cancel()

    def _answer(self) -> None:
        self._result = SelfTest.FAILED if self.broken else SelfTest.PASSED
        self.passed_s = None if self.broken else self._loop.time()
        self._changed()
