import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cpd.cli.config import render_configuration
from cpd.cli.schedule import render_schedule
from cpd.cli.status import render_status
from cpd.cli.terminal import Terminal, columns_of, terminal_for
from cpd.cli.why import render_why
from tests.cli.documents import CONFIGURATION, SCHEDULE, STATUS, WHY, with_texts

TEXTS = st.text(max_size=90)
TERMINALS = st.builds(Terminal, width=st.integers(32, 200), unicode=st.booleans(), colour=st.just(False))


class Stream(io.StringIO):
    """A stream that says of itself what the test wants."""

    def __init__(self, encoding: str, *, tty: bool) -> None:
        super().__init__()
        self._encoding = encoding
        self._tty = tty

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return self._tty


@given(TEXTS, TERMINALS)
@example("\x1b[2J\r\n", Terminal(width=32))
@example("充电" * 40, Terminal(width=33))
def test_whatever_the_outside_says_no_line_is_too_wide_or_unprintable(text: str, terminal: Terminal) -> None:
    status = with_texts(STATUS, text)
    pictures = [render_status(status, terminal)]
    for reason, connector in zip(WHY, status["connectors"], strict=True):
        pictures.append(
            render_why({**reason, "blockers": connector["blockers"]}, connector, status, terminal)
        )
    pictures.append(
        render_configuration(
            {**CONFIGURATION, "keys": [{**CONFIGURATION["keys"][0], "value": text}]}, terminal
        )
    )
    for line in "\n".join(pictures).split("\n"):
        assert columns_of(line) <= terminal.width
        assert line.isprintable()
        assert terminal.unicode or line.isascii()


@given(st.lists(st.integers(0, 800_000), min_size=1, max_size=8), TERMINALS)
def test_a_schedule_fits_and_never_draws_nothing_as_something(tenths: list[int], terminal: Terminal) -> None:
    first = SCHEDULE["periods"][0]
    periods = [{**first, "start_s": 600 * n, "limit": limit / 10} for n, limit in enumerate(tenths)]
    lines = render_schedule({**SCHEDULE, "periods": periods}, terminal).split("\n")  # type: ignore[typeddict-item]

    assert all(columns_of(line) <= terminal.width for line in lines)
    full = terminal.glyph("█")
    assert [full in line for line in lines[: len(tenths)]] == [limit > 0 for limit in tenths]


@given(TEXTS, st.integers(1, 60))
@example("充电", 3)
def test_a_cut_is_never_wider_than_its_room(text: str, columns: int) -> None:
    assert columns_of(Terminal().cut(text, columns)) <= columns


def test_a_unit_stays_with_its_number() -> None:
    assert Terminal(width=32).wrap("the profile of the CSMS allows 16 A") == [
        "the profile of the CSMS allows",
        "16 A",
    ]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"LANG": "de_DE.UTF-8"}, True),
        ({"LC_ALL": "C", "LANG": "de_DE.UTF-8"}, False),
        ({"LC_CTYPE": "en_US.utf8"}, True),
        ({"LC_CTYPE": "C.UTF-8", "LANG": "C"}, False),
        ({"LANG": "C.UTF-8"}, True),
        ({"LANG": "de_DE.ISO-8859-1"}, False),
        ({}, False),
    ],
)
def test_unicode_only_where_the_locale_speaks_it(environment: dict[str, str], expected: bool) -> None:
    assert terminal_for(Stream("utf-8", tty=True), "auto", environment).unicode is expected


def test_no_unicode_on_a_stream_that_cannot_carry_it() -> None:
    stream = Stream("latin-1", tty=True)
    assert terminal_for(stream, "auto", {"LANG": "C.UTF-8"}).unicode is False


@pytest.mark.parametrize(
    ("colour", "environment", "tty", "expected"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {}, True, False),
    ],
)
def test_colour_where_it_is_wanted(
    colour: str, environment: dict[str, str], tty: bool, expected: bool
) -> None:
    assert terminal_for(Stream("utf-8", tty=tty), colour, environment).colour is expected


@pytest.mark.parametrize(("columns", "width"), [("40", 40), ("8", 32), ("0", 80), ("wide", 80), ("", 80)])
def test_the_width_comes_from_columns(columns: str, width: int) -> None:
    assert terminal_for(Stream("utf-8", tty=False), "auto", {"COLUMNS": columns}).width == width


@pytest.mark.usefixtures("berlin")
def test_periods_of_one_minute_are_told_apart_by_their_seconds() -> None:
    by = SCHEDULE["periods"][0]["constrained_by"]
    steps = [(0, 32.0), (3, 10.0), (5, 0.0)]
    periods = [
        {"start_s": start_s, "limit": limit, "phases": 3, "constrained_by": by} for start_s, limit in steps
    ]
    start = "2026-11-22T10:00:00Z"
    document = {**SCHEDULE, "start": start, "periods": periods}
    lines = render_schedule(document, Terminal(width=40)).split("\n")  # type: ignore[arg-type]
    assert [line.split()[0] for line in lines[:3]] == ["now", "11:00:03", "11:00:05"]


@pytest.mark.timeout(5)
@pytest.mark.parametrize("words", ["plain words", "充電 充電"])
def test_an_indent_that_leaves_no_room_ends(words: str) -> None:
    assert "".join(Terminal(width=32).wrap(words, 40)).replace(" ", "") == words.replace(" ", "")
