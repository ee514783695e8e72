"""UnlockConnector (OCPP 1.6 §5.18)."""

from pathlib import Path

from tests.conformance.station import Station, station


async def unlock(here: Station, connector: int = 1) -> object:
    return (await here.ask("UnlockConnector", connectorId=connector))["status"]


async def test_an_empty_socket_is_unlocked(here: Station) -> None:
    assert await unlock(here) == "Unlocked"


async def test_a_running_transaction_is_ended_first(here: Station) -> None:
    await here.charge()
    assert await unlock(here) == "Unlocked"
    (stop,) = await here.stopped()
    assert (stop["reason"], stop["transactionId"]) == ("UnlockCommand", 1)


async def test_a_fixed_cable_cannot_be_unlocked(tmp_path: Path) -> None:
    async with station(tmp_path, connector="lock = false") as here:
        assert await unlock(here) == "NotSupported"


async def test_a_fixed_cable_goes_on_charging(tmp_path: Path) -> None:
    async with station(tmp_path, connector="lock = false") as here:
        await here.begin()
        assert await unlock(here) == "NotSupported"
        assert await here.ask("RemoteStopTransaction", transactionId=1) == {"status": "Accepted"}
        (stop,) = await here.stopped()
        assert stop["reason"] == "Remote"


async def test_a_connector_that_is_not_there_is_not_supported(here: Station) -> None:
    for connector in (0, 2, -1):
        assert await unlock(here, connector) == "NotSupported"


async def test_a_plug_that_waits_for_a_card_is_given_back(here: Station) -> None:
    await here.plug_in()
    await here.status("Preparing")
    assert await unlock(here) == "Unlocked"
    assert here.sent("StartTransaction") == []
