"""Work beside the safety loop: a thread that does the same small job again and again."""

import threading
from collections.abc import Callable

from hal.realtime import SERVICE_PRIORITY, prepare_thread


class SideThread:
    """Calls *job* every *period_s*; a slow job makes the next one later, and nobody waits for either."""

    def __init__(self, name: str, period_s: float, job: Callable[[], None]) -> None:
        self._period_s = period_s
        self._job = job
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin, with the first job at once."""
        self._thread.start()

    def close(self, *, within_s: float = 2.0) -> None:
        """Let the job that runs end; one that hangs in the kernel is left behind."""
        self._ends.set()
        if self._thread.is_alive():
            self._thread.join(within_s)

    def _run(self) -> None:
        prepare_thread(SERVICE_PRIORITY)
        while not self._ends.is_set():
            self._job()
            self._ends.wait(self._period_s)
