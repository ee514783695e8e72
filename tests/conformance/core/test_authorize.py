"""Who may charge: Authorize, the cache, and the keys that rule both (OCPP 1.6 §3.5, §4.1, §9.1)."""

from pathlib import Path

import pytest

from cpd.lab.csms.behaviour import Behaviour, Tag
from tests.conformance.station import CARD, Station, station

FAMILY = Behaviour(interval_s=0, tags={name: Tag(parent_id_tag="FAMILY") for name in ("MUM", "DAD")})


async def leave(here: Station) -> None:
    """End the session by unplugging: its stop names no card, so that nothing of it is learnt of one."""
    await here.plug_out()
    await here.stopped(len(here.sent("StartTransaction")))
    await here.status("Available")


async def starts_after(here: Station, refused: str) -> None:
    """*refused* starts nothing: the next card is asked about, and it is the only one that starts."""
    await here.plug_in()
    await here.swipe(refused)
    await here.answered(await here.sends("Authorize", idTag=refused))
    await here.swipe("GOOD")
    await here.sends("StartTransaction")
    assert [one.payload["idTag"] for one in here.sent("StartTransaction")] == ["GOOD"]


async def test_a_card_is_asked_about_before_its_transaction_starts(here: Station) -> None:
    await here.begin()
    asked = [one.action for one in here.calls if one.action in ("Authorize", "StartTransaction")]
    assert asked == ["Authorize", "StartTransaction"]
    assert here.sent("Authorize")[0].payload == {"idTag": CARD}


async def test_an_idtag_is_sent_as_it_was_read(here: Station) -> None:
    await here.begin(id_tag="aBcDeF")
    assert here.sent("StartTransaction")[0].payload["idTag"] == "aBcDeF"


@pytest.mark.parametrize("status", ["Blocked", "Expired", "Invalid", "ConcurrentTx"])
async def test_a_card_that_is_not_accepted_starts_nothing(tmp_path: Path, status: str) -> None:
    tags = {"BAD": {"status": status}}
    async with station(tmp_path, behaviour=Behaviour(interval_s=0).changed({"tags": tags})) as here:
        await starts_after(here, "BAD")


async def test_a_card_without_a_vehicle_waits_for_the_plug(here: Station) -> None:
    await here.swipe()
    await here.status("Preparing")
    assert here.sent("StartTransaction") == []
    await here.plug_in()
    await here.sends("StartTransaction")


async def test_a_card_without_a_vehicle_lapses_after_connection_time_out(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="ConnectionTimeOut = 1") as here:
        await here.swipe("LATE")
        preparing = await here.status("Preparing")
        available = await here.status("Available")
        assert available.at_s - preparing.at_s >= 0.5
        await here.begin(id_tag="GOOD")
        assert [one.payload["idTag"] for one in here.sent("StartTransaction")] == ["GOOD"]


async def test_the_card_that_started_stops_without_being_asked_about(here: Station) -> None:
    await here.begin()
    await here.swipe()
    (stop,) = await here.stopped()
    assert stop["idTag"] == CARD
    assert len(here.sent("Authorize")) == 1


async def test_a_card_of_another_case_is_the_same_card(here: Station) -> None:
    await here.begin(id_tag="abcd")
    await here.swipe("ABCD")
    (stop,) = await here.stopped()
    assert stop["reason"] == "Local"


async def test_another_card_does_not_stop_a_transaction(here: Station) -> None:
    await here.begin()
    await here.swipe("STRANGER")
    await here.sends("Authorize", idTag="STRANGER")
    await here.swipe()
    (stop,) = await here.stopped()
    assert stop["idTag"] == CARD


async def test_a_card_of_the_same_parent_stops_the_transaction(tmp_path: Path) -> None:
    async with station(tmp_path, behaviour=FAMILY) as here:
        await here.begin(id_tag="MUM")
        await here.swipe("DAD")
        (stop,) = await here.stopped()
        assert stop["idTag"] == "DAD"


async def test_online_a_known_card_is_asked_about_again(here: Station) -> None:
    await here.begin()
    await leave(here)
    await here.begin()
    assert len(here.sent("Authorize")) == 2


async def test_with_local_pre_authorize_a_known_card_starts_without_being_asked_about(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="LocalPreAuthorize = true") as here:
        await here.begin()
        await leave(here)
        await here.begin()
        assert len(here.sent("Authorize")) == 1


async def test_with_local_pre_authorize_an_unknown_card_is_asked_about(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="LocalPreAuthorize = true") as here:
        await here.begin()
        assert len(here.sent("Authorize")) == 1


async def test_with_local_pre_authorize_a_known_refusal_is_asked_about_again(tmp_path: Path) -> None:
    behaviour = Behaviour(interval_s=0).changed({"tags": {"BAD": {"status": "Blocked"}}})
    async with station(tmp_path, behaviour=behaviour, ocpp="LocalPreAuthorize = true") as here:
        await here.plug_in()
        await here.swipe("BAD")
        await here.answered(await here.sends("Authorize", idTag="BAD"))
        here.behave(tags={})
        await here.swipe("BAD")
        assert (await here.sends("StartTransaction")).payload["idTag"] == "BAD"
        assert len(here.sent("Authorize")) == 2


async def test_without_the_cache_nobody_is_known(tmp_path: Path) -> None:
    ocpp = "LocalPreAuthorize = true\nAuthorizationCacheEnabled = false"
    async with station(tmp_path, ocpp=ocpp) as here:
        await here.begin()
        await leave(here)
        await here.begin()
        assert len(here.sent("Authorize")) == 2


async def test_a_cleared_cache_knows_nobody(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="LocalPreAuthorize = true") as here:
        await here.begin()
        await leave(here)
        assert await here.ask("ClearCache") == {"status": "Accepted"}
        await here.begin()
        assert len(here.sent("Authorize")) == 2


async def test_the_cache_survives_a_power_cut(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="LocalPreAuthorize = true") as here:
        await here.begin()
        await leave(here)
        await here.charger.power_cut()
        await here.charger.start()
        await here.status("Available")
        await here.begin()
        assert len(here.sent("Authorize")) == 1


async def test_two_swipes_in_a_row_start_and_stop(here: Station) -> None:
    await here.plug_in()
    await here.swipe()
    await here.swipe()
    (stop,) = await here.stopped()
    assert stop["reason"] == "Local"
