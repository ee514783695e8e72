"""`cpd schedule`: what may flow from now on, as a picture; the same answer that GetCompositeSchedule gives."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import cast

import click

from cpd.cli.arguments import connectors
from cpd.cli.client_command import Finite, Session, client_command
from cpd.cli.terminal import Terminal, columns_of, labelled, pad
from cpd.cli.words import amperes, clock_time, moment, source_of, span, watts
from cpd.control.api import ScheduleDocument, StatusDocument

_WIDEST_BAR, _NARROWEST_BAR = 32, 4
_WIDTH_WITH_UTC = 60
"""Columns from which on each line tells UTC too; below, the last line tells how far it is from local time."""
_LOOK_AHEAD = timedelta(days=7)
"""How far ahead a change of the clocks is warned of at least."""


@client_command("schedule")
@click.argument(
    "connector", type=click.IntRange(min=0), required=False, metavar="[N]", shell_complete=connectors
)
@click.option("--hours", type=Finite(0, 744), metavar="H", default=24, help="How far ahead (24).")
@click.option("--unit", type=click.Choice(["A", "W"], case_sensitive=False), help="A per phase, or W.")
def schedule(session: Session, connector: int | None, hours: float, unit: str | None) -> int:
    """What may flow from now on, and what sets it; connector 0 is the station.

    \b
    cpd schedule
    cpd schedule 1 --hours 12
    cpd schedule 0 --unit W
    """
    params = {"duration_s": int(hours * 3_600), **({"unit": unit.upper()} if unit is not None else {})}
    with session.client() as client:
        if connector is None:
            status = cast(StatusDocument, client.call("status"))
            numbers = [one["id"] for one in status["connectors"]]
        else:
            numbers = [connector]
        documents = [
            cast(ScheduleDocument, client.call("schedule", {"connector": number, **params}))
            for number in numbers
        ]
    if len(documents) == 1:
        session.show(documents[0], render_schedule(documents[0], session.terminal))
        return 0
    pictures = [
        session.terminal.paint("bold", f"connector {document['connector']}")
        + "\n"
        + render_schedule(document, session.terminal)
        for document in documents
    ]
    session.show(documents, "\n\n".join(pictures))
    return 0


def render_schedule(document: ScheduleDocument, terminal: Terminal) -> str:
    """One bar for each period, to the scale of the highest, with its limit and what sets it; times local and UTC."""
    start = moment(document["start"])
    periods = document["periods"]
    ends = start + timedelta(seconds=document["duration_s"])
    begins = [(start + timedelta(seconds=period["start_s"])).astimezone() for period in periods]
    labels = _labels(begins, start)
    if terminal.width >= _WIDTH_WITH_UTC and any(begin.utcoffset() for begin in (start, *begins)):
        utc = _labels([begin.astimezone(UTC) for begin in begins], start.astimezone(UTC))
        room = max(columns_of(label) for label in labels)
        labels = [f"{pad(label, room)}  {time}Z" for label, time in zip(labels[1:], utc[1:], strict=True)]
        labels.insert(0, "now")
    in_words = amperes if document["unit"] == "A" else watts
    limits = [in_words(period["limit"]) for period in periods]
    sources = [source_of(period["constrained_by"]) for period in periods]
    label_room = max(columns_of(label) for label in labels)
    limit_room = max(columns_of(limit) for limit in limits)
    source_room = max(columns_of(terminal.text(source)) for source in sources)
    room = terminal.width - label_room - limit_room - source_room - 5
    cells = max(_NARROWEST_BAR, min(_WIDEST_BAR, room))
    highest = max(period["limit"] for period in periods)
    lines = []
    for label, period, limit, source in zip(labels, periods, limits, sources, strict=True):
        bar = _bar(period["limit"], highest, cells, terminal)
        before = f"{pad(label, label_room)}  "
        after = f" {limit:>{limit_room}}  {source}"
        rest = terminal.cut(after, terminal.width - columns_of(before) - cells)
        colour = "green" if period["limit"] else "red"
        lines.append(before + terminal.paint(colour, bar) + rest)
    lines += terminal.wrap(_footnote(start, ends))
    return "\n".join([*lines, *_recurrence(document, start, ends, terminal)])


def _labels(begins: list[datetime], start: datetime) -> list[str]:
    """When each period begins: within a day without a date, and to the second where minutes would be equal."""
    later = [begin for begin in begins[1:] if begin - start < timedelta(days=1)]
    distinct = len({f"{begin:%H:%M}" for begin in (start, *later)}) == len(later) + 1
    to = "%H:%M" if distinct else "%H:%M:%S"
    near = [format(begin, to) for begin in later]
    return ["now", *near, *(clock_time(begin, start) for begin in begins[1 + len(later) :])]


def _bar(limit: float, highest: float, cells: int, terminal: Terminal) -> str:
    """Rounded down, yet never empty for what is not 0."""
    full = 0 if limit <= 0 else max(1, int(cells * limit / highest))
    return terminal.glyph("█") * full + terminal.glyph("░") * (cells - full)


def _footnote(start: datetime, ends: datetime) -> str:
    ends = ends.astimezone()
    zone, later = _zone(start), _zone(ends)
    shift = f", {later} at the end" if later != zone else ""
    return f"(until {clock_time(ends, start)}; times local, {zone}{shift})"


def _zone(at: datetime) -> str:
    """The zone of a local time, and how far from UTC that is: ``CET=UTC+1``."""
    offset = at.utcoffset() or timedelta()
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    ahead = f"UTC{'-' if offset < timedelta() else '+'}{hours}" + (f":{minutes:02}" if minutes else "")
    return f"{at.tzname()}={ahead}" if offset else "UTC"


def _recurrence(
    document: ScheduleDocument, start: datetime, ends: datetime, terminal: Terminal
) -> Iterator[str]:
    """By whose clocks recurring profiles go on, or when they shift in local time because they go by UTC."""
    if not any("recurrency" in period["constrained_by"] for period in document["periods"]):
        return
    place = document["recurring_local_time"]
    if place is not None:
        yield from terminal.wrap(f"(recurs by the clocks of {place})")
        return
    change = _next_change(start, max(ends, start + _LOOK_AHEAD))
    if change is None:
        return
    at, shift = change
    yield terminal.paint("yellow", f"({at.day} {at:%b}: shifts {span(shift.total_seconds())})")
    yield from labelled(
        "Do: ", terminal.wrap("to keep its local time, set recurring_local_time in cpd.toml", 4)
    )


def _next_change(start: datetime, ends: datetime) -> tuple[datetime, timedelta] | None:
    """When the clocks here are changed next, to the hour, and by how much; None where not before *ends*."""
    offset = start.utcoffset() or timedelta()
    for hour in range(1, (ends - start) // timedelta(hours=1) + 1):
        later = (start + timedelta(hours=hour)).astimezone()
        shift = (later.utcoffset() or timedelta()) - offset
        if shift:
            return later, abs(shift)
    return None
