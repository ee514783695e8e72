"""Without the central system: who may charge, and how it is told afterwards (OCPP 1.6 §3.5, §3.7, §9.1)."""

from datetime import datetime, timedelta
from pathlib import Path

from cpd.lab.csms.behaviour import Behaviour, Reaction
from tests.conformance.station import CARD, Station, station

QUICK = "TransactionMessageRetryInterval = 0\n"


async def go_offline(here: Station) -> None:
    await here.charger.call("csms.disconnect")
    await here.charger.until(lambda status: not status["csms"]["connected"])


async def go_online(here: Station) -> None:
    await here.charger.call("csms.connect")


async def known(here: Station, id_tag: str = CARD) -> None:
    """A session that leaves *id_tag* in the cache."""
    await here.begin(id_tag=id_tag)
    await here.swipe(id_tag)
    await here.stopped()
    await here.plug_out()
    await here.status("Available")


async def session(here: Station) -> None:
    """A whole session, as the driver sees it."""
    assert await here.charges_offline()
    await here.charger.until_status("Charging")
    await here.swipe()
    await here.charger.until_connector(lambda one: one["transaction"] is None)
    await here.plug_out()
    await here.charger.until_status("Available")


UNKNOWN_OK = "AllowOfflineTxForUnknownId = true\n"


async def test_a_session_without_a_link_is_told_in_order_afterwards(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=UNKNOWN_OK + "MeterValueSampleInterval = 1") as here:
        await go_offline(here)
        assert await here.charges_offline()
        await here.charger.until_connector(lambda one: one["meter"]["energy_wh"] >= 3)
        await here.swipe()
        await here.charger.until_connector(lambda one: one["transaction"] is None)
        await go_online(here)
        await here.stopped()
        actions = [
            one.action for one in here.calls if "Transaction" in one.action or one.action == "MeterValues"
        ]
        assert (actions[0], actions[-1]) == ("StartTransaction", "StopTransaction")
        assert set(actions[1:-1]) <= {"MeterValues"}


async def test_what_happened_without_a_link_is_dated_when_it_happened(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=UNKNOWN_OK) as here:
        await go_offline(here)
        await session(here)
        await go_online(here)
        (stop,) = await here.stopped()
        start = here.sent("StartTransaction")[0].payload
        began, ended = [datetime.fromisoformat(one["timestamp"]) for one in (start, stop)]
        # The vehicle takes a second to ask for current; the two messages come right behind one another.
        assert ended - began >= timedelta(seconds=0.9)


async def test_the_number_of_a_late_start_is_in_what_follows_it(tmp_path: Path) -> None:
    behaviour = Behaviour(interval_s=0, transaction_ids=(4711,))
    async with station(tmp_path, behaviour=behaviour, ocpp=UNKNOWN_OK) as here:
        await go_offline(here)
        await session(here)
        await go_online(here)
        (stop,) = await here.stopped()
        assert stop["transactionId"] == 4711


async def test_the_present_status_goes_before_what_was_queued(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=UNKNOWN_OK) as here:
        await go_offline(here)
        await session(here)
        since = len(here.calls)
        await go_online(here)
        await here.stopped()
        actions = [one.action for one in here.calls[since:]]
        assert actions[:4] == [
            "StatusNotification",
            "StatusNotification",
            "StartTransaction",
            "StopTransaction",
        ]


async def test_two_sessions_are_told_one_after_the_other(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=UNKNOWN_OK) as here:
        await go_offline(here)
        for _ in range(2):
            assert await here.charges_offline()
            await here.plug_out()
            await here.charger.until_connector(lambda one: one["ocpp_status"] == "Available")
        await go_online(here)
        await here.stopped(2)
        actions = [one.action for one in here.calls if "Transaction" in one.action]
        assert actions == ["StartTransaction", "StopTransaction"] * 2


async def test_a_session_that_began_before_the_link_went_is_ended_after_it_came(here: Station) -> None:
    await here.begin()
    await go_offline(here)
    await here.swipe()
    await here.charger.until_connector(lambda one: one["transaction"] is None)
    await go_online(here)
    (stop,) = await here.stopped()
    assert (stop["transactionId"], stop["reason"]) == (1, "Local")
    assert len(here.sent("StartTransaction")) == 1


