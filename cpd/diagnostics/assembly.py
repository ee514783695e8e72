"""From what was collected to the archive: redacted, cut to its window and its size. Runs off the event loop."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from cpd.diagnostics.archive import Part, pack
from cpd.diagnostics.collected import Collected
from cpd.diagnostics.redaction import Redaction
from cpd.diagnostics.surroundings import (
    configuration_file,
    journal,
    json_part,
    process_memory,
    secrets_of,
    versions,
)
from cpd.domain.diagnostics import Window
from cpd.ocpp.frame_ring import Frame
from cpd.station.diagnostics import Bundle


def assemble(collected: Collected) -> Bundle:
    """The bundle of a running daemon."""
    window = collected.window
    # What a frame said before the key was changed again is a secret still.
    told = (_key_in(frame.text) for _, frame in collected.frames)
    redaction = Redaction([*secrets_of(collected.config), *collected.secrets, *told])
    documents = {name: redaction.document(document) for name, document in collected.documents.items()}
    log = ((at, redaction.text(line)) for at, line in collected.log if window.has(at))
    frames = ((at, _words(frame, redaction)) for at, frame in collected.frames if window.has(at))
    parts = [
        json_part("versions.json", {**versions(collected.folder), "process_memory": process_memory()}),
        json_part("configuration-file.json", configuration_file(collected.config, redaction)),
        *(json_part(f"{name}.json", _within(document, window)) for name, document in documents.items()),
        _lines("frames.txt", frames),
        _lines("log.txt", log),
        Part(name="journal.txt", text=journal(window, redaction)),
    ]
    return put_together(collected.name, parts, collected.at)


def put_together(name: str, parts: Sequence[Part], at: datetime) -> Bundle:
    """The archive of *parts*, with a manifest before them."""
    manifest = {
        "schema": "cpd.bundle/1",
        "name": name,
        "made_at": at,
        "parts": [part.name for part in parts],
    }
    everything = [json_part("manifest.json", manifest), *parts]
    content = pack(name.removesuffix(".tar.gz"), everything, at)
    return Bundle(file_name=name, content=content, parts=tuple(part.name for part in everything))


def _lines(name: str, lines: Iterator[tuple[datetime, str]]) -> Part:
    return Part(
        name=name, text="".join(f"{at.isoformat(timespec='milliseconds')} {line}\n" for at, line in lines)
    )


def _words(frame: Frame, redaction: Redaction) -> str:
    return f"{frame.direction} {redaction.frame(frame.text)}"


def _within(document: Any, window: Window) -> Any:
    """The list of transactions without those that were over before the window, or began behind it."""
    if not isinstance(document, dict) or "transactions" not in document:
        return document
    inside = [one for one in document["transactions"] if _overlaps(one, window)]
    return {**document, "transactions": inside}


def _overlaps(transaction: Mapping[str, Any], window: Window) -> bool:
    began, ended = transaction["started_at"], transaction["stopped_at"]
    if window.stop_at is not None and began is not None and datetime.fromisoformat(began) > window.stop_at:
        return False
    return window.start_at is None or ended is None or datetime.fromisoformat(ended) >= window.start_at


def _key_in(frame: str) -> str | None:
    """The value of a ChangeConfiguration of AuthorizationKey."""
    if "authorizationkey" not in frame.casefold():
        return None
    try:
        payload = msgspec.json.decode(frame)[3]
        value = payload["value"]
    except (msgspec.DecodeError, LookupError, TypeError):
        return None
    return value if isinstance(value, str) else None
