"""No reply for another's request: what is late, is lost."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hal.meters.bus import BusTimings, ModbusBus, ReadFailed
from hal.serving import serving
from tests.hal.meters.line import simulated
from tests.hal.simulators.modbus_meter import SimulatedBus
from tests.hal.simulators.virtual_device import PORT, VirtualDevice, virtual_device
from tests.virtual_time import run_virtual

TIMINGS = BusTimings()
REPLY_S = TIMINGS.reply_s + (13 + 2 * 18) * 11 / 9600
"""How long the reply to the voltages and currents of an SDM630 is waited for."""

Test = Callable[[ModbusBus, SimulatedBus, VirtualDevice], Awaitable[None]]


def on_a_line(test: Test) -> None:
    async def run() -> None:
        simulated_bus = SimulatedBus([simulated()], lambda data: device.send(data))
        with virtual_device(simulated_bus.receive) as device:
            bus = ModbusBus(PORT, baudrate=9600, timings=TIMINGS, open_port=device.open_port)
            bus.open()
            async with serving(bus.run()):
                await test(bus, simulated_bus, device)

    run_virtual(run())


async def phases(bus: ModbusBus) -> tuple[int, ...]:
    return await bus.read(unit=1, function=4, address=0x00, count=18)


async def totals(bus: ModbusBus) -> tuple[int, ...]:
    return await bus.read(unit=1, function=4, address=0x34, count=22)


def hold(simulated_bus: SimulatedBus) -> list[bytes]:
    """The next replies are not sent, but kept here."""
    held: list[bytes] = []

    def keep(reply: bytes) -> list[bytes]:
        held.append(reply)
        return []

    simulated_bus.mangle = keep
    return held


def test_a_request_is_on_the_wire_as_the_specification_has_it() -> None:
    async def run() -> None:
        heard = bytearray()
        with virtual_device(heard.extend) as device:
            bus = ModbusBus(PORT, baudrate=9600, timings=TIMINGS, open_port=device.open_port)
            bus.open()
            async with serving(bus.run()):
                with pytest.raises(ReadFailed, match="no reply"):
                    await phases(bus)
                assert heard.hex(" ") == "01 04 00 00 00 12 70 07"

    run_virtual(run())


def test_a_late_reply_is_not_taken_for_that_to_the_same_request() -> None:
    async def test(bus: ModbusBus, simulated_bus: SimulatedBus, device: VirtualDevice) -> None:
        held = hold(simulated_bus)
        with pytest.raises(ReadFailed, match="no reply"):
            await phases(bus)
        simulated_bus.mangle = lambda reply: [reply]
        simulated_bus.meters[1].current_ma = (0, 0, 0)
        asyncio.get_running_loop().call_later(TIMINGS.gap_s + 0.01, device.send, held[0])
        registers = await phases(bus)
        assert registers[6:12] == (0,) * 6

    on_a_line(test)


def test_the_line_stays_silent_after_a_failure_for_longer_than_a_reply_is_late() -> None:
    async def test(bus: ModbusBus, simulated_bus: SimulatedBus, device: VirtualDevice) -> None:
        loop = asyncio.get_running_loop()
        held = hold(simulated_bus)
        with pytest.raises(ReadFailed):
            await phases(bus)
        simulated_bus.mangle = lambda reply: [reply]
        began_s = loop.time()
        for late_s in (0.1, 0.3, 0.5):
            loop.call_later(late_s, device.send, held[0])
        await phases(bus)
        assert loop.time() - began_s >= 0.5 + TIMINGS.drain_s

    on_a_line(test)


def test_a_reply_that_is_later_still_is_told_by_its_length() -> None:
    async def test(bus: ModbusBus, simulated_bus: SimulatedBus, device: VirtualDevice) -> None:
        held = hold(simulated_bus)
        with pytest.raises(ReadFailed):
            await phases(bus)
        asyncio.get_running_loop().call_later(TIMINGS.drain_s + 0.1, device.send, held[0])
        with pytest.raises(ReadFailed, match="not the reply"):
            await totals(bus)

    on_a_line(test)


def test_the_right_reply_is_found_behind_a_late_one() -> None:
    async def test(bus: ModbusBus, simulated_bus: SimulatedBus, device: VirtualDevice) -> None:
        held = hold(simulated_bus)
        with pytest.raises(ReadFailed):
            await phases(bus)
        simulated_bus.mangle = lambda reply: [held[0] + reply]
        assert len(await totals(bus)) == 22

    on_a_line(test)


def test_a_request_that_was_given_up_disturbs_the_next_one_no_more_than_a_failed_one() -> None:
    async def test(bus: ModbusBus, simulated_bus: SimulatedBus, device: VirtualDevice) -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(TIMINGS.drain_s + 0.01):
                await phases(bus)
        assert len(simulated_bus.asked) == 1
        simulated_bus.meters[1].current_ma = (0, 0, 0)
        began_s = loop.time()
        registers = await phases(bus)
        assert registers[6:12] == (0,) * 6
        assert loop.time() - began_s >= TIMINGS.drain_s

    on_a_line(test)


def test_a_reply_that_comes_when_nothing_is_asked_makes_the_next_request_wait() -> None:
    async def test(bus: ModbusBus, simulated_bus: SimulatedBus, device: VirtualDevice) -> None:
        loop = asyncio.get_running_loop()
        await phases(bus)
        await asyncio.sleep(10)
        device.send(b"\x01")
        await asyncio.sleep(0.01)
        began_s = loop.time()
        await phases(bus)
        assert loop.time() - began_s >= TIMINGS.drain_s

    on_a_line(test)


def test_requests_leave_the_line_a_pause() -> None:
    async def test(bus: ModbusBus, simulated_bus: SimulatedBus, device: VirtualDevice) -> None:
        loop = asyncio.get_running_loop()
        await phases(bus)
        began_s = loop.time()
        await totals(bus)
        assert TIMINGS.gap_s <= loop.time() - began_s < TIMINGS.drain_s

    on_a_line(test)


def test_a_line_that_is_lost_fails_the_request_at_once() -> None:
    async def test(bus: ModbusBus, simulated_bus: SimulatedBus, device: VirtualDevice) -> None:
        loop = asyncio.get_running_loop()
        hold(simulated_bus)
        loop.call_later(TIMINGS.drain_s + 0.1, device.pull_out)
        began_s = loop.time()
        with pytest.raises(ReadFailed, match="lost"):
            await phases(bus)
        assert loop.time() - began_s < TIMINGS.drain_s + REPLY_S

    on_a_line(test)
