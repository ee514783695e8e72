"""Meters that misbehave: what is told is true, or nothing is told."""

import asyncio
import struct
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.examination import Health
from hal.meter_watch import WatchedMeter
from hal.meters.modbus_meter import MeterConfig
from tests.hal.contract.rig import until
from tests.hal.meters.line import FULL, Line, line_of, simulated, until_read
from tests.hal.simulators.modbus_meter import LAYOUTS, SimulatedMeter, crc
from tests.virtual_time import run_virtual

Test = Callable[[Line, SimulatedMeter], Awaitable[None]]


def at_a_meter(test: Test, family: str = "eastron_sdm630", *, like: MeterConfig | None = None) -> None:
    """Run *test* at a meter of *family* that was read."""

    async def run() -> None:
        meter = simulated(family)
        async with line_of(meter, like=like) as line:
            await until_read(line.meter)
            await test(line, meter)

    run_virtual(run())


async def always(line: Line, for_s: float) -> set[tuple[object, ...]]:
    """All readings of *for_s* seconds, without their times; an empty one where there was none."""
    told: set[tuple[object, ...]] = set()
    loop = asyncio.get_running_loop()
    end_s = loop.time() + for_s
    while loop.time() < end_s:
        reading = line.meter.read()
        told.add(
            ()
            if reading is None
            else (
                reading.energy_wh,
                reading.power_w,
                reading.voltage_mv,
                reading.current_ma,
                reading.phase_power_w,
            )
        )
        await asyncio.sleep(0.05)
    return told


TRUTH = (12_345_000, 10_382, FULL["voltage_mv"], FULL["current_ma"], (3_696, 3_480, 3_206))


def test_a_reading_is_as_old_as_its_request() -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        reading = line.meter.read()
        line.bus.late_s = 0.2
        await until(lambda: line.meter.read() != reading, within_s=3)
        fresh = line.meter.read()
        assert fresh is not None
        assert asyncio.get_running_loop().time() - fresh.at_s >= 2 * 0.2

    at_a_meter(test)


def test_while_it_answers_a_reading_is_never_old() -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        assert await always(line, 60) == {TRUTH}

    at_a_meter(test)


def test_nothing_is_asked_more_often_than_each_second() -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        before = len(line.bus.asked)
        await asyncio.sleep(10)
        assert len(line.bus.asked) - before == 10 * 2

    at_a_meter(test)


def flipped(reply: bytes) -> list[bytes]:
    return [reply[:5] + bytes([reply[5] ^ 0x40]) + reply[6:]]


def of_another(reply: bytes) -> list[bytes]:
    frame = bytes([reply[0] + 1]) + reply[1:-2]
    return [frame + crc(frame)]


def with_noise(reply: bytes) -> list[bytes]:
    return [b"\x00\xff", reply + b"\x00", b"\xff"]


def byte_by_byte(reply: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in reply[:20]] + [reply[20:]]


@pytest.mark.parametrize(
    "mangle",
    [
        flipped,
        of_another,
        lambda reply: [reply[:-1]],
        lambda reply: [reply[:7]],
        lambda reply: [b"\x00" * 40],
    ],
    ids=["CRC", "other unit", "cut off", "half", "zeros"],
)
def test_what_is_no_reply_is_silence(mangle: Callable[[bytes], list[bytes]]) -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        line.bus.mangle = mangle
        assert await always(line, 10) == {TRUTH, ()}
        assert line.meter.read() is None
        line.bus.mangle = lambda reply: [reply]
        await until_read(line.meter)
        assert await always(line, 10) == {TRUTH}

    at_a_meter(test)


@pytest.mark.parametrize("mangle", [with_noise, byte_by_byte])
def test_a_reply_is_found_among_noise_and_in_pieces(mangle: Callable[[bytes], list[bytes]]) -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        line.bus.mangle = mangle
        assert await always(line, 20) == {TRUTH}

    at_a_meter(test)


