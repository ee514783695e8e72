"""One reader for all connectors: who starts where, and who stops what."""

import asyncio
from pathlib import Path

import pytest

from cpd.domain.profiles import Purpose
from cpd.domain.transactions import StopReason
from hal.evse import CardRead
from tests.hal.bench import virtual
from tests.station.bench import Bench, bench, profile

TWO = {"connectors": 2, "ocpp": {"ConnectionTimeOut": "60"}}


def tags(here: Bench) -> dict[int, str]:
    return {connector: one.id_tag for connector, one in here.station.ledger.running.items()}


@virtual
async def test_a_card_starts_the_connector_that_is_plugged_in_and_waits(tmp_path: Path) -> None:
    async with bench(tmp_path, **TWO) as here:  # type: ignore[arg-type]
        await here.charge("B", 2)
        assert tags(here) == {2: "B"}
        await here.charge("A", 1)
        assert tags(here) == {2: "B", 1: "A"}


@virtual
async def test_of_two_that_wait_the_one_plugged_in_last_is_the_driver_at_the_reader(tmp_path: Path) -> None:
    async with bench(tmp_path, **TWO) as here:  # type: ignore[arg-type]
        here.csms.knows("A")
        here.world.plug_in(1)
        await here.clock.sleep(20)
        here.world.plug_in(2)
        await here.clock.sleep(1)
        here.world.swipe("A")
        await here.clock.sleep(5)
        assert tags(here) == {2: "A"}


@virtual
async def test_a_card_before_the_plug_starts_the_first_connector_plugged_in(tmp_path: Path) -> None:
    async with bench(tmp_path, **TWO) as here:  # type: ignore[arg-type]
        here.csms.knows("A")
        here.world.swipe("A")
        await here.clock.sleep(59)
        here.world.plug_in(2)
        await here.clock.sleep(1)
        here.world.plug_in(1)
        await here.clock.sleep(5)
        assert tags(here) == {2: "A"}


@virtual
async def test_a_card_before_the_plug_lapses_after_connection_time_out(tmp_path: Path) -> None:
    async with bench(tmp_path, **TWO) as here:  # type: ignore[arg-type]
        here.csms.knows("A")
        here.world.swipe("A")
        await here.clock.sleep(61)
        here.world.plug_in(2)
        await here.clock.sleep(5)
        assert tags(here) == {}


@virtual
async def test_two_cards_before_two_plugs_both_count_in_their_order(tmp_path: Path) -> None:
    async with bench(tmp_path, **TWO) as here:  # type: ignore[arg-type]
        for tag in ("A", "B", "A", "C"):
            here.csms.knows(tag)
            here.world.swipe(tag)
        await here.clock.sleep(1)
        here.world.plug_in(2)
        await here.clock.sleep(1)
        here.world.plug_in(1)
        await here.clock.sleep(5)
        assert tags(here) == {2: "B", 1: "A"}


@virtual
async def test_a_card_stops_the_session_that_it_started_and_no_other(tmp_path: Path) -> None:
    async with bench(tmp_path, **TWO) as here:  # type: ignore[arg-type]
        await here.charge("A", 1)
        await here.charge("B", 2)
        here.world.swipe("a")
        await here.until(lambda: tags(here) == {2: "B"})
        (stopped,) = await here.stopped()
        assert (stopped.stop_reason, stopped.stop_id_tag) == (StopReason.LOCAL, "a")


@virtual
async def test_a_card_stops_without_asking_whom_it_started(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        await here.charge("A")
        here.csms.online = False
        here.world.swipe("A")
        await here.until(lambda: here.running() is None)
        assert here.csms.asked == ["A"]


@virtual
async def test_a_card_of_the_same_group_stops_the_session(tmp_path: Path) -> None:
    async with bench(tmp_path, **TWO) as here:  # type: ignore[arg-type]
        here.csms.knows("A", group="FLEET")
        here.csms.knows("B", group="fleet")
        here.world.plug_in(1)
        here.world.swipe("A")
        await here.status("Charging")
        here.world.swipe("B")
        await here.until(lambda: here.running() is None)


@virtual
async def test_a_reader_of_one_outlet_serves_that_outlet_only(tmp_path: Path) -> None:
    async with bench(tmp_path, **TWO) as here:  # type: ignore[arg-type]
        await here.charge("A", 1)
        here.world.swipe("A", 2)
        await here.clock.sleep(5)
        assert tags(here) == {1: "A"}
        here.world.plug_in(2)
        await here.clock.sleep(5)
        assert tags(here) == {1: "A", 2: "A"}


@pytest.mark.parametrize("between_s", [0.0, 0.05, 1.0])
@pytest.mark.parametrize("stalls", [False, True])
def test_a_card_twice_starts_and_stops(tmp_path: Path, between_s: float, stalls: bool) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path) as here:
            here.csms.knows("A")
            here.world.plug_in(1)
            await here.status("Preparing")
            if stalls:
                here.store.hold()
            here.world.swipe("A")
            await here.clock.sleep(between_s)
            here.world.swipe("A")
            await here.clock.sleep(6)
            here.store.let_go()
            await here.clock.sleep(20)
            assert [one.stop_reason for one in await here.stopped()] == [StopReason.LOCAL]
            assert here.running() is None

    story()


