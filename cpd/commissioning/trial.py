"""Charge a virtual car under answers: their configuration, but on simulated hardware, for a lab's central system."""

from dataclasses import replace
from pathlib import Path

from cpd.cli.terminal import Terminal
from cpd.commissioning.draft import BESIDE, Answers, render
from cpd.lab.demo import trial
from cpd.lab.demo.checklist import Checklist


async def charge_virtual_car(answers: Answers, terminal: Terminal) -> Checklist:
    """Takes some seconds; nothing of it reaches the real central system, or a contactor."""

    def write(folder: Path, port: int) -> Path:
        file = folder / "cpd.toml"
        # What an earlier file says beyond the outlets (cards, limits in silence) is not tried here.
        alone = replace(
            answers,
            url=f"ws://127.0.0.1:{port}/ocpp/",
            password=None,
            meter=None,
            reader=None,
            former=None,
            connectors=answers.connectors if answers.board.simulated or answers.board.on_serial_line else 1,
        )
        file.write_text(render(alone, BESIDE, simulated=True), encoding="utf-8")
        return file

    return await trial.charge_virtual_car(terminal, answers.station_id, write)
