"""Meters that are reset, replaced, or go back: what is told never does, and the sessions add up to it."""

from itertools import pairwise
from pathlib import Path

import pytest

from hal.boards.mock.meter import WAKE_S
from hal.values import ContactorState, FaultKind
from tests.scenarios.site import Site, site
from tests.scenarios.test_power_cut import cut
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
KEYS = "MeterValueSampleInterval = 10"


def registers(here: Site) -> list[int]:
    """Every reading of the energy register in any frame, in the order of the frames."""
    found = []
    for one in here.log.calls:
        if one.action == "StartTransaction":
            found.append(one.message.meter_start)
        elif one.action == "StopTransaction":
            found.append(one.message.meter_stop)
        elif one.action == "MeterValues":
            found += [
                int(sampled["value"])
                for value in one.message.meter_value
                for sampled in value["sampled_value"]
                if sampled["measurand"] == "Energy.Active.Import.Register"
            ]
    return found


async def session(here: Site, *, at_half_time_wh: int | None = None) -> int:
    """Two minutes of charging; returns the energy that really flowed, in Wh, one too few at most."""
    await here.charge(TAG)
    await here.clock.sleep(60)
    if at_half_time_wh is not None:
        here.world.meter(1, energy_wh=at_half_time_wh)
    await here.clock.sleep(60)
    here.world.swipe(TAG)
    await here.status("Finishing")
    here.world.plug_out(1)
    await here.status("Available")
    *_, booked = await here.stopped(len(here.log.ledger.transactions))
    assert booked.meter_stop_wh is not None
    return booked.meter_stop_wh - booked.meter_start_wh


@pytest.mark.parametrize("to_wh", [0, 4_980, 100], ids=["reset", "back a little", "replaced"])
def test_a_meter_that_goes_back_within_a_session_costs_nobody_anything(tmp_path: Path, to_wh: int) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=KEYS) as here:
            here.world.meter(1, energy_wh=4_600)
            whole = await session(here)
            broken = await session(here, at_half_time_wh=to_wh)
            again = await session(here)
            told = registers(here)
            assert all(earlier <= later for earlier, later in pairwise(told))
            assert whole + broken + again == told[-1] - told[0]
            assert again == pytest.approx(whole, abs=2)
            assert whole * 0.4 < broken <= whole + 2

    run_virtual(scenario())


def test_a_meter_that_wraps_is_billed_as_one_that_does_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=KEYS) as here:
            here.world.meter(1, energy_wh=2**32 - 400)
            whole = await session(here)
            wrapped = await session(here, at_half_time_wh=0)
            told = registers(here)
            assert all(earlier <= later for earlier, later in pairwise(told))
            assert told[-1] > 2**32
            assert whole + wrapped == told[-1] - told[0]

    run_virtual(scenario())


def test_a_meter_that_is_changed_while_the_charger_is_off_goes_on_where_the_old_one_was(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=KEYS) as first:
            first.world.meter(1, energy_wh=50_000)
            await session(first)
            first.world.meter(1, energy_wh=3)
        async with site(tmp_path, ocpp=KEYS, after=first) as second:
            await session(second)
            one, two = second.log.ledger.transactions
            assert one.meter_stop_wh is not None
            assert one.meter_stop_wh <= two.meter_start_wh <= one.meter_stop_wh + 2
        async with site(tmp_path, ocpp=KEYS, after=second) as third:
            await session(third)
            told = registers(third)
            assert all(earlier <= later for earlier, later in pairwise(told))

    run_virtual(scenario())


def test_what_people_see_is_what_is_billed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=KEYS) as here:
            here.world.meter(1, energy_wh=50_000)
            await session(here)
            here.world.meter(1, energy_wh=0)
            meter = here.connector().outlet.meter
            assert meter is not None
            assert meter.energy_wh == registers(here)[-1]
            status = await here.control("status")
            assert status["connectors"][0]["meter"]["energy_wh"] == meter.energy_wh

    run_virtual(scenario())


def test_one_meter_after_the_other_goes_wrong_and_the_books_stay_right(tmp_path: Path) -> None:
    """Reset to 0, back by 10 Wh, wrapped at 2³², and replaced by one that counted more or less."""

    async def scenario() -> None:
        async with site(tmp_path, ocpp=f"{KEYS}\nClockAlignedDataInterval = 30") as here:
            here.world.meter(1, energy_wh=8_000)
            sums = [await session(here, at_half_time_wh=0)]
            meter = here.connector().outlet.meter
            assert meter is not None
            sums.append(await session(here, at_half_time_wh=raw_wh(here) + 368 - 10))
            here.world.meter(1, energy_wh=2**32 - 400)
            wrapped_wh = await session(here, at_half_time_wh=40)
            assert 745 < wrapped_wh < 850, "with what it counted between 0 and 40"
            sums.append(wrapped_wh)
            here.world.meter(1, energy_wh=700_000)
            sums += [await session(here), await session(here, at_half_time_wh=123)]
            told = registers(here)
            assert all(earlier <= later for earlier, later in pairwise(told))
            booked = here.log.ledger.transactions
            assert len(booked) == len(sums)
            assert all(
                one.meter_stop_wh is not None and one.meter_stop_wh <= later.meter_start_wh
                for one, later in pairwise(booked)
            )
            assert all(0 < one_wh <= 745 or one_wh == wrapped_wh for one_wh in sums)

    run_virtual(scenario())


def raw_wh(here: Site) -> int:
    """What the meter itself shows."""
    meter = here.daemon.guard.evses[1].snapshot().meter
    assert meter is not None
    return meter.energy_wh


