"""The mock as the guard sees it: a board like any other."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hal.boards.mock.outlet import MockOutlet
from hal.boards.mock.world import MockWorld
from hal.evse import CardRead
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

    def close(self) -> None:
        """Stop the simulation; the registers keep what they count."""
        self.world.release()
        for outlet in self._outlets.values():
            outlet.release()
