"""Remote starts in every state of a connector, and sessions that begin again and again without replugging."""

import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from ocpp.v16 import call

from cpd.lab.csms.behaviour import Behaviour, Tag
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"


async def remote_start(here: Site, connector: int | None = 1, id_tag: str = "REMOTE") -> str:
    request = call.RemoteStartTransaction(id_tag=id_tag, connector_id=connector)
    return str((await here.call(request)).status)


async def available(here: Site) -> None:
    assert here.connector().status == "Available"


async def plugged(here: Site) -> None:
    here.world.plug_in(1)
    await here.status("Preparing")


async def authorised(here: Site) -> None:
    here.world.swipe(TAG)
    await here.status("Preparing")


async def charging(here: Site) -> None:
    await here.charge(TAG)


async def suspended(here: Site) -> None:
    await here.charge(TAG)
    here.world.ev(1, ready=False)
    await here.status("SuspendedEV")


async def finishing(here: Site) -> None:
    await here.charge(TAG)
    here.world.swipe(TAG)
    await here.stopped()


async def faulted(here: Site) -> None:
    here.world.fault(1, "ground_fault", True)
    await here.status("Faulted")


async def unavailable(here: Site) -> None:
    out = call.ChangeAvailability(connector_id=1, type="Inoperative")  # type: ignore[arg-type]
    await here.call(out)
    await here.status("Unavailable")


STATES: list[tuple[Callable[[Site], Awaitable[None]], str, bool]] = [
    (available, "Accepted", False),
    (plugged, "Accepted", True),
    (authorised, "Rejected", False),
    (charging, "Rejected", False),
    (suspended, "Rejected", False),
    (finishing, "Accepted", True),
    (faulted, "Rejected", False),
    (unavailable, "Rejected", False),
]


@pytest.mark.parametrize("connector", [1, None], ids=["here", "anywhere"])
@pytest.mark.parametrize(("state", "answer", "charges"), STATES, ids=[one[0].__name__ for one in STATES])
def test_a_remote_start_is_accepted_where_a_session_could_begin(
    tmp_path: Path,
    state: Callable[[Site], Awaitable[None]],
    answer: str,
    charges: bool,
    connector: int | None,
) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await state(here)
            before = len(here.log.ledger.transactions)
            assert await remote_start(here, connector) == answer
            await here.clock.sleep(20)
            if charges:
                assert here.connector().status == "Charging"
                assert here.log.ledger.transactions[-1].id_tag == "REMOTE"
            else:
                assert len(here.log.ledger.transactions) == before

    run_virtual(scenario())


def test_a_remote_start_before_the_plug_waits_for_connection_time_out(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2, ocpp="ConnectionTimeOut = 30") as here:
            assert await remote_start(here, None) == "Accepted"
            await here.clock.sleep(20)
            here.world.plug_in(2)
            await here.status("Charging", 2)
            assert await remote_start(here, None) == "Accepted"
            await here.clock.sleep(31)
            here.world.plug_in(1)
            await here.clock.sleep(30)
            assert len(here.log.ledger.transactions) == 1, "the second one came too late"

    run_virtual(scenario())


@pytest.mark.parametrize("by_card", [False, True], ids=["remotely", "by card"])
def test_twenty_sessions_without_replugging(tmp_path: Path, by_card: bool) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.plug_in(1)
            await here.status("Preparing")
            for cycle in range(1, 21):
                asked_s = here.clock.monotonic_s()
                if by_card:
                    here.world.swipe(TAG)
                else:
                    assert await remote_start(here, id_tag=TAG) == "Accepted"
                await here.status("Charging")
                assert here.clock.monotonic_s() - asked_s <= 10
                await here.clock.sleep(90)
                current = here.log.ledger.transactions[-1]
                assert current.id == cycle, "a number of its own"
                if by_card:
                    here.world.swipe(TAG)
                else:
                    stop = call.RemoteStopTransaction(transaction_id=current.id)
                    assert (await here.call(stop)).status == "Accepted"
                await here.status("Finishing")
                await here.stopped(cycle)
            booked = here.log.ledger.transactions
            reasons = {one.reason for one in booked}
            assert (len(booked), reasons) == (20, {"Local" if by_card else "Remote"})
            for earlier, later in itertools.pairwise(booked):
                assert earlier.meter_stop_wh == later.meter_start_wh, "nothing flows between them"

    run_virtual(scenario())


def test_the_group_that_start_transaction_tells_of_may_stop_the_session(tmp_path: Path) -> None:
    async def scenario() -> None:
        family = {one: Tag(parent_id_tag="FAMILY") for one in ("MUM", "DAD")}
        asks_nobody = "AuthorizeRemoteTxRequests = false"
        async with site(tmp_path, behaviour=Behaviour(tags=family), ocpp=asks_nobody) as here:
            assert await remote_start(here, id_tag="MUM") == "Accepted"
            here.world.plug_in(1)
            await here.status("Charging")
            await here.clock.sleep(5)
            here.world.swipe("DAD")
            (booked,) = await here.stopped()
            assert (booked.id_tag, booked.stop_id_tag) == ("MUM", "DAD")

    run_virtual(scenario())


def test_two_swipes_in_a_row_start_and_stop(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.plug_in(1)
            await here.status("Preparing")
            here.world.swipe(TAG)
            here.world.swipe(TAG)
            (booked,) = await here.stopped()
            assert (booked.starts, booked.stops, booked.reason) == (1, 1, "Local")
            here.world.swipe(TAG)
            await here.status("Charging")

    run_virtual(scenario())
