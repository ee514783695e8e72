"""One session as it should be, read frame by frame: plug, card, current, card, unplug (OCPP 1.6 §3, §4.8, §4.10)."""

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from tests.conformance.station import CARD, Sent, Station, station

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS = 'MeterValueSampleInterval = 1\nStopTxnSampledData = "Energy.Active.Import.Register,Voltage"'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def session(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Station]:
    """It has ended: each test only reads what was sent."""
    async with station(tmp_path_factory.mktemp("session"), ocpp=KEYS) as here:
        await here.charger.call("mock.meter", connector=1, energy_wh=1_000)
        await here.charge()
        for _ in range(3):
            await here.sends("MeterValues")
        await here.swipe()
        await here.stopped()
        await here.status("Finishing")
        await here.plug_out()
        await here.status("Available")
        yield here


def start(session: Station) -> Sent:
    (one,) = session.sent("StartTransaction")
    return one


def stop(session: Station) -> Sent:
    (one,) = session.sent("StopTransaction")
    return one


def date(text: str) -> datetime:
    return datetime.fromisoformat(text)


def registers(session: Station) -> list[int]:
    """The register in Wh, as it was told one time after the other."""
    told = [
        int(sampled["value"])
        for one in session.sent("MeterValues")
        for value in one.payload["meterValue"]
        for sampled in value["sampledValue"]
        if sampled["measurand"] == "Energy.Active.Import.Register"
    ]
    return [start(session).payload["meterStart"], *told, stop(session).payload["meterStop"]]


async def test_the_status_goes_from_available_to_available_without_a_detour(session: Station) -> None:
    told = [one.payload["status"] for one in session.sent("StatusNotification", connectorId=1)]
    # On a busy machine the vehicle may take a moment from the offer to its first current.
    states = [status for status, _ in itertools.groupby(told) if status != "SuspendedEV"]
    assert states == ["Available", "Preparing", "Charging", "Finishing", "Available"]


async def test_a_session_is_one_start_and_one_stop(session: Station) -> None:
    assert len(session.sent("StartTransaction")) == len(session.sent("StopTransaction")) == 1


async def test_a_start_says_connector_card_and_meter(session: Station) -> None:
    payload = start(session).payload
    assert (payload["connectorId"], payload["idTag"], payload["meterStart"]) == (1, CARD, 1_000)


async def test_a_start_names_no_reservation_where_there_was_none(session: Station) -> None:
    assert "reservationId" not in start(session).payload


async def test_a_start_is_dated_now(session: Station) -> None:
    assert abs(date(start(session).payload["timestamp"]) - datetime.now(UTC)) < timedelta(minutes=2)


async def test_a_stop_names_the_number_that_the_central_system_gave(session: Station) -> None:
    assert stop(session).payload["transactionId"] == 1


async def test_a_stop_by_card_says_local_and_whose_card(session: Station) -> None:
    payload = stop(session).payload
    assert (payload["reason"], payload["idTag"]) == ("Local", CARD)


async def test_a_stop_is_dated_behind_its_start(session: Station) -> None:
    assert date(stop(session).payload["timestamp"]) > date(start(session).payload["timestamp"])


async def test_the_register_never_runs_back(session: Station) -> None:
    told = registers(session)
    assert told == sorted(told)
    assert len(told) >= 5


async def test_meter_values_name_connector_and_transaction(session: Station) -> None:
    named = {
        (one.payload["connectorId"], one.payload["transactionId"]) for one in session.sent("MeterValues")
    }
    assert named == {(1, 1)}


async def test_meter_values_come_between_start_and_stop(session: Station) -> None:
    actions = [
        one.action for one in session.calls if "Transaction" in one.action or one.action == "MeterValues"
    ]
    assert (actions[0], actions[-1]) == ("StartTransaction", "StopTransaction")
    assert set(actions[1:-1]) == {"MeterValues"}


async def test_meter_values_are_dated_in_their_order(session: Station) -> None:
    dates = [date(one.payload["meterValue"][0]["timestamp"]) for one in session.sent("MeterValues")]
    assert dates == sorted(dates)


async def test_meter_values_are_apart_by_the_sample_interval(session: Station) -> None:
    dates = [date(one.payload["meterValue"][0]["timestamp"]) for one in session.sent("MeterValues")]
    # Each is taken on the second, or later where the machine is busy.
    assert (dates[-1] - dates[0]).total_seconds() > 0.5 * (len(dates) - 1)


async def test_every_sample_says_context_and_measurand(session: Station) -> None:
    for one in session.sent("MeterValues"):
        for sampled in one.payload["meterValue"][0]["sampledValue"]:
            assert (sampled["context"], bool(sampled["measurand"])) == ("Sample.Periodic", True)


async def test_currents_say_their_phase(session: Station) -> None:
    sampled = session.sent("MeterValues")[-1].payload["meterValue"][0]["sampledValue"]
    phases = [one.get("phase") for one in sampled if one["measurand"] == "Current.Import"]
    assert phases == ["L1", "L2", "L3"]


async def test_the_data_of_a_stop_begin_with_the_begin_and_end_with_the_end(session: Station) -> None:
    contexts = [one["sampledValue"][0]["context"] for one in stop(session).payload["transactionData"]]
    assert (contexts[0], contexts[-1]) == ("Transaction.Begin", "Transaction.End")
    assert set(contexts[1:-1]) == {"Sample.Periodic"}


async def test_the_data_of_a_stop_agree_with_its_meter(session: Station) -> None:
    data = stop(session).payload["transactionData"]
    first, last = [
        next(int(one["value"]) for one in value["sampledValue"] if one["measurand"].startswith("Energy"))
        for value in (data[0], data[-1])
    ]
    assert (first, last) == (start(session).payload["meterStart"], stop(session).payload["meterStop"])


async def test_the_data_of_a_stop_have_the_measurands_that_were_asked_for(session: Station) -> None:
    for value in stop(session).payload["transactionData"]:
        measurands = {one["measurand"] for one in value["sampledValue"]}
        assert measurands == {"Energy.Active.Import.Register", "Voltage"}


async def test_a_status_says_its_error_code_and_when_it_began(session: Station) -> None:
    for one in session.sent("StatusNotification"):
        assert one.payload["errorCode"] == "NoError"
        assert date(one.payload["timestamp"]).tzinfo is not None


async def test_the_info_of_a_status_has_at_most_fifty_characters(session: Station) -> None:
    assert all(len(one.payload.get("info", "")) <= 50 for one in session.sent("StatusNotification"))
