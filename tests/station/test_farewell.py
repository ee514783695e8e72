"""The end of the daemon: every transaction stopped with its reason, nothing begun any more, and the link hung up."""

from pathlib import Path

import pytest

from cpd.station.reset import ResetKind
from tests.hal.bench import virtual
from tests.station.bench import bench

REASONS = [(None, False, "Reboot"), (ResetKind.SOFT, False, "SoftReset"), (ResetKind.HARD, True, "HardReset")]


@virtual
@pytest.mark.parametrize(("reset", "resume", "reason"), REASONS)
async def test_what_runs_is_stopped_with_its_reason(
    tmp_path: Path, reset: ResetKind | None, resume: bool, reason: str
) -> None:
    async with bench(tmp_path, resume=resume) as here:
        await here.charge()
        await here.station.shut_down(reset)
        (ended,) = await here.stopped()
        assert ended.stop_reason == reason
        assert not here.csms.online, "the link is hung up, not torn"


@virtual
async def test_what_is_to_be_resumed_after_a_planned_stop_goes_on(tmp_path: Path) -> None:
    async with bench(tmp_path, resume=True) as here:
        await here.charge()
        await here.station.shut_down()
        assert await here.stopped() == []


@virtual
async def test_a_card_that_comes_too_late_begins_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.csms.knows("LATE")
        here.world.plug_in(1)
        await here.status("Preparing")
        await here.station.shut_down()
        here.world.swipe("LATE")
        await here.clock.sleep(20)
        assert here.running() is None


@virtual
async def test_a_store_that_takes_nothing_does_not_hold_the_end_up(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        await here.charge()
        here.store.failures = 1_000
        began_s = here.clock.monotonic_s()
        await here.station.shut_down(ResetKind.SOFT)
        assert here.clock.monotonic_s() - began_s < 20
        assert here.station.connectors[1].evse.snapshot().contactor == "open"
        here.store.failures = 0
