"""Frames put together with their answers, for `cpd trace`."""

import json
from datetime import UTC, datetime

from cpd.control.api import TraceDocument
from cpd.diagnostics.redaction import Redaction
from cpd.diagnostics.trace import trace_document
from cpd.ocpp.frame_ring import Direction, FrameRing

ZERO = datetime(2026, 3, 2, 12, tzinfo=UTC)


def traced(*frames: tuple[Direction, str], after: int = 0, limit: int = 50) -> TraceDocument:
    ring = FrameRing()
    for number, (direction, text) in enumerate(frames):
        ring.record(number / 10, direction, text)
    return trace_document(ring.frames(), ZERO, Redaction([]), after=after, limit=limit)


def call(identity: str, action: str, **payload: object) -> str:
    return json.dumps([2, identity, action, payload])


def test_an_answer_names_its_call_and_how_long_it_took() -> None:
    document = traced(
        (">", call("1", "Heartbeat")),
        ("<", call("1", "Reset", type="Soft")),
        ("<", '[3,"1",{}]'),
        (">", '[4,"1","InternalError","",{}]'),
        ("<", '[3,"9",{}]'),
    )
    assert [(one["kind"], one["action"], one["took_ms"]) for one in document["frames"]] == [
        ("call", "Heartbeat", None),
        ("call", "Reset", None),
        ("result", "Heartbeat", 200.0),
        ("error", "Reset", 200.0),
        ("result", None, None),
    ]
    assert document["frames"][2]["at"] == "2026-03-02T12:00:00.200Z"


def test_the_newest_come_behind_a_number_and_their_calls_are_known_still() -> None:
    frames: tuple[tuple[Direction, str], ...] = ((">", call("1", "Heartbeat")), ("<", '[3,"1",{}]'))
    later = traced(*frames, after=1)
    assert [(one["seq"], one["action"]) for one in later["frames"]] == [(2, "Heartbeat")]
    assert traced(*frames, limit=1)["frames"] == later["frames"]
    assert traced(*frames, after=2) == {"schema": "cpd.trace/1", "frames": [], "last": 2}
    assert traced() == {"schema": "cpd.trace/1", "frames": [], "last": 0}


def test_frames_that_are_none_are_shown_as_such() -> None:
    odd = ("", "{", "[]", "[2]", "[9,1,2]", '[2,["x"],"Reset",{}]', "null", '{"2":1}')
    document = traced(*(("<", text) for text in odd))
    assert {one["kind"] for one in document["frames"]} == {None}


def test_nothing_secret_is_shown() -> None:
    frame = call("1", "ChangeConfiguration", key="AuthorizationKey", value="a-planted-key")
    assert "planted" not in json.dumps(traced(("<", frame)))
