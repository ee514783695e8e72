"""Somebody who is let in more than once is still one driver, and nobody else charges on what they have left over."""

from pathlib import Path

import pytest

from cpd.domain.profiles import Purpose
from cpd.station.access import StartRefusal
from cpd.station.requests import QUEUED_REQUESTS
from hal.evse import CardRead
from tests.hal.bench import virtual
from tests.station.bench import Bench, bench, profile

TWO = {"connectors": 2, "ocpp": {"ConnectionTimeOut": "60"}}
ASKING = {"connectors": 2, "ocpp": {"AuthorizeRemoteTxRequests": "true"}}


def tags(here: Bench) -> dict[int, str]:
    return {connector: one.id_tag for connector, one in here.station.ledger.running.items()}


def bound(here: Bench) -> list[tuple[int, int]]:
    """The TxProfiles in the book: connector and id."""
    return [(one.connector, one.profile.id) for one in here.station.ledger.book.profiles]


async def plug_in_both(here: Bench, first: int) -> None:
    for connector in (first, 3 - first):
        here.world.plug_in(connector)
        await here.clock.sleep(5)


@virtual
async def test_a_card_after_a_remote_start_does_not_let_in_the_next_vehicle_too(tmp_path: Path) -> None:
    async with bench(tmp_path, **TWO) as here:  # type: ignore[arg-type]
        here.csms.knows("A")
        assert await here.station.remote.start("A", 2, None) is None
        here.world.swipe("A")
        await here.clock.sleep(5)
        await plug_in_both(here, first=2)
        assert tags(here) == {2: "A"}


@virtual
async def test_a_remote_start_after_a_card_does_not_let_in_the_next_vehicle_too(tmp_path: Path) -> None:
    async with bench(tmp_path, **TWO) as here:  # type: ignore[arg-type]
        here.csms.knows("A")
        here.world.swipe("A")
        await here.clock.sleep(5)
        assert await here.station.remote.start("A", 2, profile(1, 10, purpose=Purpose.TX)) is None
        await plug_in_both(here, first=2)
        assert (tags(here), bound(here)) == ({2: "A"}, [(2, 1)])


@pytest.mark.parametrize("connectors", [1, 2])
@pytest.mark.parametrize("named", [True, False])
def test_a_card_after_a_remote_start_keeps_its_profile(tmp_path: Path, connectors: int, named: bool) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path, connectors=connectors) as here:
            here.csms.knows("a")
            held = profile(1, 10, purpose=Purpose.TX)
            assert await here.station.remote.start("A", 1 if named else None, held) is None
            here.world.swipe("a")
            await here.clock.sleep(5)
            here.world.plug_in(1)
            await here.status("Charging")
            assert (bound(here), here.station.ledger.book.pending) == ([(1, 1)], ())

    story()


@virtual
async def test_a_driver_who_changes_the_outlet_while_the_csms_is_slow_charges_at_the_new_one(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, **TWO) as here:  # type: ignore[arg-type]
        here.csms.knows("A")
        here.csms.answering.clear()
        here.world.plug_in(1)
        await here.clock.sleep(1)
        here.world.swipe("A")
        await here.clock.sleep(1)
        here.world.plug_out(1)
        await here.clock.sleep(1)
        here.world.plug_in(2)
        await here.clock.sleep(1)
        here.csms.answering.set()
        await here.clock.sleep(5)
        here.world.plug_in(1)
        await here.clock.sleep(5)
        assert tags(here) == {2: "A"}


@virtual
async def test_while_the_csms_is_asked_about_a_remote_start_its_connector_and_profile_are_taken(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, **ASKING) as here:  # type: ignore[arg-type]
        here.csms.knows("A")
        here.csms.knows("B")
        here.csms.answering.clear()
        one, other = profile(1, 10, purpose=Purpose.TX), profile(2, 16, purpose=Purpose.TX)
        assert await here.station.remote.start("A", 1, one) is None
        assert await here.station.remote.start("B", 1, other) is not None
        assert here.station.admission.start_locally(1, "B") is StartRefusal.NOT_FREE
        assert await here.station.remote.start("B", 2, other) is None
        here.csms.answering.set()
        await plug_in_both(here, first=1)
        assert (tags(here), bound(here)) == ({1: "A", 2: "B"}, [(1, 1), (2, 2)])


@virtual
async def test_while_the_csms_is_asked_no_more_starts_are_accepted_than_connectors_are_free(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, **ASKING) as here:  # type: ignore[arg-type]
        here.csms.answering.clear()
        held = profile(1, 10, purpose=Purpose.TX)
        assert await here.station.remote.start("A", None, held) is None
        assert await here.station.remote.start("B", None, profile(2, 16, purpose=Purpose.TX)) is not None
        assert await here.station.remote.start("B", None, None) is None
        assert await here.station.remote.start("C", None, None) is not None
        assert [one.profile.id for one in here.station.ledger.book.pending] == [1]


@virtual
async def test_a_remote_start_that_finds_the_queue_full_leaves_the_profile_of_another(tmp_path: Path) -> None:
    async with bench(tmp_path, **ASKING) as here:  # type: ignore[arg-type]
        here.csms.answering.clear()
        assert await here.station.remote.start("A", None, profile(1, 10, purpose=Purpose.TX)) is None
        await here.clock.sleep(1)
        taken = [here.station.present_card(CardRead(id_tag=f"T{n}")) for n in range(QUEUED_REQUESTS)]
        assert all(taken)
        assert await here.station.remote.start("B", None, None) == "too many requests wait already"
        assert [one.profile.id for one in here.station.ledger.book.pending] == [1]


@virtual
async def test_what_free_vend_gave_a_vehicle_is_gone_with_it(tmp_path: Path) -> None:
    async with bench(tmp_path, free_vend="FREE") as here:
        here.csms.knows("CARD")
        here.world.fault(1, "meter_offline", True)
        here.world.plug_in(1)
        await here.clock.sleep(10)
        here.world.plug_out(1)
        await here.clock.sleep(1)
        here.world.fault(1, "meter_offline", False)
        await here.clock.sleep(10)
        assert await here.station.remote.start("REMOTE", 1, None) is None
        here.world.plug_in(1)
        await here.status("Charging")
        assert tags(here) == {1: "REMOTE"}
