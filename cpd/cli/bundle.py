"""`cpd bundle`: everything that helps to find out what the charger does, in one file without secrets."""

import os
import sys
from base64 import b64decode
from typing import Any

import click

from cpd.cli.client_command import Session, client_command, config_path
from cpd.cli.terminal import Terminal
from cpd.control.client import ClientError, ControlClient, DaemonNotRunning, InvalidParams, Refused

PATIENCE_S = 60.0
"""The journal of a small charger takes its time."""

_JOURNAL_ALONE = "of cpd itself only file, versions and journal are in it; cpd is not running"


@client_command("bundle")
@click.argument("file", required=False, type=click.Path())
@click.option("--hours", type=click.IntRange(1, 24 * 366), metavar="H", help="Only the last H hours.")
def bundle(session: Session, file: str | None, hours: int | None) -> int:
    """Write one file for whoever is to help: versions, configuration, log, frames, status. No secrets are in it.

    \b
    cpd bundle
    cpd bundle /tmp/for-support.tar.gz
    cpd bundle --hours 24
    """
    if file is not None and not os.path.isdir(file):  # noqa: PTH112 - see client
        _require_new(file)
    if sys.stderr.isatty():
        click.echo("collecting, which may take a minute", err=True)
    stopped: DaemonNotRunning | None = None
    try:
        params = {} if hours is None else {"hours": hours}
        with ControlClient(session.socket, timeout_s=max(PATIENCE_S, session.timeout_s)) as client:
            document = client.call("bundle", params)
        content = b64decode(document.pop("content"))
    except DaemonNotRunning as error:
        stopped = error
        document, content = _without_daemon()
    path = _path(file, document["name"])
    write_new(path, content)
    session.show({**document, "file": path}, render_bundle(path, len(content), session.terminal))
    if stopped is not None:
        raise DaemonNotRunning(_JOURNAL_ALONE, stopped.next_step) from stopped
    return 0


def render_bundle(path: str, size_bytes: int, terminal: Terminal) -> str:
    """Where the file is, and what to do with it."""
    lines = [f"bundle written, {size(size_bytes)}", *terminal.wrap(path, 2)]
    lines += terminal.wrap("send it to whoever helps; passwords are not in it, and idTags only in part", 2)
    return "\n".join(lines)


def _without_daemon() -> tuple[dict[str, Any], bytes]:
    from pathlib import Path

    from cpd.diagnostics.offline import bundle_without_daemon

    made = bundle_without_daemon(Path(config_path(click.get_current_context(), None)))
    document = {
        "schema": "cpd.bundle/1",
        "name": made.file_name,
        "size_bytes": len(made.content),
        "parts": list(made.parts),
    }
    return document, made.content


def _path(file: str | None, name: str) -> str:
    if file is None:
        return name
    return os.path.join(file, name) if os.path.isdir(file) else file  # noqa: PTH112, PTH118 - see client


def _require_new(path: str) -> None:
    if os.path.lexists(path):
        raise _exists(path)


def _exists(path: str) -> Refused:
    return Refused(f"{path} is there already", "name another file, or remove that one")


def write_new(path: str, content: bytes) -> None:
    """Write a new file that only its owner can read, whole or not at all."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise InvalidParams(f"{path}: {error.strerror}", "name a file where you may write") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            # Somebody is going to pull the stick.
            os.fsync(descriptor)
    except OSError as error:
        os.unlink(path)  # noqa: PTH108 - see client
        raise ClientError(f"{path}: {error.strerror}", "name a file on another disk") from error


def size(size_bytes: int) -> str:
    """``12 kB`` or ``1.2 MB``."""
    return f"{size_bytes / 1_000_000:.1f} MB" if size_bytes >= 1_000_000 else f"{-(-size_bytes // 1_000)} kB"
