"""What all commands that talk to the daemon share: where it is, how long to wait, how to show what it says."""

import functools
import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import click

from cpd.cli.terminal import Terminal, terminal_for
from cpd.control.api import DEFAULT_SOCKET
from cpd.control.client import TIMEOUT_S, ControlClient

DEFAULT_CONFIG = "/etc/cpd/cpd.toml"
CLIENT_OPTIONS = ("socket", "config", "json", "color", "timeout")
"""The names of the options that every client command has, also before its name."""

_COLOUR = ("auto", "always", "never")
_CLEAR_SCREEN = "\x1b[H\x1b[2J"


class Session(NamedTuple):
    """One run of a client command."""

    socket: str
    timeout_s: float
    json: bool
    terminal: Terminal
    redraws: bool
    """True where a new state replaces the old one on the screen."""

    def client(self) -> ControlClient:
        """A client of the daemon."""
        return ControlClient(self.socket, timeout_s=self.timeout_s)

    def call(self, method: str, params: Mapping[str, object] | None = None) -> dict[str, Any]:
        """The result of one call."""
        with self.client() as client:
            return client.call(method, params)

    def show(self, document: object, words: str) -> None:
        """The result on stdout: the document (or the list of them) with --json, else the words."""
        click.echo(json.dumps(document, ensure_ascii=False) if self.json else words)

    def redraw(self, document: Mapping[str, object] | None, words: str) -> None:
        """One state of many; without a *document* there is nothing to show as JSON."""
        if self.json:
            if document is not None:
                click.echo(json.dumps(document, ensure_ascii=False))
            return
        click.echo((_CLEAR_SCREEN if self.redraws else "") + words + ("" if self.redraws else "\n"))


class Finite(click.FloatRange):
    """A number in a range; what Python calls nan and inf are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


class _Given(dict[str, Any]):
    """Options as they were given, to the group or to the command; the latter win."""


def client_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every client command."""
    for option in (
        click.option(
            "--timeout", type=Finite(0.05, 86_400), metavar="S", help=f"Wait so long ({TIMEOUT_S:g})."
        ),
        click.option("--color", type=click.Choice(_COLOUR), metavar="WHEN", help=f"{', '.join(_COLOUR)}."),
        click.option("--json", is_flag=True, default=None, help="The document as JSON."),
        click.option(
            "--config", type=click.Path(), metavar="FILE", help="cpd.toml, for its socket (CPD_CONFIG)."
        ),
        click.option("--socket", type=click.Path(), metavar="PATH", help="Control socket (CPD_SOCKET)."),
    ):
        function = option(function)
    return function


def remember(ctx: click.Context, given: Mapping[str, Any]) -> None:
    """Keep what was given before the command's name."""
    before = ctx.find_object(_Given) or _Given()
    now = {name: value for name, value in given.items() if value is not None}
    ctx.obj = _Given({**before, **now})


def client_command(name: str, of: click.Group | None = None) -> Callable[[Callable[..., int]], click.Command]:
    """A command that gets a `Session` first, then its own arguments, and returns the exit status."""

    def decorate(function: Callable[..., int]) -> click.Command:
        @functools.wraps(function)
        def run(
            socket: str | None,
            config: str | None,
            json: bool | None,
            color: str | None,
            timeout: float | None,
            **arguments: Any,
        ) -> int:
            ctx = click.get_current_context()
            own = {"socket": socket, "config": config, "json": json, "color": color, "timeout": timeout}
            remember(ctx, own)
            return function(_session(ctx), **arguments)

        command = click.command(name)(client_options(run))
        if of is not None:
            of.add_command(command)
        return command

    return decorate


def client_group(
    name: str, alone: Callable[..., int] | None = None
) -> Callable[[Callable[[], None]], click.Group]:
    """A group of client commands; *alone* is what it does without one, with the group's own options."""

    def decorate(function: Callable[[], None]) -> click.Group:
        @functools.wraps(function)
        def run(**given: Any) -> int | None:
            ctx = click.get_current_context()
            remember(ctx, {option: given.pop(option) for option in CLIENT_OPTIONS})
            if alone is None or ctx.invoked_subcommand is not None:
                return None
            return alone(_session(ctx), **given)

        return click.group(name, invoke_without_command=alone is not None)(client_options(run))

    return decorate


def config_path(ctx: click.Context, config: str | None) -> str:
    """The configuration file that is meant."""
    before = ctx.ensure_object(_Given).get("config")
    return config or before or os.environ.get("CPD_CONFIG") or DEFAULT_CONFIG


def given_timeout_s(ctx: click.Context) -> float | None:
    """What --timeout says; None where it was not given."""
    timeout_s: float | None = ctx.ensure_object(_Given).get("timeout")
    return timeout_s


def _session(ctx: click.Context) -> Session:
    given = ctx.ensure_object(_Given)
    wants_json = bool(given.get("json"))
    return Session(
        socket=_socket_path(given),
        timeout_s=given.get("timeout", TIMEOUT_S),
        json=wants_json,
        terminal=terminal_for(sys.stdout, given.get("color", "auto"), os.environ),
        redraws=sys.stdout.isatty() and not wants_json and os.environ.get("TERM") != "dumb",
    )


def _socket_path(given: Mapping[str, Any]) -> str:
    """The command line before the environment, and a socket before a file that names one."""
    environment = {"socket": os.environ.get("CPD_SOCKET"), "config": os.environ.get("CPD_CONFIG")}
    for source in (given, environment):
        if source.get("socket"):
            return str(source["socket"])
        if source.get("config"):
            return _socket_of(str(source["config"]))
    if not os.path.exists(DEFAULT_SOCKET) and os.access(DEFAULT_CONFIG, os.R_OK):  # noqa: PTH110 - see client
        return _socket_of(DEFAULT_CONFIG)
    return DEFAULT_SOCKET


def _socket_of(config: str) -> str:
    """[control] socket of a configuration file; nothing else of it is looked at, and it may be incomplete."""
    import tomllib

    try:
        with open(config, "rb") as file:  # noqa: PTH123 - see client
            control = tomllib.load(file).get("control", {})
    except OSError as error:
        raise click.UsageError(f"{config}: {error.strerror}; name the socket with --socket") from error
    except ValueError as error:
        raise click.UsageError(f"{config}: {error}") from error
    socket = control.get("socket", DEFAULT_SOCKET) if isinstance(control, dict) else None
    if not isinstance(socket, str):
        raise click.UsageError(f"{config}: [control] socket is not a path in quotes")
    return socket
