"""What a log line says, as fields for the journal: `journalctl CPD_CONNECTOR=2` needs no pattern.

Lines are written as ``what happened name=%s name=%d``; each such name is a field. They come from the template, never
from the text: what a stranger has put into a value makes no field.
"""

import logging
import re
from functools import cache

MOST_CHARACTERS = 200
"""Of a longer value the beginning is a field; the whole of it is in the line."""

FIELDS = "journal_fields"
"""The attribute of a record that has its fields, where its arguments are gone."""

_NAMES = {"local_id": "TRANSACTION"}
_PLACE = re.compile(r"(?:\b([a-z_]+)=)?%(?:%|[-#0 +]*\d*(?:\.\d+)?[a-zA-Z])")


def fields_of(record: logging.LogRecord) -> dict[str, str]:
    """The fields of *record* by their names in the journal, CPD_CONNECTOR, CPD_TRANSACTION and so on.

    Of a name that a line has twice the first one counts; what is None is no field.
    """
    kept: dict[str, str] | None = getattr(record, FIELDS, None)
    if kept is not None:
        return kept
    if not isinstance(record.msg, str) or not isinstance(record.args, tuple):
        return {}
    found: dict[str, str] = {}
    for place, value in zip(_places(record.msg), record.args, strict=False):
        if place is not None and value is not None:
            found.setdefault(place[0], (place[1] % (value,))[:MOST_CHARACTERS])
    return found


@cache
def _places(template: str) -> tuple[tuple[str, str] | None, ...]:
    """For each argument of *template* the field's name and its format; None where it has no name."""
    found: list[tuple[str, str] | None] = []
    for place in _PLACE.finditer(template):
        name, text = place[1], place[0]
        if text.endswith("%%"):
            continue
        found.append(
            None if name is None else (f"CPD_{_NAMES.get(name, name.upper())}", text[len(name) + 1 :])
        )
    return tuple(found)
