"""What the daemon has to tell in a bundle, as it is: nothing is redacted yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cpd.domain.diagnostics import Window
from cpd.ocpp.frame_ring import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """For a bundle *name*, made *at* for *window*: documents by name, lines of the log and frames by their time.

    *config* is the file of the settings, *folder* where the store is. *secrets* are known texts; None is none.
    """

    name: str
    at: datetime
    window: Window
    config: Path
    folder: Path
    documents: Mapping[str, Any]
    log: Sequence[tuple[datetime, str]]
    frames: Sequence[tuple[datetime, Frame]] = field(repr=False)
    secrets: Sequence[str | None] = field(repr=False)
