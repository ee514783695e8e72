"""`auth.explain` in a whole daemon: what it says of a card is what becomes of it."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from tests.scenarios.site import STATION, Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
LISTED = {"LISTED": "Accepted", "BARRED": "Blocked"}


async def set_up(here: Site) -> None:
    """A list of two, and a card that only the cache knows."""
    entries = [
        {"idTag": id_tag, "idTagInfo": {"status": status, "parentIdTag": "FLEET-BERLIN"}}
        for id_tag, status in LISTED.items()
    ]
    request = {"listVersion": 7, "updateType": "Full", "localAuthorizationList": entries}
    assert (await here.csms.call_raw(STATION, "SendLocalList", request))["status"] == "Accepted"
    await here.charge("CACHED")
    await leave(here)


async def leave(here: Site) -> None:
    here.world.plug_out(1)
    await here.status("Available")
    await here.clock.sleep(2)


async def becomes(here: Site, id_tag: str) -> str:
    """What becomes of a card that is presented, in the words of the document."""
    here.world.plug_in(1)
    await here.status("Preparing")
    seen = len(here.log.calls)
    here.world.swipe(id_tag)
    await here.clock.sleep(2)
    started = here.connector().transaction is not None
    if "Authorize" in [received.action for received in here.log.calls[seen:]]:
        found = "ask"
    else:
        found = "accept" if started else "refuse"
    await leave(here)
    return found


KEYS = [
    dict(
        zip(("LocalPreAuthorize", "LocalAuthorizeOffline", "AllowOfflineTxForUnknownId"), values, strict=True)
    )
    for values in product(("false", "true"), repeat=3)
]


@pytest.mark.parametrize("keys", KEYS, ids=lambda keys: " ".join(key for key in keys if keys[key] == "true"))
def test_what_is_explained_is_what_happens(tmp_path: Path, keys: dict[str, str]) -> None:
    async def scenario() -> None:
        ocpp = "\n".join(f"{key} = {value}" for key, value in keys.items())
        async with site(tmp_path, ocpp=ocpp) as here:
            await set_up(here)
            for connection in ("online", "offline"):
                if connection == "offline":
                    here.network.cut()
                    await here.clock.sleep(5)
                # The stranger comes last: an answer would make a card known.
                for id_tag in ("LISTED", "listed", "BARRED", "CACHED", f"STRANGER {connection}"):
                    explained = await here.control("auth.explain", id_tag=id_tag)
                    assert explained["connection"] == connection
                    assert await becomes(here, id_tag) == explained[connection]["action"], id_tag

    run_virtual(scenario())


def test_the_key_that_is_named_changes_what_happens(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await set_up(here)
            here.network.cut()
            await here.clock.sleep(5)
            for id_tag in ("CACHED", "STRANGER"):
                before: Any = await here.control("auth.explain", id_tag=id_tag)
                change = before["offline"]["change"]
                value = str(not before["keys"][change]).lower()
                await here.control("configuration.set", key=change, value=value)
                after = await becomes(here, id_tag)
                assert {before["offline"]["action"], after} == {"accept", "refuse"}

    run_virtual(scenario())


def test_it_tells_what_is_known_and_asks_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await set_up(here)
            seen = len(here.log.calls)
            barred = await here.control("auth.explain", id_tag="barred")
            assert barred["schema"] == "cpd.auth/1"
            assert barred["local_list"] == {
                "enabled": True,
                "version": 7,
                "entry": {"status": "Blocked", "parent_id_tag": "FLEE…RLIN", "expires_at": None},
            }
            assert barred["offline"] == {"action": "refuse", "source": "list", "row": 3, "change": None}
            cached = await here.control("auth.explain", id_tag="CACHED")
            assert cached["cache"]["entry"]["status"] == "Accepted"
            assert len(cached["table"]) == 6
            await here.clock.sleep(1)
            assert len(here.log.calls) == seen

    run_virtual(scenario())


def test_a_card_that_another_reader_would_spell_otherwise_is_found(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            listed = {"idTag": "8061b1021fa304", "idTagInfo": {"status": "Accepted"}}
            request = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [listed]}
            await here.csms.call_raw(STATION, "SendLocalList", request)
            explained = await here.control("auth.explain", id_tag=TAG)
            assert explained["spellings"] == [
                {"id_tag": "8061B1021FA304", "kind": "bytes reversed", "source": "list"}
            ]

    run_virtual(scenario())


def test_a_charger_without_a_csms_explains_what_it_does_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, csms="", online=False) as here:
            explained = await here.control("auth.explain", id_tag=TAG)
            assert (explained["csms"], explained["connection"]) == (False, "offline")
            assert explained["offline"]["change"] == "AllowOfflineTxForUnknownId"
            assert await here.daemon.station.authorizer.decide(TAG) == "unknown_offline"

    run_virtual(scenario())


def test_how_a_refusal_that_comes_later_ends_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        ocpp = "StopTransactionOnInvalidId = false\nMaxEnergyOnInvalidId = 1500"
        async with site(tmp_path, ocpp=ocpp) as here:
            explained = await here.control("auth.explain", id_tag=TAG)
            assert explained["if_refused_later"] == {"stops": False, "energy_wh": 1_500}
            # Nothing is changed by it.
            assert here.log.messages(call.Authorize) == []

    run_virtual(scenario())
