"""The local authorization list over the wire: what it lets in, how it is changed, and what contradicts it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.lab.csms.behaviour import Behaviour, Tag
from tests.scenarios.site import STATION, Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"


def entry(id_tag: str, status: str | None = "Accepted", **info: str) -> dict[str, Any]:
    """An entry of a list; *status* None takes the idTag off."""
    return {"idTag": id_tag} if status is None else {"idTag": id_tag, "idTagInfo": {"status": status, **info}}


async def send(here: Site, version: int, *entries: Mapping[str, Any], full: bool = True) -> str:
    request = {
        "listVersion": version,
        "updateType": "Full" if full else "Differential",
        "localAuthorizationList": list(entries),
    }
    return str((await here.csms.call_raw(STATION, "SendLocalList", request))["status"])


async def version(here: Site) -> int:
    return int((await here.call(call.GetLocalListVersion())).list_version)


async def starts(here: Site, id_tag: str) -> bool:
    """Whether *id_tag* begins a session within 2 s; it is over afterwards."""
    here.world.plug_in(1)
    await here.status("Preparing")
    here.world.swipe(id_tag)
    await here.clock.sleep(2)
    started = here.connector().transaction is not None
    here.world.plug_out(1)
    await here.status("Available")
    await here.clock.sleep(2)
    return started


def asked(here: Site) -> list[str]:
    return [message.id_tag for message in here.log.messages(call.Authorize)]


def test_offline_the_list_lets_in_whom_it_names_and_nobody_whom_it_refuses(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="AllowOfflineTxForUnknownId = true") as here:
            sent = await send(
                here,
                1,
                entry("good", parentIdTag="FLEET"),
                entry("BUSY", "ConcurrentTx"),
                entry("BLOCKED", "Blocked"),
                entry("INVALID", "Invalid"),
                entry("EXPIRED", "Expired"),
                entry("OVER", expiryDate="2026-03-02T10:00:00Z"),
            )
            assert (sent, await version(here)) == ("Accepted", 1)
            here.network.cut()
            await here.clock.sleep(5)
            found = {
                id_tag: await starts(here, id_tag)
                for id_tag in ("GOOD", "BUSY", "BLOCKED", "INVALID", "EXPIRED", "OVER", "STRANGER")
            }
            assert [id_tag for id_tag, started in found.items() if started] == ["GOOD", "BUSY", "STRANGER"]

    run_virtual(scenario())


def test_an_entry_runs_out_on_time(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await send(here, 1, entry(TAG, expiryDate="2026-03-02T11:00:00Z"))
            here.network.cut()
            await here.clock.sleep(60)
            assert await starts(here, TAG)
            await here.clock.sleep(3_600)
            assert not await starts(here, TAG)

    run_virtual(scenario())


def test_with_local_pre_authorize_a_listed_card_starts_while_the_csms_keeps_silent(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="LocalPreAuthorize = true") as here:
            await send(here, 1, entry(TAG), entry("BLOCKED", "Blocked"))
            here.behave(reactions={"Authorize": {"silent": True}})
            assert await starts(here, TAG)
            assert asked(here) == []
            # Whom the list refuses is asked about: the CSMS may have changed its mind.
            here.behave(reactions={})
            assert await starts(here, "BLOCKED")
            assert asked(here) == ["BLOCKED"]

    run_virtual(scenario())


def test_the_list_lets_in_before_the_first_boot_is_answered(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as first:
            await send(first, 7, entry(TAG))
        async with site(tmp_path, after=first, online=False) as second:
            assert await starts(second, TAG)
            second.behave(registration="Pending")
            second.network.up = True
            await second.log.until_connected(times=2)
            await second.clock.sleep(1)
            assert await starts(second, TAG)
            assert await version(second) == 7
            second.behave(registration="Accepted")
            await second.clock.sleep(400)
            booked = await second.stopped(2)
            assert {(one.starts, one.stops) for one in booked} == {(1, 1)}

    run_virtual(scenario())


def test_a_group_of_the_list_stops_the_session_of_one_of_its_own_offline(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            group = [entry(one, parentIdTag="FAMILY") for one in ("MUM", "DAD")]
            await send(here, 1, *group, entry("GUEST"))
            here.network.cut()
            await here.clock.sleep(5)
            await here.charge("MUM")
            here.world.swipe("GUEST")
            await here.clock.sleep(5)
            assert here.connector().status == "Charging"
            here.world.swipe("DAD")
            await here.status("Finishing")

    run_virtual(scenario())


def test_changes_are_made_in_the_order_of_their_versions(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            assert await send(here, 3, entry("A"), full=False) == "Accepted"
            assert await send(here, 3, entry("B"), full=False) == "VersionMismatch"
            assert await send(here, 2, entry("B"), full=False) == "VersionMismatch"
            assert await send(here, 4, entry("a", None), entry("B"), full=False) == "Accepted"
            assert await version(here) == 4
            assert await send(here, 1, entry("C")) == "Accepted"
            assert await version(here) == 1
            here.network.cut()
            await here.clock.sleep(5)
            assert [await starts(here, one) for one in "ABC"] == [False, False, True]

    run_virtual(scenario())


def test_a_list_that_is_too_long_or_names_somebody_twice_changes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        ocpp = "SendLocalListMaxLength = 3\nLocalAuthListMaxLength = 4"
        async with site(tmp_path, ocpp=ocpp) as here:
            assert await send(here, 1, *(entry(one) for one in "ABC")) == "Accepted"
            assert await send(here, 2, *(entry(one) for one in "DEFG"), full=False) == "Failed"
            assert await send(here, 2, entry("D"), entry("E"), full=False) == "Failed"
            assert await send(here, 2, entry("D"), entry("d"), full=False) == "Failed"
            assert await send(here, 0, entry("D")) == "Failed"
            assert await send(here, -1, entry("D")) == "Failed"
            assert await send(here, 2, entry("D", None)) == "Failed"
            assert await version(here) == 1
            assert await send(here, 2, entry("A", None), entry("D"), entry("E"), full=False) == "Accepted"
            assert await version(here) == 2

    run_virtual(scenario())


def test_an_empty_full_list_empties_it_and_its_version_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await send(here, 5, entry(TAG))
            request = {"listVersion": 6, "updateType": "Full"}
            answer = await here.csms.call_raw(STATION, "SendLocalList", request)
            assert (answer["status"], await version(here)) == ("Accepted", 0)

    run_virtual(scenario())


def test_while_it_is_switched_off_the_list_is_not_supported_and_is_kept(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="AllowOfflineTxForUnknownId = true") as here:
            await send(here, 5, entry(TAG, "Blocked"))
            for value, answers in (("false", (-1, "NotSupported")), ("true", (5, "VersionMismatch"))):
                await here.call(call.ChangeConfiguration(key="LocalAuthListEnabled", value=value))
                assert (await version(here), await send(here, 5, full=False)) == answers
            here.network.cut()
            await here.clock.sleep(5)
            assert not await starts(here, TAG)

    run_virtual(scenario())


def test_without_its_feature_profile_there_is_no_list_and_none_of_its_keys(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp='SupportedFeatureProfiles = "Core"') as here:
            assert (await version(here), await send(here, 1, entry(TAG))) == (-1, "NotSupported")
            keys = ["LocalAuthListEnabled", "LocalAuthListMaxLength", "SendLocalListMaxLength"]
            answer = await here.call(call.GetConfiguration(key=keys))
            assert answer.unknown_key == keys

    run_virtual(scenario())


def conflicts(here: Site) -> list[str]:
    """The error codes that the station as a whole has told."""
    told: list[Any] = here.log.messages(call.StatusNotification)
    return [str(one.error_code) for one in told if one.connector_id == 0]


@pytest.mark.parametrize("listed", ["Accepted", "Blocked"])
def test_the_csms_is_told_where_it_contradicts_its_own_list_until_that_is_mended(
    tmp_path: Path, listed: str
) -> None:
    said = "Blocked" if listed == "Accepted" else "Accepted"
    behaviour = Behaviour(tags={TAG: Tag(status=said)})  # type: ignore[arg-type]

    async def scenario() -> None:
        async with site(tmp_path, behaviour=behaviour) as here:
            await send(here, 1, entry(TAG, listed))
            assert await starts(here, TAG) is (said == "Accepted")
            assert await starts(here, TAG) is (said == "Accepted")
            assert conflicts(here) == ["NoError", "LocalListConflict"]
            # The list is the CSMS's own, and stays as it is.
            here.network.cut()
            await here.clock.sleep(5)
            assert await starts(here, TAG) is (listed == "Accepted")
            here.network.up = True
            await here.log.until_connected(times=2)
            await here.clock.sleep(5)
            assert await send(here, 2, entry(TAG, said), full=False) == "Accepted"
            await here.clock.sleep(5)
            assert conflicts(here)[-1] == "NoError"

    run_virtual(scenario())


def test_a_start_that_contradicts_the_list_is_told_too_and_ends_as_the_keys_say(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(start_status="Invalid")  # type: ignore[arg-type]
        async with site(tmp_path, behaviour=behaviour, ocpp="LocalPreAuthorize = true") as here:
            await send(here, 1, entry(TAG))
            here.world.plug_in(1)
            here.world.swipe(TAG)
            (booked,) = await here.stopped()
            assert booked.reason == "DeAuthorized"
            await here.clock.sleep(5)
            assert conflicts(here) == ["NoError", "LocalListConflict"]

    run_virtual(scenario())


def test_a_listed_card_is_not_remembered_in_the_cache_as_well(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            here.world.swipe(TAG)
            await here.stopped()
            here.world.plug_out(1)
            await here.status("Available")
            await send(here, 1, entry(TAG))
            assert await starts(here, TAG)
            assert await send(here, 2, entry(TAG, None), full=False) == "Accepted"
            here.network.cut()
            await here.clock.sleep(5)
            assert not await starts(here, TAG)

    run_virtual(scenario())


def test_clearing_the_cache_leaves_the_list(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await send(here, 4, entry(TAG))
            assert (await here.call(call.ClearCache())).status == "Accepted"
            assert await version(here) == 4
            here.network.cut()
            await here.clock.sleep(5)
            assert await starts(here, TAG)

    run_virtual(scenario())


def test_ten_thousand_cards_are_taken_in_portions_and_found_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            for portion in range(10):
                cards = [entry(f"CARD{portion * 1_000 + number}") for number in range(1_000)]
                assert await send(here, portion + 1, *cards, full=portion == 0) == "Accepted"
            assert await send(here, 11, entry("ONE MORE"), full=False) == "Failed"
            here.network.cut()
            await here.clock.sleep(5)
            assert [await starts(here, one) for one in ("CARD0", "card9999", "CARD10000")] == [
                True,
                True,
                False,
            ]

    run_virtual(scenario())
