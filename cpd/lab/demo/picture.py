"""One look at both sides of the demo: the charger's status and the central system's books, and a line of it."""

from dataclasses import dataclass
from typing import Any

from cpd.cli.terminal import Terminal
from cpd.cli.words import amperes, energy, moment, source_of
from cpd.control.api import ConnectorDocument, StatusDocument

_WIDE = 72
_FIRST_LINE = 4
_COLUMNS = (8, 6, 14, 6, 9, 8, 9)
_HEADS = ("time", "limit", "set by", "duty", "contactor", "measured", "energy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What the charger says of itself, and what the central system knows of it (`console.report`)."""

    status: StatusDocument
    report: dict[str, Any]

    @property
    def connector(self) -> ConnectorDocument:
        """The one connector of the demo."""
        return self.status["connectors"][0]

    @property
    def transactions(self) -> list[dict[str, Any]]:
        """The central system's bookings, oldest first."""
        transactions: list[dict[str, Any]] = self.report["transactions"]
        return transactions

    @property
    def draws_a(self) -> float:
        """The largest current of the phases, 0 where none was measured."""
        meter = self.connector["meter"]
        currents = meter["current_a"] if meter is not None else None
        return max(currents, default=0.0) if currents else 0.0

    @property
    def energy_wh(self) -> int:
        """The meter's register, 0 where there is no reading."""
        meter = self.connector["meter"]
        return meter["energy_wh"] if meter is not None else 0

    @property
    def charging(self) -> str:
        """The electrical facts in words."""
        connector = self.connector
        return (
            f"{amperes(connector['limit']['current_a'])} by {source_of(connector['limit']['constrained_by'])}, "
            f"{duty_text(connector)}, contactor {connector['contactor']['confirmed']}, {amperes(self.draws_a)} drawn"
        )


def live_line(picture: Picture, terminal: Terminal) -> str:
    """Time, limit and who set it, duty, contactor, current, energy: in columns, or in two lines if narrow."""
    connector = picture.connector
    cells = (
        f"{moment(picture.status['station']['clock']['now']):%H:%M:%S}",
        amperes(connector["limit"]["current_a"]),
        source_of(connector["limit"]["constrained_by"]),
        duty_text(connector),
        connector["contactor"]["confirmed"],
        amperes(picture.draws_a),
        energy(picture.energy_wh),
    )
    return _in_columns(cells, terminal)


def live_heads(terminal: Terminal) -> str:
    """The heads of the columns; nothing on a narrow terminal."""
    return _in_columns(_HEADS, terminal) if terminal.width >= _WIDE else ""


def duty_text(connector: ConnectorDocument) -> str:
    """``53.3 %``, or ``no PWM`` while the pilot is steady."""
    duty_percent = connector["pilot"]["duty_percent"]
    return "no PWM" if duty_percent is None else f"{duty_percent:.1f} %"


def _in_columns(cells: tuple[str, ...], terminal: Terminal) -> str:
    if terminal.width < _WIDE:
        first, second = cells[:_FIRST_LINE], cells[_FIRST_LINE:]
        return "\n".join([*terminal.flow(first, gap=2), *terminal.flow(second, indent=2, gap=2)])
    padded = (cell.ljust(width) for cell, width in zip(cells, _COLUMNS, strict=True))
    return terminal.cut("  ".join(padded).rstrip(), terminal.width)
