"""SendLocalList, GetLocalListVersion, and what the list decides (OCPP 1.6 §3.5.2, §5.10, §5.15, §9.2)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conformance.local_auth_list.lists import entry, send, version
from tests.conformance.station import Station, station

ON = "LocalPreAuthorize = true\n"


async def starts_unasked(here: Station, id_tag: str) -> bool:
    """Whether *id_tag* starts online before the central system is asked about it."""
    asked = len(here.sent("Authorize", idTag=id_tag))
    await here.begin(id_tag=id_tag)
    return len(here.sent("Authorize", idTag=id_tag)) == asked


async def charges_offline(here: Station, id_tag: str) -> bool:
    await here.charger.call("csms.disconnect")
    return await here.charges_offline(id_tag)


async def test_without_a_list_the_version_is_zero(here: Station) -> None:
    assert await version(here) == 0


async def test_a_full_list_replaces_the_one_before(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=ON) as here:
        await send(here, 1, "Full", entry("OLD"))
        assert await send(here, 2, "Full", entry("NEW")) == "Accepted"
        assert not await starts_unasked(here, "OLD")


async def test_an_empty_full_list_takes_everybody_out(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=ON) as here:
        await send(here, 1, "Full", entry("ONE"))
        assert await send(here, 2, "Full") == "Accepted"
        assert not await starts_unasked(here, "ONE")


async def test_a_differential_list_adds_to_the_one_before(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=ON) as here:
        await send(here, 1, "Full", entry("ONE"))
        assert await send(here, 2, "Differential", entry("TWO")) == "Accepted"
        assert await version(here) == 2
        assert await starts_unasked(here, "ONE")


async def test_a_differential_list_changes_an_entry(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=ON) as here:
        await send(here, 1, "Full", entry("ONE", "Blocked"))
        assert await send(here, 2, "Differential", entry("ONE")) == "Accepted"
        assert await starts_unasked(here, "ONE")


async def test_a_differential_list_takes_out_an_entry_without_a_status(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=ON) as here:
        await send(here, 1, "Full", entry("ONE"), entry("TWO"))
        assert await send(here, 2, "Differential", entry("ONE", None)) == "Accepted"
        assert not await starts_unasked(here, "ONE")


async def test_more_entries_than_can_be_sent_at_once_are_failed(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="SendLocalListMaxLength = 2") as here:
        assert await send(here, 1, "Full", entry("A"), entry("B")) == "Accepted"
        assert await send(here, 2, "Full", entry("A"), entry("B"), entry("C")) == "Failed"
        assert await version(here) == 1


async def test_more_entries_than_the_list_can_hold_are_failed(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="LocalAuthListMaxLength = 2") as here:
        assert await send(here, 1, "Full", entry("A"), entry("B")) == "Accepted"
        assert await send(here, 2, "Differential", entry("C")) == "Failed"
        assert await version(here) == 1


async def test_a_list_survives_a_power_cut_right_behind_the_answer(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=ON) as here:
        assert await send(here, 5, "Full", entry("ONE")) == "Accepted"
        await here.charger.power_cut()
        await here.charger.start()
        await here.status("Available")
        assert await version(here) == 5
        assert await starts_unasked(here, "ONE")


async def test_clearing_the_cache_leaves_the_list(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=ON) as here:
        await send(here, 1, "Full", entry("ONE"))
        assert await here.ask("ClearCache") == {"status": "Accepted"}
        assert await version(here) == 1
        assert await starts_unasked(here, "ONE")


async def test_with_local_pre_authorize_a_listed_card_starts_unasked(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=ON) as here:
        await send(here, 1, "Full", entry("ONE"))
        assert await starts_unasked(here, "ONE")


async def test_without_local_pre_authorize_a_listed_card_is_asked_about(here: Station) -> None:
    await send(here, 1, "Full", entry("ONE"))
    assert not await starts_unasked(here, "ONE")


async def test_a_card_is_listed_whatever_its_case(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=ON) as here:
        await send(here, 1, "Full", entry("AbCd"))
        assert await starts_unasked(here, "aBcD")


async def test_offline_a_listed_card_charges(here: Station) -> None:
    await send(here, 1, "Full", entry("ONE"))
    assert await charges_offline(here, "ONE")


@pytest.mark.parametrize("status", ["Blocked", "Invalid"])
async def test_offline_a_card_that_the_list_refuses_does_not_charge_whatever_the_keys_say(
    tmp_path: Path, status: str
) -> None:
    async with station(tmp_path, ocpp="AllowOfflineTxForUnknownId = true") as here:
        await send(here, 1, "Full", entry("ONE", status))
        assert not await charges_offline(here, "ONE")


async def test_offline_a_listed_card_that_has_expired_does_not_charge(here: Station) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    await send(here, 1, "Full", entry("ONE", expiryDate=yesterday))
    assert not await charges_offline(here, "ONE")


async def test_offline_without_local_authorize_offline_a_listed_card_does_not_charge(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="LocalAuthorizeOffline = false") as here:
        await send(here, 1, "Full", entry("ONE"))
        assert not await charges_offline(here, "ONE")


async def test_a_card_of_the_same_parent_in_the_list_stops_a_transaction(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=ON) as here:
        await send(here, 1, "Full", *(entry(name, parentIdTag="FAMILY") for name in ("MUM", "DAD")))
        await here.begin(id_tag="MUM")
        await here.swipe("DAD")
        (stop,) = await here.stopped()
        assert stop["idTag"] == "DAD"


async def test_a_list_that_is_switched_off_has_no_version_and_takes_no_entries(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="LocalAuthListEnabled = false") as here:
        assert await version(here) == -1
        assert await send(here, 1, "Full", entry("ONE")) == "NotSupported"


async def test_a_list_that_is_switched_off_decides_nothing(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp=ON) as here:
        await send(here, 1, "Full", entry("ONE"))
        assert await here.change("LocalAuthListEnabled", "false") == "Accepted"
        assert not await starts_unasked(here, "ONE")


async def test_without_the_feature_profile_there_is_no_list_and_no_key_of_it(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp='SupportedFeatureProfiles = "Core"') as here:
        assert await version(here) == -1
        assert await send(here, 1, "Full", entry("ONE")) == "NotSupported"
        answer = await here.ask("GetConfiguration", key=["LocalAuthListEnabled", "LocalAuthListMaxLength"])
        assert answer["unknownKey"] == ["LocalAuthListEnabled", "LocalAuthListMaxLength"]
