"""Meter values on the clock's grid, inside and outside of transactions, and those of a meter that is silent."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from ocpp.v16 import call

from cpd.clock import ClockSource
from hal.boards.mock.outlet import Defect
from hal.values import ContactorState
from tests.scenarios.meter_frames import TAG, clocks, contexts, instants, sets
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

QUIET = "MeterValueSampleInterval = 0\n"
QUARTERS = QUIET + "ClockAlignedDataInterval = 900\n"


def error_codes(here: Site, since: int) -> list[str]:
    """What the statuses tell of errors, behind *since* calls."""
    return [one.message.error_code for one in here.log.calls[since:] if one.action == "StatusNotification"]


def test_outside_of_a_transaction_every_connector_is_told_on_the_grid(tmp_path: Path) -> None:
    async def scenario() -> None:
        start = datetime(2026, 3, 2, 10, 7, tzinfo=UTC)
        async with site(tmp_path, connectors=2, start=start, ocpp=QUARTERS) as here:
            await here.clock.sleep(40 * 60)
            told = sets(here)
            assert [(connector, number) for connector, number, _ in told] == [(1, None), (2, None)] * 3
            values = [value for _, _, value in told]
            assert clocks(values)[::2] == ["10:15:00", "10:30:00", "10:45:00"]
            assert set(contexts(values)) == {"Sample.Clock"}
            assert values[0]["sampled_value"] == [
                {
                    "value": "0",
                    "context": "Sample.Clock",
                    "measurand": "Energy.Active.Import.Register",
                    "location": "Outlet",
                    "unit": "Wh",
                }
            ]

    run_virtual(scenario())


def test_idle_values_say_that_nothing_flows(tmp_path: Path) -> None:
    async def scenario() -> None:
        keys = 'MeterValuesAlignedData = "Power.Active.Import,Current.Import"'
        async with site(tmp_path, ocpp=QUARTERS + keys) as here:
            await here.clock.sleep(15 * 60 + 1)
            ((_, _, value),) = sets(here)
            told = [(one["measurand"], one.get("phase"), one["value"]) for one in value["sampled_value"]]
            assert told == [
                ("Power.Active.Import", None, "0"),
                ("Current.Import", "L1", "0.00"),
                ("Current.Import", "L2", "0.00"),
                ("Current.Import", "L3", "0.00"),
            ]

    run_virtual(scenario())


def test_in_a_transaction_the_grid_goes_with_its_number_beside_the_periodic_samples(tmp_path: Path) -> None:
    async def scenario() -> None:
        keys = "MeterValueSampleInterval = 600\nClockAlignedDataInterval = 900\n"
        # A second beside the grid: at one and the same instant either sample may be the first.
        start = datetime(2026, 3, 2, 10, 0, 1, tzinfo=UTC)
        async with site(tmp_path, ocpp=keys, start=start) as here:
            await here.charge(TAG)
            await here.clock.sleep(1_900)
            told = [(number, contexts([value])[0]) for _, number, value in sets(here)]
            assert told == [
                (1, "Sample.Periodic"),
                (1, "Sample.Clock"),
                (1, "Sample.Periodic"),
                (1, "Sample.Clock"),
                (1, "Sample.Periodic"),
            ]

    run_virtual(scenario())


def test_offline_only_what_belongs_to_a_transaction_is_told_later(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2, ocpp=QUARTERS) as here:
            await here.charge(TAG)
            here.network.cut()
            await here.clock.sleep(1_000)
            here.network.up = True
            await here.log.until_connected(times=2)
            await here.clock.sleep(60)
            told = [(connector, number) for connector, number, _ in sets(here)]
            assert told == [(1, 1)]
            assert clocks([value for _, _, value in sets(here)]) == ["10:15:00"]

    run_virtual(scenario())


def test_the_grid_follows_a_step_of_the_clock(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=QUARTERS) as here:
            await here.clock.sleep(60)
            here.clock.step(3_600 - 120)
            await here.clock.sleep(61)
            assert clocks([value for _, _, value in sets(here)]) == ["11:00:00"]
            here.clock.step(-3_600)
            await here.clock.sleep(900)
            assert clocks([value for _, _, value in sets(here)]) == ["11:00:00", "10:15:00"]

    run_virtual(scenario())


def test_nothing_is_on_a_grid_that_nobody_vouches_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        shown = datetime(1970, 1, 1, tzinfo=UTC)
        keys = QUIET + "ClockAlignedDataInterval = 60\nAllowOfflineTxForUnknownId = true"
        async with site(tmp_path, ocpp=keys, shown=shown, source=ClockSource.NONE, online=False) as here:
            await here.charge(TAG)
            await here.clock.sleep(300)
            here.network.up = True
            await here.log.until_connected()
            await here.clock.sleep(150)
            told = instants([value for _, _, value in sets(here)])
            assert len(told) >= 2
            assert min(told) > datetime(2026, 3, 2, 10, 5, tzinfo=UTC)
            assert {one.second for one in told} == {0}

    run_virtual(scenario())


def test_a_changed_interval_counts_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=QUIET) as here:
            await here.clock.sleep(1_000)
            assert sets(here) == []
            change = call.ChangeConfiguration(key="ClockAlignedDataInterval", value="60")
            assert (await here.call(change)).status == "Accepted"
            await here.clock.sleep(125)
            assert len(sets(here)) == 2
            await here.call(call.ChangeConfiguration(key="ClockAlignedDataInterval", value="0"))
            await here.clock.sleep(1_000)
            assert len(sets(here)) == 2

    run_virtual(scenario())


@pytest.mark.parametrize("silent_s", [30, 600])
def test_while_the_meter_is_silent_nothing_old_is_told_as_new(tmp_path: Path, silent_s: int) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="MeterValueSampleInterval = 5") as here:
            await here.charge(TAG)
            await here.clock.sleep(60)
            seen = len(here.log.calls)
            here.world.fault(1, "meter_offline", True)
            await here.clock.sleep(silent_s)
            assert sets(here, seen) == []
            assert here.connector().status == "Charging"
            assert error_codes(here, seen) == ["PowerMeterFailure"]
            seen = len(here.log.calls)
            here.world.fault(1, "meter_offline", False)
            await here.clock.sleep(11)
            assert len(sets(here, seen)) == 2
            assert error_codes(here, seen) == ["NoError"]

    run_virtual(scenario())


@pytest.mark.parametrize("frozen_s", [30, 600])
def test_a_meter_whose_numbers_stand_still_counts_as_silent(tmp_path: Path, frozen_s: int) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="MeterValueSampleInterval = 5") as here:
            await here.charge(TAG)
            await here.clock.sleep(60)
            before = here.connector().outlet.meter
            seen = len(here.log.calls)
            here.world.deceive(1, Defect.METER_FROZEN, True)
            await here.clock.sleep(frozen_s)
            assert len(sets(here, seen)) <= 3, "nothing old is told as new for longer than 15 s"
            assert error_codes(here, seen) == ["PowerMeterFailure"]
            assert here.connector().status == "Charging"
            assert here.connector().outlet.meter is None
            seen = len(here.log.calls)
            here.world.deceive(1, Defect.METER_FROZEN, False)
            await here.clock.sleep(11)
            assert error_codes(here, seen) == ["NoError"]
            assert len(sets(here, seen)) == 2
            meter = here.connector().outlet.meter
            assert before is not None and meter is not None
            assert meter.energy_wh - before.energy_wh > 22_000 * frozen_s // 3_600

    run_virtual(scenario())


def test_a_meter_that_froze_while_current_flowed_makes_no_welded_contactor(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="MeterValueSampleInterval = 5") as here:
            await here.charge(TAG)
            await here.clock.sleep(60)
            here.world.deceive(1, Defect.METER_FROZEN, True)
            await here.clock.sleep(20)
            here.world.swipe(TAG)
            (booked,) = await here.stopped()
            await here.clock.sleep(60)
            assert [fault.kind for fault in here.connector().outlet.faults] == ["meter_offline"]
            assert booked.meter_stop_wh is not None
            assert booked.meter_stop_wh >= booked.last_meter_wh

    run_virtual(scenario())


@pytest.mark.parametrize("defect", [True, False])
def test_no_energy_flows_unmeasured_where_the_installer_wants_it_so(tmp_path: Path, defect: bool) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connector='meter_loss = "stop"') as here:
            await here.charge(TAG)
            await here.clock.sleep(60)
            if defect:
                here.world.deceive(1, Defect.METER_FROZEN, True)
            else:
                here.world.fault(1, "meter_offline", True)
            await here.until(lambda one: one.transaction is None)
            assert here.connector().error_code == "PowerMeterFailure"
            (booked,) = await here.stopped()
            assert booked.reason == "Other"
            assert here.connector().outlet.contactor is ContactorState.OPEN

    run_virtual(scenario())
