"""The mock as the guard sees it: a board like any other."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hal.boards.mock.outlet import MockOutlet
from hal.boards.mock.world import MockWorld
from hal.evse import CardRead
from hal.examination import Finding, Health
from hal.outlet.config import OutletConfig


class MockBoard:
    """Simulated outlets in the time of the running loop."""

    def __init__(self, outlets: Sequence[OutletConfig], state_dir: Path, *, remembers_vehicles: bool) -> None:
        self._outlets = {
            outlet.id: MockOutlet(outlet, state_dir, remembers_vehicle=remembers_vehicles)
            for outlet in outlets
        }
        self.world = MockWorld(self._outlets)

    @property
    def outlets(self) -> Mapping[int, MockOutlet]:
        """The outlets by connector number."""
        return self._outlets

    def watch_cards(self, presented: Callable[[CardRead], None]) -> None:
        """Call *presented* for every card."""
        self.world.watch_cards(presented)

    def examine(self) -> tuple[Finding, ...]:
        """That nothing here is real, and whether the card readers answer."""
        board = Finding(part="hardware", connector=None, health=Health.OK, evidence="mock, all simulated")
        return (board, *(_reader(number, outlet) for number, outlet in self._outlets.items()))

    def close(self) -> None:
        """Stop the simulation; the registers keep what they count."""
        self.world.release()
        for outlet in self._outlets.values():
            outlet.release()


def _reader(connector: int, outlet: MockOutlet) -> Finding:
    online = outlet.reader.online()
    return Finding(
        part="reader",
        connector=connector,
        health=Health.OK if online else Health.FAILED,
        evidence="answers" if online else "does not answer",
        next_step="" if online else f"cpd mock fault {connector} reader_offline off",
    )
