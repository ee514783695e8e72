"""Which fields a log line has in the journal."""

import logging

import pytest

from hal.log_fields import MOST_CHARACTERS, fields_of


def fields(template: object, *arguments: object) -> dict[str, str]:
    return fields_of(logging.LogRecord("cpd", logging.INFO, "", 0, template, arguments, None))


@pytest.mark.parametrize(
    ("template", "arguments", "found"),
    [
        ("link opened", (), {}),
        ("status connector=%d status=%s", (2, "Charging"), {"CPD_CONNECTOR": "2", "CPD_STATUS": "Charging"}),
        (
            "transaction local_id=%s id_tag=%s",
            ("7f", "04A3"),
            {"CPD_TRANSACTION": "7f", "CPD_ID_TAG": "04A3"},
        ),
        (
            "offer_a=%.1f of %d, connector=%s: %s",
            (16, 3, 1, "x"),
            {"CPD_OFFER_A": "16.0", "CPD_CONNECTOR": "1"},
        ),
        ("100 %% of connector=%d", (1,), {"CPD_CONNECTOR": "1"}),
        ("profile #%d on connector=%d replaces connector=%d", (7, 0, 1), {"CPD_CONNECTOR": "0"}),
        ("reason=%.4s", ("very long",), {"CPD_REASON": "very"}),
        ("by=%s until=%s", ("connector", None), {"CPD_BY": "connector"}),
        ("kinds=%s", (("a", "b"),), {"CPD_KINDS": "('a', 'b')"}),
    ],
)
def test_each_name_before_a_value_is_a_field(
    template: str, arguments: tuple[object, ...], found: dict[str, str]
) -> None:
    assert fields(template, *arguments) == found


def test_a_value_makes_no_field() -> None:
    assert fields("refused: %s", "connector=2 status=Faulted") == {}
    assert fields(ValueError("connector=%d")) == {}


def test_a_long_value_is_cut() -> None:
    assert fields("reason=%s", "x" * 1_000) == {"CPD_REASON": "x" * MOST_CHARACTERS}
