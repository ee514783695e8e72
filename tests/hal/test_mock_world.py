import asyncio
import mmap
from pathlib import Path

import pytest

from hal.boards.mock.meter import MAX_WH, RegisterFile
from hal.boards.mock.slot_file import SlotFile
from hal.boards.mock.truth import TruthViolated
from hal.errors import HalStateError
from tests.hal.bench import Bench, bench, virtual
from tests.virtual_time import run_virtual


def energy_wh(b: Bench) -> int:
    assert b.now.meter is not None
    return b.now.meter.energy_wh


@virtual
async def test_the_meter_starts_at_0_and_counts_volts_times_amperes(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        assert energy_wh(b) == 0
        await b.charge()
        before_wh = energy_wh(b)
        await b.offer(16_000, for_s=3_600)
        assert energy_wh(b) - before_wh in (11_040, 11_041)


@virtual
async def test_the_register_is_kept_across_restarts(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.meter(1, energy_wh=1_234)
    async with bench(tmp_path) as b:
        assert energy_wh(b) == 1_234


@virtual
async def test_a_remembered_vehicle_is_still_plugged_in_and_wants_what_it_wanted(tmp_path: Path) -> None:
    async with bench(tmp_path, remembers_vehicles=True) as b:
        b.world.ev(1, max_current_a=10, personality="slow")
        b.world.plug_in(1, 20)
        b.world.ev(1, phases=1)
    async with bench(tmp_path, remembers_vehicles=True) as b:
        assert (b.now.pilot, b.now.cable_a, b.now.contactor) == ("B", 20, "open")
        await b.offer(16_000, for_s=19)
        assert b.now.pilot == "B", "its S2 is its own answer to the new PWM"
        await b.offer(16_000, for_s=10)
        assert (b.now.pilot, b.now.contactor) == ("C", "closed")
        assert b.now.meter is not None
        assert b.now.meter.current_ma == (10_000, 0, 0)


@virtual
async def test_a_vehicle_that_left_is_remembered_as_gone_with_its_wishes(tmp_path: Path) -> None:
    async with bench(tmp_path, remembers_vehicles=True) as b:
        b.world.ev(1, ready=False)
        b.world.plug_in(1)
        b.world.plug_out(1)
    async with bench(tmp_path, remembers_vehicles=True) as b:
        assert b.now.pilot == "A"
        b.world.plug_in(1)
        await b.offer(16_000, for_s=5)
        assert b.now.pilot == "B"


@virtual
async def test_a_vehicle_is_forgotten_unless_it_is_to_be_remembered(tmp_path: Path) -> None:
    async with bench(tmp_path, remembers_vehicles=True) as b:
        b.world.plug_in(1)
    async with bench(tmp_path) as b:
        assert b.now.pilot == "A"


@virtual
async def test_a_vehicle_that_this_release_cannot_know_stops_the_start(tmp_path: Path) -> None:
    SlotFile(tmp_path / "mock-vehicle-1.state", 256).write(b'{"flies": true}'.ljust(256))
    with pytest.raises(HalStateError, match="delete it"):
        async with bench(tmp_path, remembers_vehicles=True):
            pass


def test_what_was_reported_survives_a_kill(tmp_path: Path) -> None:
    abandoned = []

    async def be_killed() -> int:
        context = bench(tmp_path)
        b = await context.__aenter__()
        abandoned.append(context)
        await b.charge()
        await b.offer(16_000, for_s=100)
        return energy_wh(b)

    async def start_again() -> int:
        async with bench(tmp_path) as b:
            assert (b.now.pilot, b.now.contactor) == ("A", "open")
            return energy_wh(b)

    reported_wh = run_virtual(be_killed())
    assert reported_wh > 300
    assert run_virtual(start_again()) >= reported_wh


def test_a_latched_fault_survives_a_kill(tmp_path: Path) -> None:
    abandoned = []

    async def be_killed() -> None:
        context = bench(tmp_path)
        b = await context.__aenter__()
        abandoned.append(context)
        b.world.fault(1, "contactor_welded", True)
        await asyncio.sleep(1.1)
        assert b.faults == ["contactor_welded"]

    async def start_again() -> list[str]:
        async with bench(tmp_path) as b:
            return b.faults

    run_virtual(be_killed())
    assert run_virtual(start_again()) == ["contactor_welded"]


def test_a_torn_register_write_falls_back_to_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "register"
    register = RegisterFile(path)
    register.write(100, 0)
    register.write(101, 5)
    register.close()
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        content[3] ^= 0xFF
    assert (RegisterFile(path).energy_wh, RegisterFile(path).rest) == (100, 0)


def test_no_later_write_needs_room_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "state"
    SlotFile(path, 4 * mmap.PAGESIZE).close()
    assert path.stat().st_blocks * 512 >= path.stat().st_size


def test_a_file_without_room_is_refused_with_its_name() -> None:
    with pytest.raises(HalStateError, match=r"/dev/full: .*; the mock keeps its state there"):
        SlotFile(Path("/dev/full"), 16)


@virtual
async def test_voltage_counts(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.meter(1, voltage_v=240)
        await b.charge()
        assert b.now.meter is not None
        assert (b.now.meter.power_w, b.now.meter.voltage_mv) == (3 * 240 * 16, (240_000,) * 3)


@virtual
async def test_a_single_phase_vehicle_draws_on_one_phase_up_to_its_own_maximum(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, phases=1, max_current_a=13)
        await b.charge()
        assert b.now.meter is not None and b.now.meter.current_ma == (13_000, 0, 0)


@virtual
async def test_a_vehicle_follows_a_new_duty_after_its_lag(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.charge(16_000)
        await b.offer(10_000, for_s=0.4)
        assert b.now.meter is not None and b.now.meter.current_ma == (16_000,) * 3
        await b.offer(10_000, for_s=0.2)
        assert b.now.meter is not None and b.now.meter.current_ma == (10_000,) * 3


@virtual
async def test_a_vehicle_that_needs_7_a_ignores_less(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, personality="needs_7_a")
        b.world.plug_in(1)
        await b.offer(6_000, for_s=5)
        assert b.now.pilot == "B"
        await b.offer(7_000, for_s=5)
        assert b.now.pilot == "C"


@virtual
async def test_a_vehicle_that_is_ready_does_not_close_s2_without_a_pwm(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.plug_in(1)
        b.world.ev(1, ready=True)
        await asyncio.sleep(60)
        assert b.now.pilot == "B"


@virtual
async def test_what_makes_no_sense_is_refused_with_the_range(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.plug_in(1)
        refusals = [
            (lambda: b.world.plug_in(1), "plug it out first"),
            (lambda: b.world.plug_in(2), r"1 … 1"),
            (lambda: b.world.plug_out(0), r"1 … 1"),
            (lambda: b.world.plug_in(1, 16), "13, 20, 32, 63"),
            (lambda: b.world.ev(1, max_current_a=81), r"1 … 80"),
            (lambda: b.world.ev(1, phases=4), r"1 … 3"),
            (lambda: b.world.ev(1, personality="lazy"), "sleeper"),
            (lambda: b.world.swipe(""), "printable"),
            (lambda: b.world.swipe("a\n"), "printable"),
            (lambda: b.world.swipe("04A1", 7), r"1 … 1"),
            (lambda: b.world.fault(1, "flood", True), "ground_fault"),
            (lambda: b.world.fault(1, "guard_lost", True), "ground_fault"),
            (lambda: b.world.meter(1, energy_wh=-1), str(MAX_WH)),
            (lambda: b.world.meter(1, voltage_v=501), r"0 … 500"),
        ]
        for act, words in refusals:
            with pytest.raises(ValueError, match=words):
                act()


@virtual
async def test_a_fixed_cable_has_no_lock_to_break(tmp_path: Path) -> None:
    async with bench(tmp_path, lock=False) as b:
        with pytest.raises(ValueError, match="fixed cable"):
            b.world.fault(1, "lock_failure", True)


@virtual
async def test_a_plug_out_of_nothing_does_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.plug_out(1)
        assert b.now.pilot == "A"


def test_an_unsafe_outlet_fails_the_test_that_made_it(tmp_path: Path) -> None:
    async def defeat_the_guard() -> None:
        async with bench(tmp_path) as b:
            await b.charge()
            b.world._outlets[1].watch(lambda: None)
            b.world.plug_out(1)
            await asyncio.sleep(0.2)

    with pytest.raises(TruthViolated, match="live while the vehicle does not ask for energy"):
        run_virtual(defeat_the_guard())