async def test_what_is_queued_survives_a_power_cut(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=UNKNOWN_OK) as here:
        await go_offline(here)
        await session(here)
        await here.charger.power_cut()
        await here.charger.start()
        (stop,) = await here.stopped()
        assert (stop["reason"], len(here.sent("StartTransaction"))) == ("Local", 1)


async def test_offline_an_unknown_card_is_turned_away(here: Station) -> None:
    await go_offline(here)
    assert not await here.charges_offline()


async def test_offline_an_unknown_card_charges_where_the_key_says_so(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=UNKNOWN_OK) as here:
        await go_offline(here)
        assert await here.charges_offline()


async def test_offline_a_known_card_charges(here: Station) -> None:
    await known(here)
    await go_offline(here)
    assert await here.charges_offline()


async def test_without_local_authorize_offline_a_known_card_is_turned_away(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="LocalAuthorizeOffline = false") as here:
        await known(here)
        await go_offline(here)
        assert not await here.charges_offline()


async def test_offline_a_card_that_was_refused_is_turned_away_whatever_the_keys_say(tmp_path: Path) -> None:
    behaviour = Behaviour(interval_s=0).changed({"tags": {"BAD": {"status": "Blocked"}}})
    async with station(tmp_path, behaviour=behaviour, ocpp=UNKNOWN_OK) as here:
        await here.plug_in()
        await here.swipe("BAD")
        await here.answered(await here.sends("Authorize"))
        await here.plug_out()
        await go_offline(here)
        assert not await here.charges_offline("BAD")


async def test_a_card_that_started_offline_and_is_refused_later_ends_its_session(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=UNKNOWN_OK) as here:
        await go_offline(here)
        assert await here.charges_offline()
        here.behave(start_status="Invalid")
        await go_online(here)
        (stop,) = await here.stopped()
        assert stop["reason"] == "DeAuthorized"


async def test_a_refused_message_is_tried_as_often_as_the_key_says_and_the_next_goes_on(
    tmp_path: Path,
) -> None:
    reactions = {"StartTransaction": Reaction(error="InternalError", times=2)}
    behaviour = Behaviour(interval_s=0, reactions=reactions)
    keys = QUICK + "TransactionMessageAttempts = 2"
    async with station(tmp_path, behaviour=behaviour, ocpp=keys, tolerates="unknown transaction") as here:
        await here.begin(id_tag="LOST")
        await here.plug_out()
        await here.stopped()
        await here.status("Available")
        await here.plug_in()
        await here.swipe("NEXT")
        await here.sends("StartTransaction", idTag="NEXT")
        assert [one.payload["idTag"] for one in here.sent("StartTransaction")] == ["LOST", "LOST", "NEXT"]


async def test_the_stop_of_a_start_that_was_given_up_is_still_sent(tmp_path: Path) -> None:
    reactions = {"StartTransaction": Reaction(error="InternalError", times=1)}
    behaviour = Behaviour(interval_s=0, reactions=reactions)
    keys = QUICK + "TransactionMessageAttempts = 1"
    async with station(tmp_path, behaviour=behaviour, ocpp=keys, tolerates="unknown transaction") as here:
        await here.begin()
        await here.swipe()
        (stop,) = await here.stopped()
        assert stop["reason"] == "Local"


async def test_attempts_are_apart_by_the_interval(tmp_path: Path) -> None:
    reactions = {"StartTransaction": Reaction(error="InternalError", times=1)}
    keys = "TransactionMessageRetryInterval = 1"
    async with station(tmp_path, behaviour=Behaviour(interval_s=0, reactions=reactions), ocpp=keys) as here:
        await here.plug_in()
        await here.swipe()
        first, again = [await here.sends("StartTransaction") for _ in range(2)]
        assert again.at_s - first.at_s >= 0.9


async def test_an_answer_that_is_lost_with_the_link_makes_the_same_start_come_again(tmp_path: Path) -> None:
    reactions = {"StartTransaction": Reaction(drops_link=True, times=1)}
    async with station(tmp_path, behaviour=Behaviour(interval_s=0, reactions=reactions)) as here:
        await here.plug_in()
        await here.swipe()
        first = await here.sends("StartTransaction")
        again = await here.started()
        assert again.payload == first.payload
