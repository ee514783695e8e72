"""What `cpd init` does with the answers: try them out, write the file, let a virtual car charge, and report."""

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from cpd.cli.connect import link_of_running, render_connection
from cpd.cli.doctor import finding_lines
from cpd.cli.given import Given
from cpd.cli.questions import Questions
from cpd.cli.terminal import Terminal, columns_of, labelled
from cpd.commissioning.draft import BESIDE, PASSWORD_FILE, SYSTEM, Answers, Device, Place, profile_of, render
from cpd.commissioning.former import lost
from cpd.commissioning.hardware import examine_hardware
from cpd.commissioning.services import COMMANDS, start_services
from cpd.commissioning.trial import charge_virtual_car
from cpd.commissioning.writing import write_configuration
from cpd.control.api import DEFAULT_SOCKET
from cpd.control.client import ClientError, ControlClient, DaemonNotRunning
from cpd.control.doctor import doctor_document
from cpd.diagnostics.connection_test import connection_test
from cpd.errors import SettingsError
from cpd.settings.tables import Csms, Station
from hal.settings.tables import Hal

TROUBLE: Final = 10
"""The exit status where the file is written, and something that was tried does not work."""

_GLYPHS: Final = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red")}
_SYSTEM_FOLDER: Final = Path("/etc/cpd")

T = TypeVar("T")


def commission(
    file: Path,
    given: Given,
    terminal: Terminal,
    *,
    yes: bool,
    drops: bool,
    dry_run: bool,
    checks: bool,
    start: bool,
) -> int:
    """Write *file* of what is *given*, and of what somebody at *terminal* answers; returns the exit status.

    *drops*: keys of an old file that cannot stay may go, also where nobody is asked. Until the file is written whole,
    nothing has changed.
    """
    # A file elsewhere is a trial, and keeps everything beside it.
    place = SYSTEM if file.parent == _SYSTEM_FOLDER else BESIDE
    asks = not yes and sys.stdin is not None and sys.stdin.isatty()
    if _is_there(file) and not (yes or dry_run or asks):
        raise click.UsageError(f"{file} is there already; --yes replaces it, and keeps the old one beside it")
    for name in ("cpd", "hal"):
        # What they log is for a service's journal; here it is told in words.
        logging.getLogger(name).addHandler(logging.NullHandler())
    questions = Questions(given, terminal, asks=asks, err=dry_run)
    answers = questions.answers(file)
    gone = _lost(answers, place)
    if gone and yes and not (drops or dry_run):
        words = f"the old file has what the new one cannot keep: {', '.join(gone)}; --replace drops it"
        raise click.UsageError(words)
    if dry_run:
        if gone:
            click.echo("\n".join(terminal.wrap(_gone(gone))), err=True)
        click.echo(render(answers, place))
        return 0
    report = Report(terminal)
    if checks:
        answers = _dialled(answers, questions if asks else None, file, place, report)
        if not answers.board.simulated:
            _examined(answers, file, place, report)
    if asks and not questions.agree("Write it?", about=_about(file, _lost(answers, place))):
        click.echo("Nothing was written.")
        return 0
    try:
        _write(answers, file, place, report)
    except SettingsError as mistake:
        click.echo("\n".join(terminal.wrap(str(mistake))), err=True)
        return 2
    if checks:
        _charged(answers, report)
    _start(answers, file, place, report, now=start)
    return TROUBLE if report.has_trouble else 0


