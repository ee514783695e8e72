"""`cpd limit`: allow a connector less for a while, or end that."""

import re
from typing import cast

import click

from cpd.cli.arguments import connectors
from cpd.cli.client_command import Session, client_command
from cpd.cli.spans import seconds_in
from cpd.cli.terminal import Terminal
from cpd.cli.words import amperes, moment, source_of, span, when
from cpd.control.api import LocalLimitDocument, StatusDocument

_CURRENT = re.compile(r"(\d{1,2}(?:\.\d+)?) ?a?", re.IGNORECASE | re.ASCII)
_MOST_A = 80


def _current(_ctx: click.Context, _param: click.Parameter, text: str) -> float | None:
    if text.strip().casefold() == "off":
        return None
    found = _CURRENT.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is neither a current such as 10A nor off")
    if float(found[1]) > _MOST_A:
        raise click.BadParameter(f"{text.strip()} is outside 0A … {_MOST_A}A; no connector has more")
    return float(found[1])


def _seconds(_ctx: click.Context, _param: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    seconds = seconds_in(text)
    if seconds == 0:
        raise click.BadParameter(f"{text!r} is no time such as 30m, 2h or 1h30m")
    return seconds


@client_command("limit")
@click.argument("connector", type=click.IntRange(min=1), metavar="N", shell_complete=connectors)
@click.argument("current", callback=_current, metavar="CURRENT|off")
@click.option("--for", "for_s", callback=_seconds, metavar="TIME", help="How long: 30m, 2h, 1h30m.")
def limit(session: Session, connector: int, current: float | None, for_s: int | None) -> int:
    """Allow a connector less for a while. It only lowers, 0A to 5.9A pause, and it ends by itself.

    \b
    cpd limit 1 10A --for 30m
    cpd limit 1 0A --for 2h
    cpd limit 1 off
    """
    if current is not None and for_s is None:
        raise click.UsageError("say for how long, as in --for 30m")
    if current is None and for_s is not None:
        raise click.UsageError("off is at once, without --for")
    with session.client() as client:
        params = {"connector": connector, "current_a": current, "for_s": for_s}
        document = cast(LocalLimitDocument, client.call("limit", params))
        status = cast(StatusDocument, client.call("status"))
    session.show(document, render_limit(document, status, session.terminal))
    return 0


def render_limit(document: LocalLimitDocument, status: StatusDocument, terminal: Terminal) -> str:
    """What is allowed here, until when, and what holds where that is something else."""
    number, current_a, until = document["connector"], document["current_a"], document["until"]
    clock, limit = status["station"]["clock"], document["limit"]
    if current_a is None or until is None:
        lines = [f"{number} has no local limit"]
    else:
        left_s = (moment(until) - moment(clock["now"])).total_seconds()
        lines = [f"{number} local limit {amperes(current_a)}"]
        at = f"until {when(until, clock)} (in {span(left_s)})" if clock["trusted"] else f"for {span(left_s)}"
        lines += terminal.wrap(at, 2)
    if limit["constrained_by"]["kind"] != "local":
        holds = f"now {amperes(limit['current_a'])} ← {source_of(limit['constrained_by'])}"
        lines += terminal.wrap(holds, 2)
    return "\n".join(lines)
