"""What a failure of SQLite or of the file system means, in words that name the file and the remedy."""

import errno
import os
import sqlite3
from pathlib import Path

_PRIMARY_CODE = 0xFF

_UNREADABLE = (sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ)
"""A worn SD card has lost a block, or the file is shorter than its header says."""

_WORDS = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_IOERR: "the disk reports an error ({detail}); check the SD card",
    sqlite3.SQLITE_READONLY: "it cannot be written ({detail}); check its owner, and the disk",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check the owner and mode of its directory",
    sqlite3.SQLITE_BUSY: "another process holds it; close what else has it open",
    sqlite3.SQLITE_CORRUPT: "it is damaged ({detail}); the next start salvages what can be read",
    sqlite3.SQLITE_NOTADB: "it is not a database; the next start salvages what can be read",
}


def is_damage(error: sqlite3.Error) -> bool:
    """True when what the file should hold cannot be had from it, and not its mode or another process is at fault."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code in _UNREADABLE or _primary_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def sqlite_words(error: sqlite3.Error, path: Path) -> str:
    """One sentence for *error*: the store, what happened, what to do about it."""
    words = _WORDS.get(_primary_code(error), "{detail}")
    return f"store {path}: {words.format(detail=error)}"


def os_words(error: OSError, path: Path) -> str:
    """One sentence for the reason why *path* cannot be opened for writing."""
    match error.errno:
        case errno.ENOENT:
            words = f"the directory {path.parent} does not exist; create it for the user that cpd runs as"
        case errno.ENOTDIR:
            words = f"{path.parent} is not a directory; correct store.path"
        case errno.EISDIR:
            words = "it is a directory; store.path names a file in it, such as cpd.db"
        case errno.EACCES | errno.EPERM:
            words = f"user {os.geteuid()} may not write it; give it, and its directory, to that user"
        case errno.EROFS:
            words = "the file system is read-only; remount it, or let store.path point elsewhere"
        case errno.ENOSPC:
            words = _WORDS[sqlite3.SQLITE_FULL]
        case _:
            words = f"it cannot be opened ({error.strerror}); check the disk and store.path"
    return f"store {path}: {words}"


def _primary_code(error: sqlite3.Error) -> int:
    # Errors of the sqlite3 module itself, such as misuse of a cursor, carry no code.
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
