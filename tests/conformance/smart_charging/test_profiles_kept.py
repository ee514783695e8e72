"""Accepted profiles last (OCPP 1.6 §5.16; errata 3.37)."""

from pathlib import Path

from tests.conformance.smart_charging.profiles import (
    ACCEPTED,
    DEFAULT,
    MAXIMUM,
    TX,
    UNKNOWN,
    clear,
    install,
    limit,
    profile,
)
from tests.conformance.station import Station, station


async def restarted(here: Station) -> None:
    await here.charger.power_cut()
    await here.charger.start()
    await here.status("Available", 0)


async def test_a_profile_survives_a_power_cut_right_behind_the_answer(here: Station) -> None:
    assert await install(here, profile(1, DEFAULT, (0, 10))) == ACCEPTED
    await restarted(here)
    assert await limit(here) == 10


async def test_a_profile_of_the_highest_level_survives_a_power_cut(here: Station) -> None:
    most = int(await here.value_of("ChargeProfileMaxStackLevel"))
    assert await install(here, profile(1, MAXIMUM, (0, 10), level=most), 0) == ACCEPTED
    await restarted(here)
    assert await limit(here) == 10


async def test_a_cleared_profile_does_not_come_back(here: Station) -> None:
    await install(here, profile(1, DEFAULT, (0, 10)))
    assert await clear(here, id=1) == ACCEPTED
    await restarted(here)
    assert await limit(here) == 32


async def test_a_replaced_profile_does_not_come_back(here: Station) -> None:
    await install(here, profile(1, DEFAULT, (0, 10)))
    await install(here, profile(2, DEFAULT, (0, 14)))
    await restarted(here)
    assert await limit(here) == 14
    assert await clear(here, id=1) == UNKNOWN


async def test_the_profile_of_a_transaction_that_the_power_cut_ended_is_gone(here: Station) -> None:
    await here.begin()
    assert await install(here, profile(1, TX, (0, 10), transactionId=1)) == ACCEPTED
    await restarted(here)
    await here.stopped()
    assert await clear(here, id=1) == UNKNOWN


async def test_a_profile_holds_without_a_link(here: Station) -> None:
    await install(here, profile(1, DEFAULT, (0, 10)))
    await here.begin()
    await here.charger.call("csms.disconnect")
    connector = await here.charger.until_connector(lambda one: one["offer_a"] == 10)
    assert connector["limit"]["current_a"] == 10


async def test_a_full_store_takes_a_replacement_and_no_other_profile(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="MaxChargingProfilesInstalled = 2") as here:
        for level in (0, 1):
            assert await install(here, profile(level, level=level)) == ACCEPTED
        assert await install(here, profile(2, level=2)) == {"status": "Rejected"}
        assert await install(here, profile(3, DEFAULT, (0, 14), level=1)) == ACCEPTED
        assert await limit(here) == 14


async def test_a_unit_that_is_not_allowed_is_rejected(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp='ChargingScheduleAllowedChargingRateUnit = "Current"') as here:
        assert await install(here, profile(1, DEFAULT, (0, 7_000), unit="W")) == {"status": "Rejected"}
        answer = await here.ask("GetCompositeSchedule", connectorId=1, duration=60, chargingRateUnit="W")
        assert answer == {"status": "Rejected"}


async def test_switched_off_smart_charging_is_not_supported(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp='SupportedFeatureProfiles = "Core"') as here:
        for action, payload in (
            ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile()}),
            ("ClearChargingProfile", {}),
            ("GetCompositeSchedule", {"connectorId": 1, "duration": 60}),
        ):
            assert await here.refusal(action, payload) == "NotSupported"
        answer = await here.ask("GetConfiguration", key=["ChargeProfileMaxStackLevel"])
        assert answer["unknownKey"] == ["ChargeProfileMaxStackLevel"]
