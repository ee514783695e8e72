"""An OpenEVSE under its driver: sessions, leases, faults, and everything that a serial line does to them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hal.errors import DeviceUnavailable
from hal.evse import Offer, PilotChanged
from hal.examination import Health
from hal.outlet.config import OutletConfig
from hal.values import ContactorState, FaultKind, PilotState, StopReason
from tests.hal.controllers.session import faults, offering, recorded, throughout, until
from tests.hal.simulators.openevse import CODES, OpenEvseRig, OpenEvseSimulator, line, opened
from tests.virtual_time import run_virtual

Prepare = Callable[[OpenEvseSimulator], None]


def on(
    tmp_path: Path,
    test: Callable[[OpenEvseRig], Awaitable[None]],
    *,
    prepare: Prepare = lambda simulator: None,
    phases: int = 1,
    max_current_a: int = 32,
) -> OpenEvseRig:
    """Run *test* against a simulator that *prepare* has built; the rig as it was left."""

    async def run() -> OpenEvseRig:
        async with opened(tmp_path, prepare=prepare, phases=phases, max_current_a=max_current_a) as rig:
            await test(rig)
        return rig

    return run_virtual(run())


def bare(simulator: OpenEvseSimulator) -> None:
    """As the stock firmware is built."""
    simulator.auth_lock = simulator.boot_lock = simulator.supervises = False


def old(simulator: OpenEvseSimulator) -> None:
    """Firmware that knows no sequence ids."""
    simulator.echoes_ids = False


async def charging(rig: OpenEvseRig) -> None:
    rig.plug_in()
    await until(lambda: rig.live, within_s=15)
    await until(lambda: rig.evse.snapshot().contactor is ContactorState.CLOSED, within_s=1.5)


def test_it_is_locked_and_asleep_before_anything_is_asked_of_it(tmp_path: Path):
    async def begun(rig: OpenEvseRig) -> None:
        assert rig.simulator.commands[0] == "S4 1"
        assert "FS" in rig.simulator.commands[:3]
        assert rig.simulator.mode == "asleep"
        assert rig.simulator.locked

    on(tmp_path, begun)


def test_a_vehicle_that_charged_while_nobody_was_here_is_stopped(tmp_path: Path):
    def charges(simulator: OpenEvseSimulator) -> None:
        bare(simulator)
        simulator.vehicle.plug_in()

    async def found(rig: OpenEvseRig) -> None:
        assert not rig.live
        assert rig.evse.snapshot().offer_ma == 0
        await throughout(lambda: not rig.live, for_s=20)

    on(tmp_path, found, prepare=charges)


@pytest.mark.parametrize("prepare", [lambda _: None, bare, old], ids=["full", "bare", "without ids"])
def test_a_session_from_plug_to_plug(tmp_path: Path, prepare: Prepare):
    async def session(rig: OpenEvseRig) -> None:
        evse = rig.evse
        assert evse.snapshot().pilot is PilotState.A
        rig.plug_in()
        await until(lambda: evse.snapshot().pilot is PilotState.B, within_s=2)
        before = evse.snapshot().meter
        async with offering(evse, 16_700):
            await until(lambda: rig.live, within_s=15)
            assert rig.advertised_ma == 16_000
            await asyncio.sleep(60)
            charged = evse.snapshot()
            assert charged.pilot is PilotState.C
            assert charged.offer_ma == 16_000
            assert charged.duty_ns == 266_666
            assert charged.contactor_commanded is ContactorState.CLOSED
            assert charged.faults == ()
            assert charged.meter is not None
            assert before is not None
            assert charged.meter.current_ma == (16_000,)
            assert charged.meter.power_w == 3_680
            assert charged.meter.energy_wh - before.energy_wh > 50
        evse.offer(None)
        await until(lambda: not rig.live, within_s=4)
        assert rig.simulator.under_load == 0
        await until(lambda: evse.snapshot().contactor is ContactorState.OPEN, within_s=2)
        rig.plug_out()
        await until(lambda: evse.snapshot().pilot is PilotState.A, within_s=1)

    on(tmp_path, session, prepare=prepare)


def test_current_is_only_ever_set_volatile_and_read_back(tmp_path: Path):
    async def session(rig: OpenEvseRig) -> None:
        async with offering(rig.evse, 20_000):
            await charging(rig)
        commands = rig.simulator.commands
        assert [one for one in commands if one.startswith("SC")] == ["SC 20 V"]
        after = commands[commands.index("SC 20 V") :]
        assert after.index("GC") < after.index("FE")

    on(tmp_path, session)


def test_the_lease_is_kept_here(tmp_path: Path):
    async def forgotten(rig: OpenEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
        rig.evse.offer(Offer(current_ma=16_000, phases=1, valid_for_s=3.0))
        took_s = await until(lambda: rig.advertised_ma == 0, within_s=4)
        assert 2.9 <= took_s <= 3.2
        assert rig.simulator.commands[-20:].count("FS") >= 1
        await until(lambda: not rig.live, within_s=4)

    on(tmp_path, forgotten)


def test_increases_are_5_s_apart_while_it_charges_and_decreases_are_not(tmp_path: Path):
    async def changed(rig: OpenEvseRig) -> None:
        async with offering(rig.evse, 10_000):
            await charging(rig)
        async with offering(rig.evse, 12_000):
            await until(lambda: rig.advertised_ma == 12_000, within_s=6)
        async with offering(rig.evse, 20_000):
            await asyncio.sleep(0.1)
            assert rig.evse.snapshot().increase_at_s is not None
            took_s = await until(lambda: rig.advertised_ma == 20_000, within_s=6)
            assert took_s > 4
        async with offering(rig.evse, 8_000):
            assert await until(lambda: rig.advertised_ma == 8_000, within_s=1) < 0.2

    on(tmp_path, changed)


def test_no_vehicle_is_offered_more_than_the_outlet_bears(tmp_path: Path):
    async def much(rig: OpenEvseRig) -> None:
        async with offering(rig.evse, 80_000):
            await charging(rig)
            assert rig.advertised_ma == 20_000

    on(tmp_path, much, max_current_a=20)


def test_a_controller_that_bears_less_is_believed(tmp_path: Path):
    def small(simulator: OpenEvseSimulator) -> None:
        simulator.max_a = 16

    async def less(rig: OpenEvseRig) -> None:
        async with offering(rig.evse, 32_000):
            await charging(rig)
            await asyncio.sleep(3)
            assert rig.evse.snapshot().offer_ma == 16_000
            assert rig.evse.snapshot().faults == ()

    on(tmp_path, less, prepare=small)


def test_a_controller_that_takes_no_limit_offers_nothing(tmp_path: Path):
    def stiff(simulator: OpenEvseSimulator) -> None:
        simulator.minimum_is_kept = True

    async def refused(rig: OpenEvseRig) -> None:
        async with offering(rig.evse, 10_000):
            rig.plug_in()
            await throughout(lambda: rig.advertised_ma == 0 and not rig.live, for_s=15)
            assert faults(rig.evse) == {FaultKind.PILOT_FAULT}
        rig.plug_out()
        await until(lambda: not faults(rig.evse), within_s=3)

    on(tmp_path, refused, prepare=stiff)


def test_an_emergency_opens_under_load_and_the_vehicle_is_seen_again(tmp_path: Path):
    async def stopped(rig: OpenEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
        rig.evse.stop(StopReason.EMERGENCY)
        assert await until(lambda: not rig.live, within_s=1) < 0.1
        assert rig.simulator.mode == "disabled"
        assert await until(lambda: rig.simulator.mode == "asleep", within_s=3) >= 0.3
        await until(lambda: rig.evse.snapshot().pilot is PilotState.B, within_s=3)
        assert not rig.live

    on(tmp_path, stopped)


@pytest.mark.parametrize("reason", StopReason)
def test_a_stop_does_not_wait_for_a_lost_answer_to_be_asked_for_again(tmp_path: Path, reason: StopReason):
    async def stopped(rig: OpenEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
        deaf_to = {"GS"}
        hears = rig.simulator.received
        rig.hear(lambda data: None if data[1:3].decode() in deaf_to else hears(data))
        await asyncio.sleep(1.0)
        rig.evse.stop(reason)
        assert await until(lambda: rig.simulator.mode != "enabled", within_s=2) < 0.75

    on(tmp_path, stopped)


def test_out_of_service_and_free_the_pilot_says_so(tmp_path: Path):
    async def closed(rig: OpenEvseRig) -> None:
        rig.evse.set_available(False)
        await until(lambda: rig.evse.snapshot().pilot is PilotState.F, within_s=2)
        assert rig.simulator.mode == "disabled"
        rig.evse.set_available(True)
        await until(lambda: rig.evse.snapshot().pilot is PilotState.A, within_s=3)

    on(tmp_path, closed)


@pytest.mark.parametrize("kind", CODES)
def test_a_fault_of_the_controller_has_its_name_and_is_not_slept_over(tmp_path: Path, kind: FaultKind):
    async def broken(rig: OpenEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
            rig.cause(kind, True)
            await until(lambda: kind in faults(rig.evse), within_s=3)
            asked = len(rig.simulator.commands)
            await asyncio.sleep(10)
            assert "FS" not in rig.simulator.commands[asked:]
            assert rig.simulator.fault == CODES[kind]
            assert rig.evse.snapshot().offer_ma == 0

    on(tmp_path, broken)


def test_a_fault_found_at_the_start_is_not_slept_over(tmp_path: Path):
    def broken(simulator: OpenEvseSimulator) -> None:
        simulator.fail(CODES[FaultKind.CONTACTOR_WELDED])

    async def found(rig: OpenEvseRig) -> None:
        assert faults(rig.evse) == {FaultKind.CONTACTOR_WELDED}
        assert rig.simulator.locked

    on(tmp_path, found, prepare=broken)


def test_a_fault_that_ends_by_itself_gives_no_current_back(tmp_path: Path):
    async def mended(rig: OpenEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
            rig.cause(FaultKind.GROUND_FAULT, True)
            await until(lambda: faults(rig.evse) == {FaultKind.GROUND_FAULT}, within_s=2)
            rig.cause(FaultKind.GROUND_FAULT, False)
            await asyncio.sleep(0.2)
            await throughout(lambda: rig.advertised_ma == 0, for_s=20)
            assert not rig.live
            assert faults(rig.evse) == {FaultKind.GROUND_FAULT}
            rig.plug_out()
            await until(lambda: not faults(rig.evse), within_s=2)

    on(tmp_path, mended, prepare=bare)


def test_a_welded_relay_stays_a_fault_through_a_restart_until_somebody_has_been_there(tmp_path: Path):
    async def welded(rig: OpenEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
            rig.cause(FaultKind.CONTACTOR_WELDED, True)
            await until(lambda: FaultKind.CONTACTOR_WELDED in faults(rig.evse), within_s=2)
        assert not await rig.evse.acknowledge_fault(FaultKind.CONTACTOR_WELDED)

    async def restarted(rig: OpenEvseRig) -> None:
        assert faults(rig.evse) == {FaultKind.CONTACTOR_WELDED}
        async with offering(rig.evse):
            rig.plug_in()
            await throughout(lambda: rig.advertised_ma == 0, for_s=10)
        assert await rig.evse.acknowledge_fault(FaultKind.CONTACTOR_WELDED)
        assert rig.evse.contactor_cycles == 1

    on(tmp_path, welded)
    on(tmp_path, restarted)


def test_a_vehicle_that_asks_for_ventilation_gets_nothing(tmp_path: Path):
    async def asks(rig: OpenEvseRig) -> None:
        rig.simulator.vehicle.ventilates = True
        async with offering(rig.evse):
            rig.plug_in()
            await until(lambda: rig.evse.snapshot().pilot is PilotState.D, within_s=15)
            assert not rig.live
            assert rig.evse.snapshot().faults == ()

    on(tmp_path, asks)


def test_a_silent_controller_is_lost_after_3_s(tmp_path: Path):
    async def silent(rig: OpenEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
            rig.simulator.silent = True
            took_s = await until(lambda: faults(rig.evse) == {FaultKind.GUARD_LOST}, within_s=5)
            assert took_s <= 3.1
            lost = rig.evse.snapshot()
            assert lost.pilot is PilotState.UNKNOWN
            assert lost.contactor is ContactorState.UNKNOWN
            assert (lost.offer_ma, lost.duty_ns, lost.meter) == (0, None, None)
            asked = len(rig.simulator.commands)
            rig.simulator.silent = False
            await until(lambda: not faults(rig.evse), within_s=5)
            assert rig.simulator.commands[asked] == "S4 1"
            assert "FE" not in rig.simulator.commands[asked:]

    on(tmp_path, silent)


def test_after_a_loss_it_charges_on_once_the_vehicle_has_let_go(tmp_path: Path):
    async def back(rig: OpenEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
            rig.link(False)
            await asyncio.sleep(8)
            assert rig.live  # Nothing of the controller's own ends it: the interlock's task.
            rig.link(True)
            await until(lambda: not rig.live, within_s=8)
            await until(lambda: rig.live, within_s=40)
            assert faults(rig.evse) == set()

    on(tmp_path, back)


def test_a_boot_in_the_middle_locks_first_and_the_session_goes_on(tmp_path: Path):
    async def rebooted(rig: OpenEvseRig) -> None:
        async with offering(rig.evse, 10_000), recorded(rig.evse) as events:
            await charging(rig)
            asked = len(rig.simulator.commands)
            rig.simulator.boot()
            await until(lambda: rig.simulator.commands[asked:] != [], within_s=5)
            assert rig.simulator.commands[asked] == "S4 1"
            await until(lambda: rig.live, within_s=20)
            assert rig.advertised_ma == 10_000
        assert PilotChanged(state=PilotState.A) not in events

    on(tmp_path, rebooted)


def test_a_bare_board_that_boots_offers_its_own_current_for_no_longer_than_a_round(tmp_path: Path):
    async def rebooted(rig: OpenEvseRig) -> None:
        async with offering(rig.evse, 10_000):
            await charging(rig)
            rig.simulator.boot()
            await until(lambda: rig.advertised_ma > 10_000, within_s=3)
            assert await until(lambda: rig.advertised_ma == 0, within_s=1) < 0.1

    on(tmp_path, rebooted, prepare=bare)


def test_a_button_that_wakes_the_controller_is_undone(tmp_path: Path):
    async def pressed(rig: OpenEvseRig) -> None:
        rig.plug_in()
        await asyncio.sleep(2)
        rig.simulator.press_button()
        await until(lambda: rig.simulator.mode == "asleep", within_s=1)
        await throughout(lambda: not rig.live, for_s=10)

    on(tmp_path, pressed, prepare=bare)


def test_another_vehicle_after_a_loss_does_not_charge_on_the_offer_of_the_one_before(tmp_path: Path):
    async def swapped(rig: OpenEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
            await asyncio.sleep(10)
        async with recorded(rig.evse) as events:
            rig.link(False)
            rig.plug_out()
            await asyncio.sleep(1)
            rig.plug_in()
            await asyncio.sleep(1)
            rig.evse.offer(Offer(current_ma=16_000, phases=1))
            rig.link(True)
            await until(lambda: rig.evse.snapshot().pilot is PilotState.B, within_s=5)
            assert PilotChanged(state=PilotState.A) in events
            await throughout(lambda: not rig.live, for_s=10)

    on(tmp_path, swapped)


def test_another_vehicle_that_drew_more_than_the_one_before_is_told_as_another(tmp_path: Path):
    async def swapped(rig: OpenEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
        async with recorded(rig.evse) as events:
            rig.link(False)
            rig.plug_out()
            await asyncio.sleep(5)
            rig.plug_in()
            await asyncio.sleep(30)
            rig.evse.offer(Offer(current_ma=16_000, phases=1))
            rig.link(True)
            await until(lambda: rig.evse.snapshot().pilot.plugged, within_s=10)
        assert PilotChanged(state=PilotState.A) in events
        await throughout(lambda: rig.evse.snapshot().offer_ma == 0, for_s=10)

    on(tmp_path, swapped)


@pytest.mark.parametrize(("charged_s", "lost_s"), [(0, 2), (120, 40)])
def test_a_vehicle_that_nobody_can_have_exchanged_is_not_told_as_another(
    tmp_path: Path, charged_s: float, lost_s: float
):
    """The loss was too short, or the session has more energy than another vehicle could have drawn in it."""

    async def stays(rig: OpenEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
            await asyncio.sleep(charged_s)
            async with recorded(rig.evse) as events:
                rig.link(False)
                await asyncio.sleep(lost_s)
                rig.link(True)
                await asyncio.sleep(10)
            assert PilotChanged(state=PilotState.A) not in events
            await until(lambda: rig.live, within_s=40)

    on(tmp_path, stays)


@pytest.mark.parametrize("total_runs", [True, False])
def test_a_session_is_counted_while_it_runs_and_once(tmp_path: Path, total_runs: bool):
    def counting(simulator: OpenEvseSimulator) -> None:
        simulator.total_runs = total_runs

    async def sessions(rig: OpenEvseRig) -> None:
        for _ in range(2):
            before_wh = registered_wh(rig)
            async with offering(rig.evse):
                await charging(rig)
                await until(lambda: rig.simulator.session_ws > 60 * 3_600, within_s=90)
            await until(lambda: not rig.live, within_s=10)
            await asyncio.sleep(2)
            after_wh = registered_wh(rig)
            assert after_wh - before_wh - rig.simulator.session_ws // 3_600 in (0, 1)
            rig.plug_out()
            await asyncio.sleep(2)
            assert registered_wh(rig) - after_wh in (0, 1)

    on(tmp_path, sessions, prepare=counting)


def registered_wh(rig: OpenEvseRig) -> int:
    """What the meter says."""
    reading = rig.evse.snapshot().meter
    assert reading is not None
    return reading.energy_wh


def test_heat_that_the_controller_derates_for_is_not_worked_against(tmp_path: Path):
    async def warm(rig: OpenEvseRig) -> None:
        async with offering(rig.evse, 16_000):
            await charging(rig)
            rig.simulator.temperature = 660
            await asyncio.sleep(31)
            rig.simulator.pilot_a = 8
        async with offering(rig.evse, 20_000):
            await asyncio.sleep(20)
            assert rig.advertised_ma == 8_000
            assert rig.evse.snapshot().temperature_mc == 66_000
            assert rig.evse.snapshot().offer_ma == 8_000
            assert rig.evse.snapshot().thermal_limit_ma == 8_000
            assert "66.0 °C, lowered to 8 A" in {one.evidence for one in rig.examine()}
            rig.simulator.temperature = 610
            await until(lambda: rig.advertised_ma == 20_000, within_s=40)
            assert rig.evse.snapshot().thermal_limit_ma is None

    on(tmp_path, warm)


UNREADABLE = {"refused": None, "no sensor": -2_560}


@pytest.mark.parametrize("unreadable", UNREADABLE.values(), ids=UNREADABLE)
def test_a_temperature_that_cannot_be_read_ends_no_derating(tmp_path: Path, unreadable: int | None):
    async def hot(rig: OpenEvseRig) -> None:
        async with offering(rig.evse, 16_000):
            await charging(rig)
            rig.simulator.temperature = 660
            rig.simulator.pilot_a = 8
            await until(lambda: rig.evse.snapshot().thermal_limit_ma == 8_000, within_s=40)
            rig.simulator.temperature = unreadable
            await asyncio.sleep(61)
            assert (rig.evse.snapshot().temperature_mc, rig.advertised_ma) == (None, 8_000)
            rig.simulator.temperature = 660
            rig.simulator.pilot_a = 7
            await asyncio.sleep(61)
            assert rig.advertised_ma == 7_000
            rig.simulator.temperature = 610
            await until(lambda: rig.advertised_ma == 16_000, within_s=40)

    on(tmp_path, hot)


@pytest.mark.parametrize("unreadable", UNREADABLE.values(), ids=UNREADABLE)
def test_a_pilot_that_falls_while_the_temperature_cannot_be_read_is_a_derating(
    tmp_path: Path, unreadable: int | None
):
    async def fallen(rig: OpenEvseRig) -> None:
        async with offering(rig.evse, 16_000):
            await charging(rig)
            rig.simulator.temperature = unreadable
            rig.simulator.pilot_a = 8
            await asyncio.sleep(20)
            assert rig.advertised_ma == 8_000
            assert rig.evse.snapshot().thermal_limit_ma == 8_000

    on(tmp_path, fallen)


def test_a_controller_without_a_thermometer_is_offered_all_again(tmp_path: Path):
    def without(simulator: OpenEvseSimulator) -> None:
        simulator.temperature = -2_560

    async def fallen(rig: OpenEvseRig) -> None:
        async with offering(rig.evse, 16_000):
            await charging(rig)
            rig.simulator.pilot_a = 6
            await until(lambda: rig.advertised_ma == 16_000, within_s=10)

    on(tmp_path, fallen, prepare=without)


def test_a_warm_controller_that_lowers_nothing_is_offered_all_again(tmp_path: Path):
    def warm(simulator: OpenEvseSimulator) -> None:
        simulator.temperature = 630

    async def lowered(rig: OpenEvseRig) -> None:
        async with offering(rig.evse, 16_000):
            await charging(rig)
        async with offering(rig.evse, 6_000):
            await until(lambda: rig.advertised_ma == 6_000, within_s=2)
        async with offering(rig.evse, 16_000):
            await until(lambda: rig.advertised_ma == 16_000, within_s=10)
        assert rig.evse.snapshot().thermal_limit_ma is None

    on(tmp_path, lowered, prepare=warm)


def test_what_a_controller_takes_less_of_is_told_once(tmp_path: Path):
    def small(simulator: OpenEvseSimulator) -> None:
        simulator.max_a = 16

    async def less(rig: OpenEvseRig) -> None:
        async with offering(rig.evse, 32_000):
            await charging(rig)
            await asyncio.sleep(10)
        assert rig.simulator.commands.count("SC 32 V") == 1

    on(tmp_path, less, prepare=small)


def test_a_lock_that_was_opened_without_an_answer_is_closed_again(tmp_path: Path):
    async def withdrawn(rig: OpenEvseRig) -> None:
        rig.plug_in()
        await asyncio.sleep(12)
        hears = rig.simulator.received

        def unanswered(data: bytes) -> None:
            rig.simulator.mangle = (lambda said: b"") if data.startswith(b"$S4 0") else (lambda said: said)
            hears(data)

        rig.hear(unanswered)
        rig.evse.offer(Offer(current_ma=16_000, phases=1))
        await until(lambda: not rig.simulator.locked, within_s=2)
        rig.evse.offer(None)
        await until(lambda: rig.simulator.locked, within_s=2)

    on(tmp_path, withdrawn)


def test_the_heartbeat_is_kept_and_a_miss_is_acknowledged(tmp_path: Path):
    async def beaten(rig: OpenEvseRig) -> None:
        await asyncio.sleep(60)
        assert rig.simulator.trigger == 0
        assert "SY 10 6" in rig.simulator.commands
        rig.link(False)
        await asyncio.sleep(15)
        rig.link(True)
        await asyncio.sleep(10)
        assert "SY 165" in rig.simulator.commands
        assert rig.simulator.trigger == 1

    on(tmp_path, beaten)


def test_what_the_firmware_lacks_is_said_at_the_start_and_to_who_looks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    def unprotected(simulator: OpenEvseSimulator) -> None:
        bare(simulator)
        simulator.flags = 0x0008

    async def looked(rig: OpenEvseRig) -> None:
        warned = {one.part for one in rig.examine() if one.health is Health.WARNING}
        assert warned == {"start lock", "heartbeat", "protection"}

    with caplog.at_level(logging.WARNING):
        on(tmp_path, looked, prepare=unprotected)
    assert "it charges anyone while the Pi boots" in caplog.text
    assert "ground check is switched off" in caplog.text


def test_a_board_without_an_ammeter_says_nothing_rather_than_zero(tmp_path: Path):
    def unmetered(simulator: OpenEvseSimulator) -> None:
        simulator.ammeter = False

    async def looked(rig: OpenEvseRig) -> None:
        assert rig.evse.snapshot().meter is None
        assert faults(rig.evse) == {FaultKind.METER_OFFLINE}

    on(tmp_path, looked, prepare=unmetered)


def test_one_ammeter_does_not_measure_three_phases(tmp_path: Path):
    async def looked(rig: OpenEvseRig) -> None:
        assert rig.evse.snapshot().meter is None

    on(tmp_path, looked, phases=3)


def test_a_board_that_records_no_energy_serves_all_the_same(tmp_path: Path):
    def poor(simulator: OpenEvseSimulator) -> None:
        simulator.refused = {"GG", "GU", "GP", "GE"}

    async def session(rig: OpenEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
            assert faults(rig.evse) == {FaultKind.METER_OFFLINE}

    on(tmp_path, session, prepare=poor)


def test_nothing_on_the_line_stops_the_start_and_says_what_to_look_at(tmp_path: Path):
    def dead(simulator: OpenEvseSimulator) -> None:
        simulator.silent = True

    async def never(rig: OpenEvseRig) -> None:
        raise AssertionError("it was opened")

    with pytest.raises(DeviceUnavailable, match="no openevse answers") as stopped:
        on(tmp_path, never, prepare=dead)
    assert "baudrate" in stopped.value.next_step


def test_a_socket_is_refused_as_nobody_reads_its_cable():
    from hal.controllers.openevse import OpenEvse

    async def opened_on_a_socket() -> None:
        OpenEvse(OutletConfig(id=1, lock=True), "/dev/ttyUSB0", hurried=lambda: False, changed=lambda: None)

    with pytest.raises(DeviceUnavailable, match="reads no cable"):
        run_virtual(opened_on_a_socket())


def test_a_replayed_or_foreign_line_is_no_fact(tmp_path: Path):
    """A right line of another moment: neither a vehicle, nor a current, nor the end of either."""

    async def replayed(rig: OpenEvseRig) -> None:
        rig.plug_in()
        await until(lambda: rig.evse.snapshot().pilot is PilotState.B, within_s=2)
        states = set()
        async with recorded(rig.evse) as events:
            for _ in range(300):
                for body in (
                    "$AT 03 03 32 0140",
                    "$OK 03 120 03 0140 :07",
                    "$OK 6 32 32 32 :09",
                    "$OK",
                    "$AN 1",
                ):
                    rig.simulator.say(line(body))
                states.add(rig.evse.snapshot().pilot)
                await asyncio.sleep(0.01)
        assert not rig.live
        assert "FE" not in rig.simulator.commands
        assert states == {PilotState.B}
        assert events == []

    on(tmp_path, replayed)


@pytest.mark.parametrize("prepare", [lambda _: None, old], ids=["with ids", "without ids"])
def test_a_late_answer_is_not_the_answer_to_the_next_command(tmp_path: Path, prepare: Prepare):
    """The answers come when the next command is out: what was true of one must not be told of the other."""

    async def late(rig: OpenEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
            rig.simulator.delay_s = 0.7
            await until(lambda: faults(rig.evse) == {FaultKind.GUARD_LOST}, within_s=6)
            await throughout(lambda: rig.evse.snapshot().pilot is PilotState.UNKNOWN, for_s=20)
            rig.simulator.delay_s = 0.005
            await until(lambda: faults(rig.evse) == set(), within_s=8)

    on(tmp_path, late, prepare=prepare)


@pytest.mark.parametrize(("reason", "under_load"), [(StopReason.NORMAL, 0), (StopReason.EMERGENCY, 1)])
def test_its_contactor_is_counted(tmp_path: Path, reason: StopReason, under_load: int):
    async def stopped(rig: OpenEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
        rig.evse.stop(reason)
        await until(lambda: rig.evse.snapshot().contactor is ContactorState.OPEN, within_s=10)
        (told,) = (one for one in rig.examine() if one.part == "contactor")
        assert told.evidence == f"open, cycles 1, {under_load} under load"

    on(tmp_path, stopped)


MANGLED: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda data: b"",
    "half a line": lambda data: data[: len(data) // 2],
    "wrong checksum": lambda data: data[:-2] + (b"0" if data[-2:-1] != b"0" else b"1") + b"\r",
    "no checksum": lambda data: data[:-4] + b"\r",
    "the id of another": lambda data: line(data.decode()[:-4].split(" :")[0] + " :EE"),
    "no id": lambda data: line(data.decode()[:-4].split(" :")[0]),
    "NK": lambda data: line("$NK" + data.decode()[data.decode().find(" :") : -4]),
    "nonsense": lambda data: line("$OK X Y" + data.decode()[data.decode().find(" :") : -4]),
}


@pytest.mark.parametrize("name", MANGLED)
def test_a_spoilt_answer_is_none_and_the_next_good_one_counts(tmp_path: Path, name: str):
    async def spoilt(rig: OpenEvseRig) -> None:
        async with offering(rig.evse):
            await charging(rig)
            rig.simulator.mangle = MANGLED[name]
            await until(lambda: faults(rig.evse) == {FaultKind.GUARD_LOST}, within_s=8)
            rig.simulator.mangle = lambda data: data
            await until(lambda: faults(rig.evse) == set(), within_s=8)

    on(tmp_path, spoilt)


def test_noise_between_good_answers_does_no_harm(tmp_path: Path):
    async def noisy(rig: OpenEvseRig) -> None:
        rig.simulator.mangle = lambda data: b"\xff\x00$OK 03" + data[:3] + b"^^\r" + data
        async with offering(rig.evse):
            await charging(rig)
            await asyncio.sleep(30)
            assert rig.live
            assert faults(rig.evse) == set()

    on(tmp_path, noisy)


def test_without_a_lock_a_latched_fault_holds_it_asleep(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path, prepare=bare) as rig, offering(rig.evse):
            await charging(rig)
            rig.simulator.vehicle.stubborn = True
            rig.simulator.fail(0x06)
            await until(lambda: FaultKind.GROUND_FAULT in faults(rig.evse), within_s=3)
            await asyncio.sleep(20)
            rig.simulator.fail(0)
            for _ in range(1_000):
                assert not rig.live
                await asyncio.sleep(0.01)

    run_virtual(scenario())
