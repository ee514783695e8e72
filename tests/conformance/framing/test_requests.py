"""How requests of the central system are answered (OCPP-J 1.6 §4): each once, in order, whatever its id."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cpd.lab.csms.station_log import Event
from tests.conformance.station import Station, station
from tests.process.charger import STATION

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def idle(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Station]:
    """Nothing here changes what it keeps; answers to frames that no call of the lab waits for are ours to read."""
    async with station(tmp_path_factory.mktemp("requests"), tolerates="no CALL that waits") as running:
        yield running


async def answer_to(idle: Station, frame: str, message_id: str) -> list[object]:
    entries = len(idle.site.log.entries)
    await idle.site.csms.send_raw(STATION, frame)
    answer: list[object] = await idle.frame(f',"{message_id}",', entries)
    return answer


async def ignored(idle: Station, frame: str) -> bool:
    """Whether no frame answers *frame*, and the link still serves what comes behind it."""
    entries, links = len(idle.site.log.entries), idle.site.log.connections
    await idle.site.csms.send_raw(STATION, frame)
    await idle.ask("GetConfiguration", key=["NumberOfConnectors"])
    frames = idle.site.frames(Event.RECEIVED, entries)
    return len(frames) == 1 and idle.site.log.connections == links


async def test_an_answer_carries_the_message_id_of_its_request(idle: Station) -> None:
    for message_id in ("1", "a-b_c.d", "b2c4ad0e-1a52-4a3c-8f5e-7a2a4c3a9f10"):
        kind, answered, payload = await answer_to(
            idle, json.dumps([2, message_id, "DataTransfer", {"vendorId": "x"}]), message_id
        )
        assert (kind, answered, payload) == (3, message_id, {"status": "UnknownVendorId"})


async def test_a_message_id_of_thirty_six_characters_is_served(idle: Station) -> None:
    message_id = "i" * 36
    answer = await answer_to(
        idle, json.dumps([2, message_id, "GetConfiguration", {"key": ["x"]}]), message_id
    )
    assert answer[0] == 3


async def test_a_message_id_that_comes_again_is_another_request(idle: Station) -> None:
    entries = len(idle.site.log.entries)
    for key in ("one", "two"):
        await idle.site.csms.send_raw(STATION, json.dumps([2, "again", "GetConfiguration", {"key": [key]}]))
    await idle.ask("GetConfiguration", key=["x"])
    answers = [json.loads(text) for text in idle.site.frames(Event.RECEIVED, entries)][:2]
    assert [answer[2]["unknownKey"] for answer in answers] == [["one"], ["two"]]


async def test_requests_in_a_burst_are_answered_in_their_order(idle: Station) -> None:
    entries = len(idle.site.log.entries)
    for number in range(30):
        await idle.site.csms.send_raw(
            STATION, json.dumps([2, f"burst-{number}", "GetConfiguration", {"key": [f"k{number}"]}])
        )
    await idle.frame('"burst-29"', entries)
    answers = [json.loads(text) for text in idle.site.frames(Event.RECEIVED, entries)]
    assert [answer[1] for answer in answers] == [f"burst-{number}" for number in range(30)]


async def test_white_space_in_a_frame_means_nothing(idle: Station) -> None:
    frame = ' [ 2 ,\n"spaced" , "GetConfiguration" ,\t{ "key" : [ "x" ] } ]\r\n'
    assert (await answer_to(idle, frame, "spaced"))[0] == 3


async def test_an_action_that_ocpp_does_not_have_is_not_implemented(idle: Station) -> None:
    for action in ("MakeCoffee", "", "NotifyReport", "X" * 300):
        assert await idle.refusal(action, {}) == "NotImplemented"


async def test_an_action_in_another_case_is_not_implemented(idle: Station) -> None:
    assert await idle.refusal("getconfiguration", {}) == "NotImplemented"


@pytest.mark.parametrize(
    "action",
    [
        "Authorize",
        "BootNotification",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "MeterValues",
        "StartTransaction",
        "StatusNotification",
        "StopTransaction",
    ],
)
async def test_a_message_that_only_charge_points_send_is_not_supported(idle: Station, action: str) -> None:
    assert await idle.refusal(action, {}) == "NotSupported"


async def test_a_request_without_a_payload_is_a_formation_violation(idle: Station) -> None:
    answer = await answer_to(idle, '[2,"short","ClearCache"]', "short")
    assert (answer[0], answer[2]) == (4, "FormationViolation")


async def test_a_request_with_a_fifth_element_is_a_formation_violation(idle: Station) -> None:
    answer = await answer_to(idle, '[2,"fifth","ClearCache",{},{}]', "fifth")
    assert (answer[0], answer[2]) == (4, "FormationViolation")


async def test_a_payload_that_is_no_object_is_a_formation_violation(idle: Station) -> None:
    for payload in ([], None, "text", 5, True):
        answer = await answer_to(idle, json.dumps([2, "object", "ClearCache", payload]), "object")
        assert (answer[0], answer[2]) == (4, "FormationViolation")


async def test_an_action_that_is_no_text_is_a_formation_violation(idle: Station) -> None:
    answer = await answer_to(idle, '[2,"action",5,{}]', "action")
    assert (answer[0], answer[2]) == (4, "FormationViolation")


async def test_a_message_type_in_quotes_is_a_formation_violation(idle: Station) -> None:
    answer = await answer_to(idle, '["2","typed","ClearCache",{}]', "typed")
    assert (answer[0], answer[2]) == (4, "FormationViolation")


async def test_a_message_id_that_is_a_number_is_a_formation_violation(idle: Station) -> None:
    answer = await answer_to(idle, '[2,7,"ClearCache",{}]', "7")
    assert (answer[0], answer[2]) == (4, "FormationViolation")


async def test_a_frame_that_breaks_off_behind_its_id_is_a_formation_violation(idle: Station) -> None:
    answer = await answer_to(idle, '[2,"cut","ChangeConfiguration",{"key":"He', "cut")
    assert (answer[0], answer[2]) == (4, "FormationViolation")


async def test_a_number_that_json_does_not_have_is_a_formation_violation(idle: Station) -> None:
    for number in ("NaN", "Infinity", "1e400"):
        frame = f'[2,"number","ClearChargingProfile",{{"id":{number}}}]'
        answer = await answer_to(idle, frame, "number")
        assert (answer[0], answer[2]) == (4, "FormationViolation")


@pytest.mark.parametrize(
    "frame", ["", "null", "[]", '"text"', "{}", "this is no JSON", "[2]", '[2,null,"X",{}]']
)
async def test_a_frame_that_cannot_be_answered_is_ignored_and_the_link_lives_on(
    idle: Station, frame: str
) -> None:
    assert await ignored(idle, frame)


async def test_a_message_type_that_ocpp_does_not_have_is_ignored(idle: Station) -> None:
    for kind in (0, 1, 5, 9, -2):
        assert await ignored(idle, f'[{kind},"kind","ClearCache",{{}}]')


async def test_an_answer_that_nobody_waits_for_is_ignored(idle: Station) -> None:
    for frame in ('[3,"nobody",{}]', '[4,"nobody","GenericError","",{}]', "[3]", "[4]"):
        assert await ignored(idle, frame)


async def test_a_description_of_an_error_has_at_most_255_characters(idle: Station) -> None:
    frame = json.dumps([2, "long", "ChangeConfiguration", {"key": "K" * 5_000, "value": "1"}])
    answer = await answer_to(idle, frame, "long")
    assert answer[0] == 4
    assert isinstance(answer[3], str) and len(answer[3]) <= 255
