"""From a path to checked settings, or to a `SettingsError` that an installer can act on."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from cpd.errors import SettingsError
from cpd.settings.checks import check, dangers, ocpp_values
from cpd.settings.mistakes import Mistake, described, described_file, described_syntax, mistake_of
from cpd.settings.tables import Csms, Document, Settings


def load_settings(path: Path) -> Settings:
    """The settings in the TOML file at *path*; relative paths in it count from its own directory.

    Raises `SettingsError` at the first mistake, with file, line, key, value, allowed range and remedy.
    """
    file = str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(described_syntax(error, file=file)) from error
    except UnicodeDecodeError as error:
        raise SettingsError(described_file("The file is not UTF-8 text.", file=file)) from error
    except OSError as error:
        raise SettingsError(described_file(f"It cannot be read: {error.strerror}.", file=file)) from error
    try:
        return _settings(content, path.absolute().parent)
    except Mistake as mistake:
        raise SettingsError(described(mistake, file=file, text=text, document=content)) from mistake


def _settings(content: dict[str, Any], directory: Path) -> Settings:
    def decoded(wanted: type, value: object) -> Path:
        if wanted is not Path or not isinstance(value, str) or not value or "\0" in value:
            raise ValueError
        return directory / value

    try:
        document = msgspec.convert(content, Document, dec_hook=decoded)
    except msgspec.ValidationError as error:
        raise mistake_of(error, content) from error
    check(document)
    ocpp, warnings = ocpp_values(document.ocpp)
    return Settings(
        station=document.station,
        csms=document.csms and _with_password(document.csms),
        offline=document.offline,
        store=document.store,
        control=document.control,
        firmware=document.firmware,
        hal=document.hal,
        connectors=tuple(sorted(document.connectors, key=lambda connector: connector.id)),
        meters=document.meters,
        readers=document.readers,
        ocpp=ocpp,
        warnings=(*dangers(document), *warnings),
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
