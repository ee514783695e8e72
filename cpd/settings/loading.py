"""From a path to checked settings, or to a `SettingsError` that an installer can act on."""

import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cpd.errors import SettingsError
from cpd.settings.checks import OcppValues, check, dangers, ocpp_values
from cpd.settings.tables import SECRET_KEYS, Csms, Document, Settings
from hal.errors import ConfigurationWrong
from hal.settings.loading import SettingsFile
from hal.settings.mistakes import Mistake


def load_settings(path: Path) -> Settings:
    """The settings in the TOML file at *path*; relative paths in it count from its own directory.

    Raises `SettingsError` for all mistakes in their order, each with file, line, key, value, range and remedy.
    """
    try:
        return _settings(SettingsFile(path, Document, secret_keys=SECRET_KEYS), path.absolute())
    except ConfigurationWrong as wrong:
        raise SettingsError(str(wrong)) from wrong


def read_password(file: Path) -> str:
    """The password in *file*, one line. Raises Mistake."""
    path = ("csms", "password_file")
    try:
        password = file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise Mistake(path, f"It cannot be read: {error.strerror}.", "Check its path and owner.") from error
    except UnicodeDecodeError as error:
        raise Mistake(path, "It is not UTF-8 text.", "Write the password into it as text.") from error
    if not 1 <= len(password) <= 255 or {"\n", "\r"} & {*password}:
        problem = "It holds no password." if not password else "It holds more than a password."
        raise Mistake(path, problem, "Allowed: one line of 1 … 255 characters.")
    return password


def mistakes_in(path: Path) -> tuple[Mistake, ...]:
    """What is wrong with the single keys of the file at *path*; a password file is not opened.

    Raises `SettingsError` where it is no TOML at all.
    """
    try:
        read = SettingsFile(path, Document, secret_keys=SECRET_KEYS)
    except ConfigurationWrong as wrong:
        raise SettingsError(str(wrong)) from wrong
    if read.document is not None:
        _judge(read, read.document)
    return tuple(read.mistakes)


def _judge(read: SettingsFile[Document], document: Document) -> OcppValues:
    """Add what does not fit together to the mistakes of *read*; returns its ``[ocpp]``."""
    read.judge(check(document))
    values = ocpp_values(document.ocpp)
    read.mistakes += values.mistakes
    return values


def _settings(read: SettingsFile[Document], file: Path) -> Settings:
    """What was *read* from *file*. Raises `ConfigurationWrong`."""
    document = read.document
    if document is None:
        raise read.wrong
    values = _judge(read, document)
    csms = document.csms
    if csms is not None and not read.mistakes:
        try:
            csms = _with_password(csms)
        except Mistake as mistake:
            read.mistakes.append(mistake)
    if read.mistakes:
        raise read.wrong
    return Settings(
        file=file,
        station=document.station,
        csms=csms,
        offline=document.offline,
        store=document.store,
        control=document.control,
        firmware=document.firmware,
        hal=document.hal,
        connectors=tuple(sorted(document.connectors, key=lambda connector: connector.id)),
        meters=document.meters,
        readers=document.readers,
        ocpp=values.given,
        warnings=(*_exposed(document, file), *dangers(document), *values.warnings),
    )


def _exposed(document: Document, file: Path) -> Iterator[str]:
    """A sentence about secrets in a *file* that anybody can read, as cpd-guard must be able to."""
    if not file.stat().st_mode & stat.S_IROTH:
        return
    if document.csms is not None and document.csms.password is not None:
        yield (
            f"csms.password stands in {file}, which anybody on this machine can read; move it into a file of its own "
            "with mode 0600, and name that in password_file"
        )
    if any(key.casefold() in SECRET_KEYS for key in document.ocpp):
        yield (
            f"[ocpp] of {file} holds the AuthorizationKey, and anybody on this machine can read it; move it into a "
            "file of its own with mode 0600, and name that in csms.password_file"
        )


def _with_password(csms: Csms) -> Csms:
    if csms.password_file is None:
        return csms
    return msgspec.structs.replace(csms, password=read_password(csms.password_file))
