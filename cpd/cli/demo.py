"""`cpd demo`: a charger, a central system and an EV, here and now."""

import os
import sys

import click

from cpd.cli.arguments import central_systems, vehicles
from cpd.cli.terminal import terminal_for


@click.command("demo")
@click.option("--fast", is_flag=True, help="Less than 30 s, with no time to read.")
@click.option(
    "--csms", metavar="NAME", help="Meet a central system of the field.", shell_complete=central_systems
)
@click.option("--ev", metavar="NAME", help="Charge a vehicle of the field.", shell_complete=vehicles)
@click.option("--list", "names", is_flag=True, help="The names for --csms and --ev.")
@click.option("--csms-behaviour", default="{}", hidden=True, help="Behaviour of the central system, as JSON.")
def demo(fast: bool, csms: str | None, ev: str | None, names: bool, csms_behaviour: str) -> int:
    """Play a charging session and check it.

    A central system, the charger and its guard run as processes of their own, on simulated hardware. An EV
    charges and obeys charging profiles, the daemon is killed, and the session goes on. Exits 0 only if all was
    as expected.

    With --csms or --ev one or two sessions are charged instead at a central system, or by a vehicle, with
    a habit that the field knows, and the ledger must be exact behind them.

    \b
    cpd demo
    cpd demo --fast
    cpd demo --list
    cpd demo --csms stop-hater --ev zoe
    """
    terminal = terminal_for(sys.stdout, "auto", os.environ)
    if names:
        from cpd.lab.demo.listing import render_names

        click.echo(render_names(terminal))
        return 0
    if csms is None and ev is None:
        from cpd.lab.demo.show import show

        return show(terminal, fast=fast, behaviour=csms_behaviour)
    from cpd.lab.csms.personalities import find_csms
    from cpd.lab.demo.show import show_encounter
    from cpd.lab.names import UnknownName
    from cpd.lab.vehicles import find_vehicle

    try:
        personality, vehicle = find_csms(csms or "plain"), find_vehicle(ev or "plain")
    except UnknownName as error:
        raise click.UsageError(str(error)) from error
    return show_encounter(terminal, personality=personality, vehicle=vehicle, behaviour=csms_behaviour)
