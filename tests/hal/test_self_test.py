"""The residual-current detector tests itself before anything is closed on its word."""

import asyncio
from pathlib import Path

from hal.boards.mock.detector import TEST_S
from hal.outlet.config import OutletTimings
from tests.hal.bench import bench, virtual

TIMINGS = OutletTimings()


@virtual
async def test_the_detector_is_tested_at_the_start_and_once_a_day(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        detector = b.world._outlets[1].detector
        await asyncio.sleep(TEST_S)
        first_s = detector.passed_s
        assert first_s is not None
        await asyncio.sleep(TIMINGS.self_test_fresh_s - 1)
        assert detector.passed_s == first_s
        await asyncio.sleep(2)
        assert detector.passed_s > first_s


@virtual
async def test_a_session_outlives_the_self_test_that_it_began_on_and_the_next_close_does_not(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, timings=OutletTimings(self_test_fresh_s=30)) as b:
        detector = b.world._outlets[1].detector
        await b.charge()
        first_s = detector.passed_s
        await b.offer(16_000, for_s=40)
        assert (b.now.contactor, detector.passed_s) == ("closed", first_s)
        b.world.ev(1, ready=False)
        await b.offer(16_000, for_s=10)
        assert detector.passed_s > first_s
        b.world.ev(1, ready=True)
        await b.offer(16_000, for_s=10)
        assert b.now.contactor == "closed"


@virtual
async def test_a_detector_that_fails_its_test_is_a_ground_fault_until_it_passed_and_the_plug_was_out(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        b.world.self_test(1, passes=False)
        b.world.plug_in(1)
        await b.offer(16_000, for_s=10)
        assert (b.faults, b.now.contactor_commanded) == (["ground_fault"], "open")
        b.world.plug_out(1)
        await asyncio.sleep(TIMINGS.self_test_retry_s + 1)
        assert b.faults == ["ground_fault"]
        b.world.self_test(1, passes=True)
        await asyncio.sleep(TIMINGS.self_test_retry_s)
        assert b.faults == []
        await b.charge()
