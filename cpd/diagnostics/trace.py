"""The last frames as a technician reads them: which call, which answer, how long it took; redacted."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from cpd.control.api import TracedFrameDocument, TraceDocument
from cpd.control.documents import instant
from cpd.diagnostics.redaction import Redaction
from cpd.ocpp.frame_ring import Frame

_KINDS = {2: "call", 3: "result", 4: "error"}


def trace_document(
    frames: Sequence[Frame], zero: datetime, redaction: Redaction, *, after: int | None, limit: int
) -> TraceDocument:
    """The newest *limit* of *frames*, those behind number *after*; *zero* is when the monotonic clock was 0."""
    asked: dict[tuple[str, object], tuple[str, float]] = {}
    traced: list[TracedFrameDocument] = []
    for frame in frames:
        kind, identity, action = _read(frame.text)
        took_ms: float | None = None
        if kind == "call":
            asked[frame.direction, identity] = str(action), frame.at_s
        elif kind is not None:
            # It answers what went the other way.
            action, at_s = asked.pop(("<" if frame.direction == ">" else ">", identity), (None, frame.at_s))
            took_ms = None if action is None else round((frame.at_s - at_s) * 1_000, 1)
        if after is None or frame.seq > after:
            traced.append(
                {
                    "seq": frame.seq,
                    "at": instant(zero + timedelta(seconds=frame.at_s)),
                    "sent": frame.direction == ">",
                    "kind": kind,
                    "action": None if action is None else redaction.text(str(action)[:60]),
                    "took_ms": took_ms,
                    "text": frame.text,
                }
            )
    shown = traced[-limit:]
    for one in shown:
        one["text"] = redaction.frame(one["text"])
    last = max(frames[-1].seq, 0) if frames else 0
    return {"schema": "cpd.trace/1", "frames": shown, "last": last}


def _read(text: str) -> tuple[str | None, object, object]:
    """Kind, message id and action of a frame; no kind where it is none."""
    try:
        kind, identity, *rest = msgspec.json.decode(text)
        hash(identity)
        return _KINDS[kind], identity, rest[0] if kind == 2 else None
    except (msgspec.DecodeError, LookupError, TypeError, ValueError):
        return None, None, None
