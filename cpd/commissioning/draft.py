"""From answers to the text of cpd.toml: a few tables of its own, and the ready section of the board.

Nothing is judged here; `cpd.settings` does that, with the text.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from cpd.commissioning.choices import Board, delivered_baudrate
from cpd.commissioning.former import Former
from cpd.ocpp.transport import endpoint_url
from cpd.settings.address import security_profile

PASSWORD_FILE: Final = "password"
"""Beside cpd.toml."""

APPEND: Final = "# Append it to cpd.toml in the place of its [hal] and [[connector]]."
"""What a ready section says of its use, and is done here."""

_PROFILES: Final = {0: "no password", 1: "password", 2: "password over TLS", 3: "certificate"}
_ASKED_OF_CSMS: Final = frozenset({"url", "security_profile", "password", "password_file"})
_OWN_TABLES: Final = frozenset({"station", "csms", "store", "control", "hal", "connector", "meter", "reader"})
_COMMENT_COLUMN: Final = 37


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A meter or a reader: what it is, and its line."""

    kind: str
    port: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What an installer decided. *url* None: the charger works alone. *ports* are those of the controllers.

    *connectors* is more than 1 only where the board has no pins of its own for each, or they are told in *former*,
    the file that is there already. *max_current_a* None: as there, else that of the board's section.
    *password_file*: where the password stands already; None: it goes beside cpd.toml.
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
    password_file: str | None = None
    former: Former | None = field(default=None, repr=False)

    @property
    def outlets_before(self) -> Former | None:
        """What was said of this hardware; None where there was none of its kind."""
        return self.former if self.former is not None and self.former.has_board(self.board) else None


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
            *_table("store", ({"path": place.store} if place.store else {}) | _former(answers, "store")),
            *_table(
                "control", ({"socket": place.socket} if place.socket else {}) | _former(answers, "control")
            ),
            *_others(answers),
            *_hardware(answers, place, simulated=simulated),
        ]
    )


def _station(answers: Answers) -> Iterator[str]:
    yield "[station]"
    yield _line("id", answers.station_id, "charge point identity, as the CSMS spells it")
    yield from (_line(key, value) for key, value in _former(answers, "station").items() if key != "id")
    yield ""


def _csms(answers: Answers, inline: bool) -> Iterator[str]:
    assert answers.url is not None
    profile = profile_of(answers)
    yield "[csms]"
    yield _line("url", answers.url)
    # What is wrong with it is said by who reads the file.
    with suppress(ValueError):
        yield f"# dialled is {endpoint_url(answers.url, answers.station_id)}"
    yield _line("security_profile", profile, _PROFILES[profile])
    if answers.password is not None and inline:
        yield _line("password", answers.password)
    elif answers.password is not None:
        secret = answers.password_file or PASSWORD_FILE
        yield _line("password_file", secret, "mode 0600, the user's who runs cpd")
    for key, value in _former(answers, "csms").items():
        if key not in _ASKED_OF_CSMS:
            yield _line(key, value)
    yield ""


def profile_of(answers: Answers) -> int:
    """The security profile that follows from address and password; a certificate stays."""
    assert answers.url is not None
    if _former(answers, "csms").get("security_profile") == 3:
        return 3
    return security_profile(answers.url, password=answers.password is not None)


def _former(answers: Answers, name: str) -> dict[str, Any]:
    return {} if answers.former is None else answers.former.table(name)


def _others(answers: Answers) -> Iterator[str]:
    """The tables that nobody is asked about."""
    if answers.former is not None and answers.former.right:
        for name in answers.former.tables:
            if name not in _OWN_TABLES:
                yield from _table(name, answers.former.table(name))


def _table(name: str, values: dict[str, Any]) -> Iterator[str]:
    if values:
        yield from (f"[{name}]", *(_line(key, value) for key, value in values.items()), "")


def _hardware(answers: Answers, place: Place, *, simulated: bool) -> Iterator[str]:
    """The section of the board, with what was decided in it."""
    paragraphs = answers.board.text.replace(f"{APPEND}\n", "").rstrip("\n").split("\n\n")
    parts = [one for one in paragraphs if _heading(one).startswith(("[[connector]]", "[connector."))]
    second = next((at for at, one in enumerate(parts) if at and _heading(one) == "[[connector]]"), len(parts))
    template = parts[:second]
    done = False
    for paragraph in paragraphs:
        match _heading(paragraph):
            case "[hal]":
                hal = _hal(paragraph, answers, place)
                if simulated:
                    hal = _with(_with(hal, "backend", "mock"), "process", "inside", remark="")
                yield from (hal, "")
            case heading if paragraph in parts:
                if not done and heading == "[[connector]]":
                    yield from _connectors(template, answers)
                done = True
            case "[[meter]]":
                yield from _meters(paragraph, answers)
            case "[[reader]]":
                yield from _readers(paragraph, answers)
            case _:
                yield from (paragraph, "")


