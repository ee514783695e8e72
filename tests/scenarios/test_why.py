"""Why a connector does not charge, through time: causes begin, keep their dates, come two at once, and end."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ocpp.v16 import call
from ocpp.v16.enums import RegistrationStatus

from cpd.clock import ClockSource
from cpd.lab.csms.behaviour import Behaviour, Tag
from tests.scenarios.site import Site, site
from tests.scenarios.situations import (
    TAG,
    fewer_phases_from_the_csms,
    plugged,
    profile,
    resuming_after_a_pause,
    sleeping_vehicle,
    zero_from_the_csms,
)
from tests.virtual_time import run_virtual


async def why(here: Site, connector: int = 1) -> list[dict[str, Any]]:
    """The blockers as a technician's program gets them."""
    document = await here.control("why", connector=connector)
    assert document["schema"] == "cpd.why/1"
    assert document["charging"] is (here.connector(connector).status == "Charging")
    blockers: list[dict[str, Any]] = document["blockers"]
    return blockers


async def codes(here: Site) -> list[str]:
    return [blocker["code"] for blocker in await why(here)]


def last_told(here: Site) -> Any:
    """The last StatusNotification of connector 1."""
    return [one for one in here.log.messages(call.StatusNotification) if one.connector_id == 1][-1]


def test_while_current_flows_nothing_is_in_the_way(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            await here.clock.sleep(10)
            assert await why(here) == []
            await here.clock.sleep(1)
            assert last_told(here).info is None

    run_virtual(scenario())


def test_what_limits_is_named_as_the_source_with_what_would_hold_without_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await zero_from_the_csms(here)
            set_at = here.clock.now().replace(microsecond=0)
            (blocker,) = await why(here)
            assert blocker["source"] == {
                "kind": "profile",
                "purpose": "TxProfile",
                "id": 7,
                "stack_level": 2,
                "set_at": set_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            }
            assert blocker["evidence"].startswith("limit 0 A by TxProfile #7; without it 32 A")
            assert blocker["next_step"] == "ask the operator to clear TxProfile #7"

    run_virtual(scenario())


def test_two_causes_at_once_are_both_named_the_nearer_one_first(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await zero_from_the_csms(here)
            await here.status("SuspendedEVSE")
            here.world.fault(1, "under_voltage", True)
            await here.status("Faulted")
            assert await codes(here) == ["FAULT_UNDER_VOLTAGE", "LIMIT_ZERO_CSMS"]
            here.world.fault(1, "over_temperature", True)
            await here.clock.sleep(1)
            assert await codes(here) == ["FAULT_UNDER_VOLTAGE", "FAULT_OVER_TEMPERATURE", "LIMIT_ZERO_CSMS"]

    run_virtual(scenario())


def test_a_cause_keeps_its_date_while_others_come_and_go(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await plugged(here)
            (before,) = await why(here)
            await here.clock.sleep(100)
            here.world.fault(1, "emergency_stop", True)
            await here.clock.sleep(5)
            fault, waiting = await why(here)
            assert waiting["since"] == before["since"]
            assert fault["since"] > before["since"]
            here.world.fault(1, "emergency_stop", False)
            await here.clock.sleep(5)
            assert await why(here) == [before]

    run_virtual(scenario())


def test_a_wait_says_when_it_ends(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await resuming_after_a_pause(here)
            (blocker,) = await why(here)
            assert blocker["code"] == "WAIT_MIN_PAUSE"
            assert blocker["until"] is not None
            await here.status("Charging")
            now = (await here.control("status"))["station"]["clock"]["now"]
            assert blocker["until"] <= now

    run_virtual(scenario())


def test_while_the_phases_are_switched_the_charger_is_the_one_that_waits(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connector="phase_switching = true") as here:
            await fewer_phases_from_the_csms(here)
            (blocker,) = await why(here)
            await here.status("Charging", within_s=120)
            now = (await here.control("status"))["station"]["clock"]["now"]
            assert blocker["until"] <= now
            assert here.connector().outlet.phases == 1
            await here.clock.sleep(5)
            told = [str(one.status) for one in here.log.messages(call.StatusNotification)]
            assert told[-3:] == ["Charging", "SuspendedEVSE", "Charging"]

    run_virtual(scenario())


def test_a_sleeper_is_woken_once_and_charges(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await sleeping_vehicle(here)
            assert (await codes(here))[0] == "WAKING_EV"
            await here.status("Charging")
            assert await codes(here) == []
            woken_at_s = here.connector().outlet.woken_at_s
            await here.clock.sleep(300)
            assert here.connector().outlet.woken_at_s == woken_at_s

    run_virtual(scenario())


def test_a_vehicle_that_is_full_is_left_in_peace(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            await here.clock.sleep(60)
            cycles = here.daemon.guard.contactor_cycles(1)
            here.world.ev(1, ready=False)
            await here.status("SuspendedEV")
            await here.clock.sleep(1_800)
            assert await codes(here) == ["EV_NOT_READY"]
            assert here.daemon.guard.contactor_cycles(1) == cycles
            here.world.ev(1, ready=True)
            await here.status("Charging")

    run_virtual(scenario())


def test_a_vehicle_that_asks_for_ventilation_charges_where_there_is_some(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connector="ventilation = true") as here:
            here.world.ev(1, ventilation=True)
            await here.charge(TAG)
            assert here.connector().outlet.pilot == "D"

    run_virtual(scenario())


def test_a_vehicle_that_draws_nothing_is_named(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            await here.clock.sleep(10)
            here.world.ev(1, personality="draws_nothing")
            (blocker,) = await why(here)
            assert blocker["code"] == "EV_DRAWS_NOTHING"
            assert blocker["evidence"] == "we offer 32 A, contactor closed, no current flows"
            here.world.ev(1, personality="default")
            assert await why(here) == []

    run_virtual(scenario())


def test_a_boot_that_is_not_accepted_is_named(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(registration=RegistrationStatus.pending, interval_s=200)
        async with site(tmp_path, behaviour=behaviour, online=False) as here:
            here.network.up = True
            await plugged(here)
            await here.log.message(call.BootNotification)
            (booted,) = [one.at for one in here.log.calls]
            await here.clock.sleep(100)
            waiting, refused = await why(here)
            assert (waiting["code"], refused["code"]) == ("WAITING_FOR_CARD", "BOOT_NOT_ACCEPTED")
            assert abs(datetime.fromisoformat(refused["since"]) - booted) < timedelta(seconds=2)
            here.behave(registration="Accepted")
            await here.log.message(call.StatusNotification)
            assert await codes(here) == ["WAITING_FOR_CARD"]

    run_virtual(scenario())


def test_the_fuse_of_the_station_and_the_share_of_the_other_connector_are_named(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2, station="max_current_a = 10") as here:
            await here.charge("ONE", 1)
            here.world.plug_in(2)
            here.world.swipe("TWO", 2)
            await here.until(lambda one: one.transaction is not None, 2)
            await here.clock.sleep(30)
            (blocker,) = await why(here, 2)
            assert blocker["code"] == "LIMIT_SHARED"
            assert blocker["source"]["kind"] == "share"
            assert here.connector(1).status == "Charging"

    run_virtual(scenario())


def test_a_clock_that_nobody_set_is_named_where_it_holds_a_profile_down(tmp_path: Path) -> None:
    absolute = profile("ChargePointMaxProfile", 0)
    absolute["charging_profile_kind"] = "Absolute"
    absolute["charging_schedule"]["start_schedule"] = "2026-03-02T10:00:00Z"
    absolute["charging_schedule"]["charging_schedule_period"] += [{"start_period": 60, "limit": 16}]

    async def scenario() -> None:
        async with site(tmp_path, ocpp="AllowOfflineTxForUnknownId = true") as first:
            assert await first.set_profile(0, **absolute) == "Accepted"
            await first.clock.sleep(120)
        first.clock.forget(first.clock.now())
        async with site(
            tmp_path, after=first, online=False, ocpp="AllowOfflineTxForUnknownId = true"
        ) as second:
            second.world.plug_in(1)
            second.world.swipe(TAG)
            await second.status("SuspendedEVSE")
            (blocker,) = await why(second)
            assert blocker["code"] == "CLOCK_UNTRUSTED"
            assert blocker["source"]["kind"] == "clock"
            second.network.up = True
            await second.status("Charging")
            assert second.clock.source is ClockSource.CSMS

    run_virtual(scenario())


def test_the_fail_safe_of_a_silent_csms_is_named(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, more="[offline]\nafter_s = 60\nmax_current_a = 0") as here:
            await here.charge(TAG)
            here.network.cut()
            await here.status("SuspendedEVSE", within_s=90)
            (blocker,) = await why(here)
            assert blocker["code"] == "LIMIT_OFFLINE"
            assert blocker["source"] == {"kind": "offline"}

    run_virtual(scenario())


def test_a_card_that_the_start_was_refused_for_is_named_while_no_current_flows(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(tags={TAG: Tag()}, start_status="Blocked")  # type: ignore[arg-type]
        async with site(tmp_path, behaviour=behaviour, ocpp="StopTransactionOnInvalidId = false") as here:
            here.world.plug_in(1)
            here.world.swipe(TAG)
            await here.status("SuspendedEVSE")
            assert await codes(here) == ["CARD_REFUSED"]
            await here.clock.sleep(1)
            assert last_told(here).info == "CARD_REFUSED"

    run_virtual(scenario())
