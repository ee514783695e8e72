"""The hardware is looked at through a guard of its own, and only where nobody else drives it."""

from pathlib import Path

from cpd.commissioning.choices import board_of
from cpd.commissioning.draft import Answers
from cpd.commissioning.hardware import examine_hardware
from hal.examination import Health
from tests.hal.simulators.openevse import OpenEvseSimulator
from tests.hal.simulators.plugged import plugged
from tests.process.guard import guard_process


def openevse(line: Path) -> Answers:
    board = board_of("openevse")
    assert board is not None
    return Answers(station_id="CP9", url=None, password=None, board=board, ports=(str(line),))


async def test_every_part_says_how_it_is(tmp_path: Path) -> None:
    line = tmp_path / "line"
    with plugged(line, lambda data: simulator.received(data)) as plug:
        simulator = OpenEvseSimulator(plug.send)
        findings = await examine_hardware(openevse(line), tmp_path / "guard.sock")
    assert {"pilot", "contactor"} <= {one.part for one in findings if one.health is Health.OK}


async def test_a_device_that_is_not_there_is_named(tmp_path: Path) -> None:
    (finding,) = await examine_hardware(openevse(tmp_path / "nowhere"), tmp_path / "guard.sock")
    assert finding.health is Health.FAILED
    assert str(tmp_path / "nowhere") in finding.evidence


async def test_what_a_guard_drives_is_left_alone(tmp_path: Path) -> None:
    heard: list[bytes] = []
    with plugged(tmp_path / "line", heard.append):
        async with guard_process(tmp_path) as guard:
            (finding,) = await examine_hardware(openevse(tmp_path / "line"), guard.socket)
        assert "a guard drives it already" in finding.evidence
        assert (finding.health, heard) == (Health.WARNING, [])


async def test_a_guard_that_has_ended_is_no_obstacle(tmp_path: Path) -> None:
    async with guard_process(tmp_path) as guard:
        await guard.power_cut()
        (finding,) = await examine_hardware(openevse(tmp_path / "nowhere"), guard.socket)
    assert "a guard drives it already" not in finding.evidence
