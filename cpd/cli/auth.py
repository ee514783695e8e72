"""`cpd auth explain`: what would become of a card, which row of the decision table says so, what would change it."""

from collections.abc import Iterator
from typing import cast

import click

from cpd.cli.client_command import Session, client_command, client_group
from cpd.cli.terminal import Terminal, labelled
from cpd.cli.words import clock_time, energy, moment
from cpd.control.api import AuthDocument, AuthEntryDocument, AuthTableRowDocument

_SOURCES = {"list": "local list", "cache": "cache"}
_OFFLINE_WORDS = "no CSMS, or no answer"


@client_group("auth")
def auth() -> None:
    """Who may charge, and why.

    \b
    cpd auth explain 04A31F02B16180
    cpd auth explain VISITOR --offline
    """


@client_command("explain", of=auth)
@click.argument("id_tag", metavar="TAG")
@click.option("--online", "only", flag_value="online", help="Only what holds while the CSMS answers.")
@click.option("--offline", "only", flag_value="offline", help="Only what holds without the CSMS.")
def explain(session: Session, id_tag: str, only: str | None) -> int:
    """What would become of a card, by which row of the table, and which key would change it.

    \b
    cpd auth explain 04A31F02B16180
    cpd auth explain VISITOR --offline
    """
    document = cast(AuthDocument, session.call("auth.explain", {"id_tag": id_tag}))
    session.show(document, render_auth(document, only, session.terminal))
    return 0


def render_auth(document: AuthDocument, only: str | None, terminal: Terminal) -> str:
    """The answer first, then what is known, then the table; *only* ``online`` or ``offline``: that case alone."""
    now = document["connection"]
    cases = [now, *(other for other in ("online", "offline") if other != now and document["csms"])]
    cases = [case for case in cases if only in (None, case)] or [cast(str, only)]
    lines = [terminal.paint("bold", terminal.cut(document["id_tag"], terminal.width))]
    for case in cases:
        lines += ["", *_case(document, case, terminal)]
    lines += ["", *_known(document, terminal), *_spellings(document, terminal)]
    lines += ["", *_table(document, cases, terminal)]
    if document["csms"]:
        lines += ["", *_if_refused_later(document, terminal)]
    return "\n".join(lines)


def _case(document: AuthDocument, case: str, terminal: Terminal) -> list[str]:
    verdict = document["online"] if case == "online" else document["offline"]
    glyph, colour, words = {
        "accept": ("✓", "green", "STARTS"),
        "ask": ("·", "dim", "THE CSMS IS ASKED"),
        "refuse": ("✗", "red", "REFUSED"),
    }[verdict["action"]]
    source = verdict["source"]
    by = "" if source in ("csms", "none") else f" ← {_SOURCES.get(source, source)}"
    when = f"now, {case}" if case == document["connection"] else f"if {case}"
    drawn = terminal.glyph(glyph)
    lines = labelled(
        terminal.paint(colour, drawn) + " ", terminal.wrap(f"{when}: {words}{by}", len(drawn) + 1)
    )
    return lines + terminal.wrap(_change(document, verdict["action"], verdict["change"], source), 2)


def _change(document: AuthDocument, action: str, change: str | None, source: str) -> str:
    if change is not None:
        value = str(not document["keys"][change]).lower()
        other = {"accept": "to prevent it", "ask": "to start at once", "refuse": "to allow it"}[action]
        return f"{other}: cpd config set {change} {value}"
    if action == "ask":
        return "what it says decides"
    if action == "refuse" and source in _SOURCES:
        return "only the CSMS lifts that" if document["csms"] else "its entry decides alone"
    return "no single key changes that"


def _known(document: AuthDocument, terminal: Terminal) -> Iterator[str]:
    now = document["now"]
    listed, cached = document["local_list"], document["cache"]
    version = f"v{listed['version']}, " if listed["version"] > 0 else ""
    for label, words, enabled in (
        ("list   ", version + _entry(listed["entry"], now), listed["enabled"]),
        ("cache  ", _entry(cached["entry"], now), cached["enabled"]),
    ):
        yield from labelled(label, terminal.wrap(words if enabled else f"off ({words})", len(label)))


def _entry(entry: AuthEntryDocument | None, now: str) -> str:
    if entry is None:
        return "not in it"
    words = entry["status"]
    if entry["expires_at"] is not None:
        at = clock_time(moment(entry["expires_at"]), moment(now))
        words += f" since {at}" if entry["status"] == "Expired" else f" until {at}"
    return words if entry["parent_id_tag"] is None else f"{words}, group {entry['parent_id_tag']}"


def _spellings(document: AuthDocument, terminal: Terminal) -> Iterator[str]:
    for other in document["spellings"]:
        place = _SOURCES.get(other["source"], other["source"])
        words = f"{other['id_tag']} ({other['kind']}) is in the {place}: do reader and CSMS spell alike?"
        drawn = terminal.glyph("!")
        yield from labelled(terminal.paint("yellow", drawn) + " ", terminal.wrap(words, len(drawn) + 1))


def _table(document: AuthDocument, cases: list[str], terminal: Terminal) -> Iterator[str]:
    yield from terminal.wrap("Table: the first row that fits decides.")
    for case in ("online", "offline"):
        if case not in cases:
            continue
        verdict = document["online"] if case == "online" else document["offline"]
        yield from terminal.wrap(case if case == "online" else f"{case} ({_OFFLINE_WORDS})", 2)
        for row in document["table"]:
            if row["connection"] == case:
                mark = terminal.glyph("▸") if row["row"] == verdict["row"] else " "
                label = f"{mark} {row['row']} "
                yield from labelled(label, terminal.wrap(_row(row, document["keys"]), len(label)))


def _row(row: AuthTableRowDocument, keys: dict[str, bool]) -> str:
    entry = row["entry"]
    conditions = [] if entry is None else ["no entry" if entry == "unknown" else f"entry {entry}"]
    key = row["key"]
    if key is not None:
        value = "not served" if key not in keys else "true" if keys[key] else "false"
        conditions.append(f"{key} ({value})")
    then = {"accept": "start", "ask": "ask the CSMS", "refuse": "refuse"}[row["action"]]
    return f"{' and '.join(conditions) or 'else'} → {then}"


def _if_refused_later(document: AuthDocument, terminal: Terminal) -> list[str]:
    later = document["if_refused_later"]
    most = "at once" if later["energy_wh"] == 0 else f"after {energy(later['energy_wh'])} more"
    end = "it is stopped" if later["stops"] else "it stays without current"
    return terminal.wrap(
        f"If the CSMS refuses it once it charges, {end} {most}"
        " (StopTransactionOnInvalidId, MaxEnergyOnInvalidId)."
    )
