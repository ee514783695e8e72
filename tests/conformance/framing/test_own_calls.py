"""What the charge point sends, and what it makes of good, bad and missing answers (OCPP-J 1.6 §4)."""

import json
import re
from pathlib import Path

import pytest

from cpd.lab.csms.behaviour import Behaviour, Reaction
from cpd.lab.csms.station_log import Event
from tests.conformance.station import Sent, Station, station
from tests.process.charger import STATION

IMPATIENT = "answer_timeout_s = 1"
KEYS = "TransactionMessageRetryInterval = 1\nMeterValueSampleInterval = 0"


def instants(value: object) -> list[str]:
    """Every timestamp in a payload."""
    if isinstance(value, list):
        return [found for one in value for found in instants(one)]
    if isinstance(value, dict):
        own = [text for name, text in value.items() if name == "timestamp"]
        return own + [found for one in value.values() for found in instants(one)]
    return []


def members(value: object) -> list[object]:
    """Every value in a payload, however deep."""
    if isinstance(value, list | dict):
        inner = list(value.values()) if isinstance(value, dict) else value
        return [*inner, *(found for one in inner for found in members(one))]
    return []


async def session(here: Station) -> list[Sent]:
    """A session from the plug to the bill; returns all that was sent."""
    await here.charge()
    await here.swipe()
    await here.stopped()
    await here.plug_out()
    await here.status("Available")
    return here.calls


async def test_every_message_id_is_new_and_has_at_most_36_characters(here: Station) -> None:
    before = [one.message_id for one in await session(here)]
    here.site.csms.drop(STATION)
    await here.status("Available")
    ids = [one.message_id for one in here.calls]
    assert len(ids) > len(before)
    assert len(set(ids)) == len(ids)
    assert max(map(len, ids)) <= 36


async def test_every_timestamp_is_utc_and_says_so(here: Station) -> None:
    told = [text for one in await session(here) for text in instants(one.payload)]
    assert len(told) > 5
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text) for text in told), told


async def test_a_member_that_has_no_value_is_left_out(here: Station) -> None:
    calls = await session(here)
    assert not [
        one
        for one in calls
        if {None, ""} & {value for value in members(one.payload) if not isinstance(value, list | dict)}
    ]


async def test_one_call_of_the_charge_point_waits_for_its_answer_at_a_time(here: Station) -> None:
    """The lab counts a second CALL before the answer to the first as a violation; requests are served meanwhile."""
    here.behave(reactions={"Heartbeat": {"delay_s": 0.5}})
    since = len(here.calls)
    await here.ask("TriggerMessage", requestedMessage="Heartbeat")
    await here.ask("TriggerMessage", requestedMessage="StatusNotification", connectorId=1)
    await here.plug_in()
    await here.status("Preparing")
    heard = here.calls[since:]
    assert heard[0].action == "Heartbeat"
    assert heard[1].at_s - heard[0].at_s >= 0.5


async def test_requests_are_served_while_a_call_of_the_charge_point_waits(here: Station) -> None:
    here.behave(reactions={"Heartbeat": {"held": True}})
    await here.ask("TriggerMessage", requestedMessage="Heartbeat")
    await here.sends("Heartbeat")
    for _ in range(3):
        assert await here.value_of("NumberOfConnectors") == "1"
    here.behave(reactions={})


async def test_a_request_may_come_before_the_answer_to_a_call(here: Station) -> None:
    """A card is being asked about; the central system asks for a key before it answers."""
    here.behave(reactions={"Authorize": {"held": True}})
    await here.plug_in()
    await here.swipe()
    await here.sends("Authorize")
    assert await here.ask("GetConfiguration", key=["NumberOfConnectors"])
    here.behave(reactions={})
    await here.sends("StartTransaction")


