"""Reset (OCPP 1.6 §5.14)."""

from pathlib import Path

import pytest

from tests.conformance.station import Station, station


async def reset(here: Station, kind: str) -> object:
    return await here.ask("Reset", type=kind)


async def booted_again(here: Station) -> None:
    await here.sends("BootNotification")
    await here.status("Available", 0)


async def test_a_soft_reset_boots_again_in_the_same_process(here: Station) -> None:
    pid = here.charger.pid
    assert await reset(here, "Soft") == {"status": "Accepted"}
    await booted_again(here)
    assert here.charger.pid == pid


async def test_a_soft_reset_ends_what_runs_before_it(here: Station) -> None:
    await here.begin()
    assert await reset(here, "Soft") == {"status": "Accepted"}
    (stop,) = await here.stopped()
    assert (stop["reason"], stop["transactionId"]) == ("SoftReset", 1)
    await booted_again(here)
    actions = [one.action for one in here.calls if one.action in ("StopTransaction", "BootNotification")]
    assert actions == ["BootNotification", "StopTransaction", "BootNotification"]


async def test_a_hard_reset_ends_the_process_for_a_reboot(here: Station) -> None:
    assert await reset(here, "Hard") == {"status": "Accepted"}
    assert await here.charger.ended() == 64


async def test_a_hard_reset_ends_what_runs_before_it(here: Station) -> None:
    await here.begin()
    assert await reset(here, "Hard") == {"status": "Accepted"}
    (stop,) = await here.stopped()
    assert (stop["reason"], stop["transactionId"]) == ("HardReset", 1)
    await here.charger.ended()


async def test_a_reset_ends_the_transaction_of_every_connector(tmp_path: Path) -> None:
    async with station(tmp_path, connectors=2) as here:
        await here.begin(1, "ONE")
        await here.begin(2, "TWO")
        assert await reset(here, "Soft") == {"status": "Accepted"}
        stops = await here.stopped(2)
        assert {(one["transactionId"], one["reason"]) for one in stops} == {
            (1, "SoftReset"),
            (2, "SoftReset"),
        }


@pytest.mark.parametrize("kind", ["Soft", "Hard"])
async def test_a_changed_value_outlasts_a_reset(here: Station, kind: str) -> None:
    assert await here.change("ConnectionTimeOut", "99") == "Accepted"
    assert await reset(here, kind) == {"status": "Accepted"}
    if kind == "Hard":
        await here.charger.ended()
        await here.charger.start()
    await booted_again(here)
    assert await here.value_of("ConnectionTimeOut") == "99"


async def test_a_connector_out_of_service_stays_so_over_a_reset(here: Station) -> None:
    await here.ask("ChangeAvailability", connectorId=1, type="Inoperative")
    await here.status("Unavailable")
    assert await reset(here, "Soft") == {"status": "Accepted"}
    await here.sends("BootNotification")
    await here.status("Unavailable")
