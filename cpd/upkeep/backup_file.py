"""A backup as one file: a tar.gz of the store, latched faults and cpd.toml; its manifest proves them whole."""

import hashlib
import io
import tarfile
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

SCHEMA: Final = "cpd.backup/1"
STORE: Final = "cpd.db"
CONFIGURATION: Final = "cpd.toml"
LATCHES: Final = "latches.json"

_MANIFEST: Final = "manifest.json"
_MOST_BYTES: Final = 1_000_000_000
"""No store is that large; what claims to be is not unpacked."""


class NoBackup(ValueError):
    """The file is not a backup, or not whole any more; its text says which."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """What the manifest says of a file."""

    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Whose backup it is, of when, made by which release of cpd."""

    schema: str
    station_id: str
    made_at: datetime
    version: str
    files: dict[str, Member]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """The content of a backup: *store* is an SQLite database, *latches* what the guard keeps of faults.

    *configuration* is for people: no restore puts it anywhere.
    """

    station_id: str
    made_at: datetime
    version: str
    store: bytes
    configuration: bytes | None
    latches: bytes | None


def packed(backup: Backup) -> bytes:
    """The file."""
    parts = {STORE: backup.store, CONFIGURATION: backup.configuration, LATCHES: backup.latches}
    files = {name: content for name, content in parts.items() if content is not None}
    manifest = Manifest(
        schema=SCHEMA,
        station_id=backup.station_id,
        made_at=backup.made_at,
        version=backup.version,
        files={name: _member(content) for name, content in files.items()},
    )
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz", compresslevel=6) as archive:
        for name, content in {_MANIFEST: msgspec.json.encode(manifest), **files}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o600, int(backup.made_at.timestamp())
            archive.addfile(entry, io.BytesIO(content))
    return written.getvalue()


def unpacked(content: bytes) -> Backup:
    """The backup in the file *content*; raises `NoBackup` where there is none, or where it is damaged."""
    try:
        files = _files(content)
        manifest = msgspec.json.decode(files.pop(_MANIFEST), type=Manifest)
    except (tarfile.TarError, EOFError, OSError, zlib.error, KeyError, msgspec.MsgspecError) as error:
        raise NoBackup(f"is no backup of cpd, or it is damaged ({error})") from error
    if manifest.schema != SCHEMA:
        raise NoBackup(f"is a {manifest.schema}, and this release of cpd reads {SCHEMA}")
    if {name: _member(file) for name, file in files.items()} != manifest.files or STORE not in files:
        raise NoBackup("is damaged: what is in it is not what its manifest says")
    return Backup(
        station_id=manifest.station_id,
        made_at=manifest.made_at,
        version=manifest.version,
        store=files[STORE],
        configuration=files.get(CONFIGURATION),
        latches=files.get(LATCHES),
    )


def _files(content: bytes) -> dict[str, bytes]:
    files = {}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for entry in archive:
            if not entry.isreg() or entry.size > _MOST_BYTES:
                raise NoBackup(f"is no backup of cpd: it holds {entry.name}")
            file = archive.extractfile(entry)
            files[entry.name] = b"" if file is None else file.read()
    return files


def _member(content: bytes) -> Member:
    return Member(size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
