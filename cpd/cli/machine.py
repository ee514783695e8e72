"""`cpd machine`: does the store belong to this machine, or is its SD card a copy of another charger's?"""

from typing import cast

from cpd.cli.client_command import Session, client_command, client_group
from cpd.cli.terminal import Terminal
from cpd.control.api import StatusDocument

_STEPS = {
    "a copy? Start it afresh, with its own id:": (
        "sudo systemctl stop cpd",
        "sudo cpd factory-reset --drop-journal",
        "sudo cpd init",
    ),
    "moved on purpose? This sends its sessions:": ("cpd machine accept",),
}
"""What to do, by what has happened."""


def _show(session: Session) -> int:
    document = cast(StatusDocument, session.call("status"))
    moved = document["store"].get("moved")
    shown = {"schema": "cpd.machine/1", "station": document["station"]["id"], "moved": moved}
    session.show(shown, render_machine(moved, session.terminal))
    return 0


@client_group("machine", alone=_show)
def machine() -> None:
    """Whether the store belongs to this machine.

    \b
    cpd machine
    cpd machine accept
    """


@client_command("accept", of=machine)
def accept(session: Session) -> int:
    """The SD card was put into this machine on purpose: its charge point is here now, and nowhere else.

    \b
    cpd machine accept
    """
    document = session.call("machine.accept")
    session.show(document, "the store belongs to this machine now")
    return 0


def render_machine(moved: str | None, terminal: Terminal) -> str:
    """What is doubted, and what to do about it."""
    if moved is None:
        return "the store belongs to this machine"
    lines = terminal.wrap(f"the store: {moved}")
    for case, commands in _STEPS.items():
        lines += terminal.wrap(case)
        lines += [line for command in commands for line in terminal.wrap(command, 2)]
    return "\n".join(lines)
