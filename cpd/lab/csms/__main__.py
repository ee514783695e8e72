"""``python -m cpd.lab.csms``: the central system as a process of its own.

The first line on stdout is ``{"port": …}``; commands come as JSON lines on stdin (see
`cpd.lab.csms.console`), and the end of stdin is the end of the process.
"""

import asyncio
import json
import ssl
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec

from cpd.clock import SystemClock
from cpd.lab.csms.behaviour import Behaviour
from cpd.lab.csms.central_system import CentralSystem
from cpd.lab.csms.console import Command, CommandFailed, carry_out
from cpd.lab.csms.personalities import find_csms
from cpd.lab.csms.session import Acts
from cpd.lab.csms.station_log import Entry
from cpd.lab.csms.websocket import listening
from cpd.lab.names import UnknownName

_LONGEST_COMMAND_BYTES = 1 << 20


def main(arguments: list[str] | None = None) -> None:
    """Entry point."""
    csms.main(args=arguments, prog_name="python -m cpd.lab.csms")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=0, show_default=True, help="0 takes a free one.")
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), help="File for every frame.")
@click.option("--behaviour", default="{}", help="Fields of the behaviour to start with, as JSON.")
@click.option("--personality", metavar="NAME", help="One of the field, as in cpd demo --list.")
@click.option("--hurry", is_flag=True, help="Shorten what takes hours with this personality.")
@click.option("--password", multiple=True, metavar="ID:PASSWORD", help="Ask for Basic authentication.")
@click.option("--cert", type=click.Path(exists=True), help="Certificate and key in PEM: serve wss.")
def csms(
    host: str,
    port: int,
    record: Path | None,
    behaviour: str,
    personality: str | None,
    hurry: bool,
    password: tuple[str, ...],
    cert: str | None,
) -> None:
    """A central system for OCPP 1.6J, driven by JSON lines on stdin."""
    try:
        character = find_csms(personality or "plain")
    except UnknownName as error:
        raise click.BadParameter(str(error), param_hint="--personality") from error
    try:
        first = character.behaviour_when(hurried=hurry).changed(json.loads(behaviour))
    except (ValueError, TypeError) as error:
        raise click.BadParameter(str(error), param_hint="--behaviour") from error
    passwords = dict(entry.split(":", 1) for entry in password if ":" in entry)
    if len(passwords) != len(password):
        raise click.BadParameter("each is ID:PASSWORD", param_hint="--password")
    tls = None
    if cert is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(cert)
    asyncio.run(_run(host, port, record, first, character.acts, passwords or None, tls))


async def _run(
    host: str,
    port: int,
    record: Path | None,
    behaviour: Behaviour,
    acts: Acts | None,
    passwords: dict[str, str] | None,
    tls: ssl.SSLContext | None,
) -> None:
    async with AsyncExitStack() as stack:
        journal: Callable[[Entry], None] = _ignore
        if record is not None:
            # A few kB of a lab's own traffic; nothing waits for this disk.
            file = stack.enter_context(record.open("a", encoding="utf-8"))
            journal = _writer(file)
        central_system = CentralSystem(SystemClock(), behaviour, acts=acts, journal=journal)
        listen = listening(central_system, host=host, port=port, passwords=passwords, tls=tls)
        # Outside of the server: at the end of stdin the links go first, and with them what commands wait for.
        commands = await stack.enter_async_context(asyncio.TaskGroup())
        _reply({"port": await stack.enter_async_context(listen)})
        reader = await _stdin()
        while line := await reader.readline():
            commands.create_task(_obey(line, central_system), name="command")


async def _obey(line: bytes, central_system: CentralSystem) -> None:
    try:
        command: Command = msgspec.json.decode(line, type=Command)
    except msgspec.DecodeError as error:
        _reply({"id": None, "error": str(error)})
        return
    try:
        _reply({"id": command.id, "result": await carry_out(command, central_system)})
    except CommandFailed as error:
        _reply({"id": command.id, "error": str(error)})


async def _stdin() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=_LONGEST_COMMAND_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return reader


def _reply(document: dict[str, Any]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(document) + b"\n")
    sys.stdout.buffer.flush()


def _writer(file: TextIO) -> Callable[[Entry], None]:
    def write(entry: Entry) -> None:
        file.write(msgspec.json.encode(entry).decode() + "\n")
        file.flush()

    return write


def _ignore(_entry: Entry) -> None:
    pass


if __name__ == "__main__":
    main()
