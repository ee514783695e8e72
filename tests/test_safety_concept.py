"""The safety concept says something of every fault, and names only what there is."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hal.backends import BACKENDS
from hal.board import INTERLOCK_HOLD_S
from hal.evse import LEASE_S
from hal.outlet.config import OutletTimings
from hal.settings.pins import PIN_KEYS
from hal.values import FAULT_RULES, Clearing, FaultKind
from tests.settings.test_boards import BOARDS, taken

CONFIG = BOARDS.parent
CONCEPT = (CONFIG / "safety.md").read_text()
WIRING = CONFIG / "wiring.svg"


def rows(heading: str) -> dict[str, str]:
    """The rows of the table under *heading*, by what stands first between backticks."""
    section = CONCEPT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return {found[1]: found[0] for found in re.finditer(r"^\| `(\w+)` \|.*$", section, re.MULTILINE)}


def test_every_fault_is_in_the_table() -> None:
    assert set(rows("Faults")) == {str(kind) for kind in FaultKind}


@pytest.mark.parametrize("kind", FaultKind)
def test_the_table_says_what_ends_a_fault(kind: FaultKind) -> None:
    ends = rows("Faults")[kind].rsplit("|", 2)[1]
    rule = FAULT_RULES[kind]
    assert ("cpd fault ack" in ends) is (rule.clearing is Clearing.ACKNOWLEDGE)
    assert ("unplug" in ends) is (rule.clearing is Clearing.UNPLUG)
    assert ("60 s" in ends) is (rule.clearing is Clearing.RECOVERS_FOR_60_S)
    assert ("does not" in rows("Faults")[kind].split("|")[3]) is not rule.opens


def test_every_backend_is_told_what_must_be_added() -> None:
    assert set(rows("Boards")) == set(BACKENDS)


def test_its_times_are_those_of_the_machine() -> None:
    timings = OutletTimings()
    assert f"lapses after {LEASE_S:.0f} s" in CONCEPT
    assert f"gets {timings.withdraw_s:.0f} s to stop" in CONCEPT
    assert f"… {INTERLOCK_HOLD_S} s) that needs" in CONCEPT
    faults = rows("Faults")
    assert f"for {timings.over_current_s:.0f} s" in faults[FaultKind.OVER_CURRENT]
    assert f"closed {timings.weld_after_s:.0f} s after" in faults[FaultKind.CONTACTOR_WELDED]
    assert f"closed {timings.feedback_s} s after" in faults[FaultKind.CONTACTOR_STUCK_OPEN]
    assert f"PWM for {timings.diode_fault_after_s} s" in faults[FaultKind.DIODE_MISSING]


def test_every_file_that_it_names_exists() -> None:
    named = re.findall(r"\]\(([^)]+)\)", CONCEPT)
    assert named
    assert [name for name in named if not (CONFIG / name).exists()] == []


def test_the_wiring_diagram_has_the_pins_of_the_ready_section(tmp_path: Path) -> None:
    drawn = {int(pin) for text in words() if text.startswith("GPIO") for pin in re.findall(r"\d+", text)}
    (connector,) = taken(BOARDS / "raspberry-pi-socket.toml", tmp_path).connectors
    wired = {getattr(connector.gpio, key) for key in PIN_KEYS} - {None}
    assert wired <= drawn | set(range(8, 12))


def words() -> list[str]:
    """The texts of the wiring diagram."""
    root = ElementTree.parse(WIRING).getroot()
    return ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
