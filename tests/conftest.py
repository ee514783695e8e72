"""Hypothesis: the same examples on every run, so that a failure is a change's; other ones are asked for by hand.

``pytest --hypothesis-profile=exploring`` looks for examples that nobody has seen.

``pytest --torture`` runs the random tests in full counts, which takes long. What a test records as a property with
a number, as in ``record_property("power cuts at a write", 3)``, is added up in the last lines.
"""

import signal
from collections import Counter

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# A shell ignores both for what it runs in the background, and so would every process that a test interrupts.
for number in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL if number is signal.SIGQUIT else signal.default_int_handler)

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("exploring", deadline=None)
settings.load_profile("repeatable")


class OneByOne(LoadScopeScheduling):
    """Hands tests to workers one by one, but all that share a booted machine to one of them, and first."""

    def _split_scope(self, nodeid: str) -> str:
        machine = "tests/systemd"
        return machine if nodeid.startswith(f"{machine}/") else nodeid


# With the marks of xdist 3.8, pytest 9.2 groups nothing.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneByOne:
    return OneByOne(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--torture", action="store_true", help="random tests in full counts")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            counts[name] += value if isinstance(value, int) else 0
    for name, count in counts.items():
        terminalreporter.write_line(f"{count} {name}")
