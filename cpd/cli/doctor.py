"""`cpd doctor`: every part looked at, live: what was seen, and what to do about what is not well."""

from itertools import groupby
from typing import cast

import click

from cpd.cli.client_command import Session, client_command, config_path
from cpd.cli.status import DEGRADED, FAULTED
from cpd.cli.terminal import Terminal, columns_of, labelled, pad
from cpd.control.api import DoctorDocument, FindingDocument
from cpd.control.client import DaemonNotRunning

_GLYPHS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red")}
_PART_COLUMNS = 15
_MOST_BESIDE = 2
"""Evidence that would take more lines beside its part than this is told below it."""


@client_command("doctor")
@click.option("--check", is_flag=True, help="Exit 10 on a warning, 11 on a problem.")
def doctor(session: Session, check: bool) -> int:
    """Look at every part, and say what to do.

    \b
    cpd doctor
    cpd doctor --check; echo $?
    cpd doctor --json
    """
    stopped: DaemonNotRunning | None = None
    try:
        document = cast(DoctorDocument, session.call("doctor"))
    except DaemonNotRunning as error:
        stopped, document = error, _without_daemon()
    session.show(document, render_doctor(document, session.terminal))
    if stopped is not None:
        raise DaemonNotRunning("only files and devices were looked at", stopped.next_step) from stopped
    return severity(document) if check else 0


def render_doctor(document: DoctorDocument, terminal: Terminal) -> str:
    """All findings, those of each connector under its number, and how many are not well."""
    lines: list[str] = []
    if not document["running"]:
        lines += [terminal.paint("red", terminal.text("✗ cpd is not running")), ""]
    shared = [one for one in document["findings"] if one["connector"] is None]
    own = [one for one in document["findings"] if one["connector"] is not None]
    for finding in shared:
        lines += finding_lines(finding, terminal)
    for number, findings in groupby(sorted(own, key=_connector), key=_connector):
        lines += ["", terminal.paint("bold", f"connector {number}")]
        for finding in findings:
            lines += finding_lines(finding, terminal)
    return "\n".join([*lines, "", *terminal.wrap(_summary(document))])


def severity(document: DoctorDocument) -> int:
    """0 where all is well, 10 where something will not be for ever, 11 where something does not work."""
    healths = {finding["health"] for finding in document["findings"]}
    return FAULTED if "failed" in healths else DEGRADED if "warning" in healths else 0


def _without_daemon() -> DoctorDocument:
    from pathlib import Path

    from cpd.diagnostics.doctor import examine_without_daemon

    return examine_without_daemon(Path(config_path(click.get_current_context(), None)))


def _connector(finding: FindingDocument) -> int:
    return finding["connector"] or 0


def finding_lines(finding: FindingDocument, terminal: Terminal) -> list[str]:
    """One part, its evidence and what to do."""
    glyph, colour = _GLYPHS[finding["health"]]
    drawn = terminal.glyph(glyph)
    indent = columns_of(drawn) + 1
    part = terminal.cut(finding["part"], terminal.width - indent)
    beside = indent + max(_PART_COLUMNS, columns_of(part) + 1)
    longest = max((columns_of(word) for word in terminal.text(finding["evidence"]).split()), default=1)
    evidence = terminal.wrap(finding["evidence"], beside) if beside + longest <= terminal.width else []
    if not 1 <= len(evidence) <= _MOST_BESIDE:
        evidence = ["", *terminal.wrap(finding["evidence"], indent + 2)]
    label = pad(part, _PART_COLUMNS) if columns_of(part) < _PART_COLUMNS else part + " "
    head, *more = labelled(label, evidence)
    lines = [terminal.paint(colour, drawn) + " " + head.rstrip(), *more]
    if finding["next_step"]:
        arrow = " " * (indent + 2) + terminal.glyph("→") + " "
        lines += labelled(arrow, terminal.wrap(finding["next_step"], columns_of(arrow)))
    return lines


def _summary(document: DoctorDocument) -> str:
    problems = sum(finding["health"] == "failed" for finding in document["findings"])
    warnings = sum(finding["health"] == "warning" for finding in document["findings"])
    if not problems and not warnings:
        return "all is well" if document["running"] else "nothing else is wrong"
    words = []
    if problems:
        words.append(f"{problems} problem{'' if problems == 1 else 's'}")
    if warnings:
        words.append(f"{warnings} warning{'' if warnings == 1 else 's'}")
    return ", ".join(words)
