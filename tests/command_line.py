"""Commands as a text names them, held against those that there are."""

import re
import shlex
from collections.abc import Iterator

import click

from cpd.cli.main import cpd

_ENDS_A_COMMAND = re.compile(r"[;&|<>()]+")


def contexts(ctx: click.Context | None = None) -> Iterator[click.Context]:
    """One for each command, cpd itself first."""
    ctx = ctx or click.Context(cpd, info_name="cpd")
    yield ctx
    command = ctx.command
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            one = command.get_command(ctx, name)
            assert one is not None
            yield from contexts(click.Context(one, info_name=name, parent=ctx))


def examples(command: click.Command) -> list[str]:
    """The lines that the help of *command* shows as they are."""
    blocks = re.findall(r"^ *\x08\n(.*?)(?:\n\s*\n|\Z)", command.help or "", re.DOTALL | re.MULTILINE)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def typed(line: str) -> list[str] | None:
    """The arguments of the cpd in a *line* for a shell; None where the line is for something else."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = list(lexer)
    end = next((at for at, word in enumerate(words) if _ENDS_A_COMMAND.fullmatch(word)), len(words))
    words = words[:end]
    if words[:1] == ["sudo"]:
        words = words[1:]
    return words[1:] if words[:1] == ["cpd"] else None


def complaint(arguments: list[str]) -> str | None:
    """What cpd says against *arguments* before it does anything; None where it takes them."""
    command: click.Command = cpd
    parent, name = None, "cpd"
    try:
        while True:
            ctx = command.make_context(name, list(arguments), parent=parent)
            arguments = [*ctx._protected_args, *ctx.args]
            if not isinstance(command, click.Group) or not arguments:
                return None
            found, sub, arguments = command.resolve_command(ctx, arguments)
            assert found is not None and sub is not None
            command, name, parent = sub, found, ctx
    except click.exceptions.Exit:
        return None
    except click.ClickException as error:
        return error.format_message()


def unknown_in(named: str) -> list[str]:
    """The commands and options that do not exist in a text such as ``cpd status [N] [--watch]``."""
    ctx = click.Context(cpd, info_name="cpd")
    for word in named.split()[1:]:
        command = ctx.command
        if not isinstance(command, click.Group) or not re.fullmatch(r"[a-z][a-z-]*", word):
            break
        if word not in command.list_commands(ctx):
            return [word]
        sub = command.get_command(ctx, word)
        assert sub is not None
        ctx = click.Context(sub, info_name=word, parent=ctx)
    known = {option for one in ctx.command.get_params(ctx) for option in (*one.opts, *one.secondary_opts)}
    return [option for option in re.findall(r"--[a-z][a-z-]*", named) if option not in known]