@pytest.mark.parametrize("end", ["card", "unplugged", "emergency"])
def test_a_stop_is_told_after_the_last_current_flowed(tmp_path: Path, end: str) -> None:
    """The vehicle goes on for some seconds after it was told to stop: that is billed, and nothing after it."""

    async def scenario() -> None:
        async with site(tmp_path, ocpp=KEYS) as here:
            here.world.ev(1, personality="slow")
            await here.charge(TAG)
            await here.clock.sleep(60)
            if end == "card":
                here.world.swipe(TAG)
            elif end == "unplugged":
                here.world.plug_out(1)
            else:
                here.world.fault(1, "emergency_stop", True)
            (booked,) = await here.stopped()
            assert booked.meter_stop_wh == raw_wh(here)
            await here.clock.sleep(60)
            assert booked.meter_stop_wh == raw_wh(here)
            meter = here.connector().outlet.meter
            assert meter is not None and meter.current_ma == (0, 0, 0)

    run_virtual(scenario())


DARK = "meter_behind_contactor = true"


def test_a_meter_behind_its_contactor_bills_every_session_and_all_that_flowed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connector=DARK, ocpp=KEYS) as here:
            first, *others = [await session(here) for _ in range(3)]
            told = registers(here)
            assert told[0] == 0
            assert all(earlier <= later for earlier, later in pairwise(told))
            # What flowed before it was heard for the first time in its life is not known.
            missing_wh = here.world.delivered_wh(1) - told[-1]
            assert 0 <= missing_wh <= 22.08 / 3.6 * (WAKE_S + 1)
            assert others == pytest.approx([first + missing_wh] * 2, abs=3)
            assert here.connector().outlet.faults == ()

    run_virtual(scenario())


def test_a_meter_that_was_dark_over_a_restart_goes_on_from_its_register(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connector=DARK, ocpp=KEYS) as here:
            here.world.meter(1, energy_wh=5_000)
            first = await session(here)
        async with site(tmp_path, connector=DARK, ocpp=KEYS, after=here) as here:
            second = await session(here)
            starts = [booked.meter_start_wh for booked in here.log.ledger.transactions]
            assert starts == [0, first]
            assert second == pytest.approx(here.world.delivered_wh(1), abs=1)

    run_virtual(scenario())


def test_what_a_dark_meter_told_for_the_first_time_is_billed_behind_a_power_cut(tmp_path: Path) -> None:
    async def scenario() -> None:
        live = tmp_path / "live"
        live.mkdir()
        async with site(live, connector=DARK, ocpp=KEYS) as here:
            here.world.meter(1, energy_wh=5_000)
            await here.charge(TAG)
            await here.clock.sleep(WAKE_S + 2)
            copy = cut(here, tmp_path / "copy")
        async with site(copy, connector=DARK, ocpp=KEYS, after=here) as here:
            await here.charge(TAG)
            await here.clock.sleep(60)
            booked, running = here.log.ledger.transactions
            assert booked.meter_stop_wh == running.meter_start_wh
            meter = here.connector().outlet.meter
            assert meter is not None
            # What the first of them took unseen before the cut is not the second one's.
            assert 0 <= here.world.delivered_wh(1) - (meter.energy_wh - running.meter_start_wh) <= 25

    run_virtual(scenario())


@pytest.mark.parametrize(("loss", "transactions"), [("continue", 0), ("stop", 1)])
def test_a_meter_that_stays_dark_behind_the_closed_contactor_is_a_fault(
    tmp_path: Path, loss: str, transactions: int
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connector=f'{DARK}\nmeter_loss = "{loss}"') as here:
            here.world.fault(1, FaultKind.METER_OFFLINE, active=True)
            await here.charge(TAG)
            assert here.connector().outlet.faults == ()
            await here.until(lambda one: bool(one.outlet.faults), within_s=11)
            assert [fault.kind for fault in here.connector().outlet.faults] == [FaultKind.METER_OFFLINE]
            await here.clock.sleep(60)
            assert len([one for one in here.log.ledger.transactions if not one.open]) == transactions

    run_virtual(scenario())


def test_a_bad_voltage_that_only_the_closed_contactor_shows_is_looked_at_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connector=DARK) as here:
            await here.charge(TAG)
            await here.clock.sleep(10)
            here.world.fault(1, FaultKind.UNDER_VOLTAGE, active=True)
            await here.until(lambda one: one.outlet.contactor is ContactorState.OPEN)
            here.world.fault(1, FaultKind.UNDER_VOLTAGE, active=False)
            await here.clock.sleep(50)
            assert here.connector().outlet.contactor is ContactorState.OPEN
            await here.status("Charging", within_s=60)

    run_virtual(scenario())


def test_what_a_dark_meter_counted_while_it_was_silent_is_not_the_next_drivers(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connector=DARK, ocpp=KEYS) as here:
            await session(here)
            await here.charge(TAG)
            await here.clock.sleep(30)
            here.world.fault(1, FaultKind.METER_OFFLINE, active=True)
            await here.clock.sleep(600)
            here.world.swipe(TAG)
            await here.status("Finishing")
            here.world.plug_out(1)
            await here.status("Available")
            here.world.fault(1, FaultKind.METER_OFFLINE, active=False)
            before_wh = here.world.delivered_wh(1)
            billed_wh = await session(here)
            assert billed_wh <= here.world.delivered_wh(1) - before_wh

    run_virtual(scenario())
