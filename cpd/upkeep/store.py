"""Backup, restore and factory reset of the store that a configuration names."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cpd import __version__
from cpd.belonging import is_elsewhere, machine_identity
from cpd.diagnostics.frame_files import LatestFrames
from cpd.errors import CpdError, StorageError
from cpd.settings import Settings
from cpd.storage.clearing import Cleared, clear, sweep
from cpd.storage.copies import store_content, store_in_memory
from cpd.storage.failures import os_words, sqlite_words
from cpd.storage.files import copy_store, real_path, sync
from cpd.storage.opening import StoreInUse, locked, open_file
from cpd.storage.replacement import free_name
from cpd.storage.repositories import SqliteRepositories
from cpd.storage.restoring import Restored, restore
from cpd.upkeep.backup_file import Backup
from cpd.upkeep.ownership import as_owner_of

_COPIES = ("damaged", "replaced", "before")
"""What the copies of a store are called that were kept beside it."""

_LATCHES = "latches.json"
"""The guard's file in its state_dir; what else is there belongs to simulated hardware."""


class UpkeepRefused(CpdError):
    """It must not be done now; *next_step* is what a person may do."""

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(message)
        self.next_step = next_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """What a restore has done.

    *kept_as* is the store of before; None where there was none, or nothing is changed. *latches*: the guard's memory
    of faults came back.
    """

    restored: Restored
    kept_as: Path | None
    latches: bool


def make_backup(settings: Settings, now: datetime) -> Backup:
    """Everything that is kept of the charger, as of *now*; a daemon may be running.

    Who may not look into the guard's directory gets no latched faults of it. Raises `StorageError`.
    """
    path = real_path(settings.store.path)
    with _in_folder_of(path):
        content = store_content(path)
    return Backup(
        station_id=settings.station.id,
        made_at=now,
        version=__version__,
        store=content,
        configuration=settings.file.read_bytes(),
        latches=_latches(settings.hal.state_dir),
    )


def restore_backup(settings: Settings, backup: Backup, *, resend: bool, dry_run: bool) -> Restoration:
    """Bring *backup* back, by the rules of `cpd.storage.restoring`; *dry_run* changes nothing.

    Latched faults come back only where the guard has kept nothing: no fault of today is lost by it. Raises
    `UpkeepRefused` while a daemon runs or a session is open, `StorageError` where a store cannot be used.
    """
    path = real_path(settings.store.path)
    same_station = backup.station_id == settings.station.id
    with _in_folder_of(path), closing(store_in_memory(backup.store)) as old, _unused(path):
        existed = path.exists()
        with closing(_opened(path, dry_run=dry_run)) as store, _in_words(path):
            _refuse_open_sessions(store)
            kept_as = None
            if existed and not dry_run:
                kept_as = free_name(path, "replaced")
                copy_store(store, path, kept_as)
            restored = restore(store, old, made_at=backup.made_at, resend=resend, same_station=same_station)
    latches = same_station and _restore_latches(settings.hal.state_dir, backup.latches, dry_run=dry_run)
    return Restoration(restored=restored, kept_as=kept_as, latches=latches)


def reset_to_factory(
    settings: Settings, *, keep_journal: bool, drop_journal: bool, dry_run: bool, root: Path = Path("/")
) -> Cleared:
    """Clear the store and delete every copy of it, frames and downloads; cpd.toml and the guard's state stay.

    Raises `UpkeepRefused` while a daemon runs, a session is open, or, unless told what becomes of them, messages
    wait for the CSMS; `StorageError` where the store cannot be used. What is open in the store of another machine
    (*root* is where the files of this one's system begin) is for that one to end, and dropped with the messages.
    """
    path = real_path(settings.store.path)
    with (
        _in_folder_of(path),
        _unused(path),
        closing(_opened(path, dry_run=dry_run)) as store,
        _in_words(path),
    ):
        known = SqliteRepositories.over(store).machine.get()
        if not (drop_journal and is_elsewhere(known, machine_identity(root))):
            _refuse_open_sessions(store)
        if not keep_journal and not drop_journal:
            _refuse_untold(store)
        if not dry_run:
            # First, for where the disk is full: to delete a row takes room.
            _delete_copies(path)
            LatestFrames(settings.control.socket.parent).clear()
        cleared = clear(store, keep_journal=keep_journal)
        if not dry_run:
            sweep(store)
    return cleared


@contextmanager
def _in_folder_of(path: Path) -> Iterator[None]:
    try:
        with as_owner_of(path.parent):
            yield
    except FileNotFoundError as error:
        raise UpkeepRefused(
            f"{path.parent} does not exist", "start cpd once, which makes it, and stop it"
        ) from error
    except OSError as error:
        raise StorageError(os_words(error, path)) from error


@contextmanager
def _unused(path: Path) -> Iterator[None]:
    try:
        with locked(path):
            yield
    except StoreInUse as error:
        raise UpkeepRefused("cpd is running", "sudo systemctl stop cpd") from error


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(sqlite_words(error, path)) from error


def _opened(path: Path, *, dry_run: bool) -> sqlite3.Connection:
    """The store, or what may be done to in its place."""
    if dry_run:
        return store_in_memory(store_content(path) if path.exists() else None)
    return open_file(path)[0]


def _refuse_open_sessions(store: sqlite3.Connection) -> None:
    for transaction in SqliteRepositories.over(store).transactions.running():
        raise UpkeepRefused(
            f"the session on {transaction.connector} is open",
            f"start cpd, end it with cpd stop {transaction.connector}, and stop cpd again",
        )


def _refuse_untold(store: sqlite3.Connection) -> None:
    queued, dead = SqliteRepositories.over(store).journal.counts()
    if queued + dead:
        raise UpkeepRefused(
            f"{queued + dead} messages of sessions have not reached the CSMS",
            ("let cpd deliver them" if queued else "start cpd, and send them with cpd queue retry")
            + "; or --keep-journal, or --drop-journal, which loses them",
        )


def _latches(state_dir: Path) -> bytes | None:
    """The guard's memory of faults that wait for service; None where there is none, or it is not for this user."""
    try:
        return (state_dir / _LATCHES).read_bytes()
    except OSError:
        return None


def _restore_latches(state_dir: Path, content: bytes | None, *, dry_run: bool) -> bool:
    if content is None or not state_dir.is_dir() or (state_dir / _LATCHES).exists():
        return False
    if not dry_run:
        try:
            with as_owner_of(state_dir):
                _write_latches(state_dir, content)
        except PermissionError:
            raise
        except OSError as error:
            file = state_dir / _LATCHES
            raise StorageError(f"the store is restored, {file} is not: {error.strerror}") from error
    return True


def _write_latches(state_dir: Path, content: bytes) -> None:
    growing = state_dir / f"{_LATCHES}.restoring"
    growing.write_bytes(content)
    growing.chmod(0o600)
    sync(growing)
    growing.rename(state_dir / _LATCHES)
    sync(state_dir)


def _delete_copies(path: Path) -> None:
    for what in _COPIES:
        for copy in path.parent.glob(f"{path.name}.{what}-*"):
            copy.unlink()
    path.with_name("firmware").unlink(missing_ok=True)
    shutil.rmtree(path.with_name("frames"), ignore_errors=True)
