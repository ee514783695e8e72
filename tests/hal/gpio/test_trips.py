"""The emergency stop and the residual-current detector: in time, however short, and not for interference."""

import asyncio
from pathlib import Path

import pytest

from hal.values import FaultKind
from tests.hal.bench import virtual
from tests.hal.gpio.charging import charging, offered, time_until
from tests.hal.simulators.gpio import bench

LATEST_S = 0.024
"""A look each 20 ms where an edge was lost, and the second look 3 ms later."""

TRIPS = [("ground fault", FaultKind.GROUND_FAULT), ("emergency stop", FaultKind.EMERGENCY_STOP)]


@pytest.mark.parametrize("edge_told", [True, False])
@pytest.mark.parametrize(("part", "kind"), TRIPS)
@virtual
async def test_a_trip_takes_the_coils_power_whether_its_edge_is_told_or_lost(
    tmp_path: Path, part: str, kind: FaultKind, edge_told: bool
) -> None:
    async with bench(tmp_path) as b:
        await charging(b)
        b.wired.inputs[part].tells = edge_told
        b.wired.inputs[part].put(closed=False)
        assert await time_until(lambda: not b.wired.coil, 1) <= LATEST_S
        assert b.faults == [kind]


@virtual
async def test_a_trip_of_a_millisecond_is_not_overlooked(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await charging(b)
        b.wired.inputs["ground fault"].put(closed=False)
        b.wired.inputs["ground fault"].put(closed=True)
        await asyncio.sleep(0.01)
        assert not b.wired.coil
        assert b.faults == [FaultKind.GROUND_FAULT]
        b.wired.plug_out()
        await asyncio.sleep(1)
        assert b.faults == []


@pytest.mark.parametrize("part", [part for part, _ in TRIPS])
@virtual
async def test_interference_at_the_very_moment_of_a_look_is_no_trip(tmp_path: Path, part: str) -> None:
    async with bench(tmp_path) as b:
        await charging(b)
        contact = b.wired.inputs[part]
        contact.tells = False
        for _ in range(25):
            contact.put(closed=False)
            b.wired.sampled()
            await asyncio.sleep(0.0009)
            contact.put(closed=True)
            await offered(b, 0.0203)
        assert b.faults == []
        assert b.wired.closed


@pytest.mark.parametrize(("part", "kind"), TRIPS)
@virtual
async def test_a_trip_contact_that_does_not_come_to_rest_is_a_trip(
    tmp_path: Path, part: str, kind: FaultKind
) -> None:
    async with bench(tmp_path) as b:
        await charging(b)
        for _ in range(12):
            b.wired.inputs[part].put(closed=False)
            await asyncio.sleep(0.002)
            b.wired.inputs[part].put(closed=True)
            await asyncio.sleep(0.002)
        assert not b.wired.coil
        assert b.faults == [kind]


@virtual
async def test_an_emergency_stop_that_is_closed_again_at_the_second_look_is_told_in_the_log_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with bench(tmp_path) as b:
        await charging(b)
        for _ in range(5):
            b.wired.inputs["emergency stop"].put(closed=False)
            await asyncio.sleep(0.0025)
            b.wired.inputs["emergency stop"].put(closed=True)
            await offered(b, 0.1)
        assert b.wired.coil and b.faults == []
        told = [record.message for record in caplog.records if "emergency stop" in record.message]
        assert told == [
            f"GPIO16 (emergency stop of connector 1) moved for less than 3 ms times={times}"
            for times in (1, 2, 4)
        ]
