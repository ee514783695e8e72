"""The coil's interlock: what opens the contactor once nothing else can."""

import asyncio
from pathlib import Path

import pytest

from hal.board import INTERLOCK_HOLD_S
from hal.boards.mock.contactor import RELEASE_S
from hal.boards.mock.outlet import MockOutlet
from hal.boards.mock.world import MockWorld
from hal.evse import Offer
from hal.guarded_outlet import GuardedOutlet
from hal.latches import Latches
from hal.outlet.config import OutletConfig
from hal.values import ContactorState
from tests.hal.bench import bench, virtual


class SeveredContactor:
    """The lines to a contactor; once cut, they keep their last level and nothing toggles any more."""

    def __init__(self, outlet: MockOutlet) -> None:
        self._contactor = outlet.contactor
        self.cut = False

    def command(self, closed: bool) -> None:
        if not self.cut:
            self._contactor.command(closed)

    def heartbeat(self) -> None:
        if not self.cut:
            self._contactor.heartbeat()

    def select_phases(self, phases: int) -> None:
        self._contactor.select_phases(phases)

    def feedback(self) -> ContactorState:
        return self._contactor.feedback()


class SeveredBoard:
    """A mock outlet whose computer can die without a last word."""

    def __init__(self, outlet: MockOutlet) -> None:
        self.contactor = SeveredContactor(outlet)
        self.pilot, self.lock, self.cable = outlet.pilot, outlet.lock, outlet.cable
        self.ground_fault, self.emergency_stop = outlet.ground_fault, outlet.emergency_stop
        self.thermometer, self.meter, self.reader = outlet.thermometer, outlet.meter, outlet.reader
        self.stop_button, self.watch = outlet.stop_button, outlet.watch


@pytest.mark.parametrize("after_s", [2.0, 2.05, 2.1, 2.2, 3.0, 3.7, 9.99])
@virtual
async def test_a_guard_that_stops_at_any_instant_lets_the_interlock_open(
    tmp_path: Path, after_s: float
) -> None:
    config = OutletConfig(id=1)
    outlet = MockOutlet(config, tmp_path)
    board = SeveredBoard(outlet)
    guarded = GuardedOutlet(
        config, board, latches=Latches(tmp_path / "latches.json"), witness=None, failed=lambda error: None
    )
    guarded.start()
    MockWorld({1: outlet}).plug_in(1)
    for _ in range(int(after_s)):
        guarded.offer(Offer(current_ma=16_000, phases=3))
        await asyncio.sleep(1)
    await asyncio.sleep(after_s % 1)
    assert outlet.contactor.closed
    board.contactor.cut = True
    await asyncio.sleep(INTERLOCK_HOLD_S + RELEASE_S + 0.001)
    assert (outlet.contactor.coil, outlet.contactor.closed) == (True, False)
    guarded.make_safe()
    outlet.release()


@virtual
async def test_a_guard_that_lives_holds_the_interlock_for_hours(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        await b.offer(16_000, for_s=2 * 3_600)
        assert (b.now.contactor, b.guard.contactor_cycles(1)) == ("closed", 1)
