"""What a technician does at the charger: start, stop, unlock, availability, fault ack, reset."""

import sys
from collections.abc import Callable
from typing import cast

import click

from cpd.cli.arguments import connectors, fault_kinds
from cpd.cli.client_command import Session, client_command, client_group
from cpd.cli.terminal import Terminal
from cpd.control.api import AvailabilityDocument, DryRunDocument
from cpd.control.client import ControlClient

UNLOCK_S = 20.0
"""How long the bolt may take: the vehicle stops drawing first."""

_CONNECTOR = click.IntRange(min=1)


def dangerous(function: Callable[..., int]) -> Callable[..., int]:
    """The options of every command that ends sessions or overrules a fault."""
    function = click.option("--dry-run", is_flag=True, help="Only say what would happen.")(function)
    return click.option("--yes", is_flag=True, help="Do not ask.")(function)


def sure(question: str, *, yes: bool) -> None:
    """Ask once, at a terminal; elsewhere only --yes lets a dangerous command go on."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is here to ask, so say --yes")
    click.confirm(question, abort=True, err=True)


@client_command("start")
@click.argument("connector", type=_CONNECTOR, metavar="N", shell_complete=connectors)
@click.option("--tag", "id_tag", metavar="TAG", help="Whose session it is; the CSMS is asked.")
def start(session: Session, connector: int, id_tag: str | None) -> int:
    """Start a transaction, as if TAG had been presented.

    \b
    cpd start 1
    cpd start 1 --tag 04A31F02B16180
    """
    params: dict[str, object] = {"connector": connector}
    if id_tag is not None:
        params["id_tag"] = id_tag
    document = session.call("start", params)
    session.show(document, f"{connector} asked to start\n  cpd status {connector} shows what comes of it")
    return 0


@client_command("stop")
@click.argument("connector", type=_CONNECTOR, metavar="N", shell_complete=connectors)
def stop(session: Session, connector: int) -> int:
    """End the transaction, as its card would.

    \b
    cpd stop 1
    cpd stop 2 --json
    """
    document = session.call("stop", {"connector": connector})
    session.show(document, f"{connector} stops")
    return 0


@client_command("unlock")
@click.argument("connector", type=_CONNECTOR, metavar="N", shell_complete=connectors)
@dangerous
def unlock(session: Session, connector: int, yes: bool, dry_run: bool) -> int:
    """Give the plug back; a transaction is ended first.

    \b
    cpd unlock 1
    cpd unlock 1 --dry-run
    """
    if dry_run:
        return _try(session, "unlock", {"connector": connector})
    sure(f"End what runs on {connector}, and unlock?", yes=yes)
    with ControlClient(session.socket, timeout_s=max(UNLOCK_S, session.timeout_s)) as client:
        document = client.call("unlock", {"connector": connector})
    session.show(document, f"{connector} unlocked, the plug can be pulled")
    return 0


@client_command("availability")
@click.argument("connector", type=click.IntRange(min=0), metavar="N", shell_complete=connectors)
@click.argument("state", type=click.Choice(["on", "off"]), metavar="on|off")
def availability(session: Session, connector: int, state: str) -> int:
    """Take a connector (0: the station) out of service, or back. What runs goes on to its end.

    \b
    cpd availability 1 off
    cpd availability 0 on
    """
    document = cast(
        AvailabilityDocument,
        session.call("availability", {"connector": connector, "operative": state == "on"}),
    )
    session.show(document, render_availability(document, session.terminal))
    return 0


@client_group("fault")
def fault() -> None:
    """Faults that wait for service.

    \b
    cpd fault ack 1 contactor_welded
    cpd fault ack --help
    """


@client_command("ack", of=fault)
@click.argument("connector", type=_CONNECTOR, metavar="N", shell_complete=connectors)
@click.argument("code", metavar="CODE", shell_complete=fault_kinds)
@dangerous
def ack(session: Session, connector: int, code: str, yes: bool, dry_run: bool) -> int:
    """Acknowledge a fault once its cause is mended. CODE is as cpd why names it.

    \b
    cpd fault ack 1 contactor_welded
    cpd fault ack 1 contactor_welded --yes
    """
    if dry_run:
        return _try(session, "faults.acknowledge", {"connector": connector, "code": code})
    sure(f"Is {code} on {connector} mended?", yes=yes)
    document = session.call("faults.acknowledge", {"connector": connector, "code": code})
    session.show(document, f"{connector} {code.lower().removeprefix('fault_')} acknowledged")
    return 0


@client_command("reset")
@click.argument("kind", type=click.Choice(["soft", "hard"]), metavar="soft|hard")
@dangerous
def reset(session: Session, kind: str, yes: bool, dry_run: bool) -> int:
    """Restart the daemon (soft) or the charger (hard); what runs is stopped and told first.

    \b
    cpd reset soft
    cpd reset hard --yes
    """
    if dry_run:
        return _try(session, "reset", {"type": kind.capitalize()})
    sure(f"Stop all sessions, and restart ({kind})?", yes=yes)
    document = session.call("reset", {"type": kind.capitalize()})
    session.show(document, f"{kind} reset: sessions stop, then it\nrestarts; cpd status --watch follows it")
    return 0


def _try(session: Session, method: str, params: dict[str, object]) -> int:
    """What the daemon would do, which it refuses where it would refuse to do it."""
    document = cast(DryRunDocument, session.call(method, {**params, "dry_run": True}))
    lines = session.terminal.wrap(f"would {document['would']}")
    for connector in document["ends"]:
        lines += session.terminal.wrap(f"the session on {connector} would end first", 2)
    session.show(document, "\n".join(lines))
    return 0


def render_availability(document: AvailabilityDocument, terminal: Terminal) -> str:
    """What is in service now, or from when on."""
    place = "station" if document["connector"] == 0 else str(document["connector"])
    if document["operative"]:
        lines = [f"{place} in service", *terminal.wrap("unless the CSMS has taken it out", 2)]
    else:
        lines = [f"{place} out of service"]
        if document["status"] == "Scheduled":
            lines += terminal.wrap("once its session has ended", 2)
    return "\n".join(lines)
