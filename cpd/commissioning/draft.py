"""From answers to the text of cpd.toml: a few tables of its own, and the ready section of the board.

Nothing is judged here; `cpd.settings` does that, with the text.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from cpd.commissioning.choices import Board, delivered_baudrate
from cpd.ocpp.transport import endpoint_url
from cpd.settings.address import security_profile

PASSWORD_FILE: Final = "password"
"""Beside cpd.toml."""

APPEND: Final = "# Append it to cpd.toml in the place of its [hal] and [[connector]]."
"""What a ready section says of its use, and is done here."""

_PROFILES: Final = {0: "no password", 1: "password", 2: "password over TLS"}
_COMMENT_COLUMN: Final = 37


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A meter or a reader: what it is, and its line."""

    kind: str
    port: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What an installer decided. *url* None: the charger works alone. *ports* are those of the controllers.

    *connectors* is more than 1 only where the board has no pins of its own for each. *max_current_a* None: that of
    the board's section.
    """

    station_id: str
    url: str | None
    password: str | None = field(repr=False)
    board: Board
    connectors: int = 1
    max_current_a: int | None = None
    ports: tuple[str, ...] = ()
    meter: Device | None = None
    reader: Device | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the files of the charger are, relative to cpd.toml or absolute; None: where a package puts them."""

    store: str | None = None
    socket: str | None = None
    state_dir: str | None = None
    guard_socket: str | None = None


SYSTEM: Final = Place()
BESIDE: Final = Place(store="cpd.db", socket="cpd.sock", state_dir="hal", guard_socket="guard.sock")
"""Everything in the directory of cpd.toml, for a charger that nobody has installed."""


def render(answers: Answers, place: Place, *, inline: bool = False, simulated: bool = False) -> str:
    """The text of cpd.toml.

    *inline*: with the password in it, which is for nobody's eyes but the checks'. *simulated*: the outlets of the
    board, driven by the mock.
    """
    return "\n".join(
        [
            "# Written by cpd init. After a change: cpd config check FILE, then cpd reload.",
            "",
            *_station(answers),
            *(
                _csms(answers, inline)
                if answers.url is not None
                else ("# No [csms]: the charger works alone.", "")
            ),
            *(("[store]", _line("path", place.store), "") if place.store else ()),
            *(("[control]", _line("socket", place.socket), "") if place.socket else ()),
            *_hardware(answers, place, simulated=simulated),
        ]
    )


def _station(answers: Answers) -> Iterator[str]:
    yield "[station]"
    yield _line("id", answers.station_id, "charge point identity, as the CSMS spells it")
    yield ""


def _csms(answers: Answers, inline: bool) -> Iterator[str]:
    assert answers.url is not None
    profile = security_profile(answers.url, password=answers.password is not None)
    yield "[csms]"
    yield _line("url", answers.url)
    # What is wrong with it is said by who reads the file.
    with suppress(ValueError):
        yield f"# dialled is {endpoint_url(answers.url, answers.station_id)}"
    yield _line("security_profile", profile, _PROFILES[profile])
    if answers.password is not None and inline:
        yield _line("password", answers.password)
    elif answers.password is not None:
        yield _line("password_file", PASSWORD_FILE, "mode 0600, the user's who runs cpd")
    yield ""


def _hardware(answers: Answers, place: Place, *, simulated: bool) -> Iterator[str]:
    """The section of the board, with what was decided in it."""
    paragraphs = answers.board.text.replace(f"{APPEND}\n", "").rstrip("\n").split("\n\n")
    connectors = [one for one in paragraphs if _heading(one) in ("[[connector]]", "[connector.serial]")]
    template = connectors[: 2 if answers.board.on_serial_line else 1]
    done = False
    for paragraph in paragraphs:
        match _heading(paragraph):
            case "[hal]":
                hal = _hal(paragraph, answers, place)
                if simulated:
                    hal = _with(_with(hal, "backend", "mock"), "process", "inside", remark="")
                yield from (hal, "")
            case "[[connector]]" | "[connector.serial]":
                if not done:
                    yield from _connectors(template, answers)
                done = True
            case "[[meter]]":
                yield from _meters(paragraph, answers)
            case "[[reader]]":
                if answers.reader is not None:
                    reader = _with(paragraph, "kind", answers.reader.kind, remark="")
                    yield from (_with(reader, "port", answers.reader.port, remark=""), "")
            case _:
                yield from (paragraph, "")


def _hal(paragraph: str, answers: Answers, place: Place) -> str:
    if answers.board.simulated and place is SYSTEM:
        paragraph = _with(
            paragraph, "process", "guard", remark="cpd-guard has the devices, as on real hardware"
        )
    for key, value in (("state_dir", place.state_dir), ("guard_socket", place.guard_socket)):
        if value is not None:
            paragraph = _with(paragraph, key, value)
    return paragraph


def _connectors(template: list[str], answers: Answers) -> Iterator[str]:
    for number in range(1, answers.connectors + 1):
        for paragraph in template:
            if _heading(paragraph) == "[[connector]]":
                paragraph = _with(paragraph, "id", number)
                if answers.max_current_a is not None:
                    paragraph = _with(paragraph, "max_current_a", answers.max_current_a)
            elif len(answers.ports) >= number:
                paragraph = _with(paragraph, "port", answers.ports[number - 1], remark="")
            yield from (paragraph, "")


def _meters(paragraph: str, answers: Answers) -> Iterator[str]:
    if answers.meter is None:
        return
    for number in range(1, answers.connectors + 1):
        one = _with(paragraph, "connector", number)
        one = _with(one, "model", answers.meter.kind)
        one = _with(one, "port", answers.meter.port, remark="")
        baudrate = delivered_baudrate(answers.meter.kind)
        if baudrate is not None:
            one = _with(one, "baudrate", baudrate, remark="as it is delivered")
        yield from (_with(one, "unit", number), "")


def _heading(paragraph: str) -> str | None:
    return next(
        (line.partition("#")[0].strip() for line in paragraph.splitlines() if line.startswith("[")), None
    )


def _with(paragraph: str, key: str, value: str | int, *, remark: str | None = None) -> str:
    """*paragraph* with *key* set to *value*, its remark kept where none is given."""
    found = re.search(
        rf"^{key} = (?:\"[^\"]*\"|[^#\n]*?)[ ]*(?:# ?(?P<remark>.*))?$", paragraph, re.MULTILINE
    )
    if found is not None:
        kept = (found["remark"] or "") if remark is None else remark
        return paragraph[: found.start()] + _line(key, value, kept) + paragraph[found.end() :]
    return f"{paragraph}\n{_line(key, value, remark or '')}"


def _line(key: str, value: str | int, remark: str = "") -> str:
    # A TOML string or number is written as in JSON, but for the one character that JSON leaves as it is.
    text = f"{key} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f")
    return f"{text.ljust(_COMMENT_COLUMN - 1)} # {remark}" if remark else text
