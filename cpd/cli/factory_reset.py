"""`cpd factory-reset`: as on the first day, but for cpd.toml and what the guard must not forget."""

from typing import TYPE_CHECKING

import click

from cpd.cli.client_command import Session, client_command, config_path
from cpd.cli.operation import dangerous, sure
from cpd.cli.terminal import Terminal

if TYPE_CHECKING:
    from cpd.storage.clearing import Cleared

_AGAIN = "sudo cpd factory-reset"


@client_command("factory-reset")
@click.option("--keep-journal", is_flag=True, help="Keep sessions the CSMS was not told of.")
@click.option("--drop-journal", is_flag=True, help="Lose them: nobody will bill them.")
@dangerous
def factory_reset(session: Session, keep_journal: bool, drop_journal: bool, yes: bool, dry_run: bool) -> int:
    """Forget profiles, keys, cards, reservations and sessions. cpd must be stopped.

    \b
    sudo systemctl stop cpd
    sudo cpd factory-reset --dry-run
    sudo cpd factory-reset

    Refused while messages of sessions wait for the CSMS, unless told what becomes of them. cpd.toml and the energy
    registers stay, and so do latched faults: those are for cpd fault ack, after service. Copies of the store go too.
    """
    from cpd.cli.upkeep import settings_at, told
    from cpd.upkeep.store import reset_to_factory

    if keep_journal and drop_journal:
        raise click.UsageError("--keep-journal and --drop-journal exclude each other")
    settings = settings_at(config_path(click.get_current_context(), None), _AGAIN)
    if not dry_run:
        sure(f"Forget all that {settings.station.id} was told, and who charged?", yes=yes)
    with told(_AGAIN):
        cleared = reset_to_factory(
            settings, keep_journal=keep_journal, drop_journal=drop_journal, dry_run=dry_run
        )
    document = {
        "schema": "cpd.factory_reset/1",
        "done": not dry_run,
        "rows": cleared.rows,
        "messages": cleared.messages,
        "password": cleared.password,
    }
    session.show(document, render_factory_reset(cleared, session.terminal, dry_run=dry_run))
    return 0


def render_factory_reset(cleared: "Cleared", terminal: Terminal, *, dry_run: bool) -> str:
    """What went, what stays, and what is next."""
    rows = cleared.rows
    lines = ["would forget" if dry_run else "forgotten"]
    lines += terminal.wrap(f"{rows['transactions']} sessions, {rows['profiles']} profiles", 2)
    lines += terminal.wrap(
        f"{rows['variables']} keys, {rows['local_list'] + rows['authorizations']} cards", 2
    )
    if cleared.password:
        lines += terminal.wrap("the password that the CSMS had set: that in cpd.toml is used again", 2)
    lines.append("kept")
    lines += terminal.wrap("cpd.toml, registers, latched faults", 2)
    if cleared.messages:
        lines += terminal.wrap(f"{cleared.messages} messages that wait for the CSMS", 2)
    if not dry_run:
        lines += terminal.wrap("next: sudo systemctl start cpd")
    return "\n".join(lines)
