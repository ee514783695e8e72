"""The options of `cpd init`, as they were given."""

from dataclasses import dataclass
from typing import Final

NONE: Final = "-"
"""What says that there is no such thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The options as they were given; None, or empty, where they were not."""

    station_id: str | None = None
    url: str | None = None
    password_file: str | None = None
    board: str | None = None
    connectors: int | None = None
    max_current: int | None = None
    ports: tuple[str, ...] = ()
    meter: str | None = None
    meter_port: str | None = None
    reader: str | None = None
    reader_port: str | None = None
