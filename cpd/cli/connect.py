"""`cpd connect test`: the way to the central system, each step in words."""

import asyncio
from pathlib import Path
from typing import cast
from urllib.parse import unquote

import click

from cpd.cli.client_command import Session, client_command, client_group, config_path, given_timeout_s
from cpd.cli.terminal import Terminal, columns_of, labelled, pad
from cpd.control.api import ConnectionStepDocument, ConnectionTestDocument, CsmsDocument, StatusDocument
from cpd.control.client import ControlClient, DaemonNotRunning

UNREACHED, NOT_FOUND, REFUSED, TIMED_OUT = 1, 4, 5, 6
_NOT_FOUND = frozenset({"name_unknown", "path_unknown"})
_TIMED_OUT = frozenset({"silent", "no_name_server"})
_UNREACHED = frozenset({"unreachable", "broken_off", "server_failed", "overloaded", "other"})

_ABOUT_ID = frozenset(
    {"path_unknown", "station_refused", "password_refused", "boot_rejected", "boot_pending"}
)

_STEP_COLUMNS = 10
_GLYPHS = {"ok": ("✓", "green"), "failed": ("✗", "red"), "skipped": ("·", "dim")}


@client_group("connect")
def connect() -> None:
    """The way to the central system.

    \b
    cpd connect test
    cpd connect test --json
    """


@client_command("test", of=connect)
@click.option("--url", metavar="URL", help="Another address than that of cpd.toml.")
@click.option("--id", "station_id", metavar="ID", help="Another id than that of cpd.toml.")
@click.option(
    "--password-file", metavar="FILE", help="Another password than that of cpd.toml.", type=click.Path()
)
@click.option("--force", is_flag=True, help="Boot also while cpd runs, which may lose its link.")
def test(
    session: Session, url: str | None, station_id: str | None, password_file: str | None, force: bool
) -> int:
    """Dial as the daemon would, and show each step.

    \b
    cpd connect test
    cpd connect test --url wss://h/ --id X
    cpd connect test --json

    It ends with the charger's own BootNotification, and hangs up. Beside a running daemon it goes as far as TLS, and
    tells how that one's link is: many central systems drop the first session of an id for the second.

    Exits 4 where the host or the path is unknown, 5 where something is refused, 6 on silence, 1 on anything else.
    """
    from cpd.diagnostics.connection_test import PATIENCE_S, connection_test
    from cpd.errors import SettingsError
    from cpd.settings.address import address

    ctx = click.get_current_context()
    secret = None if password_file is None else Path(password_file)
    try:
        station, csms = address(
            Path(config_path(ctx, None)), station_id=station_id, url=url, password_file=secret
        )
    except SettingsError as mistake:
        click.echo(mistake, err=True)
        return 2
    link = None if force else link_of_running(session.client(), station.id)
    patience_s = given_timeout_s(ctx) or PATIENCE_S
    document = asyncio.run(connection_test(station, csms, link=link, patience_s=patience_s))
    session.show(document, render_connection(document, session.terminal))
    return exit_status(document)


def exit_status(document: ConnectionTestDocument) -> int:
    """0 where every step that was tried went well."""
    cause = next((step["cause"] for step in document["steps"] if step["cause"] is not None), None)
    if cause is None:
        link = document["link"]
        return 0 if link is None or link["online"] else UNREACHED
    for status, causes in ((NOT_FOUND, _NOT_FOUND), (TIMED_OUT, _TIMED_OUT), (UNREACHED, _UNREACHED)):
        if cause in causes:
            return status
    return REFUSED


def link_of_running(client: ControlClient, station_id: str) -> CsmsDocument | None:
    """The link of the cpd that *client* reaches, where that dials under this id; None where there is none."""
    try:
        with client:
            status = cast(StatusDocument, client.call("status"))
    except DaemonNotRunning:
        return None
    same = status["station"]["id"] == station_id and status["csms"]["url"] is not None
    return status["csms"] if same else None


def render_connection(document: ConnectionTestDocument, terminal: Terminal) -> str:
    """What is dialled, how far that goes, and what to do where it goes no further."""
    lines = labelled("dial  ", terminal.wrap(document["url"], 6))
    *_, before, last = map(unquote, document["url"].split("/"))
    if before == last:
        lines += terminal.wrap(f"! {last} stands in it twice: leave it out of csms.url")
    for step in document["steps"]:
        lines += _step_lines(step, terminal)
    failed = next((step for step in document["steps"] if step["outcome"] == "failed"), None)
    if failed is not None and failed["cause"] in _ABOUT_ID:
        lines += labelled("Tell them this id:  ", terminal.wrap(document["station"], 20))
    if document["link"] is not None:
        lines += ["", *terminal.wrap(_link_words(document["link"]))]
        lines += terminal.wrap(
            "A second session of one id would cost it that link: --force dials all the same."
        )
    elif failed is None:
        lines += ["", *terminal.wrap("The central system is reached, and takes this charger.")]
    return "\n".join(lines)


def _step_lines(step: ConnectionStepDocument, terminal: Terminal) -> list[str]:
    glyph, colour = _GLYPHS[step["outcome"]]
    drawn = terminal.glyph(glyph)
    head = f"{terminal.paint(colour, drawn)} {pad(step['step'], _STEP_COLUMNS)}"
    beside = columns_of(drawn) + 1 + _STEP_COLUMNS
    if step["outcome"] != "failed":
        took = "" if step["ms"] is None else f"{step['ms']:.0f} ms  "
        return labelled(head, terminal.wrap(took + step["evidence"], beside))
    indent = columns_of(drawn) + 1
    arrow = " " * indent + terminal.glyph("→") + " "
    return [
        head.rstrip(),
        *terminal.wrap(step["evidence"], indent),
        *labelled(arrow, terminal.wrap(step["next_step"], columns_of(arrow))),
    ]


def _link_words(link: CsmsDocument) -> str:
    if link["held"]:
        return "cpd is running, and keeps its link down on request."
    if link["online"]:
        return "cpd is running, and its own link is online."
    if link["connected"]:
        return f"cpd is running and connected; its boot is {link['registration'] or 'not answered'}."
    return f"cpd is running, and its own link is offline: {link['last_error'] or 'it dials'}"
