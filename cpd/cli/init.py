"""`cpd init`: a first configuration, asked for or given, tried out, written, and charged with once."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from cpd.cli.arguments import boards, meter_models, ports, readers
from cpd.cli.client_command import config_path
from cpd.cli.terminal import terminal_for


@click.command("init")
@click.option(
    "--config",
    metavar="FILE",
    help="The file to write (CPD_CONFIG, /etc/cpd/cpd.toml).",
    type=click.Path(),
)
@click.option("--id", "station_id", metavar="ID", help="Charge point identity.")
@click.option("--url", metavar="URL", help="Address of the CSMS, without the id; - for none.")
@click.option(
    "--password-file", metavar="FILE", help="A file with the password; it is copied.", type=click.Path()
)
@click.option(
    "--board", metavar="NAME", help="mock, openevse, simpleevse, raspberry-pi-…", shell_complete=boards
)
@click.option("--connectors", type=click.IntRange(1, 100), metavar="N", help="How many outlets (1).")
@click.option("--max-current", type=int, metavar="A", help="What an outlet may give per phase.")
@click.option(
    "--port",
    "ports",
    multiple=True,
    metavar="PORT",
    help="Line of a controller; once for each.",
    shell_complete=ports,
)
@click.option("--meter", metavar="MODEL", help="Energy meter; - for none.", shell_complete=meter_models)
@click.option("--meter-port", metavar="PORT", help="Its line.", shell_complete=ports)
@click.option(
    "--reader", metavar="KIND", help="rdm6300, pn532 or keyboard; - for none (-).", shell_complete=readers
)
@click.option("--reader-port", metavar="PORT", help="Its line.", shell_complete=ports)
@click.option("--yes", is_flag=True, help="Ask nothing, write the file.")
@click.option("--replace", is_flag=True, help="Drop what the old file has and the new one cannot keep.")
@click.option("--dry-run", is_flag=True, help="Only print the file.")
@click.option("--no-checks", is_flag=True, help="Try nothing out.")
@click.option("--start", is_flag=True, help="Start the services afterwards.")
def init(
    config: str | None,
    yes: bool,
    replace: bool,
    dry_run: bool,
    no_checks: bool,
    start: bool,
    **given: Any,
) -> int:
    """Write cpd.toml, and see that it works.

    \b
    sudo cpd init
    cpd init --config ./cpd.toml
    cpd init --dry-run >cpd.toml

    Asks for whatever is not given. Then it dials the CSMS, looks at the hardware, writes the file (an old one is kept
    beside it), and lets a virtual car charge under it on simulated hardware; no real contactor is closed.

    Where there is a file already, whatever is not asked or given stays as it is there. What cannot stay, on another
    board, is shown before; with --yes it takes --replace.

    Exits 10 where the file is written and something that was tried does not work.
    """
    from cpd.cli.commission import commission
    from cpd.cli.given import Given

    terminal = terminal_for(sys.stderr if dry_run else sys.stdout, "auto", os.environ)
    file = Path(config_path(click.get_current_context(), config)).absolute()
    return commission(
        file,
        Given(**given),
        terminal,
        yes=yes,
        drops=replace,
        dry_run=dry_run,
        checks=not no_checks,
        start=start,
    )
