import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd.ocpp import rpc
from cpd.ocpp.errors import CallError, ErrorCode


def new_session() -> rpc.Session:
    return rpc.Session("a1")


def session_with_call() -> tuple[rpc.Session, str]:
    session = new_session()
    frame = session.call("Heartbeat", {}, now_s=100.0, timeout_s=30.0)
    return session, json.loads(frame)[1]


def reply_to(frame: str | bytes) -> list[Any]:
    event = new_session().receive(frame, 0.0)
    assert isinstance(event, rpc.Malformed), event
    reply: list[Any] = json.loads(event.reply)
    return reply


def test_a_call_is_read() -> None:
    event = new_session().receive('[2, "x", "Reset", {"type": "Soft"}]', 0.0)
    assert event == rpc.Call(message_id="x", action="Reset", payload={"type": "Soft"})


def test_a_call_in_a_binary_frame_is_read() -> None:
    assert isinstance(new_session().receive(b'[2,"x","Reset",{}]', 0.0), rpc.Call)


def test_decimals_arrive_exactly() -> None:
    event = new_session().receive('[2,"x","A",{"limit":8.1,"large":123456789012345678901}]', 0.0)
    assert isinstance(event, rpc.Call)
    assert event.payload == {"limit": Decimal("8.1"), "large": 123456789012345678901}


def test_decimals_leave_exactly() -> None:
    assert rpc.result_frame("x", {"limit": Decimal("16.10")}) == '[3,"x",{"limit":16.10}]'


@pytest.mark.parametrize(
    ("frame", "message_id"),
    [
        ('[2,"x"]', "x"),
        ('[2,"x","Reset"]', "x"),
        ('[2,"x","Reset",{},1]', "x"),
        ('[2,"x","Reset",null]', "x"),
        ('[2,"x","Reset",[]]', "x"),
        ('[2,"x",null,{}]', "x"),
        ('[2,"x",["Reset"],{}]', "x"),
        ('[2,"x",{},{}]', "x"),
        ('["2","x","Reset",{}]', "x"),
        ('[2,"x","Reset",{"type":', "x"),
        ('[2,"x","Reset",{"type":NaN}]', "x"),
        ('[2,"x","Reset",{"type":-Infinity}]', "x"),
        ('[2,"x","Reset",{"limit":1e999999999}]', "x"),
        ('[2,"x","Reset",{"limit":1' + "0" * 5000 + "}]", "x"),
        ('[2,"x","Reset",{"type":"\\ud800"}]', "x"),
        (b'[2,"x","Reset",{"type":"\xff"}]', "x"),
        ('[2,"x","Reset",' + "[" * 20_000, "x"),
        ('[2,"x","Reset",' + '{"a":' * 20_000 + "1" + "}" * 20_000 + "]", "x"),
        ('[2,1524699488,"Reset",{}]', "1524699488"),
        ('[2,1.5,"Reset",{}]', "1.5"),
    ],
)
def test_a_malformed_call_with_an_id_gets_a_formation_violation(frame: str | bytes, message_id: str) -> None:
    assert reply_to(frame)[:3] == [4, message_id, "FormationViolation"]


def test_a_numeric_id_is_named_in_the_answer() -> None:
    assert "1524699488 is a number" in reply_to('[2,1524699488,"Reset",{}]')[3]


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "hello",
        "null",
        "{}",
        "[]",
        "[2]",
        "7",
        '"x"',
        '[2,null,"Reset",{}]',
        '[2,true,"Reset",{}]',
        '[2,["x"],"Reset",{}]',
        '[9,"x"]',
        '[0,"x"]',
        '[true,"x"]',
        '["x","x"]',
        "[" * 20_000,
        b"\xff\xfe",
        "\ud800",
        '[2,"' + "x" * 300 + '","Reset",{}]',
        '[2,"\ud800","Reset",{}',
        "[3]",
        '[3,"unknown",{}]',
        "[4,7]",
    ],
)
def test_what_cannot_be_answered_is_ignored_with_a_reason(frame: str | bytes) -> None:
    event = new_session().receive(frame, 0.0)
    assert isinstance(event, rpc.Ignored)
    assert 0 < len(event.reason) < 250


def test_a_call_with_a_repeated_id_is_a_call_again() -> None:
    session = new_session()
    frame = '[2,"1","ClearCache",{}]'
    assert session.receive(frame, 0.0) == session.receive(frame, 1.0)


def test_an_id_longer_than_the_standard_allows_is_served() -> None:
    event = new_session().receive(json.dumps([2, "x" * 60, "Reset", {}]), 0.0)
    assert isinstance(event, rpc.Call)


def test_a_megabyte_is_read() -> None:
    event = new_session().receive(json.dumps([2, "x", "DataTransfer", {"data": "d" * 1_000_000}]), 0.0)
    assert isinstance(event, rpc.Call)


def test_our_ids_are_short_and_differ() -> None:
    session = new_session()
    ids = set()
    for turn in range(3):
        message_id = json.loads(session.call("Heartbeat", {}, now_s=0.0, timeout_s=1.0))[1]
        ids.add(message_id)
        assert len(message_id) <= 36
        assert session.expire(1.0), turn
    assert len(ids) == 3


