"""`cpd delay`: end the random delay before a rise of the current."""

import click

from cpd.cli.arguments import connectors
from cpd.cli.client_command import Session, client_command


@client_command("delay")
@click.argument("connector", type=click.IntRange(min=1), metavar="N", shell_complete=connectors)
@click.argument("action", type=click.Choice(["skip"]), metavar="skip")
def delay(session: Session, connector: int, action: str) -> int:
    """Charge at once, and not after a random delay. The next rise by a charging profile has its own delay again.

    \b
    cpd delay 1 skip
    """
    document = session.call(f"delay.{action}", {"connector": connector})
    session.show(document, f"{connector} waits no longer\n  cpd status {connector} shows what it does")
    return 0
