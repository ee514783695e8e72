"""Put the file into its place: the old one is kept, and a power cut leaves either the old one or the new one."""

import os
import pwd
import shutil
from contextlib import suppress
from pathlib import Path

from cpd.commissioning.draft import PASSWORD_FILE
from cpd.errors import SettingsError

USER = "cpd"
"""Who runs the daemon, where a package has installed it."""

PUBLIC, SECRET = 0o644, 0o600


def write_configuration(file: Path, text: str, password: str | None) -> Path | None:
    """Write *text* to *file*, 0644, and *password* beside it, 0600; returns where the old file is kept now.

    None where there was none, or the same. An old password is kept as well, 0600, in password.bak. Raises
    `SettingsError`; what was there is then still there.
    """
    try:
        _make_folder(file.parent)
        kept = _kept(file, text)
        if password is None:
            _write(file, text, PUBLIC)
        else:
            _write_both(file, text, password)
    except OSError as error:
        step = "; run it with sudo" if isinstance(error, PermissionError) else ""
        raise SettingsError(f"{error.filename or file} cannot be written: {error.strerror}{step}") from error
    return kept


def _make_folder(folder: Path) -> None:
    """Make what is missing of *folder*, open to all as the file is, whatever the umask."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir()
        one.chmod(0o755)


def _write_both(file: Path, text: str, password: str) -> None:
    secret = file.with_name(PASSWORD_FILE)
    before = secret.read_text(encoding="utf-8", errors="surrogateescape") if secret.exists() else None
    if before is not None and before != f"{password}\n":
        _write(secret.with_name(f"{PASSWORD_FILE}.bak"), before, SECRET)
    # First, so that no file ever names a password that is not there.
    _write(secret, f"{password}\n", SECRET)
    try:
        _write(file, text, PUBLIC)
    except OSError:
        # The old file still dials with the old password.
        if before is None:
            secret.unlink()
        else:
            _write(secret, before, SECRET)
        raise


def _kept(file: Path, text: str) -> Path | None:
    """Copy the old file aside, under a name that is free."""
    if not file.exists() or file.read_bytes() == text.encode():
        return None
    names = (
        file.with_name(f"{file.name}.bak{'' if number == 1 else f'-{number}'}") for number in range(1, 1_000)
    )
    kept = next(name for name in names if not name.exists())
    shutil.copy2(file, kept)
    return kept


def _write(file: Path, text: str, mode: int) -> None:
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    try:
        with os.fdopen(
            os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET),
            "w",
            encoding="utf-8",
            errors="surrogateescape",
        ) as out:
            out.write(text)
            out.flush()
            if mode == SECRET:
                _give_to_daemon(out.fileno())
            os.fchmod(out.fileno(), mode)
            os.fsync(out.fileno())
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _give_to_daemon(descriptor: int) -> None:
    if os.geteuid() != 0:
        return
    with suppress(KeyError):
        user = pwd.getpwnam(USER)
        os.fchown(descriptor, user.pw_uid, user.pw_gid)
