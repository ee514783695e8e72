"""cpd(1) and a page for each of its commands, from the same texts as ``--help``."""

import inspect
from collections.abc import Iterable, Iterator, Sequence

import click

from cpd.cli.client_command import CLIENT_OPTIONS
from cpd.cli.main import SECTIONS, cpd
from cpd.manual.roff import Page, bold, heading, item, paragraph, subheading, text, verbatim

_VERBATIM = "\b"
"""What click takes for the beginning of a paragraph that keeps its lines; all of them are examples."""

ENVIRONMENT = {
    "CPD_CONFIG": "The configuration file, where --config names none.",
    "CPD_SOCKET": "The control socket, where --socket names none.",
    "COLUMNS": "How wide the terminal is; else it is asked.",
    "NO_COLOR": "If set, no colour unless --color always. TERM=dumb means the same.",
}

FILES = {
    "/etc/cpd/cpd.toml": "The configuration, cpd.toml(5).",
    "/etc/cpd/password": "The password of the CSMS, where cpd init has written it; only the user cpd reads it.",
    "/run/cpd/cpd.sock": "The control socket. Members of the group cpd may use it.",
    "/var/lib/cpd/cpd.db": "The store: profiles, keys, cards, sessions, and what the CSMS is still to be told.",
}


def command_pages() -> Iterator[tuple[Page, Sequence[str]]]:
    """Each page, and the other names that it is found under: those of a command's own commands."""
    top = click.Context(cpd, info_name="cpd")
    yield _overview(top), ()
    for commands in SECTIONS.values():
        for name, (_, words) in commands.items():
            command = cpd.get_command(top, name)
            assert command is not None
            ctx = click.Context(command, info_name=name, parent=top)
            own = [f"cpd-{name}-{one.name}" for one in _own_commands(ctx)]
            yield Page(name=f"cpd-{name}", section=1, summary=_summary(words), lines=_command(ctx)), own


def _overview(ctx: click.Context) -> Page:
    lines = [*heading("SYNOPSIS"), *_synopsis(ctx), *heading("DESCRIPTION"), *_description(ctx.command)]
    lines += heading("COMMANDS")
    for title, commands in SECTIONS.items():
        lines += subheading(title)
        for name, (_, words) in commands.items():
            lines += item(rf"{bold(f'cpd-{name}')}(1)", words)
    lines += heading("OPTIONS")
    lines += _options(ctx, ctx.command.get_params(ctx))
    lines += [*heading("EXIT STATUS"), *_exit_status()]
    for title, table in (("FILES", FILES), ("ENVIRONMENT", ENVIRONMENT)):
        lines += heading(title)
        for name, words in table.items():
            lines += item(bold(name), words)
    lines += [*heading("EXAMPLES"), *_examples(ctx.command)]
    lines += [*heading("SEE ALSO"), *paragraph("cpd.toml(5), cpd-guard(8), systemctl(1), journalctl(1)")]
    lines += paragraph("/usr/share/doc/cpd/README.md, and safety.md beside it before anything is energised.")
    return Page(name="cpd", section=1, summary="charge point controller of an EV charger", lines=lines)


def _command(ctx: click.Context) -> list[str]:
    command = ctx.command
    lines = [*heading("SYNOPSIS"), *_synopsis(ctx)]
    parts = [click.Context(one, info_name=one.name, parent=ctx) for one in _own_commands(ctx)]
    for part in parts:
        lines += [".br", *_synopsis(part)]
    lines += [*heading("DESCRIPTION"), *_description(command)]
    if parts:
        lines += heading("COMMANDS")
    for part in parts:
        lines += subheading(f"{part.command_path} {' '.join(_arguments(part))}".rstrip())
        lines += _description(part.command)
        lines += _options(part, [one for one in part.command.params if one.name not in CLIENT_OPTIONS])
        lines += _examples(part.command)
    lines += [*heading("OPTIONS"), *_options(ctx, ctx.command.get_params(ctx))]
    lines += [*heading("EXAMPLES"), *_examples(command)]
    lines += [*heading("EXIT STATUS"), *_exit_status()]
    return [*lines, *heading("SEE ALSO"), *paragraph("cpd(1), cpd.toml(5)")]


def _summary(words: str) -> str:
    """A sentence of the help as what stands behind a name."""
    first, *_ = words.rstrip(".").split()
    return words.rstrip(".").replace(first, first if first.isupper() else first.lower(), 1)


def _own_commands(ctx: click.Context) -> list[click.Command]:
    command = ctx.command
    if not isinstance(command, click.Group):
        return []
    found = [command.get_command(ctx, name) for name in command.list_commands(ctx)]
    return [one for one in found if one is not None and not one.hidden]


def _synopsis(ctx: click.Context) -> list[str]:
    words = " ".join(["[OPTIONS]", *_arguments(ctx)])
    if ctx.command is cpd:
        words = "[OPTIONS] [COMMAND] [ARGS]..."
    return [f"{bold(ctx.command_path)} {text(words)}"]


def _arguments(ctx: click.Context) -> list[str]:
    words = [one.make_metavar(ctx) for one in ctx.command.params if isinstance(one, click.Argument)]
    return [*words, *(["COMMAND"] if isinstance(ctx.command, click.Group) else [])]


def _options(ctx: click.Context, options: Iterable[click.Parameter]) -> list[str]:
    records = [one.get_help_record(ctx) for one in options if isinstance(one, click.Option)]
    return [line for record in records if record is not None for line in item(bold(record[0]), record[1])]


def _description(command: click.Command) -> list[str]:
    return [
        line for words in _paragraphs(command) if not words.startswith(_VERBATIM) for line in paragraph(words)
    ]


def _examples(command: click.Command) -> list[str]:
    return [
        line
        for words in _paragraphs(command)
        if words.startswith(_VERBATIM)
        for line in verbatim(words.removeprefix(_VERBATIM).strip("\n").split("\n"))
    ]


def _exit_status() -> list[str]:
    return verbatim(inspect.cleandoc((cpd.epilog or "").removeprefix(_VERBATIM)).split("\n")[1:])


def _paragraphs(command: click.Command) -> list[str]:
    return inspect.cleandoc(command.help or "").split("\n\n")
