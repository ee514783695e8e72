"""`cpd help`: the commands; `cpd help CODE`: what a code means that was shown anywhere."""

import click

from cpd.cli.arguments import codes
from cpd.cli.client_command import Session, client_command
from cpd.cli.codes import CODES
from cpd.cli.terminal import Terminal, labelled


@client_command("help")
@click.argument("code", required=False, metavar="[CODE]", shell_complete=codes)
def help(session: Session, code: str | None) -> int:
    """What a code means, or which commands there are.

    \b
    cpd help
    cpd help LIMIT_ZERO_CSMS
    """
    if code is None:
        parent = click.get_current_context().parent
        assert parent is not None
        click.echo(parent.get_help())
        return 0
    name = code.strip().upper()
    if name not in CODES:
        import difflib

        near = difflib.get_close_matches(name, CODES, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "cpd why shows the codes that stand"
        raise click.UsageError(f"there is no code {name!r}; {hint}")
    known = CODES[name]
    document = {"schema": "cpd.code/1", "code": name, "meaning": known.meaning, "next_step": known.remedy}
    session.show(document, render_code(name, session.terminal))
    return 0


def render_code(code: str, terminal: Terminal) -> str:
    """A code with its meaning and its remedy."""
    known = CODES[code]
    lines = [terminal.paint("bold", known.headline), *terminal.wrap(known.meaning, 2)]
    lines += labelled("Do:  ", terminal.wrap(known.remedy, 5))
    return "\n".join([*lines, terminal.cut(code, terminal.width)])
