"""`cpd config`: OCPP configuration keys of the running daemon, and a check of cpd.toml without one."""

import os
import sys
from typing import cast

import click

from cpd.cli import arguments
from cpd.cli.client_command import Session, client_command, client_group
from cpd.cli.terminal import Terminal, labelled, terminal_for
from cpd.control.api import ConfigurationDocument, ConfigurationKeyDocument


@client_group("config")
def config() -> None:
    """OCPP configuration keys, and a check of the file.

    \b
    cpd config get HeartbeatInterval
    cpd config set HeartbeatInterval 60
    cpd config check /etc/cpd/cpd.toml
    """


@client_command("get", of=config)
@click.argument("keys", nargs=-1, metavar="[KEY…]", shell_complete=arguments.keys)
def get(session: Session, keys: tuple[str, ...]) -> int:
    """Values in force, and who set them.

    \b
    cpd config get
    cpd config get HeartbeatInterval
    """
    with session.client() as client:
        asked = [{"key": key} for key in keys] or [{}]
        answers = [cast(ConfigurationDocument, client.call("configuration.get", key)) for key in asked]
    document: ConfigurationDocument = {
        "schema": "cpd.configuration/1",
        "keys": [key for answer in answers for key in answer["keys"]],
    }
    session.show(document, render_configuration(document, session.terminal))
    return 0


@client_command("set", of=config)
@click.argument("key", shell_complete=arguments.keys)
@click.argument("value")
def set_value(session: Session, key: str, value: str) -> int:
    """Change a value, as the CSMS could.

    \b
    cpd config set HeartbeatInterval 60
    cpd config set LocalPreAuthorize true
    """
    document = cast(ConfigurationDocument, session.call("configuration.set", {"key": key, "value": value}))
    words = render_configuration(document, session.terminal)
    if document.get("status") == "RebootRequired":
        words += "\n" + "\n".join(session.terminal.wrap("takes effect after a restart of cpd"))
    session.show(document, words)
    return 0


@client_command("reset", of=config)
@click.argument("key", shell_complete=arguments.keys)
def reset(session: Session, key: str) -> int:
    """Let the value of cpd.toml hold again.

    \b
    cpd config reset HeartbeatInterval
    cpd config reset LocalPreAuthorize
    """
    document = cast(ConfigurationDocument, session.call("configuration.reset", {"key": key}))
    session.show(document, render_configuration(document, session.terminal))
    return 0


@client_command("diff", of=config)
def diff(session: Session) -> int:
    """Where the values in force differ from cpd.toml.

    \b
    cpd config diff
    cpd config diff --json
    """
    document = cast(ConfigurationDocument, session.call("configuration.diff"))
    session.show(document, render_configuration(document, session.terminal) or "as in cpd.toml")
    return 0


@config.command("check")
@click.argument("file", type=click.Path())
def check(file: str) -> int:
    """Check a configuration file; exit 2 where it has mistakes.

    \b
    cpd config check /etc/cpd/cpd.toml
    cpd config check cpd.toml && echo fine
    """
    from pathlib import Path

    from cpd.errors import SettingsError
    from cpd.settings import load_settings

    try:
        settings = load_settings(Path(file))
    except SettingsError as mistakes:
        click.echo(mistakes, err=True)
        return 2
    for warning in settings.warnings:
        click.echo("\n".join(terminal_for(sys.stderr, "never", os.environ).wrap(warning)), err=True)
    click.echo(f"{file}: no mistakes")
    return 0


def render_configuration(document: ConfigurationDocument, terminal: Terminal) -> str:
    """Each key with its value and what is special about it."""
    lines: list[str] = []
    for key in document["keys"]:
        words = [f"{key['key']} = {_shown(key['value'])}", *_remarks(key)]
        lines += labelled("", terminal.flow(words, 2, gap=2))
    return "\n".join(lines)


def _remarks(key: ConfigurationKeyDocument) -> list[str]:
    remarks = []
    if key["readonly"]:
        remarks.append("(read-only)")
    if key["source"] != "file":
        remarks.append(f"(set by {'CSMS' if key['source'] == 'csms' else 'technician'})")
    if "file_value" in key:
        remarks.append(f"(file: {_shown(key['file_value'])})")
    return remarks


def _shown(value: str | None) -> str:
    if value is None:
        return "(not shown)"
    return value if value else '""'
