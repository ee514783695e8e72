"""`cpd schedule`: what may flow from now on, as a picture; the same answer that GetCompositeSchedule gives."""

from datetime import datetime, timedelta
from typing import cast

import click

from cpd.cli.client_command import Session, client_command
from cpd.cli.terminal import Terminal, columns_of, pad
from cpd.cli.words import amperes, clock_time, moment, source_of, watts
from cpd.control.api import ScheduleDocument, StatusDocument

_WIDEST_BAR, _NARROWEST_BAR = 32, 4


@client_command("schedule")
@click.argument("connector", type=click.IntRange(min=0), required=False, metavar="[N]")
@click.option(
    "--hours", type=click.FloatRange(min=0, max=744), metavar="H", default=24, help="How far ahead (24)."
)
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
    """One bar for each period, to the scale of the highest, with its limit and what sets it."""
    start = moment(document["start"])
    periods = document["periods"]
    ends = start + timedelta(seconds=document["duration_s"])
    begins = [(start + timedelta(seconds=period["start_s"])).astimezone() for period in periods]
    labels = _labels(begins, start)
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
    return "\n".join([*lines, *terminal.wrap(_footnote(start, ends))])


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
    zone, later = start.tzname() or "", ends.tzname() or ""
    shift = f", {later} at the end" if later != zone else ""
    return f"(until {clock_time(ends, start)}; times local, {zone}{shift})"
