"""What the demo expected and what it saw, each with a ✓ or a ✗."""

from dataclasses import dataclass, field

from cpd.cli.terminal import Terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One expectation, and what was seen instead or indeed."""

    expectation: str
    seen: str
    right: bool


@dataclass(slots=True)
class Checklist:
    """All checks of one run; *interrupted* says why the rest could not be checked."""

    checks: list[Check] = field(default_factory=list)
    interrupted: str | None = None

    @property
    def right(self) -> bool:
        """True where everything was checked, and was as expected."""
        return self.interrupted is None and bool(self.checks) and all(check.right for check in self.checks)

    def add(self, expectation: str, seen: str, *, right: bool) -> Check:
        """Add a check at the end."""
        check = Check(expectation=expectation, seen=seen, right=right)
        self.checks.append(check)
        return check

    def render(self, terminal: Terminal) -> str:
        """The list, and a last line with the verdict."""
        lines = [line for check in self.checks for line in render_check(check, terminal)]
        wrong = sum(not check.right for check in self.checks)
        if self.interrupted is not None:
            lines += terminal.wrap(self.interrupted)
        verdict = f"{len(self.checks) - wrong} of {len(self.checks)} as expected"
        if self.interrupted is not None:
            verdict += ", the rest was not reached"
        colour = "green" if self.right else "red"
        return "\n".join([*lines, *(terminal.paint(colour, line) for line in terminal.wrap(verdict))])


def render_check(check: Check, terminal: Terminal) -> list[str]:
    """``✓ expectation → what was seen``, on as many lines as it takes."""
    glyph = terminal.glyph("✓" if check.right else "✗")
    words = f"{check.expectation} → {check.seen}"
    first, *more = terminal.wrap(words, len(glyph) + 1)
    return [f"{terminal.paint('green' if check.right else 'red', glyph)} {first.lstrip()}", *more]
