"""What the central system sets lasts, and wins over the file; the file sets the rest (OCPP 1.6 §5.3, §9)."""

from pathlib import Path

import pytest

from tests.conformance.station import Station, station


async def restarted(here: Station) -> None:
    await here.charger.power_cut()
    await here.charger.start()
    await here.status("Available")


async def test_a_changed_value_survives_a_power_cut_right_behind_the_answer(here: Station) -> None:
    assert await here.change("ConnectionTimeOut", "123") == "Accepted"
    await restarted(here)
    assert await here.value_of("ConnectionTimeOut") == "123"


async def test_a_changed_value_wins_over_the_file(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="ConnectionTimeOut = 33") as here:
        assert await here.value_of("ConnectionTimeOut") == "33"
        assert await here.change("ConnectionTimeOut", "44") == "Accepted"
        await restarted(here)
        assert await here.value_of("ConnectionTimeOut") == "44"


async def test_a_rejected_value_is_not_there_after_a_restart(here: Station) -> None:
    assert await here.change("ConnectionTimeOut", "-5") == "Rejected"
    await restarted(here)
    assert await here.value_of("ConnectionTimeOut") == "60"


async def test_a_key_of_the_operators_own_can_be_read_and_written(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp='AcmeGreeting = "hello"') as here:
        assert await here.value_of("AcmeGreeting") == "hello"
        assert await here.change("AcmeGreeting", "good day") == "Accepted"
        await restarted(here)
        assert await here.value_of("AcmeGreeting") == "good day"


@pytest.mark.parametrize(
    ("left", "action", "payload"),
    [
        ("Core", "ClearChargingProfile", {}),
        (
            "Core",
            "ReserveNow",
            {"connectorId": 1, "idTag": "X", "reservationId": 1, "expiryDate": "2030-01-01T00:00:00Z"},
        ),
        ("Core,SmartCharging", "TriggerMessage", {"requestedMessage": "Heartbeat"}),
    ],
)
async def test_a_feature_profile_that_is_not_named_is_not_supported(
    tmp_path: Path, left: str, action: str, payload: dict[str, object]
) -> None:
    async with station(tmp_path, ocpp=f'SupportedFeatureProfiles = "{left}"') as here:
        assert await here.refusal(action, payload) == "NotSupported"
        assert await here.value_of("SupportedFeatureProfiles") == left
