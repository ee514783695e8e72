"""What backup, restore and factory reset share: the settings, who may do it, and what went wrong in words."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cpd.control.client import ClientError, InvalidParams, PermissionRefused, Refused
from cpd.errors import SettingsError, StorageError
from cpd.settings import Settings, load_settings
from cpd.upkeep.backup_file import NoBackup
from cpd.upkeep.store import UpkeepRefused


def settings_at(config: str, command: str) -> Settings:
    """The settings in the file *config*, for somebody who may use the store that they name.

    *command* is what root would type. Raises `ClientError`.
    """
    try:
        settings = load_settings(Path(config))
    except SettingsError as error:
        raise InvalidParams(str(error).splitlines()[0], f"{command}, or cpd config check {config}") from error
    folder = settings.store.path.parent
    # Root, or who owns the store: to be in the group of technicians is not enough to read its passwords.
    if os.geteuid() != 0 and not os.access(folder, os.R_OK | os.W_OK | os.X_OK) and _is_there(folder):
        raise PermissionRefused(f"{folder} is not for this user", command)
    return settings


@contextmanager
def told(command: str) -> Iterator[None]:
    """Failures in the block as those of a client."""
    try:
        yield
    except UpkeepRefused as error:
        raise Refused(str(error), error.next_step) from error
    except NoBackup as error:
        raise InvalidParams(str(error), "take another backup") from error
    except StorageError as error:
        raise ClientError(str(error), f"then once more: {command}") from error
    except PermissionError as error:
        raise PermissionRefused(f"{error.filename}: {error.strerror}", command) from error


def _is_there(folder: Path) -> bool:
    try:
        folder.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True
