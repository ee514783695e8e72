"""Every code that is shown anywhere is explained, in words that fit a phone."""

import pytest

from cpd.cli.codes import CODES
from cpd.cli.help import render_code
from cpd.cli.terminal import Terminal, columns_of
from cpd.domain.blockers import BlockerCode
from hal.values import FaultKind

MARK = "✗ " + "   ← cause"


def test_every_code_is_explained() -> None:
    faults = {f"FAULT_{kind.upper()}" for kind in FaultKind if kind is not FaultKind.EMERGENCY_STOP}
    assert set(CODES) == {str(code) for code in BlockerCode} | faults


@pytest.mark.parametrize("code", CODES)
def test_a_headline_stands_on_one_line_with_its_mark(code: str) -> None:
    assert columns_of(CODES[code].headline) + columns_of(MARK) <= 40
    assert CODES[code].headline.isupper()


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("width", [32, 40])
def test_an_explanation_fits_and_ends_with_its_code(code: str, width: int) -> None:
    lines = render_code(code, Terminal(width=width, unicode=False)).splitlines()
    assert [line for line in lines if columns_of(line) > width] == []
    assert lines[-1] == code
    assert "?" not in " ".join(lines)
