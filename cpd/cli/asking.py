"""How a question of `cpd init` is put at a terminal, and its answer judged, until it is right."""

from collections.abc import Callable, Sequence

import click

from cpd.cli.terminal import Terminal, columns_of
from cpd.commissioning.checking import mistakes
from cpd.commissioning.draft import Answers

Build = Callable[[Answers, str], Answers]
"""Puts an answer to its place; raises ValueError, a sentence, where it makes no sense."""


class Asking:
    """Asks at *terminal*, where it *asks* at all; else takes what is given, or defaults."""

    def __init__(self, terminal: Terminal, *, asks: bool, err: bool) -> None:
        """*err*: standard output is for something else."""
        self.asks = asks
        self._terminal = terminal
        self._err = err or not asks

    def agree(self, question: str, *, about: str = "") -> bool:
        """Yes, or no; *about* is said before, on as many lines as it takes."""
        if about:
            self.say(about)
        return click.confirm(question, default=True, err=self._err)

    def settled(
        self,
        answers: Answers,
        option: str,
        question: str,
        given: str | None,
        default: str | None,
        build: Build,
        concerns: tuple[str | int, ...],
        *,
        judge: bool = True,
    ) -> Answers:
        """*answers* with the one to *question*, asked until nothing that *concerns* it is wrong."""
        value = given
        while True:
            if value is None and self.asks:
                value = self._asked(question, default)
            elif value is None:
                value = default
            if value is None:
                raise click.UsageError(f"nobody is there to be asked; give {option}")
            try:
                settled = build(answers, value.strip())
            except ValueError as error:
                problem: str | None = str(error)
            else:
                problem = problem_of(settled, concerns) if judge else None
                if problem is None:
                    return settled
            assert problem is not None
            self.complain(option, problem)
            value = None

    def _asked(self, question: str, default: str | None) -> str:
        fits = columns_of(f"{question} [{default}]: ") < self._terminal.width
        if default is not None and not fits:
            self.say(f"Enter alone is {default}")
        answer: str = click.prompt(question, default=default, show_default=fits, err=self._err)
        return answer

    def complain(self, option: str, problem: str) -> None:
        """Say it to whoever is there; a script is told its option."""
        if not self.asks:
            raise click.UsageError(f"{option}: {problem}")
        self.say(self._terminal.text("✗ ") + problem)

    def offer(self, head: str, items: Sequence[str], given: str | None) -> None:
        """What a number can be given for."""
        if not self.asks or given is not None or not items:
            return
        self.say(head)
        for number, item in enumerate(items, 1):
            self.say(f"{number} {item}")

    def say(self, words: str) -> None:
        click.echo("\n".join(self._terminal.wrap(words)), err=self._err)

    def secret(self, question: str) -> str:
        """What is typed unseen; empty for nothing."""
        typed: str = click.prompt(question, default="", hide_input=True, show_default=False, err=self._err)
        return typed


def problem_of(answers: Answers, concerns: tuple[str | int, ...]) -> str | None:
    """The first thing that is wrong there, in the words of `cpd config check`."""
    for mistake in mistakes(answers):
        if mistake.path[: len(concerns)] == concerns:
            return f"{mistake.problem} {mistake.remedy}"
    return None


def chosen(value: str, items: Sequence[str]) -> str:
    """The item that *value* is the number of, else *value* itself."""
    return items[int(value) - 1] if value.isdecimal() and 1 <= int(value) <= len(items) else value