def test_a_reply_that_was_disturbed_once_leaves_no_gap() -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        replies = 0

        def each_fourth(reply: bytes) -> list[bytes]:
            nonlocal replies
            replies += 1
            return flipped(reply) if replies % 4 == 0 else [reply]

        line.bus.mangle = each_fourth
        assert await always(line, 60) == {TRUTH}

    at_a_meter(test)


def test_a_line_that_babbles_is_silence() -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        async def babble() -> None:
            while True:
                line.device.send(b"\x55")
                await asyncio.sleep(0.01)

        async with asyncio.TaskGroup() as tasks:
            babbling = tasks.create_task(babble())
            await until(lambda: line.meter.read() is None, within_s=5)
            await until(lambda: "never silent" in line.meter.examine()[0].evidence, within_s=3)
            babbling.cancel()
        await until_read(line.meter)

    at_a_meter(test)


@settings(max_examples=20)
@given(delays_s=st.lists(st.floats(0, 2.5), min_size=1, max_size=12))
@pytest.mark.parametrize("family", ["eastron_sdm630", "eastron_sdm72dm_v2", "schneider_iem3x55"])
def test_no_lateness_makes_one_quantity_another(family: str, delays_s: list[float]) -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        replies = 0
        loop = asyncio.get_running_loop()

        def late(reply: bytes) -> list[bytes]:
            nonlocal replies
            replies += 1
            loop.call_later(delays_s[replies % len(delays_s)], line.bus.send, reply)
            return []

        line.bus.mangle = late
        told = await always(line, 30)
        assert {one[:4] for one in told if one} <= {TRUTH[:4]}

    at_a_meter(test, family)


@pytest.mark.parametrize("code", [4, 5, 6, 8, 11])
def test_an_exception_of_the_moment_is_asked_again(code: int) -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        meter.refuses = code
        await until(lambda: line.meter.read() is None, within_s=5)
        assert f"exception {code} for 18 registers" in line.meter.examine()[0].evidence
        meter.refuses = None
        await until_read(line.meter)

    at_a_meter(test)


def test_the_first_version_of_a_meter_is_read_without_its_phases() -> None:
    async def run() -> None:
        first_version = simulated("eastron_sdm72")
        async with line_of(SimulatedMeter(layout=LAYOUTS["eastron_sdm72dm_v2"], unit=1), like=None) as line:
            line.bus.meters[1] = first_version
            await until_read(line.meter)
            reading = line.meter.read()
            assert reading is not None
            assert (reading.energy_wh, reading.power_w) == (12_345_000, 10_382)
            assert (reading.voltage_mv, reading.current_ma, reading.phase_power_w) == (None, None, None)
            assert "SDM72D-M v1" in line.meter.examine()[0].evidence

    run_virtual(run())


def test_a_meter_that_is_busy_at_first_is_not_taken_for_its_first_version() -> None:
    async def run() -> None:
        meter = simulated("eastron_sdm72dm_v2")
        meter.refuses = 6
        async with line_of(meter) as line:
            await asyncio.sleep(10)
            meter.refuses = None
            await until_read(line.meter)
            assert await always(line, 5) == {TRUTH}

    run_virtual(run())


def test_a_meter_that_was_read_never_becomes_its_alternative() -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        meter.refuses = 2
        await asyncio.sleep(30)
        meter.refuses = None
        await until_read(line.meter)
        assert await always(line, 5) == {TRUTH}

    at_a_meter(test, "eastron_sdm72dm_v2")


def test_a_reset_is_told_when_it_is_confirmed() -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        meter.energy_wh = 3
        told = await always(line, 10)
        assert {one[0] for one in told if one} == {12_345_000, 3}
        assert line.meter.read() is not None
        assert "began anew 1 times" in line.meter.examine()[0].evidence

    at_a_meter(test)