def test_only_one_call_is_in_flight() -> None:
    session, _ = session_with_call()
    with pytest.raises(rpc.CallInFlightError):
        session.call("Heartbeat", {}, now_s=100.0, timeout_s=30.0)


def test_a_call_that_cannot_be_encoded_is_not_in_flight() -> None:
    session = new_session()
    with pytest.raises((TypeError, ValueError)):
        session.call("DataTransfer", {"data": object()}, now_s=0.0, timeout_s=1.0)
    assert session.in_flight is None


def test_the_answer_ends_the_call_in_flight() -> None:
    session, message_id = session_with_call()
    event = session.receive(json.dumps([3, message_id, {"currentTime": "t"}]), 101.0)
    assert isinstance(event, rpc.Answer)
    assert (event.call.action, event.payload) == ("Heartbeat", {"currentTime": "t"})
    assert session.in_flight is None


@pytest.mark.parametrize("rest", [[], [None], [{}]])
def test_an_answer_without_payload_is_an_empty_payload(rest: list[Any]) -> None:
    session, message_id = session_with_call()
    event = session.receive(json.dumps([3, message_id, *rest]), 101.0)
    assert isinstance(event, rpc.Answer)
    assert event.payload == {}


@pytest.mark.parametrize(
    ("rest", "code", "description", "details"),
    [
        (["NotImplemented", "no", {"a": 1}], "NotImplemented", "no", {"a": 1}),
        (["MessageTypeNotSupported", "", {}], "MessageTypeNotSupported", "", {}),
        (["GenericError"], "GenericError", "", {}),
        ([], "GenericError", "", {}),
        ([None, None, None], "GenericError", "", {}),
        ([7, ["x"], "y", "z"], "GenericError", "", {}),
    ],
)
def test_a_callerror_is_read_however_short(
    rest: list[Any], code: str, description: str, details: dict[str, Any]
) -> None:
    session, message_id = session_with_call()
    event = session.receive(json.dumps([4, message_id, *rest]), 101.0)
    assert isinstance(event, rpc.Refusal)
    assert (event.code, event.description, event.details) == (code, description, details)


def test_a_broken_answer_fails_the_call_instead_of_letting_it_wait() -> None:
    session, message_id = session_with_call()
    event = session.receive(f'[3,"{message_id}",{{"currentTime":NaN}}]', 101.0)
    assert isinstance(event, rpc.BrokenAnswer)
    assert session.in_flight is None


def test_the_deadline_is_data_and_expires_once() -> None:
    session, _ = session_with_call()
    assert session.in_flight is not None
    assert session.in_flight.deadline_s == 130.0
    assert session.expire(129.9) is None
    expired = session.expire(130.0)
    assert expired is not None
    assert expired.action == "Heartbeat"
    assert session.expire(131.0) is None


@pytest.mark.parametrize("kind", [3, 4])
def test_a_doubled_answer_is_ignored_and_named(kind: int) -> None:
    session, message_id = session_with_call()
    frame = json.dumps([kind, message_id, {}])
    session.receive(frame, 101.0)
    event = session.receive(frame, 103.0)
    assert isinstance(event, rpc.Ignored)
    assert event.reason == f"doubled answer to Heartbeat {message_id}, which ended 2.0 s ago"


def test_a_late_answer_is_ignored_and_named_and_does_not_touch_the_next_call() -> None:
    session, message_id = session_with_call()
    session.expire(130.0)
    session.call("BootNotification", {}, now_s=131.0, timeout_s=30.0)
    event = session.receive(json.dumps([3, message_id, {}]), 133.0)
    assert isinstance(event, rpc.Ignored)
    assert event.reason == f"late answer to Heartbeat {message_id}, which ended 3.0 s ago"
    assert session.in_flight is not None


def test_an_error_frame_has_five_elements() -> None:
    frame = rpc.error_frame("x", CallError(ErrorCode.NOT_SUPPORTED, "off", {"a": 1}))
    assert json.loads(frame) == [4, "x", "NotSupported", "off", {"a": 1}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.one_of(st.text(), st.binary(), st.builds(lambda tail: '[2,"x",' + tail, st.text())))
def test_any_frame_is_an_event(frame: str | bytes) -> None:
    session, _ = session_with_call()
    assert isinstance(session.receive(frame, 101.0), rpc.Event)


@given(st.lists(JSON | st.sampled_from([2, 3, 4, "a1-1", "x", {}]), max_size=6))
def test_any_json_list_is_an_event(message: list[Any]) -> None:
    session, _ = session_with_call()
    assert isinstance(session.receive(json.dumps(message), 101.0), rpc.Event)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9)
PAYLOADS = st.dictionaries(TEXT, TEXT | st.integers(-(2**63), 2**63) | DECIMALS | st.booleans(), max_size=5)


@given(TEXT, PAYLOADS)
def test_what_one_side_encodes_the_other_reads(action: str, payload: dict[str, Any]) -> None:
    ours, theirs = rpc.Session("ours"), rpc.Session("theirs")
    call = theirs.receive(ours.call(action, payload, now_s=0.0, timeout_s=1.0), 0.0)
    assert isinstance(call, rpc.Call)
    assert (call.action, call.payload) == (action, payload)
    answer = ours.receive(rpc.result_frame(call.message_id, payload), 0.5)
    assert isinstance(answer, rpc.Answer)
    assert answer.payload == payload
