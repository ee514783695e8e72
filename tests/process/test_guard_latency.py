"""A sample of what `make bench` measures: the contactors open in time, whatever becomes of the daemon.

The limits are three times those of the bench, for machines that do something else as well.
"""

from pathlib import Path

from hal.evse import LEASE_S
from tests.bench.central_system import central_system
from tests.bench.guards import WITHDRAW_S, lapses, openings, rig_running

TOLD_S, OPEN_S = 3 * 0.050, 3 * 0.100


async def test_a_contactor_opens_in_time_while_the_daemon_does_nothing(tmp_path: Path) -> None:
    async with central_system() as csms, rig_running(tmp_path, csms, outlets=2) as rig:
        told_s, open_s = await openings(rig, rig.stopped)
        assert max(told_s) < TOLD_S
        assert max(open_s) < OPEN_S


async def test_an_offer_does_not_outlive_its_daemon_by_more_than_its_lease(tmp_path: Path) -> None:
    async with central_system() as csms, rig_running(tmp_path, csms, outlets=2) as rig:
        off_s, open_s = await lapses(rig)
        assert max(off_s) < LEASE_S + OPEN_S
        assert max(open_s) < WITHDRAW_S + OPEN_S
