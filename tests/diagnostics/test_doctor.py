"""The doctor itself: it answers in time, whatever is sick."""

import asyncio
from pathlib import Path

from cpd.diagnostics.doctor import Doctor
from cpd.settings import load_settings
from hal.examination import Finding, Health
from tests.control.fake_target import a_snapshot
from tests.virtual_time import VirtualClock, run_virtual


def test_hardware_that_does_not_answer_is_a_finding(tmp_path: Path) -> None:
    async def nothing() -> tuple[Finding, ...]:
        await asyncio.Event().wait()
        return ()

    async def examined() -> tuple[Finding, ...]:
        file = tmp_path / "cpd.toml"
        file.write_text(f'[station]\nid = "CP"\n[store]\npath = "{tmp_path}/cpd.db"\n[[connector]]\nid = 1\n')
        settings = load_settings(file)
        doctor = Doctor(
            settings=lambda: settings, snapshot=a_snapshot, hardware=nothing, clock=VirtualClock()
        )
        async with asyncio.timeout(4.0):
            return await doctor.examine()

    lost = run_virtual(examined())[-1]
    assert (lost.part, lost.health) == ("guard", Health.FAILED)
    assert "cpd-guard" in lost.next_step