@virtual
async def test_a_card_while_the_csms_is_slow_finds_the_connector_plugged_in_meanwhile(tmp_path: Path) -> None:
    async with bench(tmp_path, **TWO) as here:  # type: ignore[arg-type]
        here.csms.knows("A")
        here.csms.answering.clear()
        here.world.swipe("A")
        await here.clock.sleep(5)
        here.world.plug_in(2)
        await here.clock.sleep(5)
        here.csms.answering.set()
        await here.clock.sleep(5)
        assert tags(here) == {2: "A"}


@virtual
async def test_a_card_whose_connector_was_taken_while_the_csms_was_slow_starts_nothing_later(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as here:
        here.csms.knows("CARD")
        here.csms.answering.clear()
        here.world.plug_in(1)
        await here.clock.sleep(1)
        here.world.swipe("CARD")
        await here.clock.sleep(1)
        assert await here.station.remote.start("REMOTE", 1, None) is None
        await here.status("Charging")
        here.csms.answering.set()
        await here.clock.sleep(1)
        await here.station.connectors[1].stop(StopReason.REMOTE)
        await here.clock.sleep(30)
        assert tags(here) == {}


@virtual
async def test_where_all_are_busy_a_card_starts_nothing_later(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        await here.charge("A")
        here.csms.knows("B")
        here.world.swipe("B")
        await here.clock.sleep(5)
        here.world.swipe("A")
        await here.clock.sleep(20)
        assert tags(here) == {}


OFFLINE = [
    # LocalAuthorizeOffline, AllowOfflineTxForUnknownId, in the cache -> starts
    ("true", "false", True, True),
    ("true", "false", False, False),
    ("false", "false", True, False),
    ("false", "true", False, True),
    ("true", "true", False, True),
]


@pytest.mark.parametrize(("local", "unknown", "cached", "starts"), OFFLINE)
def test_offline_the_keys_decide(
    tmp_path: Path, local: str, unknown: str, cached: bool, starts: bool
) -> None:
    keys = {"LocalAuthorizeOffline": local, "AllowOfflineTxForUnknownId": unknown}

    @virtual
    async def story() -> None:
        async with bench(tmp_path, ocpp=keys) as here:
            if cached:
                await here.charge("A")
                here.world.plug_out(1)
                await here.until(lambda: here.running() is None)
            here.csms.online = False
            here.world.plug_in(1)
            await here.clock.sleep(1)
            here.world.swipe("A")
            await here.clock.sleep(5)
            assert (here.running() is not None) is starts
            assert here.codes() == ([] if starts else ["CARD_UNKNOWN_OFFLINE"])

    story()


@virtual
async def test_an_answer_that_does_not_come_leaves_it_to_the_offline_rules(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp={"AllowOfflineTxForUnknownId": "true"}) as here:
        here.csms.answering.clear()
        here.world.plug_in(1)
        here.world.swipe("NEW")
        await here.until(lambda: here.codes() == ["AUTHORIZING"])
        here.csms.online = False
        here.csms.answering.set()
        await here.until(lambda: here.running() is not None)


@virtual
async def test_local_pre_authorize_does_not_wait_for_the_csms(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp={"LocalPreAuthorize": "true"}) as here:
        await here.charge("A")
        here.world.swipe("A")
        await here.until(lambda: here.running() is None)
        here.csms.answering.clear()
        here.world.swipe("A")
        await here.status("Charging")
        assert here.csms.asked == ["A"]


@pytest.mark.parametrize("id_tag", ["", "X" * 21])
@virtual
async def test_what_is_no_id_tag_is_not_asked_about(tmp_path: Path, id_tag: str) -> None:
    async with bench(tmp_path) as here:
        assert not here.station.present_card(CardRead(id_tag=id_tag))
        await here.clock.sleep(1)
        assert here.csms.asked == []


@virtual
async def test_cards_beyond_the_queue_are_refused(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.csms.answering.clear()
        taken = [here.station.present_card(CardRead(id_tag=f"T{number}")) for number in range(20)]
        assert taken == [True] * 16 + [False] * 4
        here.csms.answering.set()
        await here.clock.sleep(1)
        assert len(here.csms.asked) == 16


REMOTE = [
    # connectorId, plugged in before -> why not, and where it starts
    (None, 2, True, 2),
    (None, None, True, 1),
    (2, None, True, 2),
    (1, 2, True, 1),
    (0, 2, False, None),
    (3, 2, False, None),
]


@pytest.mark.parametrize(("connector", "plugged", "accepted", "starts"), REMOTE)
def test_a_remote_start_goes_where_it_says_or_where_somebody_waits(
    tmp_path: Path, connector: int | None, plugged: int | None, accepted: bool, starts: int | None
) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path, **TWO) as here:  # type: ignore[arg-type]
            if plugged is not None:
                here.world.plug_in(plugged)
                await here.clock.sleep(1)
            reason = await here.station.remote.start("A", connector, None)
            assert (reason is None) is accepted
            if starts is not None and plugged != starts:
                here.world.plug_in(starts)
            await here.clock.sleep(5)
            assert tags(here) == ({} if starts is None else {starts: "A"})

    story()


@virtual
async def test_as_many_remote_starts_are_accepted_as_there_are_free_connectors(tmp_path: Path) -> None:
    async with bench(tmp_path, **TWO) as here:  # type: ignore[arg-type]
        answers = [await here.station.remote.start(tag, None, None) for tag in ("A", "B", "C")]
        assert [answer is None for answer in answers] == [True, True, False]
        here.world.plug_in(2)
        await here.clock.sleep(1)
        here.world.plug_in(1)
        await here.clock.sleep(5)
        assert tags(here) == {2: "A", 1: "B"}


@virtual
async def test_a_second_remote_start_on_a_connector_is_refused_until_the_first_lapses(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        assert await here.station.remote.start("A", 1, None) is None
        assert await here.station.remote.start("B", 1, None) is not None
        await here.clock.sleep(61)
        assert await here.station.remote.start("B", 1, None) is None


@pytest.mark.parametrize("connector", [None, 1])
@virtual
async def test_the_profile_of_a_remote_start_that_lapses_goes_with_it(
    tmp_path: Path, connector: int | None
) -> None:
    async with bench(tmp_path, **TWO) as here:  # type: ignore[arg-type]
        held = profile(1, 10, purpose=Purpose.TX)
        assert await here.station.remote.start("A", connector, held) is None
        assert len(here.station.ledger.book.pending) == 1
        await here.clock.sleep(61)
        assert here.station.ledger.book.pending == ()


@virtual
async def test_only_one_profile_waits_for_whichever_connector_comes_first(tmp_path: Path) -> None:
    async with bench(tmp_path, **TWO) as here:  # type: ignore[arg-type]
        one, other = profile(1, 10, purpose=Purpose.TX), profile(2, 12, purpose=Purpose.TX)
        assert await here.station.remote.start("A", None, one) is None
        assert await here.station.remote.start("B", None, other) is not None
        here.world.plug_in(1)
        await here.clock.sleep(5)
        assert [bound.profile.id for bound in here.station.ledger.book.profiles] == [1]


@virtual
async def test_a_connector_taken_while_the_profile_was_waiting_for_the_store_refuses(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.store.hold()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(here.station.install_profile(profile(9, 16), 0))
            await here.clock.sleep(1)
            held = profile(1, 10, purpose=Purpose.TX)
            starting = tasks.create_task(here.station.remote.start("FIRST", 1, held))
            await here.clock.sleep(1)
            assert await here.station.remote.start("SECOND", 1, None) is None
            here.store.let_go()
        assert starting.result() is not None
        assert here.station.ledger.book.pending == ()
        here.world.plug_in(1)
        await here.status("Charging")
        assert tags(here) == {1: "SECOND"}


@virtual
async def test_a_remote_start_is_authorised_first_where_the_key_says_so(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp={"AuthorizeRemoteTxRequests": "true"}) as here:
        here.csms.knows("GOOD")
        here.world.plug_in(1)
        held = profile(1, 10, purpose=Purpose.TX)
        assert await here.station.remote.start("BAD", 1, held) is None
        await here.clock.sleep(1)
        assert (tags(here), here.station.ledger.book.pending) == ({}, ())
        assert here.codes() == ["CARD_REFUSED"]
        assert await here.station.remote.start("GOOD", 1, None) is None
        await here.status("Charging")
        assert here.csms.asked == ["BAD", "GOOD"]
