"""The command line: which command, which exit status. Commands are imported when they are used, so that each
pays only for itself."""

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

import click
from click.exceptions import NoArgsIsHelpError

from cpd.cli.client_command import client_options, remember
from cpd.cli.terminal import labelled, terminal_for
from cpd.control.client import (
    ClientError,
    DaemonNotRunning,
    InvalidParams,
    NotFound,
    PermissionRefused,
    Refused,
    TimedOut,
)

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

UNEXPECTED, USAGE, INTERRUPTED = 1, 2, 130
EXIT_STATUS: tuple[tuple[type[ClientError], int], ...] = (
    (InvalidParams, USAGE),
    (DaemonNotRunning, 3),
    (NotFound, 4),
    (Refused, 5),
    (TimedOut, 6),
    (PermissionRefused, 7),
)

SECTIONS = {
    "See": {
        "status": ("status", "What the charger does."),
        "why": ("why", "Why it does not charge."),
        "schedule": ("schedule", "What may flow, and when."),
        "profiles": ("profiles", "Charging profiles."),
        "transactions": ("transactions", "The last sessions."),
        "queue": ("queue", "What waits for the CSMS."),
        "trace": ("trace", "Said to and by the CSMS."),
        "auth": ("auth", "Would this card start?"),
        "rfid": ("rfid", "What the reader reads."),
        "doctor": ("doctor", "Is every part well?"),
        "help": ("help", "What a code means."),
    },
    "Act": {
        "start": ("operation", "Charge without the card."),
        "stop": ("operation", "End the charging."),
        "unlock": ("operation", "Give the plug back."),
        "availability": ("operation", "In or out of service."),
        "limit": ("limit", "Allow less for a while."),
        "delay": ("delay", "End a random delay."),
        "fault": ("operation", "A fault that is mended."),
        "reset": ("operation", "Restart in good order."),
    },
    "Set up": {
        "init": ("init", "Set this charger up."),
        "connect": ("connect", "Dial the CSMS by steps."),
        "config": ("config", "OCPP keys; check a file."),
        "reload": ("reload", "Read cpd.toml again."),
        "completion": ("completion", "For bash, zsh and fish."),
    },
    "Keep": {
        "bundle": ("bundle", "A file for the hotline."),
        "backup": ("backup", "Everything in one file."),
        "restore": ("restore", "Bring a backup back."),
        "machine": ("machine", "Is this the store's Pi?"),
        "factory-reset": ("factory_reset", "As on the first day."),
    },
    "Run": {
        "run": ("run", "Run the daemon."),
        "mock": ("mock", "Act on mock hardware."),
        "demo": ("demo", "A session, here and now."),
    },
}
"""Each command's module in `cpd.cli`, where it has the command's name, and its line of help: at most 24 columns, so
that it fits beside the longest name on a terminal of 40."""

_COMMANDS = {name: command for section in SECTIONS.values() for name, command in section.items()}

_EPILOG = """\b
Exit status:
   0 ok            1 unexpected
   2 usage or configuration
   3 cpd is not running
   4 not found     5 refused
   6 timeout       7 no permission
  --check: 10 degraded, 11 faulted
"""


class _LazyGroup(click.Group):
    """A group that knows its commands by name, and imports the one that is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"cpd.cli.{_COMMANDS[cmd_name][0]}")
        command = getattr(module, cmd_name.replace("-", "_"))
        if not isinstance(command, click.Command):
            raise TypeError(f"cpd.cli.{cmd_name} has no command {cmd_name}")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name in _COMMANDS or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        import difflib

        near = difflib.get_close_matches(name, _COMMANDS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else "cpd --help lists all commands"
        raise click.UsageError(f"there is no command {name!r}; {hint}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, words) for name, (_, words) in commands.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """As click has it, but without importing every command."""
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(name, help=words)
            for name, (_, words) in _COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]


def _tell_version(ctx: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from cpd import __version__

        click.echo(f"cpd {__version__}")
        ctx.exit()


@click.group(cls=_LazyGroup, invoke_without_command=True, epilog=_EPILOG)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_tell_version, help="This release."
)
@client_options
@click.pass_context
def cpd(ctx: click.Context, /, **given: Any) -> object:
    """The charge point controller; alone it shows the status.

    \b
    cpd
    cpd why 1
    cpd schedule 1 --hours 12
    """
    remember(ctx, given)
    if ctx.invoked_subcommand is None:
        status = ctx.command.get_command(ctx, "status")  # type: ignore[attr-defined]
        return ctx.invoke(status)
    return None


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    try:
        width = min(80, terminal_for(sys.stdout, "never", os.environ).width)
        result = cpd.main(arguments, prog_name="cpd", standalone_mode=False, terminal_width=width)
        sys.stdout.flush()
    except NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        _complain(" ".join(error.format_message().split()), _help_for(error), USAGE)
        return USAGE
    except ClientError as error:
        status = next((status for kind, status in EXIT_STATUS if isinstance(error, kind)), UNEXPECTED)
        _complain(str(error), error.next_step, status)
        return status
    except click.Abort:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has seen enough; Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNEXPECTED
    return result if isinstance(result, int) else 0


def _help_for(error: click.ClickException) -> str:
    """Where the command that was misspelt is explained."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    return f"{'cpd' if ctx is None else ctx.command_path} --help shows how"


def _complain(message: str, next_step: str, status: int) -> None:
    terminal = terminal_for(sys.stderr, "auto", os.environ)
    indent = 2 if terminal.unicode else 5
    label = terminal.paint("red", terminal.glyph("✗")) + " "
    lines = labelled(label, terminal.wrap(message, indent))
    lines += terminal.wrap(f"{next_step} (exit {status})", indent)
    click.echo("\n".join(lines), err=True)


if __name__ == "__main__":
    sys.exit(main())
