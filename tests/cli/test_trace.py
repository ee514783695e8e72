"""`cpd trace` as a technician reads it."""

from typing import Any

import pytest

from cpd.cli.terminal import Terminal, columns_of
from cpd.cli.trace import render_trace
from cpd.control.api import TraceDocument


def traced(*frames: dict[str, Any]) -> TraceDocument:
    given: Any = [
        {
            "seq": number,
            "at": "2026-11-22T08:26:11.000Z",
            "sent": True,
            "action": None,
            "took_ms": None,
            **frame,
        }
        for number, frame in enumerate(frames, 1)
    ]
    return {"schema": "cpd.trace/1", "frames": given, "last": len(frames)}


TALK = traced(
    {"kind": "call", "action": "StartTransaction", "text": '[2,"1","StartTransaction",{"connectorId":1}]'},
    {
        "sent": False,
        "kind": "result",
        "action": "StartTransaction",
        "took_ms": 41.2,
        "text": '[3,"1",{"transactionId":7,"idTagInfo":{"status":"Accepted"}}]',
    },
    {
        "sent": False,
        "kind": "call",
        "action": "SetChargingProfile",
        "text": '[2,"x","SetChargingProfile",{}]',
    },
    {
        "kind": "error",
        "action": "SetChargingProfile",
        "took_ms": 0.6,
        "text": '[4,"x","FormationViolation","",{}]',
    },
    {"kind": "call", "action": "Heartbeat", "text": '[2,"2","Heartbeat",{}]'},
    {"sent": False, "kind": "result", "action": "Heartbeat", "took_ms": 2.0, "text": '[3,"2",{}]'},
    {"sent": False, "kind": None, "text": "hello " * 20},
)


@pytest.mark.usefixtures("berlin")
def test_each_frame_is_a_line_that_says_who_spoke_and_how_it_ended() -> None:
    assert render_trace(TALK, Terminal(width=80)).splitlines() == [
        "09:26:11 > StartTransaction",
        "09:26:11 < Accepted (StartTransaction)  41 ms",
        "09:26:11 < SetChargingProfile",
        "09:26:11 > ✗ FormationViolation (SetChargingProfile)  1 ms",
        "09:26:11 > Heartbeat",
        "09:26:11 < ok (Heartbeat)  2 ms",
        "09:26:11 < ✗ no OCPP: hello hello hello hello hello hello hello hello hello hel…",
    ]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("width", [32, 40])
def test_no_line_is_wider_than_the_terminal(width: int, full: bool) -> None:
    for unicode in (True, False):
        shown = render_trace(TALK, Terminal(width=width, unicode=unicode), full=full)
        assert all(columns_of(line) <= width for line in shown.splitlines())
        assert unicode or shown.isascii()


@pytest.mark.usefixtures("berlin")
def test_frames_of_several_days_stand_under_their_days() -> None:
    heartbeat = {"kind": "call", "action": "Heartbeat", "text": '[2,"2","Heartbeat",{}]'}
    talk = traced(*[dict(heartbeat)] * 3)
    for frame, at in zip(talk["frames"], ("20T22:59", "20T23:00", "22T08:00"), strict=True):
        frame["at"] = f"2026-11-{at}:00.000Z"
    assert render_trace(talk, Terminal(width=40)).splitlines() == [
        "2026-11-20",
        "23:59:00 > Heartbeat",
        "2026-11-21",
        "00:00:00 > Heartbeat",
        "2026-11-22",
        "09:00:00 > Heartbeat",
    ]
