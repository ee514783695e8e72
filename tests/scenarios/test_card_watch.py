"""`cpd rfid watch` in a whole daemon: cards are shown, and nothing else comes of them."""

import asyncio
from pathlib import Path
from typing import Any

from hal.evse import CardRead
from tests.scenarios.site import STATION, Site, site
from tests.virtual_time import run_virtual

CARD = "04A31F02B16180"
REVERSED = "8061B1021FA304"


async def list_of(here: Site, *id_tags: str) -> None:
    entries = [{"idTag": id_tag, "idTagInfo": {"status": "Accepted"}} for id_tag in id_tags]
    request = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": entries}
    assert (await here.csms.call_raw(STATION, "SendLocalList", request))["status"] == "Accepted"


async def watched(here: Site, after: int = 0) -> Any:
    return await here.control("rfid.cards", after=after)


async def watch_for(here: Site, duration_s: float) -> Any:
    """Ask each second, as the command line does, for *duration_s*; the last answer."""
    answer = await watched(here)
    for _ in range(round(duration_s)):
        await here.clock.sleep(1)
        answer = await watched(here)
    return answer


def test_a_watched_card_is_shown_with_all_its_spellings_and_who_knows_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await list_of(here, REVERSED)
            begun = await here.control("rfid.watch")
            assert (begun["cards"], begun["ends_in_s"]) == ([], 60.0)
            here.world.swipe(CARD, 1)
            await here.clock.sleep(1)
            (card,) = (await watched(here, begun["last"]))["cards"]
            assert (card["id_tag"], card["uid"], card["connector"]) == (CARD, CARD, 1)
            assert (card["local_list"], card["cache"]) == (None, None)
            assert card["at"].startswith("2026-03-02T10:00:")
            assert {one["id_tag"]: one["local_list"] for one in card["spellings"]} == {
                CARD: None,
                REVERSED: "Accepted",
                "01305253491335552": None,
                "36136209891697412": None,
            }

    run_virtual(scenario())


def test_a_watched_card_starts_no_session(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.plug_in(1)
            await here.status("Preparing")
            await here.control("rfid.watch")
            here.world.swipe(CARD)
            await watch_for(here, 20)
            assert here.connector().transaction is None
            assert "Authorize" not in [seen.action for seen in here.log.calls]

    run_virtual(scenario())


def test_a_watched_card_stops_no_session(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(CARD)
            await here.clock.sleep(5)
            await here.control("rfid.watch")
            here.world.swipe(CARD)
            await watch_for(here, 20)
            assert here.connector().status == "Charging"

    run_virtual(scenario())


def test_cards_work_again_after_a_minute_whoever_goes_on_asking(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.control("rfid.watch")
            assert (await watch_for(here, 59))["ends_in_s"] > 0
            assert (await watch_for(here, 2))["ends_in_s"] == 0
            await here.charge(CARD)
            assert (await watched(here))["cards"] == []

    run_virtual(scenario())


def test_cards_work_again_soon_after_the_watcher_is_gone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.control("rfid.watch")
            await here.clock.sleep(3.1)
            assert (await watched(here))["ends_in_s"] == 0
            await here.charge(CARD)

    run_virtual(scenario())


def test_what_was_shown_is_not_told_to_who_asks_later(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.control("rfid.watch")
            here.world.swipe(CARD)
            await here.clock.sleep(4)
            assert len((await watched(here))["cards"]) == 1
            await here.clock.sleep(3)
            assert (await watched(here))["cards"] == []

    run_virtual(scenario())


def test_a_card_is_shown_once_to_each_who_asks_from_where_they_were(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.control("rfid.watch")
            for id_tag in (CARD, "VISITOR"):
                here.world.swipe(id_tag)
            await here.clock.sleep(1)
            first = await watched(here)
            assert [card["id_tag"] for card in first["cards"]] == [CARD, "VISITOR"]
            assert first["cards"][1]["spellings"] == []
            assert (await watched(here, first["last"]))["cards"] == []
            assert [card["id_tag"] for card in (await watched(here, 1))["cards"]] == ["VISITOR"]

    run_virtual(scenario())


def test_the_log_has_no_whole_id_tag(tmp_path: Path, caplog: Any) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.control("rfid.watch")
            here.world.swipe(CARD)
            await here.clock.sleep(1)

    with caplog.at_level("INFO"):
        run_virtual(scenario())
    assert "card shown and not used id_tag=04A3…6180" in caplog.text
    assert CARD not in caplog.text


def test_a_card_that_comes_while_others_are_looked_up_is_for_the_next_question(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            watch = here.daemon.station.card_watch
            watch.begin()
            watch.takes(CardRead(id_tag=CARD, uid=CARD))
            async with asyncio.TaskGroup() as tasks:
                asking = tasks.create_task(watch.ask(0))
                await asyncio.sleep(0)
                watch.takes(CardRead(id_tag="VISITOR"))
            first = asking.result()
            assert [shown.card.id_tag for shown in first.cards] == [CARD]
            assert [shown.card.id_tag for shown in (await watch.ask(first.last)).cards] == ["VISITOR"]

    run_virtual(scenario())
