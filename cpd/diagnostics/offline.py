"""A bundle without a daemon: what can be told of a charger whose cpd does not run, when it is needed most."""

import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

from cpd.clock import LinuxMachine
from cpd.diagnostics.archive import Part
from cpd.diagnostics.assembly import put_together
from cpd.diagnostics.bundle import file_name
from cpd.diagnostics.redaction import Redaction
from cpd.diagnostics.surroundings import configuration_file, journal, json_part, secrets_of, versions
from cpd.domain.diagnostics import Window
from cpd.station.diagnostics import Bundle


def bundle_without_daemon(config: Path) -> Bundle:
    """The machine, the file *config*, whatever is wrong with that, and the journal of systemd."""
    at = LinuxMachine().wall()
    document: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        document = tomllib.loads(config.read_text(encoding="utf-8"))
    store = config.parent / _text(document, "store", "path", "/var/lib/cpd/cpd.db")
    redaction = Redaction(secrets_of(config))
    parts = [
        json_part("versions.json", versions(store.parent)),
        json_part("configuration-file.json", configuration_file(config, redaction)),
        Part(name="journal.txt", text=journal(Window(), redaction)),
    ]
    return put_together(file_name(_text(document, "station", "id", "station"), at), parts, at)


def _text(document: dict[str, Any], table: str, key: str, otherwise: str) -> str:
    """A text of the file, which may be anything at all."""
    found = document.get(table)
    value = found.get(key) if isinstance(found, dict) else None
    return value if isinstance(value, str) else otherwise
