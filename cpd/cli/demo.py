"""`cpd demo`: a charger, a central system and an EV, here and now."""

import os
import sys

import click

from cpd.cli.terminal import terminal_for


@click.command("demo")
@click.option("--fast", is_flag=True, help="Less than 20 s, with no time to read.")
@click.option("--csms-behaviour", default="{}", hidden=True, help="Behaviour of the central system, as JSON.")
def demo(fast: bool, csms_behaviour: str) -> int:
    """Play a charging session and check it.

    A central system and the charger run as processes of their own, on simulated hardware. An EV charges,
    obeys charging profiles, loses power, and charges again. Exits 0 only if all was as expected.

    \b
    cpd demo
    cpd demo --fast
    """
    from cpd.lab.demo.show import show

    return show(terminal_for(sys.stdout, "auto", os.environ), fast=fast, behaviour=csms_behaviour)
