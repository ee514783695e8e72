"""`cpd status`: is it connected, what does each connector do, why this current, what is wrong."""

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import cast

import click

from cpd.cli.arguments import connectors
from cpd.cli.client_command import Session, client_command
from cpd.cli.terminal import Terminal, columns_of, labelled
from cpd.cli.words import amperes, countdown, energy, moment, source_of, span, watts, when
from cpd.control.api import BlockerDocument, ConnectorDocument, StatusDocument
from cpd.control.client import NotFound

DEGRADED, FAULTED = 10, 11
"""Exit statuses of --check."""

_GLYPHS = {
    "Charging": ("⚡", "green"),
    "Available": ("○", "dim"),
    "Faulted": ("✗", "red"),
    "Unavailable": ("✗", "yellow"),
    "SuspendedEVSE": ("!", "yellow"),
}
_CHARGE_STATES = {"SuspendedEV": "PAUSED BY CAR", "SuspendedEVSE": "PAUSED BY CHARGER"}


@client_command("status")
@click.argument(
    "connector", type=click.IntRange(min=1), required=False, metavar="[N]", shell_complete=connectors
)
@click.option("--watch", is_flag=True, help="Show each change until Ctrl-C.")
@click.option("--check", is_flag=True, help="Exit 10 when degraded, 11 when faulted.")
def status(session: Session, connector: int | None, watch: bool, check: bool) -> int:
    """What the charger does now.

    \b
    cpd status
    cpd status 1 --watch
    cpd status --check; echo $?
    """
    if watch:
        with contextlib.suppress(KeyboardInterrupt):
            _watch(session, connector)
        return 0
    document = _only(cast(StatusDocument, session.call("status")), connector)
    session.show(document, render_status(document, session.terminal))
    return severity(document) if check else 0


def render_status(document: StatusDocument, terminal: Terminal) -> str:
    """The status on one screen."""
    lines = _station_lines(document, terminal)
    if terminal.has_tables:
        return "\n".join([*lines, "", *_table(document, terminal), *_troubles(document, terminal)])
    for connector in document["connectors"]:
        lines += ["", *_connector_lines(connector, document, terminal)]
    return "\n".join(lines)


def severity(document: StatusDocument) -> int:
    """0 where all is well, 10 where something needs a look, 11 where a connector cannot charge for a fault."""
    connectors, csms = document["connectors"], document["csms"]
    if any(connector["ocpp_status"] == "Faulted" for connector in connectors):
        return FAULTED
    offline = csms["url"] is not None and not csms["online"]
    faults = any(connector["faults"] for connector in connectors)
    untrusted = not document["station"]["clock"]["trusted"]
    store = any(document["store"].values())
    return DEGRADED if offline or faults or untrusted or csms["dead"] or store else 0


def state_of(connector: ConnectorDocument) -> str:
    """What a connector does, in capitals."""
    status = connector["ocpp_status"]
    return _CHARGE_STATES.get(status, status.upper())


def _only(document: StatusDocument, connector: int | None) -> StatusDocument:
    if connector is None:
        return document
    shown = [one for one in document["connectors"] if one["id"] == connector]
    if not shown:
        last = len(document["connectors"])
        known = "there is only connector 1" if last == 1 else f"there are connectors 1 to {last}"
        raise NotFound(f"there is no connector {connector}", known)
    return {**document, "connectors": shown}


def _watch(session: Session, connector: int | None) -> None:
    last: StatusDocument | None = None
    lost_s = 0
    with session.client() as client:
        for document in client.watch():
            if document is not None:
                last, lost_s = _only(document, connector), 0
                session.redraw(last, render_status(last, session.terminal))
                continue
            lost_s += 1
            if lost_s == 1 or session.redraws:
                stale = "" if last is None else "\n\n" + render_status(last, session.terminal)
                session.redraw(None, _lost_words(lost_s, session.terminal) + stale)


def _lost_words(lost_s: int, terminal: Terminal) -> str:
    return terminal.paint("red", terminal.text(f"✗ cpd is not running, stale {span(lost_s)}"))


