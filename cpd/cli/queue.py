"""`cpd queue`: what waits for the central system, what it kept refusing, and how to send that once more."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import cast

import click

from cpd.cli.client_command import Session, client_command, client_group
from cpd.cli.status import DEGRADED
from cpd.cli.terminal import Terminal, columns_of, labelled
from cpd.cli.words import clock_time, moment, span
from cpd.control.api import QueuedMessageDocument, QueueDocument, StatusDocument

_WORDS = {"StartTransaction": "Start", "MeterValues": "Meter", "StopTransaction": "Stop"}
_HEADS = ("TX", "CONNECTOR", "CSMS ID", "STATE", "MESSAGES", "SINCE", "CSMS SAYS")

_Messages = Sequence[QueuedMessageDocument]


def _list(session: Session, dead: bool, check: bool) -> int:
    with session.client() as client:
        status = cast(StatusDocument, client.call("status"))
        document = cast(QueueDocument, client.call("queue.list", {"dead": True} if dead else None))
    session.show(document, render_queue(document, status, session.terminal))
    return DEGRADED if check and status["csms"]["dead"] else 0


@client_group("queue", alone=_list)
@click.option("--dead", is_flag=True, help="Only what was given up.")
@click.option("--check", is_flag=True, help="Exit 10 when something was given up.")
def queue() -> None:
    """What waits for the CSMS.

    \b
    cpd queue
    cpd queue --dead
    cpd queue retry L-88
    """


@client_command("retry", of=queue)
@click.argument("identifier", metavar="ID")
def retry(session: Session, identifier: str) -> int:
    """Send again what was given up: a message by its id, or all of a transaction.

    \b
    cpd queue retry L-88
    cpd queue retry 4711
    """
    document = cast(QueueDocument, session.call("queue.retry", {"id": identifier}))
    session.show(document, render_retry(document, session.terminal))
    return 0


def render_queue(document: QueueDocument, status: StatusDocument, terminal: Terminal) -> str:
    """What waits and what is dead, by transaction in the order of delivery."""
    now = status["station"]["clock"]["now"]
    waiting = [one for one in document["messages"] if not one["dead"]]
    dead = [one for one in document["messages"] if one["dead"]]
    lines = terminal.wrap(_summary(waiting, dead, now))
    if status["csms"]["url"] is None:
        lines += terminal.wrap("this charger works alone, without a CSMS")
    if document["messages"] and terminal.has_tables:
        lines += ["", *terminal.table(_HEADS, _rows(waiting, dead, now, terminal))]
        retries = [f"cpd queue retry {_name(one)}" for one in _transactions(dead)[:1]]
        return "\n".join([*lines, *retries])
    for transaction in _transactions(waiting):
        lines += _lines(transaction, terminal)
    for transaction in _transactions(dead):
        label = terminal.glyph("✗") + " "
        head, *more = labelled(label, _lines(transaction, terminal, columns_of(label)))
        lines += [terminal.paint("red", head), *more]
        lines += terminal.wrap(f"cpd queue retry {_name(transaction)}", columns_of(label))
    return "\n".join(lines)


def render_retry(document: QueueDocument, terminal: Terminal) -> str:
    """What waits again."""
    lines = [line for one in _transactions(document["messages"]) for line in _lines(one, terminal)]
    return "\n".join(["waits again:", *lines])


def _summary(waiting: _Messages, dead: _Messages, now: str) -> str:
    if not waiting and not dead:
        return "queue is empty"
    words = []
    if waiting:
        words.append(f"{len(waiting)} waiting")
    since = min((one["created_at"] for one in waiting if one["created_at"] is not None), default=None)
    if since is not None:
        words.append(f"oldest {span((moment(now) - moment(since)).total_seconds())}")
    if dead:
        words.append(f"{len(dead)} dead")
    return ", ".join(words)


def _transactions(messages: _Messages) -> list[_Messages]:
    """The messages of each transaction, in the order of their first ones."""
    grouped: dict[str, list[QueuedMessageDocument]] = {}
    for one in messages:
        grouped.setdefault(one["local_id"], []).append(one)
    return list(grouped.values())


def _lines(transaction: _Messages, terminal: Terminal, indent: int = 0) -> list[str]:
    number = transaction[0]["transaction_id"]
    named = [_name(transaction)] if number is None else [_name(transaction), f"tx {number}"]
    lines = terminal.flow([*named, _chain(transaction, terminal)], indent, gap=2)
    tries = _tries(transaction)
    return lines if tries is None else [*lines, *terminal.wrap(f"CSMS: {tries}", indent or 2)]


def _rows(waiting: _Messages, dead: _Messages, now: str, terminal: Terminal) -> Iterator[tuple[str, ...]]:
    for transaction in (*_transactions(waiting), *_transactions(dead)):
        first = transaction[0]
        since = first["created_at"]
        yield (
            _name(transaction),
            str(first["connector"]),
            "?" if first["transaction_id"] is None else str(first["transaction_id"]),
            "dead" if first["dead"] else "waits",
            _chain(transaction, terminal),
            "-" if since is None else clock_time(moment(since), moment(now)),
            _tries(transaction) or "-",
        )


def _name(transaction: _Messages) -> str:
    return f"L-{transaction[0]['order']}"


def _chain(transaction: _Messages, terminal: Terminal) -> str:
    """``Start ▸ 4 Meter ▸ Stop``; what is dead says nothing of what is still to come."""
    links = []
    for action, same in groupby(one["action"] for one in transaction):
        count = len(list(same))
        links.append(_WORDS[action] if count == 1 else f"{count} {_WORDS[action]}")
    if transaction[0]["running"] and not transaction[0]["dead"]:
        links.append("(running)")
    return f" {terminal.glyph('▸')} ".join(links)


def _tries(transaction: _Messages) -> str | None:
    """``InternalError, 5 tries``, of the message that was tried last; None while none was."""
    tried = [one for one in transaction if one["attempts"]]
    if not tried:
        return None
    last = tried[-1]
    times = "1 try" if last["attempts"] == 1 else f"{last['attempts']} tries"
    return f"{last['last_error']}, {times}"
