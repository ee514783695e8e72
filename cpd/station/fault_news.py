"""Which faults of an outlet are still to be told to the CSMS: each gets through, however short or many at once."""

from collections.abc import Iterable

from hal.values import Fault


class FaultNews:
    """Remembers what was seen of one outlet's faults since the last `take`."""

    def __init__(self) -> None:
        self._seen: frozenset[Fault] = frozenset()
        self._raised: list[Fault] = []

    def raised(self, fault: Fault) -> None:
        """An event says that *fault* began; it may be gone before anybody looks."""
        self._raised.append(fault)

    def take(self, standing: Iterable[Fault]) -> tuple[tuple[Fault, ...], bool]:
        """The faults that are new since the last time, oldest first; and True where one, old or new, is gone."""
        now = frozenset(standing)
        new = {one for one in (*self._raised, *now) if one not in self._seen}
        gone = bool((self._seen | new) - now)
        self._seen = now
        self._raised.clear()
        return tuple(sorted(new, key=lambda fault: fault.since_s)), gone