def _station_lines(document: StatusDocument, terminal: Terminal) -> list[str]:
    station, csms = document["station"], document["csms"]
    head = (station["id"], f"cpd {station['firmware_version']}", f"up {span(station['uptime_s'])}")
    lines = terminal.flow(head, gap=2)
    store = document["store"]
    for name, (good, words) in (
        ("CSMS", _csms_words(document)),
        ("Clock", _clock_words(document)),
        ("Queue", _queue_words(csms["queued"], csms["dead"])),
        *(
            ("Store", (False, trouble.removeprefix("store ")))
            for trouble in (store["failure"], store["damage"], _moved(store.get("moved")))
            if trouble
        ),
    ):
        glyph = terminal.glyph("●" if good else "✗")
        indent = 7 + columns_of(glyph) + 1
        label = f"{name:<6} {terminal.paint('green' if good else 'red', glyph)} "
        lines += labelled(label, terminal.wrap(words, indent))
    return lines


def _moved(sentence: str | None) -> str | None:
    return None if sentence is None else f"{sentence} cpd machine tells what to do"


def _csms_words(document: StatusDocument) -> tuple[bool, str]:
    csms = document["csms"]
    if csms["url"] is None:
        return True, "none, this charger works alone"
    if csms["held"]:
        return False, "held down on request"
    if not csms["connected"]:
        reason = f": {csms['last_error']}" if csms["last_error"] else ""
        return False, f"offline{_since(csms['since'], document)}{reason}"
    if csms["registration"] != "Accepted":
        return False, f"connected, boot {csms['registration'] or 'not answered'}"
    if csms["last_answer_at"] is None:
        return False, "connected, nothing answered yet"
    answered = f"answered {span((_now(document) - moment(csms['last_answer_at'])).total_seconds())} ago"
    return (True, f"online, {answered}") if csms["online"] else (False, f"connected but silent, {answered}")


def _clock_words(document: StatusDocument) -> tuple[bool, str]:
    clock = document["station"]["clock"]
    if not clock["trusted"]:
        return False, "not set: neither NTP nor the CSMS has told the time"
    return True, f"right ({clock['source'].upper()}), {_now(document):%H:%M}"


def _queue_words(queued: int, dead: int) -> tuple[bool, str]:
    waiting = f"{queued} waiting" if queued else "empty"
    return (True, waiting) if not dead else (False, f"{waiting}, {dead} given up")


def _connector_lines(connector: ConnectorDocument, document: StatusDocument, terminal: Terminal) -> list[str]:
    glyph, colour = _GLYPHS.get(connector["ocpp_status"], ("●", "green"))
    label = f"{connector['id']} {terminal.glyph(glyph)} "
    state = terminal.flow([state_of(connector), *_readings(connector)], columns_of(label))
    lines = labelled(label, state)
    lines[0] = terminal.paint(colour, lines[0])
    lines += terminal.flow(_transaction_words(connector, document), 3)
    lines += terminal.flow(_reservation_words(connector, document), 3)
    if connector["pilot"]["state"] in ("B", "C", "D") or connector["faults"]:
        lines += terminal.flow(_limit_words(connector, document), 3)
        lines += terminal.flow(_delay_words(connector, document), 3)
        lines += terminal.flow(_hardware_words(connector), 3)
    for blocker in _shown_blockers(connector):
        lines += [terminal.paint("red", line) for line in terminal.wrap(f"✗ {blocker['code']}", 3)]
        lines += terminal.wrap(blocker["evidence"], 5)
        lines += terminal.wrap(f"Do: {blocker['next_step']}", 3)
    return lines


def _readings(connector: ConnectorDocument) -> Iterator[str]:
    meter = connector["meter"]
    if meter is None or connector["transaction"] is None:
        return
    if meter["power_w"] is not None:
        yield watts(meter["power_w"])
    if meter["current_a"]:
        yield amperes(max(meter["current_a"]))


def _transaction_words(connector: ConnectorDocument, document: StatusDocument) -> Iterator[str]:
    transaction = connector["transaction"]
    if transaction is None:
        return
    if transaction["started_at"]:
        yield span((_now(document) - moment(transaction["started_at"])).total_seconds())
    if transaction["energy_wh"] is not None:
        yield energy(transaction["energy_wh"])
    if transaction["started_at"] and document["station"]["clock"]["trusted"]:
        yield f"since {when(transaction['started_at'], document['station']['clock'])}"
    yield f"tag {transaction['id_tag']}"
    yield f"tx {transaction['id']}" if transaction["id"] is not None else "tx not yet known to the CSMS"


