"""From a path to checked settings, or to a `SettingsError` that an installer can act on."""

from pathlib import Path

import msgspec

from cpd.errors import SettingsError
from cpd.settings.checks import check, dangers, ocpp_values
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


def _settings(read: SettingsFile[Document], file: Path) -> Settings:
    """What was *read* from *file*. Raises `ConfigurationWrong`."""
    document = read.document
    if document is None:
        raise read.wrong
    read.judge(check(document))
    values = ocpp_values(document.ocpp)
    read.mistakes += values.mistakes
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
        warnings=(*dangers(document), *values.warnings),
    )


def _with_password(csms: Csms) -> Csms:
    if csms.password_file is None:
        return csms
    path = ("csms", "password_file")
    try:
        password = csms.password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise Mistake(path, f"It cannot be read: {error.strerror}.", "Check its path and owner.") from error
    except UnicodeDecodeError as error:
        raise Mistake(path, "It is not UTF-8 text.", "Write the password into it as text.") from error
    if not 1 <= len(password) <= 255:
        raise Mistake(path, "It holds no password.", "Allowed: one line of 1 … 255 characters.")
    return msgspec.structs.replace(csms, password=password)
