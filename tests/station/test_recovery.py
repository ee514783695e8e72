"""What a restart makes of a transaction that was running."""

from pathlib import Path

import pytest

from cpd.domain.profiles import Purpose
from cpd.domain.transactions import StopReason
from cpd.station.recovery import recover
from tests.hal.bench import virtual
from tests.station.bench import Bench, bench, profile, transaction
from tests.station.test_ledger import TAKES_ALL, Books, books


async def interrupted(here: Books) -> None:
    """A transaction with a TxProfile, and a TxDefaultProfile beside it, as a power cut leaves them."""
    await here.start()
    await here.ledger.install(profile(1, purpose=Purpose.TX), 1, TAKES_ALL)
    await here.ledger.install(profile(2), 0, TAKES_ALL)


CASES = [
    # resume, plugged in, stop intended -> goes on
    (True, True, False, True),
    (False, True, False, False),
    (True, False, False, False),
    (True, True, True, False),
]


@pytest.mark.parametrize(("resume", "plugged", "stopping", "goes_on"), CASES)
def test_a_transaction_goes_on_only_where_the_installer_the_plug_and_nobody_else_say_so(
    tmp_path: Path, resume: bool, plugged: bool, stopping: bool, goes_on: bool
) -> None:
    @virtual
    async def story() -> None:
        async with books(tmp_path) as before:
            await interrupted(before)
            if stopping:
                await before.ledger.intend_stop(1, StopReason.REMOTE, None)
        async with books(tmp_path) as after, bench(tmp_path / "other") as hardware:
            if plugged:
                hardware.world.plug_in(1)
                await hardware.clock.sleep(1)
            kept = await after.store.relaxed(lambda repositories: repositories.profiles.all())
            after.ledger.book = type(after.ledger.book)(profiles=tuple(kept))
            left = await after.store.relaxed(lambda repositories: repositories.transactions.running())
            await recover(
                left, after.ledger, hardware.guard.evses, resume=resume, boot=hardware.timebase.boot
            )
            assert bool(after.ledger.running) is goes_on
            assert await after.kept_profiles() == ([1, 2] if goes_on else [2])
            assert [one.profile.id for one in after.ledger.book.profiles] == ([1, 2] if goes_on else [2])
            (transaction,) = await after.kept()
            reason = StopReason.REMOTE if stopping else StopReason.POWER_LOSS
            assert transaction.stop_reason is (None if goes_on else reason)

    (tmp_path / "other").mkdir()
    story()


@virtual
async def test_a_transaction_that_the_csms_refused_does_not_go_on(tmp_path: Path) -> None:
    """However it was kept from charging before the cut, no power cut gives it back its current."""
    async with books(tmp_path) as before:
        await interrupted(before)
        await before.store.commit(before.ledger.numbered(before.ledger.running[1], 7, refused=True))
    (tmp_path / "other").mkdir()
    async with books(tmp_path) as after, bench(tmp_path / "other") as hardware:
        hardware.world.plug_in(1)
        left = await after.store.relaxed(lambda repositories: repositories.transactions.running())
        await recover(left, after.ledger, hardware.guard.evses, resume=True, boot=hardware.timebase.boot)
        assert not after.ledger.running
        (transaction,) = await after.kept()
        assert (transaction.csms_id, transaction.stop_reason) == (7, StopReason.DEAUTHORIZED)


@virtual
async def test_of_several_on_one_connector_only_the_last_goes_on(tmp_path: Path) -> None:
    """A store that was salvaged may have lost the stop of the one before."""
    (tmp_path / "other").mkdir()
    async with books(tmp_path) as after, bench(tmp_path / "other") as hardware:
        hardware.world.plug_in(1)
        await hardware.clock.sleep(1)
        left = [transaction("older"), transaction("newer", order=2)]
        await recover(left, after.ledger, hardware.guard.evses, resume=True, boot="boot")
        assert after.ledger.running[1].local_id == "newer"
        (booked,) = await after.kept()
        assert (booked.local_id, booked.meter_stop_wh) == ("older", booked.last_meter_wh)


@virtual
async def test_that_one_is_to_end_is_kept_while_its_outlet_is_still_closed(tmp_path: Path) -> None:
    """Nothing that comes between, such as one more power cut, makes it go on."""
    (tmp_path / "other").mkdir()
    async with books(tmp_path) as after, bench(tmp_path / "other") as hardware:
        await hardware.charge()
        await recover([transaction()], after.ledger, hardware.guard.evses, resume=False, boot="boot")
        (kept,) = await after.kept()
        assert (kept.active, kept.stop_reason) == (True, StopReason.POWER_LOSS)
        assert after.ledger.running[1] == kept


@virtual
async def test_a_restart_books_what_ran_and_the_connector_is_free_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        await here.charge()
        await here.clock.sleep(60)
    async with bench(tmp_path) as here:
        assert [one.stop_reason for one in await here.stopped()] == [StopReason.POWER_LOSS]
        await charge_again(here)


async def charge_again(here: Bench) -> None:
    running = await here.charge()
    assert running.order == 2
