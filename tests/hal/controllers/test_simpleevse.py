"""An EVSE-DIN under its driver: registers, leases, faults, and everything that a Modbus line does to them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hal.errors import DeviceUnavailable
from hal.evse import Offer, PilotChanged
from hal.values import ContactorState, FaultKind, PilotState, StopReason
from tests.hal.controllers.session import faults, offering, recorded, throughout, until
from tests.hal.simulators.simpleevse import SimpleEvseRig, SimpleEvseSimulator, framed, opened
from tests.virtual_time import run_virtual

Prepare = Callable[[SimpleEvseSimulator], None]


def on(
    tmp_path: Path,
    test: Callable[[SimpleEvseRig], Awaitable[None]],
    *,
    prepare: Prepare = lambda simulator: None,
) -> SimpleEvseRig:
    """Run *test* against a simulator that *prepare* has built; the rig as it was left."""

    async def run() -> SimpleEvseRig:
        async with opened(tmp_path, prepare=prepare) as rig:
            await test(rig)
        return rig

    return run_virtual(run())


def fine(simulator: SimpleEvseSimulator) -> None:
    """Firmware that counts in hundredths of 1 A."""
    simulator.registers |= {1_005: 17, 2_005: 0x80}


async def charging(rig: SimpleEvseRig) -> None:
    rig.plug_in()
    await until(lambda: rig.live, within_s=15)
    await until(lambda: rig.evse.snapshot().contactor is ContactorState.CLOSED, within_s=1.5)


def test_what_it_was_allowed_is_taken_back_before_anything_else(tmp_path: Path):
    async def begun(rig: SimpleEvseRig) -> None:
        assert rig.simulator.writes[0] == (1_000, 0)
        assert not rig.live

    def charges(simulator: SimpleEvseSimulator) -> None:
        simulator.vehicle.plug_in()

    on(tmp_path, begun, prepare=charges)


def test_the_current_after_a_boot_is_set_to_0_once(tmp_path: Path):
    async def begun(rig: SimpleEvseRig) -> None:
        assert rig.simulator.registers[2_000] == 0
        assert rig.simulator.eeprom_writes == 1

    def spared(simulator: SimpleEvseSimulator) -> None:
        simulator.registers[2_000] = 0

    async def already(rig: SimpleEvseRig) -> None:
        assert rig.simulator.eeprom_writes == 0

    on(tmp_path, begun)
    on(tmp_path, already, prepare=spared)


def test_a_session_from_plug_to_plug(tmp_path: Path):
    async def session(rig: SimpleEvseRig) -> None:
        evse = rig.evse
        rig.plug_in()
        await until(lambda: evse.snapshot().pilot is PilotState.B, within_s=2)
        async with offering(evse, 16_700):
            await until(lambda: rig.live, within_s=15)
            await asyncio.sleep(60)
            charged = evse.snapshot()
            assert (charged.pilot, charged.contactor) == (PilotState.C, ContactorState.CLOSED)
            assert (charged.offer_ma, charged.duty_ns, charged.cable_a) == (16_000, 266_666, 32)
            assert charged.faults == ()
        evse.offer(None)
        await until(lambda: not rig.live, within_s=7)
        await until(lambda: evse.snapshot().contactor is ContactorState.OPEN, within_s=2)
        rig.plug_out()
        await until(lambda: evse.snapshot().pilot is PilotState.A, within_s=2)
        assert rig.simulator.rushed == 0
        assert rig.simulator.eeprom_writes == 1

    on(tmp_path, session)


def test_newer_firmware_takes_hundredths_of_1_a(tmp_path: Path):
    async def session(rig: SimpleEvseRig) -> None:
        async with offering(rig.evse, 16_789):
            await charging(rig)
            assert rig.simulator.registers[1_000] == 1_678
            assert rig.evse.snapshot().offer_ma == 16_780

    on(tmp_path, session, prepare=fine)


def test_below_the_minimum_of_the_controller_nothing_is_offered(tmp_path: Path):
    def eight(simulator: SimpleEvseSimulator) -> None:
        simulator.registers[2_002] = 8

    async def little(rig: SimpleEvseRig) -> None:
        async with offering(rig.evse, 7_000):
            rig.plug_in()
            await throughout(lambda: rig.simulator.registers[1_000] == 0, for_s=12)
            assert rig.evse.snapshot().min_current_ma == 8_000
            (told,) = (one for one in rig.examine() if one.part == "least current")
            assert (told.evidence, told.next_step) == (
                "8 A; with less nothing charges",
                "set its register 2002 to 6",
            )
        async with offering(rig.evse, 8_000):
            await until(lambda: rig.live, within_s=10)

    on(tmp_path, little, prepare=eight)


def test_the_cable_limits_what_is_offered(tmp_path: Path):
    def thin(simulator: SimpleEvseSimulator) -> None:
        simulator.registers[1_003] = 13

    async def limited(rig: SimpleEvseRig) -> None:
        async with offering(rig.evse, 32_000):
            await charging(rig)
            assert rig.simulator.registers[1_000] == 13
            assert rig.evse.snapshot().cable_a == 13

    on(tmp_path, limited, prepare=thin)


def test_the_lease_is_kept_here(tmp_path: Path):
    async def forgotten(rig: SimpleEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
        rig.evse.offer(Offer(current_ma=16_000, phases=3, valid_for_s=3.0))
        took_s = await until(lambda: rig.advertised_ma == 0, within_s=4)
        assert 2.9 <= took_s <= 3.6

    on(tmp_path, forgotten)


def test_an_emergency_turns_off_now_and_the_next_offer_turns_on_again(tmp_path: Path):
    async def stopped(rig: SimpleEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
        rig.evse.stop(StopReason.EMERGENCY)
        assert await until(lambda: not rig.live, within_s=2) < 0.6
        assert rig.simulator.registers[1_004] & 1
        async with offering(rig.evse):
            await until(lambda: rig.live, within_s=20)
        assert not rig.simulator.registers[1_004] & 1

    on(tmp_path, stopped)


def test_it_is_off_after_the_driver_and_on_again_after_the_next_one(tmp_path: Path):
    left: list[dict[int, int]] = []

    async def charges(rig: SimpleEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)

    rig = on(tmp_path, charges)
    assert (rig.simulator.registers[1_000], rig.simulator.registers[1_004]) == (0, 1)
    left.append(rig.simulator.registers)

    def as_it_was_left(simulator: SimpleEvseSimulator) -> None:
        simulator.registers |= left[0]

    on(tmp_path, charges, prepare=as_it_was_left)


def test_a_vehicle_that_holds_on_is_not_told_to_be_open(tmp_path: Path):
    async def stubborn(rig: SimpleEvseRig) -> None:
        rig.simulator.vehicle.stubborn = True
        async with offering(rig.evse):
            await charging(rig)
        rig.evse.offer(None)
        await asyncio.sleep(3)
        assert rig.live
        assert rig.evse.snapshot().contactor is ContactorState.UNKNOWN

    on(tmp_path, stubborn)


@pytest.mark.parametrize(
    "kind", [FaultKind.GROUND_FAULT, FaultKind.PILOT_FAULT, FaultKind.OVER_CURRENT, FaultKind.METER_OFFLINE]
)
def test_a_fault_has_its_name(tmp_path: Path, kind: FaultKind):
    async def broken(rig: SimpleEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
            rig.cause(kind, True)
            await until(lambda: faults(rig.evse) == {kind}, within_s=10)
            rig.cause(kind, False)
        rig.plug_out()
        await until(lambda: faults(rig.evse) == set(), within_s=3)

    on(tmp_path, broken)


def test_the_relays_own_bit_is_no_residual_current(tmp_path: Path):
    async def newer(rig: SimpleEvseRig) -> None:
        answers = rig.simulator._show

        def with_relay_bit() -> None:
            answers()
            rig.simulator.registers[1_007] |= int(rig.simulator.closed)

        rig.simulator._show = with_relay_bit  # type: ignore[method-assign]
        async with offering(rig.evse):
            await charging(rig)
            await asyncio.sleep(5)
            assert faults(rig.evse) == set()

    on(tmp_path, newer)


@pytest.mark.parametrize("register", [0, 6, 77])
def test_a_vehicle_state_that_means_nothing_is_a_fault_of_the_pilot(tmp_path: Path, register: int):
    async def lost(rig: SimpleEvseRig) -> None:
        rig.simulator._show = lambda: rig.simulator.registers.update({1_002: register})  # type: ignore[method-assign]
        await until(lambda: faults(rig.evse) == {FaultKind.PILOT_FAULT}, within_s=4)
        assert rig.evse.snapshot().pilot is PilotState.UNKNOWN

    on(tmp_path, lost)


def test_a_silent_controller_is_lost_after_3_s_and_held_first_when_it_is_back(tmp_path: Path):
    async def silent(rig: SimpleEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
            rig.simulator.silent = True
            assert await until(lambda: faults(rig.evse) == {FaultKind.GUARD_LOST}, within_s=5) <= 3.2
            assert rig.evse.snapshot().contactor is ContactorState.UNKNOWN
            written = len(rig.simulator.writes)
            rig.simulator.silent = False
            await until(lambda: faults(rig.evse) == set(), within_s=8)
            assert rig.simulator.writes[written:][0] == (1_000, 0)
            assert {value for _, value in rig.simulator.writes[written:]} == {0}

    on(tmp_path, silent)


def test_a_boot_in_the_middle_offers_nothing_of_itself_and_the_session_goes_on(tmp_path: Path):
    async def rebooted(rig: SimpleEvseRig) -> None:
        async with offering(rig.evse, 10_000):
            await charging(rig)
            rig.simulator.boot()
            assert rig.advertised_ma == 0
            await until(lambda: rig.advertised_ma == 10_000, within_s=20)

    on(tmp_path, rebooted)


def test_a_line_that_echoes_is_spoken_on(tmp_path: Path):
    def echoing(simulator: SimpleEvseSimulator) -> None:
        simulator.echoes = True

    async def session(rig: SimpleEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)

    on(tmp_path, session, prepare=echoing)


@pytest.mark.parametrize(("reason", "under_load"), [(StopReason.NORMAL, 0), (StopReason.EMERGENCY, 1)])
def test_its_contactor_is_counted(tmp_path: Path, reason: StopReason, under_load: int):
    async def stopped(rig: SimpleEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
        rig.evse.stop(reason)
        await until(lambda: rig.evse.snapshot().contactor is ContactorState.OPEN, within_s=10)
        (told,) = (one for one in rig.examine() if one.part == "contactor")
        assert told.evidence == f"open, cycles 1, {under_load} under load"

    on(tmp_path, stopped)


MANGLED: dict[str, Callable[[bytes], bytes]] = {
    "wrong CRC": lambda data: data[:-1] + bytes((data[-1] ^ 0xFF,)),
    "half": lambda data: data[: len(data) // 2],
    "twice": lambda data: data + data,
    "noise before": lambda data: b"\x00\xff" + data,
    "noise after": lambda data: data + b"\x00",
    "another unit": lambda data: framed(b"\x02" + data[1:-2]),
    "nothing": lambda data: b"",
}


@pytest.mark.parametrize("name", MANGLED)
def test_a_spoilt_answer_is_none_and_the_next_good_one_counts(tmp_path: Path, name: str):
    async def spoilt(rig: SimpleEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
            rig.simulator.mangle = MANGLED[name]
            await until(lambda: faults(rig.evse) == {FaultKind.GUARD_LOST}, within_s=6)
            rig.simulator.mangle = lambda data: data
            await until(lambda: faults(rig.evse) == set(), within_s=8)

    on(tmp_path, spoilt)


def test_a_late_answer_is_not_the_answer_to_the_next_question(tmp_path: Path):
    async def late(rig: SimpleEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
            rig.simulator.delay_s = 0.7
            seen = set()
            for _ in range(1_000):
                seen.add((rig.evse.snapshot().pilot, rig.evse.snapshot().offer_ma))
                await asyncio.sleep(0.02)
            assert seen == {(PilotState.C, 16_000), (PilotState.UNKNOWN, 0)}
            rig.simulator.delay_s = 0.03
            await until(lambda: faults(rig.evse) == set(), within_s=8)

    on(tmp_path, late)


def test_old_firmware_stops_the_start(tmp_path: Path):
    def old(simulator: SimpleEvseSimulator) -> None:
        simulator.registers[1_005] = 7

    async def never(rig: SimpleEvseRig) -> None:
        raise AssertionError("it was opened")

    with pytest.raises(DeviceUnavailable, match="firmware 7 is too old"):
        on(tmp_path, never, prepare=old)


def test_nothing_on_the_line_stops_the_start(tmp_path: Path):
    def dead(simulator: SimpleEvseSimulator) -> None:
        simulator.silent = True

    async def never(rig: SimpleEvseRig) -> None:
        raise AssertionError("it was opened")

    with pytest.raises(DeviceUnavailable, match="no simpleevse answers"):
        on(tmp_path, never, prepare=dead)


def test_that_it_does_not_notice_a_dead_master_is_said_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    async def looked(rig: SimpleEvseRig) -> None:
        assert "interlock" in {one.part for one in rig.examine()}

    with caplog.at_level(logging.WARNING):
        on(tmp_path, looked)
    assert "does not notice a silent master" in caplog.text


@pytest.mark.parametrize(("lost_for_s", "is_another"), [(2, False), (12, True)])
def test_after_a_loss_that_was_long_enough_for_an_exchange_the_vehicle_is_told_as_another(
    tmp_path: Path, lost_for_s: float, is_another: bool
):
    async def exchanged(rig: SimpleEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
        async with recorded(rig.evse) as events:
            rig.link(False)
            if is_another:
                rig.plug_out()
                await asyncio.sleep(1)
                rig.plug_in()
            await asyncio.sleep(lost_for_s)
            rig.link(True)
            rig.evse.offer(Offer(current_ma=16_000, phases=3))
            await until(lambda: rig.evse.snapshot().pilot is PilotState.B, within_s=10)
        assert (PilotChanged(state=PilotState.A) in events) is is_another

    on(tmp_path, exchanged)


def test_what_was_written_without_an_answer_is_taken_back_at_once(tmp_path: Path):
    """The order arrived, its answer did not: what was read before it says nothing any more."""

    async def withdrawn(rig: SimpleEvseRig) -> None:
        rig.plug_in()
        await asyncio.sleep(12)
        rig.simulator.mangle = lambda data: b"" if data[1] == 16 else data
        rig.evse.offer(Offer(current_ma=16_000, phases=3))
        await until(lambda: rig.simulator.registers[1_000] == 16, within_s=2)
        rig.evse.offer(None)
        assert await until(lambda: rig.simulator.registers[1_000] == 0, within_s=5) < 1.5
        rig.simulator.mangle = lambda data: data

    on(tmp_path, withdrawn)
