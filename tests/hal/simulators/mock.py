"""The mock board for the contract suite: it is its own simulator."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from hal.boards.mock.world import SHOWN_FAULTS
from hal.evse import Evse
from hal.examination import Finding
from hal.iec61851 import F_NS, X1_NS, current_ma_for
from hal.values import FaultKind
from tests.hal.bench import Bench, bench
from tests.virtual_time import run_virtual

run = run_virtual

CAUSES: Collection[FaultKind] = SHOWN_FAULTS


class MockRig:
    """An `EvseRig` over the mock board."""

    causes = CAUSES
    seen_within_s = 0.01

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._outlet = bench.world._outlets[1]
        self._guarded = bench.guard._outlets[1]
        self.evse: Evse = self._guarded

    def examine(self) -> tuple[Finding, ...]:
        return self._guarded.examine()

    def plug_in(self) -> None:
        self._bench.world.plug_in(1, 32)

    def plug_out(self) -> None:
        self._bench.world.plug_out(1)

    def ready(self, ready: bool) -> None:
        self._bench.world.ev(1, ready=ready)

    def cause(self, kind: FaultKind, active: bool) -> None:
        self._bench.world.fault(1, kind, active)

    def link(self, up: bool) -> None:
        raise NotImplementedError("the mock board is in this process")

    @property
    def live(self) -> bool:
        return self._outlet.contactor.closed

    @property
    def advertised_ma(self) -> int:
        high_ns = self._outlet.pilot.high_ns
        return 0 if high_ns in (F_NS, X1_NS) else current_ma_for(high_ns)


@asynccontextmanager
async def evse_rig(tmp_path: Path) -> AsyncIterator[MockRig]:
    """The mock board with one outlet; it fails the test at its end if an outlet was ever unsafe."""
    async with bench(tmp_path) as opened:
        yield MockRig(opened)
