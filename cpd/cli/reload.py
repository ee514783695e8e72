"""`cpd reload`: cpd.toml read again by the running daemon."""

from typing import cast

import click

from cpd.cli.client_command import Session, client_command
from cpd.cli.terminal import Terminal, labelled
from cpd.control.api import ReloadDocument, SettingChangeDocument
from cpd.control.client import InvalidParams

RESTART = "sudo systemctl restart cpd"


@client_command("reload")
def reload(session: Session) -> int:
    """Read cpd.toml again; what runs goes on.

    A mistake in the file changes nothing (exit 2).

    \b
    cpd reload
    cpd reload --json
    """
    try:
        document = cast(ReloadDocument, session.call("reload"))
    except InvalidParams as mistake:
        # The mistakes are laid out for a terminal already, line by line.
        click.echo("\n".join([str(mistake), "", *session.terminal.wrap(mistake.next_step)]), err=True)
        return 2
    session.show(document, render_reload(document, session.terminal))
    return 0


def render_reload(document: ReloadDocument, terminal: Terminal) -> str:
    """What is in force now, what waits for a restart, and what is strange about the file."""
    lines: list[str] = []
    if document["changed"]:
        lines += ["changed, in force now", *_listed(document["changed"], terminal)]
    if document["needs_restart"]:
        lines += ["needs a restart", *_listed(document["needs_restart"], terminal)]
        lines += terminal.wrap(RESTART, 2)
    for warning in document["warnings"]:
        lines += labelled(f"{terminal.glyph('!')} ", terminal.wrap(warning, 2 if terminal.unicode else 5))
    count = len(document["unchanged"])
    lines.append(f"unchanged: {count} keys" if lines else f"nothing is different, {count} keys")
    return "\n".join(lines)


def _listed(changes: list[SettingChangeDocument], terminal: Terminal) -> list[str]:
    lines: list[str] = []
    for change in changes:
        lines += terminal.flow(_words(change), 2, gap=2)
        if change["kept"] is not None:
            kept = f"{change['kept']} was set at run time and holds: cpd config diff"
            lines += terminal.wrap(kept, 4)
    return lines


def _words(change: SettingChangeDocument) -> list[str]:
    key, before, now = change["key"], change["before"], change["now"]
    if now is None:
        return [f"{key} removed", f"(was {before})"]
    if before is None:
        return [f"{key} = {now}", "(new)"]
    # A secret is not shown, before or now.
    return [f"{key} = {now}"] if before == now else [f"{key} = {now}", f"(was {before})"]
