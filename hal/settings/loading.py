"""From a path to checked tables, or to a text about every mistake in them that an installer can act on."""

import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from hal.errors import ConfigurationWrong
from hal.settings.checks import check_hardware
from hal.settings.mistakes import Mistake, described, described_file, described_syntax, line_of
from hal.settings.schema import Schema
from hal.settings.tables import Connector, Hal, HardwareTables, Meter, Reader

_Document = TypeVar("_Document", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSettings:
    """What the guard process reads: every path absolute, *connectors* by id."""

    hal: Hal
    connectors: tuple[Connector, ...]
    meters: tuple[Meter, ...]
    readers: tuple[Reader, ...]


def load_guard_settings(path: Path) -> GuardSettings:
    """What the TOML file at *path* says of the hardware; relative paths in it count from its own directory.

    Raises `ConfigurationWrong` for all mistakes in their order. What other tables hold is not looked at.
    """
    file = SettingsFile(path, HardwareTables)
    document = file.document
    if document is None:
        raise file.wrong
    file.judge(check_hardware(document))
    if file.mistakes:
        raise file.wrong
    return GuardSettings(
        hal=document.hal,
        connectors=tuple(sorted(document.connectors, key=lambda connector: connector.id)),
        meters=document.meters,
        readers=document.readers,
    )


class SettingsFile(Generic[_Document]):
    """A TOML file while it is judged: *document* is what it says as far as it is right, *mistakes* the rest.

    *document* is None where so much is wrong that nothing else can be judged.
    """

    def __init__(self, path: Path, tables: type[_Document], *, secret_keys: Collection[str] = ()) -> None:
        """Read *path* as *tables*; values below *secret_keys* are in no text about a mistake.

        Raises `ConfigurationWrong` where the file cannot be read, or is not TOML.
        """
        self._file = str(path)
        self._secret_keys = secret_keys
        self._text, self._content = _read(path)
        self.mistakes: list[Mistake] = []
        self.document = self._decoded(path.absolute().parent, tables)

    def judge(self, found: Iterable[Mistake]) -> None:
        """Add what was *found* in the document, except in tables where a value is wrong already."""
        wrong = {mistake.path[0] for mistake in self.mistakes}
        # What does not fit to a mistake is no mistake of its own.
        self.mistakes += [one for one in found if one.path[0] not in wrong]

    @property
    def wrong(self) -> ConfigurationWrong:
        """All mistakes in the order of the file, each with line, key, value, range and remedy."""
        ordered = sorted(self.mistakes, key=lambda mistake: line_of(self._text, mistake.path) or 0)
        told = (
            described(
                mistake,
                file=self._file,
                text=self._text,
                document=self._content,
                secret_keys=self._secret_keys,
            )
            for mistake in ordered
        )
        return ConfigurationWrong("\n\n".join(told))

    def _decoded(self, directory: Path, tables: type[_Document]) -> _Document | None:
        def decoded(wanted: type, value: object) -> Path:
            if wanted is not Path or not isinstance(value, str) or not value or "\0" in value:
                raise ValueError
            return directory / value

        schema, right = Schema(tables), self._content
        while True:
            try:
                return msgspec.convert(right, tables, dec_hook=decoded)
            except msgspec.ValidationError as error:
                mistake = schema.mistake_of(error, right)
            self.mistakes.append(mistake)
            rest = schema.mended(right, mistake.path)
            if rest is None:
                return None
            right = rest


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    file = str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        return text, tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationWrong(described_syntax(error, file=file)) from error
    except UnicodeDecodeError as error:
        raise ConfigurationWrong(described_file("The file is not UTF-8 text.", file=file)) from error
    except OSError as error:
        raise ConfigurationWrong(
            described_file(f"It cannot be read: {error.strerror}.", file=file)
        ) from error
