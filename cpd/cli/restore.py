"""`cpd restore`: what a backup knows comes back, and nothing is told to the CSMS twice."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cpd.cli.client_command import Session, client_command, config_path
from cpd.cli.operation import dangerous, sure
from cpd.cli.terminal import Terminal
from cpd.control.client import InvalidParams

if TYPE_CHECKING:
    from cpd.upkeep.backup_file import Backup
    from cpd.upkeep.store import Restoration

_WORDS = {
    "profiles": "profiles",
    "variables": "keys",
    "local_list": "cards in the list",
    "authorizations": "cards known",
}
_AGAIN = "sudo cpd restore FILE"


@client_command("restore")
@click.argument("file", type=click.Path())
@click.option("--resend", is_flag=True, help="Send what waited in the backup; the CSMS may have it.")
@dangerous
def restore(session: Session, file: str, resend: bool, yes: bool, dry_run: bool) -> int:
    """Bring back what cpd backup wrote. cpd must be stopped.

    \b
    sudo systemctl stop cpd
    sudo cpd restore FILE --dry-run
    sudo cpd restore FILE

    Keys, profiles, availability, cards and registers become those of the backup. Sessions that this store knows stay
    as they are. Others come back, and what they still had to tell becomes dead letters (cpd queue --dead): the CSMS
    may have got it after the backup. The store of before stays beside the new one. cpd.toml is not touched.
    """
    from cpd.cli.upkeep import settings_at, told
    from cpd.upkeep.backup_file import unpacked
    from cpd.upkeep.store import restore_backup

    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise InvalidParams(f"{file}: {error.strerror}", "name a file of cpd backup") from error
    with told(_AGAIN):
        try:
            backup = unpacked(content)
        except ValueError as error:
            raise InvalidParams(f"{file} {error}", "take another backup") from error
        settings = settings_at(config_path(click.get_current_context(), None), _AGAIN)
        own = settings.station.id
        if not dry_run:
            sure(_question(backup, own), yes=yes)
        done = restore_backup(settings, backup, resend=resend, dry_run=dry_run)
    restored = done.restored
    document = {
        "schema": "cpd.restore/1",
        "done": not dry_run,
        "station": backup.station_id,
        "foreign": backup.station_id != own,
        "made_at": backup.made_at.isoformat(timespec="seconds"),
        "configuration": restored.configuration,
        "sessions": restored.sessions,
        "messages": restored.messages,
        "resent": resend,
        "kept_as": None if done.kept_as is None else str(done.kept_as),
        "latches": done.latches,
    }
    words = render_restore(backup, done, session.terminal, own=own, resend=resend, dry_run=dry_run)
    session.show(document, words)
    return 0


def render_restore(
    backup: "Backup", done: "Restoration", terminal: Terminal, *, own: str, resend: bool, dry_run: bool
) -> str:
    """What came back, what became of the rest, and what is next."""
    restored = done.restored
    verb = "would restore" if dry_run else "restored"
    lines = terminal.wrap(f"{verb} the backup of {backup.made_at:%Y-%m-%d %H:%M} UTC")
    if backup.station_id != own:
        lines += terminal.wrap(f"it is that of {backup.station_id}: settings only, no sessions", 2)
    for table, words in _WORDS.items():
        lines += terminal.wrap(f"{restored.configuration[table]} {words}", 2)
    if restored.sessions:
        lines += terminal.wrap(f"{restored.sessions} sessions that this store did not know", 2)
    if restored.messages:
        fate = "wait for the CSMS" if resend else "are dead letters: cpd queue --dead"
        lines += terminal.wrap(f"{restored.messages} messages of them {fate}", 2)
    if done.latches:
        lines += terminal.wrap("latched faults of the guard", 2)
    if done.kept_as is not None:
        lines += terminal.wrap(f"before: {done.kept_as}", 2)
    if not dry_run:
        units = "restart cpd-guard cpd" if done.latches else "start cpd"
        lines += terminal.wrap(f"next: sudo systemctl {units}")
    return "\n".join(lines)


def _question(backup: "Backup", own: str) -> str:
    of = "" if backup.station_id == own else f" of another charge point, {backup.station_id},"
    return f"Replace keys, profiles and cards by the backup{of} of {backup.made_at:%Y-%m-%d %H:%M}?"
