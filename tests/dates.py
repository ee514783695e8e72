"""The dates in what a charge point sent, wherever in a frame they stand."""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def dates_in(frames: Iterable[str]) -> list[datetime]:
    """Every date of every frame, in order."""
    return [at for frame in frames for at in _dates(json.loads(frame))]


def _dates(value: Any) -> Iterator[datetime]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from _dates(member)
    elif isinstance(value, str) and _DATE_TIME.fullmatch(value):
        yield datetime.fromisoformat(value)
