"""`cpd why`: what keeps a connector from charging: cause, evidence, next step, code; or what sets its current."""

from collections.abc import Iterator
from typing import cast

import click

from cpd.cli.arguments import connectors
from cpd.cli.client_command import Session, client_command
from cpd.cli.codes import headline
from cpd.cli.status import state_of
from cpd.cli.terminal import Terminal, columns_of, labelled
from cpd.cli.words import amperes, countdown, moment, source_of, span, when
from cpd.control.api import BlockerDocument, ConnectorDocument, StatusDocument, WhyDocument


@client_command("why")
@click.argument(
    "connector", type=click.IntRange(min=1), required=False, metavar="[N]", shell_complete=connectors
)
def why(session: Session, connector: int | None) -> int:
    """Why a connector does not charge, or not faster.

    \b
    cpd why
    cpd why 1
    cpd why 1 --json
    """
    with session.client() as client:
        status = cast(StatusDocument, client.call("status"))
        numbers = [one["id"] for one in status["connectors"]] if connector is None else [connector]
        reasons = [cast(WhyDocument, client.call("why", {"connector": number})) for number in numbers]
    connectors = {one["id"]: one for one in status["connectors"]}
    words = [
        render_why(reason, connectors[reason["connector"]], status, session.terminal) for reason in reasons
    ]
    session.show(reasons[0] if len(reasons) == 1 else reasons, "\n\n".join(words))
    return 0


def render_why(
    reason: WhyDocument, connector: ConnectorDocument, status: StatusDocument, terminal: Terminal
) -> str:
    """What is well, what is not, and what to do."""
    number, blockers = reason["connector"], reason["blockers"]
    now = moment(status["station"]["clock"]["now"])
    if not blockers or (reason["charging"] and all(map(_only_slows, blockers))):
        said = f"{number} {state_of(connector)} at {amperes(connector['offer_a'])}"
        lines = [terminal.paint("bold", terminal.cut(said, terminal.width)), ""]
        lines += [line for words in _well(connector) for line in _point("✓", words, terminal)]
        lines += [line for words in _current(connector, status) for line in _point("·", words, terminal)]
        for blocker in blockers:
            lines += _slowing(blocker, status, terminal)
        return "\n".join(lines)
    since = blockers[0]["since"]
    for_long = "" if since is None else f" for {span((now - moment(since)).total_seconds())}"
    said = f"{number} NOT CHARGING{for_long}"
    lines = [terminal.paint("bold", terminal.cut(said, terminal.width)), ""]
    lines += [line for words in _well(connector) for line in _point("✓", words, terminal)]
    for position, blocker in enumerate(blockers):
        lines += _cause(blocker, connector, status, terminal, primary=position == 0)
    lines += ["", *labelled("Do:  ", terminal.wrap(blockers[0]["next_step"], 5))]
    lines += [terminal.cut(blockers[0]["code"], terminal.width)]
    return "\n".join(lines)


def _cause(
    blocker: BlockerDocument,
    connector: ConnectorDocument,
    status: StatusDocument,
    terminal: Terminal,
    *,
    primary: bool,
) -> list[str]:
    glyph, mark = ("✗", "   ← cause") if primary else ("·", "")
    head = terminal.cut(f"{glyph} {headline(blocker['code'])}", terminal.width)
    marked = head + terminal.text(mark)
    lines = [marked if columns_of(marked) <= terminal.width else head]
    if primary:
        lines = [terminal.paint("red", line) for line in lines]
    lines += terminal.wrap(blocker["evidence"], 4)
    return lines + terminal.flow(_when(blocker, status), 4, gap=1)


def _only_slows(blocker: BlockerDocument) -> bool:
    """True where current flows all the same, less than could."""
    return blocker["source"].get("kind") in ("wait", "temperature")


def _slowing(blocker: BlockerDocument, status: StatusDocument, terminal: Terminal) -> list[str]:
    """What keeps a connector that charges from charging faster."""
    lines = _point("!", blocker["evidence"], terminal)
    lines += terminal.flow(_when(blocker, status), 2, gap=1)
    return lines + terminal.wrap(f"Do: {blocker['next_step']}", 2)


def _when(blocker: BlockerDocument, status: StatusDocument) -> Iterator[str]:
    """Since when it holds, or when the profile was set that is the cause; and when it ends."""
    clock, since, until = status["station"]["clock"], blocker["since"], blocker["until"]
    set_at = blocker["source"].get("set_at")
    begins = (
        f"set {when(set_at, clock)}" if set_at is not None else f"since {when(since, clock)}" if since else ""
    )
    if begins:
        yield begins + ("," if until is not None else "")
    if until is not None and clock["trusted"]:
        left_s = (moment(until) - moment(clock["now"])).total_seconds()
        left = countdown(left_s) if blocker["source"].get("kind") == "wait" else span(left_s)
        yield f"ends {when(until, clock)} (in {left})"
    elif until is not None:
        yield f"ends {when(until, clock)}"


def _well(connector: ConnectorDocument) -> Iterator[str]:
    pilot, contactor, cable_a = connector["pilot"], connector["contactor"], connector["cable_a"]
    if pilot["state"] in ("B", "C", "D"):
        rating = f", {cable_a} A cable" if cable_a is not None else ""
        yield f"car plugged in{rating}"
        asks = "asks for current" if pilot["state"] in ("C", "D") else "does not ask yet"
        yield f"pilot state {pilot['state']}, car {asks}"
    if connector["transaction"] is not None:
        yield f"tag {connector['transaction']['id_tag']} accepted"
    if not connector["faults"] and contactor["commanded"] == contactor["confirmed"]:
        yield f"no fault, contactor {contactor['confirmed']}"


def _current(connector: ConnectorDocument, status: StatusDocument) -> Iterator[str]:
    limit = connector["limit"]
    clock = status["station"]["clock"]
    until = "" if limit["until"] is None else f", until {when(limit['until'], clock)}"
    yield f"limit {amperes(limit['current_a'])} ← {source_of(limit['constrained_by'])}{until}"
    runner_up = limit["runner_up"]
    if runner_up is not None:
        source = source_of(runner_up["constrained_by"])
        yield f"without it: {amperes(runner_up['current_a'])} ← {source}"
    meter = connector["meter"]
    if meter is not None and meter["current_a"]:
        yield f"the car draws {amperes(max(meter['current_a']))}"


def _point(glyph: str, words: str, terminal: Terminal) -> list[str]:
    drawn = terminal.glyph(glyph)
    colour = "green" if glyph == "✓" else "dim"
    return labelled(terminal.paint(colour, drawn) + " ", terminal.wrap(words, len(drawn) + 1))
