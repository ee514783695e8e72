from datetime import UTC, datetime, timedelta

import pytest

from cpd.cli.words import amperes, clock_time, energy, source_of, span, watts, when

NOW = datetime(2026, 11, 22, 9, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "words"), [(16.0, "16 A"), (15.999, "15.9 A"), (0.0, "0 A"), (16.1, "16.1 A"), (6.3, "6.3 A")]
)
def test_amperes_are_rounded_down(value: float, words: str) -> None:
    assert amperes(value) == words


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0 W"), (999.9, "999 W"), (7_299, "7.2 kW"), (22_000, "22 kW")]
)
def test_watts_are_rounded_down(value: float, words: str) -> None:
    assert watts(value) == words


@pytest.mark.parametrize(
    ("wh", "words"), [(0, "0 Wh"), (999, "999 Wh"), (12_849, "12.84 kWh"), (1_000, "1.00 kWh")]
)
def test_energy_is_rounded_down(wh: int, words: str) -> None:
    assert energy(wh) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 s"),
        (4.9, "4 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_600, "1 h"),
        (8_040, "2 h 14 m"),
        (273_600, "3 d 4 h"),
        (86_400, "1 d"),
    ],
)
def test_spans_have_two_units_at_most(seconds: float, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (timedelta(hours=3), "12:26"),
        (timedelta(days=1), "Mon 09:26"),
        (timedelta(days=-6), "Mon 09:26"),
        (timedelta(days=8), "30 Nov 09:26"),
        (timedelta(days=60), "21 Jan 2027 09:26"),
    ],
)
def test_a_time_says_as_much_of_its_date_as_is_needed(away: timedelta, words: str) -> None:
    assert clock_time(NOW + away, NOW) == words


@pytest.mark.parametrize(
    ("at", "words"), [("2026-11-22T09:20:00Z", "6 min ago"), ("2026-11-22T09:26:30.000Z", "in 30 s")]
)
def test_while_nobody_has_set_the_clock_only_distances_are_told(at: str, words: str) -> None:
    assert when(at, {"now": "2026-11-22T09:26:00.000Z", "source": "none", "trusted": False}) == words


@pytest.mark.parametrize(
    ("constraint", "words"),
    [
        ({"kind": "profile", "purpose": "TxDefaultProfile", "id": 100, "stack_level": 0}, "TxDefault #100"),
        ({"kind": "connector"}, "cpd.toml"),
        ({"kind": "clock", "purpose": "TxProfile", "id": 7}, "clock not set: TxProfile #7"),
        ({"kind": "of a later version"}, "of a later version"),
        ({}, "unknown"),
    ],
)
def test_what_holds_a_limit_is_named(constraint: dict[str, object], words: str) -> None:
    assert source_of(constraint) == words