@pytest.mark.parametrize("code", ["InternalError", "SomethingOfTheirOwn"])
async def test_an_error_for_an_answer_is_survived_and_the_message_sent_again(
    tmp_path: Path, code: str
) -> None:
    behaviour = Behaviour(interval_s=0, reactions={"StartTransaction": Reaction(error=code, times=1)})
    async with station(tmp_path, behaviour=behaviour, ocpp=KEYS) as here:
        first = await here.begin()
        again = await here.sends("StartTransaction")
        assert (again.payload, again.message_id != first.message_id) == (first.payload, True)


@pytest.mark.parametrize(
    "answer", [{"transactionId": "5", "idTagInfo": {"status": "Accepted"}}, {"transactionId": 5}]
)
async def test_an_answer_that_does_not_fit_its_schema_is_none(
    tmp_path: Path, answer: dict[str, object]
) -> None:
    behaviour = Behaviour(interval_s=0, reactions={"StartTransaction": Reaction(answer=answer, times=1)})
    async with station(tmp_path, behaviour=behaviour, ocpp=KEYS) as here:
        first = await here.begin()
        assert (await here.sends("StartTransaction")).payload == first.payload


async def test_unknown_members_of_an_answer_are_ignored(tmp_path: Path) -> None:
    answer = {"transactionId": 77, "idTagInfo": {"status": "Accepted", "language": "de"}, "tariff": [1]}
    behaviour = Behaviour(interval_s=0, reactions={"StartTransaction": Reaction(answer=answer, times=1)})
    async with station(tmp_path, behaviour=behaviour, tolerates="unknown transaction 77") as here:
        await here.begin()
        await here.swipe()
        (stop,) = await here.stopped()
        assert stop["transactionId"] == 77


async def test_an_answer_that_comes_twice_is_taken_once(here: Station) -> None:
    start = await here.begin()
    twice = [3, start.message_id, {"transactionId": 99, "idTagInfo": {"status": "Invalid"}}]
    await here.site.csms.send_raw(STATION, json.dumps(twice))
    await here.swipe()
    (stop,) = await here.stopped()
    assert (stop["transactionId"], stop["reason"]) == (1, "Local")


async def test_a_late_answer_is_ignored_and_the_message_sent_again(tmp_path: Path) -> None:
    behaviour = Behaviour(interval_s=0, reactions={"StartTransaction": Reaction(silent=True, times=1)})
    async with station(
        tmp_path, behaviour=behaviour, csms=IMPATIENT, ocpp=KEYS, tolerates="before the CALL before it"
    ) as here:
        await here.plug_in()
        await here.swipe()
        first = await here.sends("StartTransaction")
        again = await here.started()
        late = [3, first.message_id, {"transactionId": 99, "idTagInfo": {"status": "Accepted"}}]
        await here.site.csms.send_raw(STATION, json.dumps(late))
        assert again.payload == first.payload
        await here.swipe()
        (stop,) = await here.stopped()
        assert stop["transactionId"] == 1


async def test_an_error_without_a_code_or_of_the_wrong_types_is_survived(tmp_path: Path) -> None:
    behaviour = Behaviour(interval_s=0, reactions={"StartTransaction": Reaction(silent=True, times=2)})
    async with station(
        tmp_path, behaviour=behaviour, ocpp=KEYS, tolerates="before the CALL before it"
    ) as here:
        await here.plug_in()
        await here.swipe()
        for frame in ('[4,"<id>"]', '[4,"<id>",1,2,3]'):
            start = await here.sends("StartTransaction")
            await here.site.csms.send_raw(STATION, frame.replace("<id>", start.message_id))
        await here.sends("StartTransaction")


async def test_an_answer_precedes_what_it_promises(here: Station) -> None:
    entries = len(here.site.log.entries)
    await here.ask("TriggerMessage", requestedMessage="Heartbeat")
    await here.sends("Heartbeat")
    kinds = [json.loads(text)[0] for text in here.site.frames(Event.RECEIVED, entries)]
    assert kinds == [3, 2]