class Report:
    """What was tried, and how it went; *next_steps* are commands."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.next_steps: list[str] = []
        self._rows: list[tuple[str, str, str]] = []

    @property
    def has_trouble(self) -> bool:
        """True where something that was tried does not work."""
        return any(health == "failed" for health, _, _ in self._rows)

    def add(self, health: str, part: str, words: str) -> None:
        """One row; *health* is ok, warning or failed."""
        self._rows.append((health, part, words))

    def render(self) -> str:
        """All rows, and what is next."""
        lines: list[str] = []
        for health, part, words in self._rows:
            glyph, colour = _GLYPHS[health]
            drawn = self.terminal.glyph(glyph)
            first, *more = self.terminal.wrap(f"{part}: {words}", columns_of(drawn) + 1)
            lines += [f"{self.terminal.paint(colour, drawn)} {first.lstrip()}", *more]
        for step in self.next_steps:
            arrow = self.terminal.glyph("→") + " "
            lines += labelled(arrow, self.terminal.wrap(step, columns_of(arrow)))
        return "\n".join(lines)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """The result of *work*, whose processes end in order also where the terminal is lost."""

    async def until_told() -> T:
        task = asyncio.current_task()
        assert task is not None
        for ending in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(ending, task.cancel)
        return await work

    try:
        return asyncio.run(until_told())
    except asyncio.CancelledError:
        raise click.Abort from None


def _dialled(
    answers: Answers, questions: Questions | None, file: Path, place: Place, report: Report
) -> Answers:
    """Dial the CSMS, with other answers as long as somebody wants to give some."""
    while answers.url is not None:
        csms = _csms(answers, file)
        try:
            link = link_of_running(ControlClient(_socket(file, place, answers)), answers.station_id)
        except ClientError as error:
            # A boot of ours could cost that one its link.
            report.add("warning", "central system", f"not dialled, cpd runs and does not answer: {error}")
            return answers
        document = _run(connection_test(Station(id=answers.station_id), csms, link=link))
        click.echo("\n" + render_connection(document, report.terminal) + "\n")
        wrong = next((step for step in document["steps"] if step["outcome"] == "failed"), None)
        if wrong is None:
            reached = (
                "reached, the boot is accepted" if link is None else "reached; cpd runs, so no boot was sent"
            )
            report.add("ok", "central system", reached)
            return answers
        if questions is None or not questions.agree("Other id, address or password?"):
            report.add("failed", "central system", wrong["evidence"])
            return answers
        answers = questions.dialled_anew(answers)
    report.add("ok", "central system", "none, this charger works alone")
    return answers


def _csms(answers: Answers, file: Path) -> Csms:
    """What is dialled, as the file will say it."""
    former = {} if answers.former is None else answers.former.table("csms")
    files = {key: file.parent / former[key] for key in ("ca_file", "cert_file", "key_file") if key in former}
    assert answers.url is not None
    return Csms(
        url=answers.url,
        password=answers.password,
        security_profile=profile_of(answers),
        verify_hostname=former.get("verify_hostname", True),
        **files,
    )


def _examined(answers: Answers, file: Path, place: Place, report: Report) -> None:
    """Look at what is wired, as `cpd doctor` does; not where a cpd runs, which may drive it."""
    if _cpd_runs(_socket(file, place, answers)):
        report.add("warning", "hardware", "not looked at, cpd runs; after its restart: cpd doctor")
        return
    click.echo("\n".join(report.terminal.wrap("The hardware is looked at; no contactor is closed.")))
    former = {} if answers.former is None else answers.former.table("hal")
    guard_socket = file.parent / former.get("guard_socket", place.guard_socket or Hal().guard_socket)
    document = doctor_document(_run(examine_hardware(answers, guard_socket)), running=False)
    for finding in document["findings"]:
        click.echo("\n".join(finding_lines(finding, report.terminal)))
    wrong = [one for one in document["findings"] if one["health"] != "ok"]
    if not wrong:
        report.add("ok", "hardware", "every part is well")
    for one in wrong:
        report.add(one["health"], one["part"], one["evidence"])


def _write(answers: Answers, file: Path, place: Place, report: Report) -> None:
    # What stands in a file of its own already, stays there.
    password = answers.password if answers.password_file is None else None
    kept = write_configuration(file, render(answers, place), password)
    report.add("ok", "written", str(file) + ("" if kept is None else f"; the old one is {kept.name}"))
    if password is not None:
        report.add("ok", "password", f"{file.with_name(PASSWORD_FILE)}, for the user of cpd only")


def _charged(answers: Answers, report: Report) -> None:
    """Let a virtual car charge under what was written, on simulated hardware."""
    click.echo("\n" + "\n".join(report.terminal.wrap("A virtual car charges, on simulated hardware:")))
    checklist = _run(charge_virtual_car(answers, report.terminal))
    click.echo("\n" + checklist.render(report.terminal) + "\n")
    if checklist.right:
        report.add("ok", "virtual car", "charged, and booked once")
    else:
        wrong = checklist.interrupted or "not all was as expected"
        report.add("failed", "virtual car", wrong)


def _start(answers: Answers, file: Path, place: Place, report: Report, *, now: bool) -> None:
    """Start the services where that is wanted, or say how; then show the report."""
    if place is not SYSTEM:
        guarded = () if answers.board.simulated else (f"python -m hal --config {file} &",)
        report.next_steps += [*guarded, f"cpd run --config {file}"]
    elif not now:
        report.next_steps += [f"sudo {' '.join(command)}" for command in COMMANDS]
    else:
        problem = start_services()
        report.add("ok" if problem is None else "failed", "services", problem or "started, and at each boot")
        report.next_steps.append("cpd status")
    if not answers.board.simulated:
        report.next_steps.append("read config/safety.md before anything is energised")
    click.echo(report.render())


def _cpd_runs(socket: str) -> bool:
    try:
        with ControlClient(socket) as client:
            client.call("status")
    except DaemonNotRunning:
        return False
    except ClientError:
        return True
    return True


def _socket(file: Path, place: Place, answers: Answers) -> str:
    former = {} if answers.former is None else answers.former.table("control")
    socket = former.get("socket", place.socket)
    return DEFAULT_SOCKET if socket is None else str(file.parent / socket)


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}; run it with sudo") from error


def _lost(answers: Answers, place: Place) -> tuple[str, ...]:
    """What the old file has and the new one has not, though nobody has decided so."""
    former = answers.former
    if former is None:
        return ()
    decided = set() if answers.max_current_a is None else {"max_current_a"}
    # By default they are the old ones, so that others were chosen; but simulated hardware has none.
    for table, key, chosen in (("meter", "model", answers.meter), ("reader", "kind", answers.reader)):
        rows = () if answers.board.simulated else former.rows(table)
        if rows and chosen != Device(kind=rows[0][key], port=rows[0]["port"]):
            decided.add(table)
    return lost(former, render(answers, place), frozenset(decided))


def _gone(keys: tuple[str, ...]) -> str:
    return f"Not kept of the old file: {', '.join(keys)}."


def _about(file: Path, gone: tuple[str, ...]) -> str:
    about = f"{file} is replaced, the old one is kept beside it." if _is_there(file) else f"The file: {file}"
    return f"{_gone(gone)} {about}" if gone else about
