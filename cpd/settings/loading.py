"""From a path to checked settings, or to a `SettingsError` that an installer can act on."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from cpd.errors import SettingsError
from cpd.settings.checks import check, dangers, ocpp_values
from cpd.settings.mistakes import (
    Mistake,
    described,
    described_file,
    described_syntax,
    line_of,
    mended,
    mistake_of,
)
from cpd.settings.tables import Csms, Document, Settings


def load_settings(path: Path) -> Settings:
    """The settings in the TOML file at *path*; relative paths in it count from its own directory.

    Raises `SettingsError` for all mistakes in their order, each with file, line, key, value, range and remedy.
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
    mistakes: list[Mistake] = []
    settings = _settings(content, path.absolute(), mistakes)
    if settings is None or mistakes:
        mistakes.sort(key=lambda mistake: line_of(text, mistake.path) or 0)
        told = (described(mistake, file=file, text=text, document=content) for mistake in mistakes)
        raise SettingsError("\n\n".join(told))
    return settings


def _settings(content: dict[str, Any], file: Path, mistakes: list[Mistake]) -> Settings | None:
    """What *content* says, as far as it is right; each thing that is wrong goes to *mistakes*."""
    document = _document(content, file.parent, mistakes)
    if document is None:
        return None
    wrong = {mistake.path[0] for mistake in mistakes}
    # What does not fit to a mistake is no mistake of its own.
    mistakes += [one for one in check(document) if one.path[0] not in wrong]
    values = ocpp_values(document.ocpp)
    mistakes += values.mistakes
    csms = document.csms
    if csms is not None and not mistakes:
        try:
            csms = _with_password(csms)
        except Mistake as mistake:
            mistakes.append(mistake)
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


def _document(content: dict[str, Any], directory: Path, mistakes: list[Mistake]) -> Document | None:
    """*content* in its types, without what is wrong; None where the rest cannot be judged."""

    def decoded(wanted: type, value: object) -> Path:
        if wanted is not Path or not isinstance(value, str) or not value or "\0" in value:
            raise ValueError
        return directory / value

    right = content
    while True:
        try:
            return msgspec.convert(right, Document, dec_hook=decoded)
        except msgspec.ValidationError as error:
            mistake = mistake_of(error, right)
        mistakes.append(mistake)
        rest = mended(right, mistake.path)
        if rest is None:
            return None
        right = rest


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
