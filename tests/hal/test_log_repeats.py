"""Identical lines: the first at once, of the others the last, with their number."""

import logging
import random

from hal.log_repeats import LONGEST_S, MOST_LINES, Repeats


def line(text: str, at: float, level: int = logging.ERROR) -> logging.LogRecord:
    record = logging.LogRecord("cpd", level, "", 0, text, None, None)
    record.created = at
    return record


def written(repeats: Repeats, *lines: logging.LogRecord) -> list[str]:
    return [str(record.msg) for one in lines for record in repeats.take(one)]


def test_a_line_that_is_said_once_is_written_as_it_is() -> None:
    repeats = Repeats()
    assert written(repeats, line("a", 0), line("b", 1), line("a", 100)) == ["a", "b", "a"]
    assert not repeats.holds
    assert repeats.flush() == []


def test_the_first_line_comes_at_once_and_the_last_with_the_number_of_all_between() -> None:
    repeats = Repeats()
    assert written(repeats, *(line("disk full", at / 100) for at in range(313))) == ["disk full"]
    assert repeats.holds
    assert [(str(last.msg), last.created) for last in repeats.flush()] == [
        ("disk full [repeated 312 times]", 3.12)
    ]


def test_lines_that_alternate_are_held_back_each() -> None:
    repeats = Repeats()
    assert written(repeats, *(line("ab"[at % 2], at / 10) for at in range(10))) == ["a", "b"]
    assert [str(last.msg) for last in repeats.flush()] == ["a [repeated 4 times]", "b [repeated 4 times]"]


def test_another_level_is_another_line() -> None:
    repeats = Repeats()
    assert written(repeats, line("a", 0), line("a", 0, logging.INFO)) == ["a", "a"]


def test_a_flood_of_100_000_lines_in_a_minute_is_a_handful_in_the_journal() -> None:
    repeats = Repeats()
    told = written(repeats, *(line("refused", at * 60 / 100_000) for at in range(100_000)))
    told += [str(last.msg) for last in repeats.flush()]
    assert len(told) <= 5
    repeated = [int(text.split()[2]) for text in told[1:]]
    assert 1 + sum(repeated) == 100_000


def test_a_day_of_the_same_line_every_4_s_is_told_of_every_ten_minutes() -> None:
    repeats = Repeats()
    told = written(repeats, *(line("no answer", at) for at in range(0, 86_400, 4)))
    assert 86_400 / LONGEST_S <= len(told) <= 86_400 / LONGEST_S + 8


def test_other_lines_let_go_of_what_was_held_back_long_enough() -> None:
    repeats = Repeats()
    assert written(repeats, line("a", 0), line("a", 1), line("b", 11)) == ["a", "a [repeated 1 times]", "b"]


def test_a_step_of_the_clock_holds_nothing_back_for_longer() -> None:
    repeats = Repeats()
    first = line("a", 1_000_000), line("a", 1_000_001)
    assert written(repeats, *first, line("b", 5)) == ["a", "a [repeated 1 times]", "b"]


def test_what_is_remembered_is_bounded_and_nothing_is_lost() -> None:
    repeats, rng = Repeats(), random.Random(7)
    said = [str(rng.randrange(3 * MOST_LINES)) for _ in range(20_000)]
    told = written(repeats, *(line(text, at / 1_000) for at, text in enumerate(said)))
    told += [str(last.msg) for last in repeats.flush()]
    counted = sum(int(text.split()[2]) if "repeated" in text else 1 for text in told)
    assert counted == len(said)
    assert {text.split()[0] for text in told} == set(said)
