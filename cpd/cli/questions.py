"""The questions of `cpd init`: who the charger is, where it dials, and what is wired to it."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click

from cpd.cli.asking import Asking, problem_of
from cpd.cli.given import NONE, Given
from cpd.cli.hardware_questions import HardwareQuestions
from cpd.cli.terminal import Terminal
from cpd.commissioning.checking import mistakes, password_in
from cpd.commissioning.choices import boards
from cpd.commissioning.draft import Answers
from cpd.commissioning.former import Former, read_former
from cpd.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """Who dialled where before: *url* is - for nowhere. *problem*: why the password cannot be read."""

    station_id: str | None = None
    url: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: str | None = None
    problem: str | None = None


class Questions:
    """Asks at *terminal* for what *given* leaves open, where *asks*; else takes defaults, where there are some."""

    def __init__(
        self, given: Given, terminal: Terminal, *, asks: bool, err: bool = False, root: Path = Path("/")
    ) -> None:
        """*err*: standard output is for something else. *root* is where this machine's devices are looked for."""
        self._given = given
        self._asking = Asking(terminal, asks=asks, err=err)
        self._hardware = HardwareQuestions(given, self._asking, root)
        self.agree = self._asking.agree

    def answers(self, file: Path) -> Answers:
        """All answers; *file* may have been written before. Raises click.UsageError."""
        former = read_former(file)
        before = _Before() if former is None else _before(file, former)
        self._require(before)
        answers = Answers(station_id="CP-1", url=None, password=None, board=boards()[0], former=former)
        answers = self._dialled(answers, before, self._given)
        answers = self._hardware.answered(answers)
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

    def _require(self, before: _Before) -> None:
        """Where nobody is there to be asked, what has no default must be given."""
        required = {
            "--id": (self._given.station_id, before.station_id),
            "--url": (self._given.url, before.url),
            "--board": (self._given.board,),
        }
        missing = [option for option, values in required.items() if set(values) == {None}]
        if missing and not self._asking.asks:
            raise click.UsageError(f"nobody is there to be asked; give {', '.join(missing)}, and --yes")

    def _dialled(self, answers: Answers, before: _Before, given: Given) -> Answers:
        answers = self._asking.settled(
            answers,
            "--id",
            "Id at the CSMS",
            given.station_id,
            before.station_id,
            lambda so_far, value: replace(so_far, station_id=value),
            ("station", "id"),
        )
        answers = self._asking.settled(
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
                self._asking.say(
                    f"The id is added to the address, so its end, {answers.station_id}, is left out."
                )
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
        elif self._asking.asks:
            secret = self._asked_secret(before)
        elif before.problem is not None:
            raise click.UsageError(f"the old password: {before.problem} Or give --password-file.")
        else:
            return kept
        while secret:
            answers = replace(answers, password=secret)
            problem = problem_of(answers, ("csms",))
            if problem is None:
                return answers
            self._asking.complain("--password-file", problem)
            secret = self._asked_secret(before)
        return kept

    def _asked_secret(self, before: _Before) -> str:
        if before.problem is not None:
            self._asking.say(f"The old password: {before.problem}")
        question = f"Password, empty for {'none' if before.password is None else 'the old'}"
        return self._asking.secret(question)


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
