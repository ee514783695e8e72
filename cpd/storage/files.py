"""The files that make one store, and what is done to all of them at once. What is in them is not known here."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

_COPYING = ".copying"
"""A copy of a store has this name until it is whole; a power cut may leave half of it."""

SIDE_FILES = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database in use, by what is added to its name."""


def real_path(path: Path) -> Path:
    """Where the file is that *path* leads to: its neighbours are there, and not beside a symbolic link."""
    return Path(os.path.realpath(path))


def beside(path: Path, suffix: str) -> Path:
    """The neighbour of *path* whose name goes on with *suffix*."""
    return path.with_name(path.name + suffix)


def copy_private(source: Path, target: Path) -> None:
    """Make *target*, which must not exist, for this user's eyes only: a store holds passwords. Raises OSError."""
    with (
        source.open("rb") as content,
        os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as copy,
    ):
        shutil.copyfileobj(content, copy)


def copy_store(store: sqlite3.Connection, path: Path, target: Path) -> None:
    """Copy the open *store* at *path* to its neighbour *target*, which appears whole and on the disk, or not at all.

    Raises `sqlite3.Error` and OSError, and then leaves nothing behind.
    """
    growing = beside(path, _COPYING)
    remove_half_copy(path)
    # Private from the start: a store holds passwords.
    os.close(os.open(growing, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        with closing(sqlite3.connect(growing)) as copy:
            store.backup(copy)
            # One file, which can be read without making others beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
        sync(growing)
        growing.rename(target)
    except BaseException:
        remove(growing)
        raise
    sync(target.parent)


def remove_half_copy(path: Path) -> None:
    """Delete what a power cut has left of a copy of the store at *path*. Raises OSError."""
    remove(beside(path, _COPYING))


def remove(store: Path) -> None:
    """Delete the database *store* and its side files, as far as they exist."""
    for suffix in ("", *SIDE_FILES):
        beside(store, suffix).unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Return once a file, or the names in a directory, would survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_for_reading(path: Path) -> sqlite3.Connection:
    """The database at *path*, which stays as it is to the byte, its log too; raises `sqlite3.Error`."""
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None)
    connection.text_factory = legible_text
    return connection


def legible_text(content: bytes) -> str:
    """A text of the store. One damaged character must not make the rest unreadable: rows are checked as values."""
    return content.decode("utf-8", "replace")
