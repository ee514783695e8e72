"""`cpd transactions`: what was charged, and whether the central system knows."""

import sys
from collections.abc import Iterator
from typing import cast

import click

from cpd.cli.client_command import Session, client_command
from cpd.cli.terminal import Terminal, columns_of, labelled
from cpd.cli.words import clock_time, energy, moment
from cpd.control.api import PastTransactionDocument, StatusDocument, TransactionsDocument

_COLUMNS = (
    "local_id",
    "id",
    "connector",
    "id_tag",
    "started_at",
    "stopped_at",
    "meter_start_wh",
    "meter_stop_wh",
    "energy_wh",
    "reason",
    "delivered",
)


@client_command("transactions")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, help="The newest so many (20).")
@click.option("--csv", "as_csv", is_flag=True, help="One line each, for spreadsheets; times in UTC.")
@click.option("--full", is_flag=True, help="Whole idTags (root).")
def transactions(session: Session, limit: int, as_csv: bool, full: bool) -> int:
    """The last charging transactions, newest first.

    \b
    cpd transactions
    cpd transactions --limit 5
    sudo cpd transactions --csv --full
    """
    with session.client() as client:
        status = cast(StatusDocument, client.call("status"))
        document = cast(
            TransactionsDocument, client.call("transactions.list", {"limit": limit, "full": full})
        )
    if as_csv and not session.json:
        _write_csv(document)
        return 0
    session.show(document, render_transactions(document, status, session.terminal))
    return 0


def render_transactions(document: TransactionsDocument, status: StatusDocument, terminal: Terminal) -> str:
    """The transactions, as a table where there is room."""
    now, alone = status["station"]["clock"]["now"], status["csms"]["url"] is None
    past = document["transactions"]
    if not past:
        return "no transactions yet"
    if terminal.has_tables:
        heads = ("TX", "CONNECTOR", "TAG", "START", "STOP", "ENERGY", "REASON", "CSMS", "LOCAL ID")
        return "\n".join(terminal.table(heads, (_row(one, now, alone) for one in past)))
    return "\n".join(line for one in past for line in _lines(one, now, alone, terminal))


def _lines(one: PastTransactionDocument, now: str, alone: bool, terminal: Terminal) -> list[str]:
    glyph, colour = ("⚡", "green") if one["meter_stop_wh"] is None else ("✓", "green")
    if one["meter_stop_wh"] is not None and not one["delivered"] and not alone:
        glyph, colour = "!", "yellow"
    label = terminal.glyph(glyph) + " "
    lines = terminal.flow([_number(one), f"connector {one['connector']}", _energy(one)], columns_of(label))
    head, *more = labelled(label, lines)
    return [terminal.paint(colour, head), *more, *terminal.flow(_details(one, now, alone), 3)]


def _details(one: PastTransactionDocument, now: str, alone: bool) -> Iterator[str]:
    yield f"{_time(one['started_at'], now)} – {_end(one, now)}"
    yield f"tag {one['id_tag']}"
    if one["reason"] is not None:
        yield one["reason"]
    yield _delivery(one, alone)


def _row(one: PastTransactionDocument, now: str, alone: bool) -> tuple[str, ...]:
    return (
        str(one["id"]) if one["id"] is not None else "?",
        str(one["connector"]),
        one["id_tag"],
        _time(one["started_at"], now),
        _end(one, now),
        _energy(one),
        one["reason"] or "-",
        _delivery(one, alone),
        one["local_id"],
    )


def _number(one: PastTransactionDocument) -> str:
    return f"tx {one['id']}" if one["id"] is not None else f"tx ? ({one['local_id']})"


def _end(one: PastTransactionDocument, now: str) -> str:
    return "running" if one["meter_stop_wh"] is None else _time(one["stopped_at"], now)


def _time(at: str | None, now: str) -> str:
    return "time unknown" if at is None else clock_time(moment(at), moment(now))


def _energy(one: PastTransactionDocument) -> str:
    return "-" if one["energy_wh"] is None else energy(one["energy_wh"])


def _delivery(one: PastTransactionDocument, alone: bool) -> str:
    if one["delivered"]:
        return "at the CSMS"
    return "no CSMS" if alone else "waits for the CSMS"


def _write_csv(document: TransactionsDocument) -> None:
    import csv

    table = csv.DictWriter(sys.stdout, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    for one in document["transactions"]:
        table.writerow({**one, "delivered": "yes" if one["delivered"] else "no"})
