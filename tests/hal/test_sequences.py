"""The sequences of IEC 61851-1 Table A.6, on the whole guard over the mock board."""

import asyncio
from pathlib import Path

import pytest

from hal.evse import Offer
from hal.values import StopReason, UnlockResult
from tests.hal.bench import bench, virtual

OPEN_WITHIN_S = 0.05
PARTED_WITHIN_S = 0.1


@virtual
async def test_plug_in_shows_b_without_pwm_and_locks_the_plug(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        assert b.now.pilot == "A"
        b.world.plug_in(1, cable_a=20)
        assert (b.now.pilot, b.now.duty_ns, b.now.cable_a) == ("B", None, 20)
        await asyncio.sleep(0.5)
        assert b.now.lock == "locked"
        assert b.now.contactor == "open"


@virtual
async def test_an_offer_brings_pwm_then_c_then_a_closed_contactor_within_3_s(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.plug_in(1)
        b.evse.offer(Offer(current_ma=16_000, phases=3))
        assert b.now.duty_ns == 266_666
        took_s = await b.until(lambda: b.now.contactor == "closed", within_s=3)
        assert took_s >= 1.0
        await b.offer(16_000, for_s=1)
        assert b.now.meter is not None and b.now.meter.current_ma == (16_000, 16_000, 16_000)


@virtual
async def test_a_simplified_vehicle_charges_from_a_to_c_directly(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, personality="simplified")
        b.world.plug_in(1)
        await b.offer(16_000, for_s=3)
        assert b.now.contactor == "closed"
        assert b.now.meter is not None and b.now.meter.current_ma == (10_000, 10_000, 10_000)


@virtual
async def test_unplugging_while_charging_opens_within_the_budget(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        b.world.plug_out(1)
        assert await b.until(lambda: b.now.contactor_commanded == "open", within_s=1) <= OPEN_WITHIN_S
        assert await b.until(lambda: b.now.contactor == "open", within_s=1) <= PARTED_WITHIN_S
        assert (b.now.pilot, b.now.duty_ns, b.now.offer_ma) == ("A", None, 0)
        await b.until(lambda: b.now.lock == "unlocked", within_s=1)


@virtual
async def test_a_vehicle_that_leaves_c_is_opened_within_the_budget_with_the_offer_standing(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        b.world.ev(1, ready=False)
        await b.until(lambda: b.now.pilot == "B", within_s=1)
        assert b.now.contactor_commanded == "open"
        await asyncio.sleep(0.04)
        assert b.now.contactor == "open"
        assert b.now.duty_ns == 266_666


@virtual
async def test_a_withdrawn_offer_stops_the_pwm_first_and_opens_when_the_vehicle_left_c(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        b.evse.offer(None)
        assert (b.now.duty_ns, b.now.contactor_commanded) == (None, "closed")
        took_s = await b.until(lambda: b.now.contactor_commanded == "open", within_s=7)
        assert took_s == pytest.approx(1.0, abs=0.01)


@virtual
async def test_a_vehicle_that_stays_in_c_is_opened_6_s_after_the_pwm_stopped(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, personality="stuck_c")
        await b.charge()
        b.evse.stop(StopReason.NORMAL)
        took_s = await b.until(lambda: b.now.contactor_commanded == "open", within_s=7)
        assert took_s == pytest.approx(6.0, abs=0.01)


@virtual
async def test_an_emergency_stop_opens_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        b.evse.stop(StopReason.EMERGENCY)
        assert b.now.contactor_commanded == "open"


@virtual
async def test_a_lapsed_lease_withdraws_in_order(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        lapsed_s = await b.until(lambda: b.now.duty_ns is None, within_s=5)
        assert lapsed_s == pytest.approx(2.0, abs=0.01)
        assert b.now.contactor_commanded == "closed"
        assert await b.until(lambda: b.now.contactor == "open", within_s=6.1) <= 6.1


@virtual
async def test_a_shorter_lease_lapses_earlier(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.plug_in(1)
        b.evse.offer(Offer(current_ma=16_000, phases=3, valid_for_s=0.5))
        assert await b.until(lambda: b.now.duty_ns is None, within_s=1) == pytest.approx(0.5, abs=0.01)


@virtual
async def test_a_decrease_is_on_the_wire_at_once_and_an_increase_5_s_after_the_last_one(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        await b.charge(16_000)
        b.evse.offer(Offer(current_ma=20_000, phases=3))
        assert b.now.offer_ma == 20_000
        b.evse.offer(Offer(current_ma=8_000, phases=3))
        assert b.now.offer_ma == 8_000
        b.evse.offer(Offer(current_ma=20_000, phases=3))
        assert b.now.offer_ma == 8_000
        assert b.now.increase_at_s == pytest.approx(b.time_s + 5)
        await b.offer(20_000, for_s=4.9)
        assert b.now.offer_ma == 8_000
        await b.offer(20_000, for_s=0.2)
        assert (b.now.offer_ma, b.now.increase_at_s) == (20_000, None)


@virtual
async def test_a_limit_that_toggles_around_nothing_pauses_at_least_5_s(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        b.evse.offer(None)
        await asyncio.sleep(1.5)
        closes = b.guard.contactor_cycles(1)
        b.evse.offer(Offer(current_ma=6_000, phases=3))
        assert b.now.duty_ns is None
        assert b.now.closing_at_s == pytest.approx(b.time_s + 4.5)
        await b.offer(6_000, for_s=3.4)
        assert b.now.duty_ns is None
        await b.offer(6_000, for_s=3)
        assert (b.now.contactor, b.guard.contactor_cycles(1)) == ("closed", closes + 1)


@virtual
async def test_the_offer_never_exceeds_cable_and_hardware(tmp_path: Path) -> None:
    async with bench(tmp_path, max_current_ma=25_000) as b:
        b.world.plug_in(1, cable_a=20)
        b.evse.offer(Offer(current_ma=32_000, phases=3))
        assert b.now.offer_ma == 20_000
        b.world.plug_out(1)
        b.world.plug_in(1, cable_a=63)
        b.evse.offer(Offer(current_ma=32_000, phases=3))
        assert b.now.offer_ma == 25_000


@virtual
async def test_a_fixed_cable_needs_no_lock_and_has_its_configured_rating(tmp_path: Path) -> None:
    async with bench(tmp_path, lock=False, cable_a=16) as b:
        b.world.plug_in(1)
        await b.offer(32_000, for_s=5)
        assert (b.now.contactor, b.now.lock, b.now.offer_ma) == ("closed", "none", 16_000)
        assert await b.evse.unlock() is UnlockResult.NOT_SUPPORTED


@virtual
async def test_a_250_ms_pulse_of_c_does_not_close_the_contactor(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, personality="pulser")
        b.world.plug_in(1)
        await b.offer(16_000, for_s=1.7)
        assert b.guard.contactor_cycles(1) == 0
        await b.offer(16_000, for_s=2)
        assert b.guard.contactor_cycles(1) == 1


@virtual
async def test_a_sleeping_vehicle_gets_one_f_pulse_of_4_s_after_30_s_and_charges(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, personality="sleeper")
        b.world.plug_in(1)
        await b.offer(16_000, for_s=29.9)
        assert not b.now.waking
        await b.offer(16_000, for_s=0.2)
        assert (b.now.waking, b.now.pilot, b.now.duty_ns) == (True, "B", None)
        await b.offer(16_000, for_s=8)
        assert (b.now.waking, b.now.contactor) == (False, "closed")


@virtual
async def test_a_full_vehicle_is_woken_once_only(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, ready=False)
        b.world.plug_in(1)
        await b.offer(16_000, for_s=40)
        first_s = b.now.woken_at_s
        assert first_s is not None
        await b.offer(16_000, for_s=100)
        assert b.now.woken_at_s == first_s


@virtual
async def test_wake_asks_for_the_pulse_before_it_is_due(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, personality="sleeper")
        b.world.plug_in(1)
        b.evse.wake()
        assert not b.now.waking
        b.evse.offer(Offer(current_ma=16_000, phases=3))
        b.evse.wake()
        assert b.now.waking
        await b.offer(16_000, for_s=8)
        assert b.now.contactor == "closed"


@virtual
async def test_out_of_service_is_f_while_free_and_x1_while_plugged(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.evse.set_available(False)
        assert (b.now.pilot, b.now.available) == ("F", False)
        b.evse.set_available(True)
        await asyncio.sleep(0.4)
        assert b.now.pilot == "A"
        await b.charge()
        b.evse.set_available(False)
        assert b.now.duty_ns is None
        b.evse.offer(Offer(current_ma=16_000, phases=3))
        assert b.now.duty_ns is None
        await asyncio.sleep(6.1)
        assert (b.now.pilot, b.now.contactor) == ("B", "open")
        b.world.plug_out(1)
        assert b.now.pilot == "F"


@virtual
async def test_an_offer_does_not_outlive_being_out_of_service(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.plug_in(1)
        b.evse.set_available(False)
        b.evse.set_available(True)
        b.evse.offer(Offer(current_ma=16_000, phases=3))
        b.evse.set_available(False)
        b.evse.set_available(True)
        await asyncio.sleep(0.1)
        assert b.now.closing_at_s is None
        b.world.plug_out(1)
        b.world.plug_in(1)
        assert b.now.duty_ns is None


@virtual
async def test_the_plug_is_released_on_request_once_open_and_rests_until_a_new_offer(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        assert await b.evse.unlock() is UnlockResult.FAILED
        b.evse.stop(StopReason.NORMAL)
        await asyncio.sleep(6.1)
        assert await b.evse.unlock() is UnlockResult.UNLOCKED
        await asyncio.sleep(5)
        assert b.now.lock == "unlocked"
        await b.offer(16_000, for_s=5)
        assert (b.now.lock, b.now.contactor) == ("locked", "closed")


@virtual
async def test_ventilation_is_given_only_where_there_is_some(tmp_path: Path) -> None:
    async with bench(tmp_path / "without") as b:
        b.world.ev(1, ventilation=True)
        b.world.plug_in(1)
        await b.offer(16_000, for_s=5)
        assert (b.now.pilot, b.now.contactor) == ("D", "open")
    async with bench(tmp_path / "with", ventilation=True) as b:
        b.world.ev(1, ventilation=True)
        b.world.plug_in(1)
        await b.offer(16_000, for_s=5)
        assert (b.now.pilot, b.now.contactor) == ("D", "closed")


@virtual
async def test_the_rate_of_closes_is_limited(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        for _ in range(12):
            b.world.ev(1, ready=False)
            await b.offer(16_000, for_s=6)
            b.world.ev(1, ready=True)
            await b.offer(16_000, for_s=4)
        assert b.guard.contactor_cycles(1) == 10
        assert b.now.closing_at_s is not None


@virtual
async def test_a_vehicle_that_flaps_is_closed_once_per_pause(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        for index in range(20):
            b.world.ev(1, ready=index % 2 == 1)
            await b.offer(16_000, for_s=0.25)
        assert b.guard.contactor_cycles(1) <= 2


@virtual
async def test_leaving_the_guard_opens_everything(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="daemon"):
        async with bench(tmp_path) as b:
            await b.charge()
            raise RuntimeError("the daemon fell over")
    assert (b.now.contactor_commanded, b.world._outlets[1].contactor.coil) == ("closed", False)