def _hal(paragraph: str, answers: Answers, place: Place) -> str:
    before = answers.outlets_before
    if before is not None:
        paragraph = _as(paragraph, before.table("hal"))
    elif answers.board.simulated and place is SYSTEM:
        paragraph = _with(
            paragraph, "process", "guard", remark="cpd-guard has the devices, as on real hardware"
        )
    for key, value in (("state_dir", place.state_dir), ("guard_socket", place.guard_socket)):
        if value is not None and (before is None or key not in before.table("hal")):
            paragraph = _with(paragraph, key, value)
    return paragraph


def _connectors(template: list[str], answers: Answers) -> Iterator[str]:
    for number in range(1, answers.connectors + 1):
        before = None if answers.outlets_before is None else answers.outlets_before.outlet(number)
        for paragraph in template:
            heading = _heading(paragraph)
            if heading == "[[connector]]":
                paragraph = _connector(paragraph, number, before, answers)
            else:
                if before is not None:
                    paragraph = _as(paragraph, before.get(heading.strip("[]").partition(".")[2], {}))
                if heading == "[connector.serial]" and len(answers.ports) >= number:
                    paragraph = _with(paragraph, "port", answers.ports[number - 1], remark="")
            yield from (paragraph, "")


def _connector(paragraph: str, number: int, before: dict[str, Any] | None, answers: Answers) -> str:
    if before is not None:
        paragraph = _as(paragraph, {key: one for key, one in before.items() if not isinstance(one, dict)})
    paragraph = _with(paragraph, "id", number)
    current_a = answers.max_current_a
    if before is None and answers.former is not None:
        # The wires are the same, whatever is put to their end.
        current_a = answers.former.current_a(number) if current_a is None else current_a
        phases = answers.former.phases(number)
        if phases is not None:
            paragraph = _with(paragraph, "phases", phases)
    return paragraph if current_a is None else _with(paragraph, "max_current_a", current_a)


def _meters(paragraph: str, answers: Answers) -> Iterator[str]:
    if answers.meter is None:
        return
    before = () if answers.former is None else answers.former.rows("meter")
    first = 1
    if before and answers.meter == Device(kind=before[0]["model"], port=before[0]["port"]):
        for row in before:
            if row["connector"] <= answers.connectors:
                yield from (_as(paragraph, row), "")
        assert answers.former is not None
        first = len(answers.former.rows("connector")) + 1
    for number in range(first, answers.connectors + 1):
        one = _with(paragraph, "connector", number)
        one = _with(one, "model", answers.meter.kind)
        one = _with(one, "port", answers.meter.port, remark="")
        baudrate = delivered_baudrate(answers.meter.kind)
        if baudrate is not None:
            one = _with(one, "baudrate", baudrate, remark="as it is delivered")
        yield from (_with(one, "unit", number), "")


def _readers(paragraph: str, answers: Answers) -> Iterator[str]:
    if answers.reader is None:
        return
    before = () if answers.former is None else answers.former.rows("reader")
    if before and answers.reader == Device(kind=before[0]["kind"], port=before[0]["port"]):
        for row in before:
            if row.get("connector", 1) <= answers.connectors:
                yield from (_as(paragraph, row), "")
        return
    reader = _with(paragraph, "kind", answers.reader.kind, remark="")
    yield from (_with(reader, "port", answers.reader.port, remark=""), "")


def _heading(paragraph: str) -> str:
    return next(
        (line.partition("#")[0].strip() for line in paragraph.splitlines() if line.startswith("[")), ""
    )


def _as(paragraph: str, values: dict[str, Any]) -> str:
    """*paragraph* with these *values* and no other; a remark stays where its value does."""
    for key, value in re.findall(r"^(\w+) = (\"[^\"]*\"|[^#\n]*)", paragraph, re.MULTILINE):
        if key not in values:
            paragraph = re.sub(rf"^{key} = .*\n?", "", paragraph, flags=re.MULTILINE).rstrip("\n")
        elif value.strip() != _toml(values[key]):
            paragraph = _with(paragraph, key, values[key], remark="")
    for key, value in values.items():
        if re.search(rf"^{re.escape(key)} = ", paragraph, re.MULTILINE) is None:
            paragraph = _with(paragraph, key, value)
    return paragraph


def _with(paragraph: str, key: str, value: object, *, remark: str | None = None) -> str:
    """*paragraph* with *key* set to *value*, its remark kept where none is given."""
    found = re.search(
        rf"^{key} = (?:\"[^\"]*\"|[^#\n]*?)[ ]*(?:# ?(?P<remark>.*))?$", paragraph, re.MULTILINE
    )
    if found is not None:
        kept = (found["remark"] or "") if remark is None else remark
        return paragraph[: found.start()] + _line(key, value, kept) + paragraph[found.end() :]
    return f"{paragraph}\n{_line(key, value, remark or '')}"


def _line(key: str, value: object, remark: str = "") -> str:
    name = key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml(key)
    text = f"{name} = {_toml(value)}"
    return f"{text.ljust(_COMMENT_COLUMN - 1)} # {remark}" if remark else text


def _toml(value: object) -> str:
    """A value of a TOML file as it is written there."""
    match value:
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case dict():
            return f"{{ {', '.join(_line(key, below) for key, below in value.items())} }}"
        case Decimal():
            return str(value)
    # Text, whole numbers and truth are written as in JSON, but for the one character that JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
