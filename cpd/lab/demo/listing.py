"""The names that `cpd demo` knows, each with a line."""

from collections.abc import Iterable

from cpd.cli.terminal import TABLE_WIDTH, Terminal
from cpd.lab.csms.personalities import PERSONALITIES
from cpd.lab.vehicles import VEHICLES

_INDENT = 2


def render_names(terminal: Terminal) -> str:
    """All central systems and vehicles: side by side with what they do, below one another where it is narrow."""
    csms = [(one.name, one.about) for one in PERSONALITIES.values()]
    vehicles = [(one.name, one.about) for one in VEHICLES.values()]
    return "\n".join(
        [
            *terminal.wrap("central systems, for --csms:"),
            *_lines(csms, terminal),
            "",
            *terminal.wrap("vehicles and hardware, for --ev:"),
            *_lines(vehicles, terminal),
        ]
    )


def _lines(entries: Iterable[tuple[str, str]], terminal: Terminal) -> list[str]:
    entries = list(entries)
    if terminal.width < TABLE_WIDTH:
        return [
            line
            for name, about in entries
            for line in (terminal.paint("bold", name), *terminal.wrap(about, _INDENT))
        ]
    longest = max(len(name) for name, _ in entries)
    return [f"{name.ljust(longest)}  {about}" for name, about in entries]