def _reservation_words(connector: ConnectorDocument, document: StatusDocument) -> Iterator[str]:
    reservation = connector["reservation"]
    if reservation is not None:
        yield f"for tag {reservation['id_tag']}"
        yield f"until {when(reservation['expires_at'], document['station']['clock'])}"


def _limit_words(connector: ConnectorDocument, document: StatusDocument) -> Iterator[str]:
    limit = connector["limit"]
    yield f"limit {amperes(limit['current_a'])} ← {source_of(limit['constrained_by'])}"
    if limit["until"] is not None:
        yield f"until {when(limit['until'], document['station']['clock'])}"
    runner_up = limit["runner_up"]
    if runner_up is not None:
        yield f"else {amperes(runner_up['current_a'])} ← {source_of(runner_up['constrained_by'])}"


def _delay_words(connector: ConnectorDocument, document: StatusDocument) -> Iterator[str]:
    for blocker in connector["blockers"]:
        if blocker["code"] == "WAIT_RANDOM_DELAY" and blocker["until"] is not None:
            left_s = (moment(blocker["until"]) - _now(document)).total_seconds()
            yield f"{'rising' if connector['offer_a'] else 'starting'} in {countdown(left_s)}"


def _hardware_words(connector: ConnectorDocument) -> Iterator[str]:
    pilot, contactor = connector["pilot"], connector["contactor"]
    duty = "no PWM" if pilot["duty_percent"] is None else f"{pilot['duty_percent']} %"
    yield f"offer {amperes(connector['offer_a'])}"
    yield f"pilot {pilot['state']} {duty}"
    told = "" if contactor["commanded"] == contactor["confirmed"] else f" (told: {contactor['commanded']})"
    yield f"contactor {contactor['confirmed']}{told}"


def _table(document: StatusDocument, terminal: Terminal) -> list[str]:
    heads = (
        "N",
        "STATE",
        "POWER",
        "CURRENT",
        "ENERGY",
        "LIMIT",
        "SET BY",
        "UNTIL",
        "PILOT",
        "CONTACTOR",
        "TX",
    )
    rows = []
    for connector in document["connectors"]:
        meter, transaction, limit = connector["meter"], connector["transaction"], connector["limit"]
        power = meter["power_w"] if meter is not None else None
        currents = meter["current_a"] if meter is not None else None
        duty = connector["pilot"]["duty_percent"]
        taken = transaction["energy_wh"] if transaction is not None else None
        rows.append(
            (
                str(connector["id"]),
                state_of(connector),
                "-" if power is None else watts(power),
                amperes(max(currents)) if currents else "-",
                "-" if taken is None else energy(taken),
                amperes(limit["current_a"]),
                source_of(limit["constrained_by"]),
                "-" if limit["until"] is None else when(limit["until"], document["station"]["clock"]),
                connector["pilot"]["state"] + ("" if duty is None else f" {duty} %"),
                connector["contactor"]["confirmed"],
                "-" if transaction is None else str(transaction["id"] or "?"),
            )
        )
    return terminal.table(heads, rows)


def _troubles(document: StatusDocument, terminal: Terminal) -> Iterator[str]:
    for connector in document["connectors"]:
        for blocker in _shown_blockers(connector):
            yield ""
            code = terminal.cut(f"{connector['id']} ✗ {blocker['code']}", terminal.width)
            yield terminal.paint("red", code)
            yield from terminal.wrap(blocker["evidence"], 4)
            yield from terminal.wrap(f"Do: {blocker['next_step']}", 4)
        for words in _delay_words(connector, document):
            yield ""
            yield terminal.cut(f"{connector['id']} {words}", terminal.width)


def _shown_blockers(connector: ConnectorDocument) -> list[BlockerDocument]:
    """The primary cause, unless the connector only waits for a customer, or an increase for its time."""
    if connector["ocpp_status"] == "Available":
        return []
    if connector["ocpp_status"] == "Reserved" and connector["pilot"]["state"] == "A":
        return []
    charges = connector["ocpp_status"] == "Charging"
    return [one for one in connector["blockers"][:1] if not (charges and one["source"].get("kind") == "wait")]


def _since(since: str | None, document: StatusDocument) -> str:
    return "" if since is None else f" since {when(since, document['station']['clock'])}"


def _now(document: StatusDocument) -> datetime:
    return moment(document["station"]["clock"]["now"])
