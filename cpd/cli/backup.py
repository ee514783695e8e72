"""`cpd backup`: all that the charger keeps, in one file; the daemon may be running."""

import os
from datetime import datetime

import click

from cpd.cli.bundle import size, write_new
from cpd.cli.client_command import Session, client_command, config_path
from cpd.cli.terminal import Terminal


@client_command("backup")
@click.argument("file", required=False, type=click.Path())
def backup(session: Session, file: str | None) -> int:
    """Write all that the charger keeps into FILE: keys, profiles, cards, sessions, latched faults, and cpd.toml.

    \b
    sudo cpd backup
    sudo cpd backup /media/usb

    The daemon may be running. FILE holds passwords and idTags: only its owner can read it. See cpd restore.
    """
    from cpd.cli.upkeep import settings_at, told
    from cpd.clock import LinuxMachine
    from cpd.upkeep.backup_file import packed
    from cpd.upkeep.store import make_backup

    settings = settings_at(config_path(click.get_current_context(), None), "sudo cpd backup")
    with told("sudo cpd backup"):
        made = make_backup(settings, LinuxMachine().wall())
    content, path = packed(made), _path(file, settings.station.id, made.made_at)
    write_new(path, content)
    document = {
        "schema": "cpd.backup/1",
        "file": path,
        "size_bytes": len(content),
        "station": made.station_id,
        "made_at": made.made_at.isoformat(timespec="seconds"),
        "latches": made.latches is not None,
    }
    session.show(document, render_backup(path, len(content), session.terminal))
    return 0


def render_backup(path: str, size_bytes: int, terminal: Terminal) -> str:
    """Where the file is, and what it is for."""
    lines = [f"backup written, {size(size_bytes)}", *terminal.wrap(path, 2)]
    lines += terminal.wrap("it holds passwords and cards: keep it safe, and not on this SD card", 2)
    lines += terminal.wrap("sudo cpd restore FILE brings it back", 2)
    return "\n".join(lines)


def _path(file: str | None, station_id: str, made_at: datetime) -> str:
    spelt = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in station_id)
    name = f"cpd-{spelt}-{made_at:%Y%m%dT%H%M%SZ}.backup"
    if file is None:
        return name
    return os.path.join(file, name) if os.path.isdir(file) else file  # noqa: PTH112, PTH118 - as in cpd.control.client
