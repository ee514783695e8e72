"""cpd.toml(5): the comments of config/cpd.toml, with what the types of the tables say of each key."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cpd.domain.variables import VARIABLES
from cpd.manual.roff import Page, bold, heading, item, paragraph, subheading
from cpd.settings.tables import Document
from hal.settings.mistakes import KeyPath
from hal.settings.schema import Schema

_HEADING = re.compile(r"(?:# )?(\[\[?([a-z.]+)\]\]?)(?:\s+# (.*))?")
_KEY = re.compile(r"(?:# )?((\w+) = .*?)(?:\s+# (.*))?")
_MORE = re.compile(r"#?\s+# (.*)")
"""A remark that goes on below its key."""

_LISTS = ("connector", "meter", "reader")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key as the sample has it: *line* without its remark."""

    name: str
    line: str
    remark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A table of the sample: what stands above it, beside it and in it."""

    heading: str
    name: str
    words: str
    keys: Sequence[Key]

    @property
    def path(self) -> KeyPath:
        """Where it is in a file."""
        first, *rest = self.name.split(".")
        return (first, 0, *rest) if first in _LISTS else (first, *rest)


def configuration_page(sample: str) -> Page:
    """The page of a *sample* that shows every key."""
    lines = [*heading("DESCRIPTION")]
    lines += paragraph(
        "The configuration of cpd, cpd-guard and the command line, in TOML. Everybody may read it, so it holds no "
        "secret: passwords and keys stand in files of their own, which it names."
    )
    lines += paragraph(
        "cpd init writes it, cpd config check tells each mistake with its line, what is allowed and what to do, and "
        "cpd reload lets a running charger take a change over. An unknown key is a mistake, except in [ocpp]."
    )
    lines += heading("TABLES")
    schema = Schema(Document)
    for section in sections(sample):
        lines += subheading(section.heading)
        if section.words:
            lines += paragraph(section.words)
        for key in section.keys:
            allowed = "" if section.name == "ocpp" else _type(schema, (*section.path, key.name))
            lines += item(bold(key.line), key.remark, allowed)
    lines += heading("CONFIGURATION KEYS")
    lines += paragraph("What may stand in [ocpp]; the central system and cpd config read and change it.")
    for variable in VARIABLES.values():
        changes = "" if variable.writable else " Only this file sets it."
        default = f" Default: {variable.default}." if variable.default else ""
        lines += item(bold(variable.key), f"Allowed: {variable.allowed}.{default}{changes}")
    lines += heading("FILES")
    lines += item(bold("/etc/cpd/cpd.toml"), "Read where neither --config nor CPD_CONFIG names another.")
    lines += item(bold("/usr/share/cpd/cpd.toml"), "Every key with its default or an example.")
    lines += item(bold("/usr/share/doc/cpd/boards"), "Ready sections for each kind of hardware.")
    lines += [*heading("SEE ALSO"), *paragraph("cpd-init(1), cpd-config(1), cpd-reload(1), cpd-guard(8)")]
    return Page(
        name="cpd.toml", section=5, summary="configuration of the charge point controller", lines=lines
    )


def sections(sample: str) -> Iterator[Section]:
    """The tables of *sample*, those that are commented out too."""
    blocks: list[tuple[re.Match[str], str, list[Key]]] = []
    above: list[str] = []
    for line in sample.splitlines():
        if found := _HEADING.fullmatch(line):
            blocks.append((found, " ".join(above), []))
        elif (found := _KEY.fullmatch(line)) and blocks:
            blocks[-1][2].append(Key(line=found[1], name=found[2], remark=found[3] or ""))
        elif (found := _MORE.fullmatch(line)) and blocks:
            last = blocks[-1][2].pop()
            blocks[-1][2].append(Key(line=last.line, name=last.name, remark=f"{last.remark} {found[1]}"))
        elif line.startswith("# "):
            above.append(line.removeprefix("# "))
            continue
        above = []
    for found, words, keys in blocks:
        yield Section(
            heading=found[1], name=found[2], words=" ".join(filter(None, (found[3], words))), keys=keys
        )


def _type(schema: Schema, path: KeyPath) -> str:
    default = schema.default_at(path)
    return f"Allowed: {schema.allowed_at(path)}." + ("" if default is None else f" Default: {default}.")
