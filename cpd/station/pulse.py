"""Whether a task still goes round: it is asked to, and does so sooner or later, where it is not stuck."""


class Pulse:
    """One task's. Asking twice is asking once; instants are monotonic."""

    def __init__(self) -> None:
        self._asked_s: float | None = None

    def ask(self, now_s: float) -> None:
        """The task was woken, and is to come round."""
        if self._asked_s is None:
            self._asked_s = now_s

    def beat(self) -> None:
        """The task has come round."""
        self._asked_s = None

    def silent_s(self, now_s: float) -> float:
        """How long it has not answered to what it was asked; 0 where it has."""
        return 0.0 if self._asked_s is None else now_s - self._asked_s
