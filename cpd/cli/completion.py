"""`cpd completion`: the script by which a shell completes the words of this command line.

The shell asks cpd at each Tab, in the way of click, and the commands themselves know what fits: `cpd.cli.arguments`.
"""

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")), metavar="bash|zsh|fish")
@click.pass_context
def completion(ctx: click.Context, shell: str) -> int:
    """Print the completion of a shell. The Debian package has installed all three.

    \b
    cpd completion bash >>~/.bash_completion
    cpd completion zsh >~/.zfunc/_cpd
    cpd completion fish >~/.config/fish/completions/cpd.fish
    """
    from click.shell_completion import get_completion_class

    complete = get_completion_class(shell)
    assert complete is not None
    click.echo(complete(ctx.find_root().command, {}, "cpd", "_CPD_COMPLETE").source(), nl=False)
    return 0
