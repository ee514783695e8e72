"""The bolt of the plug lock: held on request where the vehicle's end is pulled, and given back on request."""

import asyncio
from pathlib import Path

import pytest

from hal.values import UnlockResult
from tests.hal.bench import bench, virtual


@virtual
@pytest.mark.parametrize("held", [False, True])
async def test_a_plug_stays_in_its_socket_only_where_it_is_held(tmp_path: Path, held: bool) -> None:
    async with bench(tmp_path) as b:
        b.evse.hold_plug(held)
        await b.charge()
        b.world.plug_out(1)
        await asyncio.sleep(30)
        assert b.now.lock == ("locked" if held else "unlocked")
        assert (b.now.contactor, b.now.duty_ns) == ("open", None)


@virtual
async def test_a_held_plug_is_let_go_when_it_is_no_longer_held(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.evse.hold_plug(True)
        await b.charge()
        b.world.plug_out(1)
        await asyncio.sleep(5)
        b.evse.hold_plug(False)
        await b.until(lambda: b.now.lock == "unlocked", within_s=1)


@virtual
async def test_a_held_plug_is_given_back_on_request_and_the_next_one_is_not_held(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.evse.hold_plug(True)
        await b.charge()
        b.world.plug_out(1)
        await asyncio.sleep(5)
        assert await b.evse.unlock() is UnlockResult.UNLOCKED
        await b.charge()
        b.world.plug_out(1)
        await b.until(lambda: b.now.lock == "unlocked", within_s=1)


@virtual
async def test_a_socket_that_is_free_does_not_lock_because_plugs_are_held(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.evse.hold_plug(True)
        await asyncio.sleep(30)
        assert b.now.lock == "unlocked"


@virtual
async def test_a_held_plug_charges_again_when_the_vehicle_comes_back(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.evse.hold_plug(True)
        await b.charge()
        b.world.plug_out(1)
        await asyncio.sleep(5)
        await b.charge()
        assert (b.now.contactor, b.now.lock) == ("closed", "locked")


@virtual
async def test_a_plug_is_given_back_on_request_although_the_pilot_cannot_be_read(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        b.world.fault(1, "pilot_fault", True)
        await asyncio.sleep(2)
        assert b.now.lock == "locked"
        assert await b.evse.unlock() is UnlockResult.UNLOCKED
