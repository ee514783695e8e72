"""`cpd trace`: the last OCPP frames, and each new one as it comes."""

import contextlib
import json
import threading
from typing import Any, cast

import click

from cpd.cli.client_command import Session, client_command
from cpd.cli.spans import seconds_in
from cpd.cli.terminal import Terminal
from cpd.cli.words import moment
from cpd.control.api import TracedFrameDocument, TraceDocument
from cpd.control.client import DaemonNotRunning, TimedOut

FOLLOW_S = 1.0


def _since(_ctx: click.Context, _param: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    seconds = seconds_in(text.strip().removeprefix("-"))
    if seconds == 0:
        raise click.BadParameter(f"{text!r} is no time such as -1h, 30m or 2d")
    return seconds


@client_command("trace")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes; Ctrl-C ends it.")
@click.option("-n", "limit", type=click.IntRange(1, 2_000), help="How many frames (20; with --since 2000).")
@click.option(
    "--since", "since_s", callback=_since, metavar="TIME", help="Also before a restart: -1h, 30m, 2d."
)
@click.option("--full", is_flag=True, help="The whole frames.")
def trace(session: Session, follow: bool, limit: int | None, since_s: int | None, full: bool) -> int:
    """What was said to the CSMS (>) and by it (<). Passwords are not shown, and idTags only in part.

    Without --since what this start of the daemon has in memory; the last 7 days are kept.

    \b
    cpd trace
    cpd trace -f
    cpd trace --since -1h
    cpd trace -n 100 --full
    """
    with session.client() as client, contextlib.suppress(KeyboardInterrupt):
        asked = {"limit": limit or 20} if since_s is None else {"limit": limit or 2_000, "since_s": since_s}
        last = _show(session, client.call("trace", asked), full=full)
        while follow:
            threading.Event().wait(FOLLOW_S)
            try:
                answer = client.call("trace", {"after": last, "limit": 2_000})
            except DaemonNotRunning:
                # What it says first is what many want to see. A daemon that was restarted counts anew.
                last = 0
            except TimedOut:
                continue
            else:
                last = _show(session, answer, full=full, after=last)
    return 0


def _show(session: Session, answer: dict[str, Any], *, full: bool, after: int | None = None) -> int:
    """Show what is new *after* a number, None: what there is; returns the number to go on from."""
    document = cast(TraceDocument, answer)
    if document["frames"] or after is None:
        words = render_trace(document, session.terminal, full=full)
        session.show(document, words or "nothing was said since the start")
    return document["last"]


def render_trace(document: TraceDocument, terminal: Terminal, *, full: bool = False) -> str:
    """A line for each frame; with *full* the frame below it. The days have lines where there are several."""
    lines: list[str] = []
    days = [moment(frame["at"]).date() for frame in document["frames"]]
    told = days[0] if len(set(days)) == 1 else None
    for frame, day in zip(document["frames"], days, strict=True):
        if day != told:
            lines.append(f"{day:%Y-%m-%d}")
            told = day
        lines.append(terminal.cut(_line(frame, terminal), terminal.width))
        if full:
            lines += terminal.wrap(frame["text"], 2)
    return "\n".join(lines)


def _line(frame: TracedFrameDocument, terminal: Terminal) -> str:
    at = f"{moment(frame['at']):%H:%M:%S}"
    side = ">" if frame["sent"] else "<"
    took = "" if frame["took_ms"] is None else f"  {round(frame['took_ms'])} ms"
    match frame["kind"]:
        case "call":
            words = frame["action"] or "?"
        case "result":
            words = f"{_status(frame['text'])}{_to(frame)}{took}"
        case "error":
            words = f"{terminal.glyph('✗')} {_code(frame['text'])}{_to(frame)}{took}"
        case _:
            words = f"{terminal.glyph('✗')} no OCPP: {frame['text']}"
    return f"{at} {side} {words}"


def _to(frame: TracedFrameDocument) -> str:
    return "" if frame["action"] is None else f" ({frame['action']})"


def _status(text: str) -> str:
    """The status of an answer, where it has one."""
    with contextlib.suppress(ValueError, LookupError, TypeError):
        payload = json.loads(text)[2]
        status = payload.get("status") or payload.get("idTagInfo", {}).get("status")
        if isinstance(status, str):
            return status
    return "ok"


def _code(text: str) -> str:
    with contextlib.suppress(ValueError, LookupError, TypeError):
        return str(json.loads(text)[2])
    return "error"
