"""What the demo of a personality says of links, answers and bookings, in words."""

from collections import Counter
from typing import Any

from cpd.cli.words import moment, span
from cpd.control.api import StatusDocument

_PATIENCE_S = 3.0


def trouble(status: StatusDocument) -> str | None:
    """Why the charger is not online; None while it is, or while there is nothing to say yet."""
    csms = status["csms"]
    if csms["online"]:
        return None
    if csms["registration"] not in (None, "Accepted"):
        return f"registration {csms['registration']}"
    if csms["since"] is None:
        return csms["last_error"]
    waits_s = (moment(status["station"]["clock"]["now"]) - moment(csms["since"])).total_seconds()
    return f"a link for {span(waits_s)}, and no answer" if waits_s >= _PATIENCE_S else None


def answered(report: dict[str, Any]) -> str:
    """How often there was a link, and what the central system asked: ``ChangeConfiguration Accepted ×7``."""
    words = f"{report['connections']} links"
    if report["connections"] == 1:
        words = "1 link"
    counts = Counter(f"{one['action']} {_outcome(one)}" for one in report["asked"])
    asked = ", ".join(f"{what} ×{count}" if count > 1 else what for what, count in counts.items())
    return f"{words}; asked: {asked}" if asked else f"{words}; nothing asked"


def energies(report: dict[str, Any]) -> str:
    """``#1 CARD-1 0 … 12 Wh (Local)`` for each transaction."""
    if not report["transactions"]:
        return "no transaction"
    return "; ".join(
        f"#{one['id']} {one['id_tag']} {one['meter_start_wh']} … {one['last_meter_wh']} Wh"
        f" ({one['reason'] or 'open'})"
        for one in report["transactions"]
    )


def _outcome(asked: dict[str, Any]) -> str:
    if asked["error"] is not None:
        return str(asked["error"])
    if asked["answer"] is None:
        return "unanswered"
    return str(asked["answer"].get("status", "answered"))