def test_a_register_that_glitches_once_is_never_told() -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        for wrong_wh in (0, 99_000_000, 12_344_990):
            asked = len(line.bus.asked)
            meter.energy_wh = wrong_wh
            await until(lambda asked=asked: len(line.bus.asked) == asked + 2, within_s=5)
            await asyncio.sleep(0.1)
            meter.energy_wh = 12_345_000
            assert {one[0] for one in await always(line, 5)} == {12_345_000}

    at_a_meter(test)


def test_a_meter_that_is_replaced_is_read_on() -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        meter.dark = True
        await asyncio.sleep(600)
        assert line.meter.read() is None
        assert line.meter.examine()[0].next_step == "check its supply and the line"
        line.bus.meters[1] = simulated(energy_wh=1_000)
        await until_read(line.meter)
        reading = line.meter.read()
        assert reading is not None
        assert reading.energy_wh == 1_000

    at_a_meter(test)


def test_a_meter_that_freezes_is_caught_behind_its_watch() -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        watched = WatchedMeter(line.meter)
        assert watched.read() is not None
        await asyncio.sleep(120)
        assert line.meter.read() is not None
        assert watched.read() is None

    at_a_meter(test)


NAN = struct.pack(">f", float("nan"))


def test_what_is_not_a_number_is_none() -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        meter.overwritten = {0x06: NAN, 0x3C: NAN}
        await until(
            lambda: (reading := line.meter.read()) is not None and reading.current_ma is None, within_s=3
        )
        reading = line.meter.read()
        assert reading is not None
        assert (reading.reactive_var, reading.voltage_mv) == (None, FULL["voltage_mv"])

    at_a_meter(test)


def test_energy_that_is_not_a_number_is_no_reading() -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        meter.overwritten = {0x48: NAN}
        await until(lambda: line.meter.read() is None, within_s=5)
        assert "it gives no energy" in line.meter.examine()[0].evidence

    at_a_meter(test)


def test_no_voltage_on_the_phase_that_feeds_it_is_no_reading() -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        meter.voltage_mv = (0, 0, 0)
        await until(lambda: line.meter.read() is None, within_s=5)
        assert "no voltage on L1" in line.meter.examine()[0].evidence

    at_a_meter(test)


def test_a_meter_of_three_phases_tells_the_wired_one() -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        meter.voltage_mv, meter.current_ma = (231_000, 0, 0), (16_000, 0, 0)
        told = await always(line, 5)
        assert (12_345_000, 3_696, (231_000,), (16_000,), (3_696,)) in told
        assert () not in told
        assert line.meter.examine()[0].health is Health.OK

    at_a_meter(test, like=MeterConfig(connector=1, model="", port="", phases=1))


def test_a_meter_of_one_phase_at_three_tells_one_and_warns() -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        reading = line.meter.read()
        assert reading is not None
        assert (reading.voltage_mv, reading.current_ma, reading.power_w) == ((231_000,), (16_000,), 3_696)
        (finding,) = line.meter.examine()
        assert finding.health is Health.WARNING
        assert "counts 1 of 3 phases" in finding.evidence

    at_a_meter(test, "eastron_single_phase")


def test_power_that_comes_back_warns_of_reversed_transformers() -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        meter.overwritten = {0x34: struct.pack(">f", -10_382)}
        await until(lambda: line.meter.examine()[0].health is Health.WARNING, within_s=3)
        assert line.meter.examine()[0].next_step == "turn its current transformers"

    at_a_meter(test)


def test_whoever_looks_sees_model_line_age_energy_and_failures() -> None:
    async def test(line: Line, meter: SimulatedMeter) -> None:
        await asyncio.sleep(10)
        (finding,) = line.meter.examine()
        assert (finding.part, finding.connector, finding.health) == ("meter sdm630", 1, Health.OK)
        assert finding.evidence.startswith(
            "Eastron SDM630, unit 1 at /dev/serial/by-id/simulated, 12345.00 kWh"
        )
        assert finding.evidence.endswith("0 of 11 requests failed")

    at_a_meter(test)
