"""What `cpd init` has to know: taken from its options, or asked, and judged as `cpd config check` would."""

import tomllib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import click

from cpd.cli.terminal import Terminal, columns_of
from cpd.commissioning.checking import mistakes, password_in
from cpd.commissioning.choices import (
    READERS,
    board_of,
    boards,
    keyboards,
    meter_models,
    serial_ports,
)
from cpd.commissioning.draft import Answers, Device
from cpd.commissioning.former import Former, read_former
from cpd.errors import SettingsError

NONE: Final = "-"
"""What says that there is no such thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The options as they were given; None, or empty, where they were not."""

    station_id: str | None = None
    url: str | None = None
    password_file: str | None = None
    board: str | None = None
    connectors: int | None = None
    max_current: int | None = None
    ports: tuple[str, ...] = ()
    meter: str | None = None
    meter_port: str | None = None
    reader: str | None = None
    reader_port: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """Who dialled where before: *url* is - for nowhere. *problem*: why the password cannot be read."""

    station_id: str | None = None
    url: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: str | None = None
    problem: str | None = None


Build = Callable[[Answers, str], Answers]
"""Puts an answer to its place; raises ValueError, a sentence, where it makes no sense."""


class Questions:
    """Asks at *terminal* for what *given* leaves open, where *asks*; else takes defaults, where there are some."""

    def __init__(
        self, given: Given, terminal: Terminal, *, asks: bool, err: bool = False, root: Path = Path("/")
    ) -> None:
        """*err*: standard output is for something else. *root* is where this machine's devices are looked for."""
        self._given = given
        self._terminal = terminal
        self._asks = asks
        self._err = err or not asks
        self._root = root

    def answers(self, file: Path) -> Answers:
        """All answers; *file* may have been written before. Raises click.UsageError."""
        former = read_former(file)
        before = _Before() if former is None else _before(file, former)
        self._require(before)
        answers = Answers(station_id="CP-1", url=None, password=None, board=boards()[0], former=former)
        answers = self._dialled(answers, before, self._given)
        answers = self._board(answers)
        answers = self._outlets(answers)
        if not answers.board.simulated:
            answers = self._meter(answers)
            answers = self._reader(answers)
        for mistake in mistakes(answers):
            place = ".".join(map(str, mistake.path))
            raise click.UsageError(f"{place}: {mistake.problem} {mistake.remedy}")
        return answers

    def dialled_anew(self, answers: Answers) -> Answers:
        """Id, address and password again."""
        before = _Before(
            station_id=answers.station_id,
            url=answers.url,
            password=answers.password,
            password_file=answers.password_file,
        )
        return self._dialled(answers, before, Given())

    def agree(self, question: str, *, about: str = "") -> bool:
        """Yes, or no; *about* is said before, on as many lines as it takes."""
        if about:
            self._say(about)
        return click.confirm(question, default=True, err=self._err)

    def _require(self, before: _Before) -> None:
        """Where nobody is there to be asked, what has no default must be given."""
        required = {
            "--id": (self._given.station_id, before.station_id),
            "--url": (self._given.url, before.url),
            "--board": (self._given.board,),
        }
        missing = [option for option, values in required.items() if set(values) == {None}]
        if missing and not self._asks:
            raise click.UsageError(f"nobody is there to be asked; give {', '.join(missing)}, and --yes")

    def _dialled(self, answers: Answers, before: _Before, given: Given) -> Answers:
        answers = self._settled(
            answers,
            "--id",
            "Id at the CSMS",
            given.station_id,
            before.station_id,
            lambda so_far, value: replace(so_far, station_id=value),
            ("station", "id"),
        )
        answers = self._settled(
            answers,
            "--url",
            f"Its address, {NONE} for none",
            given.url,
            before.url,
            self._with_url,
            ("csms", "url"),
        )
        answers = replace(answers, password=None, password_file=None)
        if answers.url is None:
            return answers
        # Nobody's password but its own central system's.
        same = (answers.station_id, answers.url) == (before.station_id, before.url)
        return self._with_password(answers, before if same else _Before(), given)

    def _with_url(self, answers: Answers, value: str) -> Answers:
        if value == NONE:
            return replace(answers, url=None)
        with suppress(ValueError):
            path = urlsplit(value).path.rstrip("/")
            if unquote(path.rpartition("/")[2]) == answers.station_id:
                self._say(f"The id is added to the address, so its end, {answers.station_id}, is left out.")
                value = f"{value.rstrip('/').rpartition('/')[0]}/"
        return replace(answers, url=value)

    def _with_password(self, answers: Answers, before: _Before, given: Given) -> Answers:
        """A password is asked for unseen, and given in a file: a command line is seen by everybody.

        That of *before* is the one that there is already.
        """
        kept = replace(answers, password=before.password, password_file=before.password_file)
        if given.password_file is not None:
            try:
                secret = password_in(Path(given.password_file))
            except SettingsError as mistake:
                raise click.UsageError(f"--password-file: {mistake}") from mistake
        elif self._asks:
            secret = self._asked_secret(before)
        elif before.problem is not None:
            raise click.UsageError(f"the old password: {before.problem} Or give --password-file.")
        else:
            return kept
        while secret:
            answers = replace(answers, password=secret)
            problem = _problem(answers, ("csms",))
            if problem is None:
                return answers
            self._complain("--password-file", problem)
            secret = self._asked_secret(before)
        return kept

    def _asked(self, question: str, default: str | None) -> str:
        fits = columns_of(f"{question} [{default}]: ") < self._terminal.width
        if default is not None and not fits:
            self._say(f"Enter alone is {default}")
        answer: str = click.prompt(question, default=default, show_default=fits, err=self._err)
        return answer

    def _asked_secret(self, before: _Before) -> str:
        if before.problem is not None:
            self._say(f"The old password: {before.problem}")
        question = f"Password, empty for {'none' if before.password is None else 'the old'}"
        secret: str = click.prompt(question, default="", hide_input=True, show_default=False, err=self._err)
        return secret

    def _board(self, answers: Answers) -> Answers:
        names = [board.name for board in boards()]

        def build(so_far: Answers, value: str) -> Answers:
            board = board_of(_chosen(value, names))
            if board is None:
                raise ValueError(f"There is no board {value!r}. Allowed: {', '.join(names)}.")
            return replace(so_far, board=board)

        self._list("The hardware:", [f"{board.name}: {board.title}" for board in boards()], self._given.board)
        # No default: nobody is to get the simulated hardware by pressing Enter.
        return self._settled(answers, "--board", "Board", self._given.board, None, build, ("hal",))

    def _outlets(self, answers: Answers) -> Answers:
        board, given, former = answers.board, self._given, answers.former
        section = tomllib.loads(board.text)["connector"][0]
        outlets = 0 if former is None else len(former.rows("connector"))
        if not (board.simulated or board.on_serial_line):
            wired = outlets if answers.outlets_before is not None else 1
            if given.connectors is not None and given.connectors > wired:
                raise click.UsageError(
                    f"--connectors: {board.name} has the pins of one outlet; add [[connector]] by hand"
                )
            answers = replace(answers, connectors=given.connectors or wired)
        else:
            answers = self._settled(
                answers,
                "--connectors",
                "How many outlets",
                None if given.connectors is None else str(given.connectors),
                str(outlets or 1),
                lambda so_far, value: replace(so_far, connectors=_number(value, 1, 100)),
                (),
                judge=False,
            )
        if former is not None and outlets:
            currents = [former.current_a(number) for number in range(1, answers.connectors + 1)]
            default = ", ".join(map(str, currents if len(set(currents)) > 1 else currents[:1]))
        else:
            default = str(section["max_current_a"])
        answers = self._settled(
            answers,
            "--max-current",
            "A per phase (fuse, wires)",
            None if given.max_current is None else str(given.max_current),
            default,
            # Enter alone changes nothing, also where the outlets differ.
            lambda so_far, value: replace(
                so_far, max_current_a=None if outlets and value == default else _number(value, 6, 80)
            ),
            (),
            judge=False,
        )
        if board.on_serial_line:
            return self._controllers(answers, section)
        if given.ports:
            raise click.UsageError(f"--port: {board.name} has no controller on a line")
        return answers

    def _controllers(self, answers: Answers, section: dict[str, Any]) -> Answers:
        found, before = serial_ports(self._root), answers.outlets_before
        for number in range(1, answers.connectors + 1):
            given = self._given.ports[number - 1] if len(self._given.ports) >= number else None
            outlet = None if before is None else before.outlet(number)
            default = section["serial"]["port"] if number == 1 else None
            self._list("Serial lines here:", found, given)
            answers = self._settled(
                answers,
                "--port",
                f"Line of controller {number}",
                given,
                default if outlet is None else outlet["serial"]["port"],
                lambda so_far, value: replace(so_far, ports=(*so_far.ports, _chosen(value, found))),
                ("connector", number - 1, "serial"),
            )
        return answers

    def _meter(self, answers: Answers) -> Answers:
        section = tomllib.loads(answers.board.text)["meter"][0]
        models, found = meter_models(), serial_ports(self._root)
        taken = {*answers.ports}
        free = [port for port in found if port not in taken]
        model, port = section["model"], free[0] if len(free) == 1 else section["port"]
        before = [] if answers.former is None else answers.former.rows("meter")
        if before:
            model, port = before[0]["model"], before[0]["port"]
        elif answers.outlets_before is not None:
            model = NONE
        if self._asks and self._given.meter is None:
            self._say("Meters: " + ", ".join(models))
        answers = self._settled(
            answers,
            "--meter",
            f"Meter, {NONE} for none",
            self._given.meter,
            model,
            lambda so_far, value: replace(
                so_far, meter=None if value == NONE else Device(kind=value, port=port)
            ),
            ("meter", 0, "model"),
        )
        if answers.meter is None:
            return answers
        chosen = answers.meter.kind
        self._list("Serial lines here:", found, self._given.meter_port)
        return self._settled(
            answers,
            "--meter-port",
            "Line of the meter",
            self._given.meter_port,
            port,
            lambda so_far, value: replace(so_far, meter=Device(kind=chosen, port=_chosen(value, found))),
            ("meter",),
        )

    def _reader(self, answers: Answers) -> Answers:
        rows = [] if answers.former is None else answers.former.rows("reader")
        before = Device(kind=rows[0]["kind"], port=rows[0]["port"]) if rows else None

        def build(so_far: Answers, value: str) -> Answers:
            if value not in (NONE, *READERS):
                raise ValueError(f"There is no reader {value!r}. Allowed: {', '.join(READERS)}, or {NONE}.")
            if before is not None and value == before.kind:
                return replace(so_far, reader=before)
            return replace(so_far, reader=None if value == NONE else Device(kind=value, port="/dev/serial0"))

        if self._asks and self._given.reader is None:
            self._say("Card readers: " + ", ".join(READERS))
        answers = self._settled(
            answers,
            "--reader",
            f"Card reader, {NONE} for none",
            self._given.reader,
            NONE if before is None else before.kind,
            build,
            (),
            judge=False,
        )
        if answers.reader is None:
            return answers
        kind = answers.reader.kind
        found = keyboards(self._root) if kind == "keyboard" else serial_ports(self._root)
        self._list("Devices here:", found, self._given.reader_port)
        return self._settled(
            answers,
            "--reader-port",
            "Line of the reader",
            self._given.reader_port,
            answers.reader.port
            if answers.reader == before
            else found[0]
            if len(found) == 1
            else "/dev/serial0",
            lambda so_far, value: replace(so_far, reader=Device(kind=kind, port=_chosen(value, found))),
            ("reader",),
        )

    def _settled(
        self,
        answers: Answers,
        option: str,
        question: str,
        given: str | None,
        default: str | None,
        build: Build,
        concerns: tuple[str | int, ...],
        *,
        judge: bool = True,
    ) -> Answers:
        """*answers* with the one to *question*, asked until nothing that *concerns* it is wrong."""
        value = given
        while True:
            if value is None and self._asks:
                value = self._asked(question, default)
            elif value is None:
                value = default
            if value is None:
                raise click.UsageError(f"nobody is there to be asked; give {option}")
            try:
                settled = build(answers, value.strip())
            except ValueError as error:
                problem: str | None = str(error)
            else:
                problem = _problem(settled, concerns) if judge else None
                if problem is None:
                    return settled
            assert problem is not None
            self._complain(option, problem)
            value = None

    def _complain(self, option: str, problem: str) -> None:
        """Say it to whoever is there; a script is told its option."""
        if not self._asks:
            raise click.UsageError(f"{option}: {problem}")
        self._say(self._terminal.text("✗ ") + problem)

    def _list(self, head: str, items: Sequence[str], given: str | None) -> None:
        """What a number can be given for."""
        if not self._asks or given is not None or not items:
            return
        self._say(head)
        for number, item in enumerate(items, 1):
            self._say(f"{number} {item}")

    def _say(self, words: str) -> None:
        click.echo("\n".join(self._terminal.wrap(words)), err=self._err)


def _problem(answers: Answers, concerns: tuple[str | int, ...]) -> str | None:
    """The first thing that is wrong there, in the words of `cpd config check`."""
    for mistake in mistakes(answers):
        if mistake.path[: len(concerns)] == concerns:
            return f"{mistake.problem} {mistake.remedy}"
    return None


def _before(file: Path, former: Former) -> _Before:
    csms = former.table("csms")
    before = _Before(
        station_id=former.table("station").get("id"),
        url=csms.get("url", NONE if former.right else None),
        password=csms.get("password"),
        password_file=csms.get("password_file"),
    )
    if before.password_file is None:
        return before
    try:
        return replace(before, password=password_in(file.parent / before.password_file))
    except SettingsError as mistake:
        return replace(before, problem=str(mistake))


def _chosen(value: str, items: Sequence[str]) -> str:
    """The item that *value* is the number of, else *value* itself."""
    return items[int(value) - 1] if value.isdecimal() and 1 <= int(value) <= len(items) else value


def _number(value: str, least: int, most: int) -> int:
    if not value.isdecimal() or not least <= int(value) <= most:
        raise ValueError(f"This value is not allowed. Allowed: a whole number, {least} … {most}.")
    return int(value)
