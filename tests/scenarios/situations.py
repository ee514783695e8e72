"""What can keep a connector from charging, brought about in a whole charging site: the set-ups of each cause."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from ocpp.v16 import call
from ocpp.v16.enums import AvailabilityType

from hal.values import FaultKind
from tests.scenarios.file_server import file_server
from tests.scenarios.site import Site

TAG = "04A31F02B16180"

SetUp = Callable[[Site], Awaitable[object]]


def profile(purpose: str, limit: float, *, number: int = 7, level: int = 2, **more: Any) -> dict[str, Any]:
    """A profile of one period in A; *more* replaces members of its schedule."""
    return {
        "charging_profile_id": number,
        "stack_level": level,
        "charging_profile_purpose": purpose,
        "charging_profile_kind": "Absolute" if "start_schedule" in more else "Relative",
        "charging_schedule": {
            "charging_rate_unit": "A",
            "charging_schedule_period": [{"start_period": 0, "limit": limit}],
            **more,
        },
    }


async def nothing_plugged(here: Site) -> None:
    await here.clock.sleep(1)


async def plugged(here: Site) -> None:
    here.world.plug_in(1)
    await here.status("Preparing")


async def plugged_with_card(here: Site) -> None:
    here.world.plug_in(1)
    here.world.swipe(TAG)


async def taken_out_of_service_by_the_csms(here: Site) -> None:
    await here.call(call.ChangeAvailability(connector_id=1, type=AvailabilityType.inoperative))


async def station_taken_out_of_service_by_the_csms(here: Site) -> None:
    await plugged(here)
    await here.call(call.ChangeAvailability(connector_id=0, type=AvailabilityType.inoperative))


async def taken_out_of_service_here(here: Site) -> None:
    await here.control("availability", connector=1, operative=False)


async def firmware_that_waits_for_the_other_connector(here: Site) -> None:
    await here.charge(TAG, 2)
    with file_server() as server:
        due = here.clock.now().isoformat()
        await here.call(call.UpdateFirmware(location=server.location, retrieve_date=due))
        await here.log.message(call.FirmwareStatusNotification, lambda told: told.status == "Downloaded")


async def reserved_for_another_card(here: Site) -> None:
    ends = (here.clock.now() + timedelta(hours=1)).isoformat()
    await here.call(call.ReserveNow(connector_id=1, expiry_date=ends, id_tag="SOMEBODY", reservation_id=7))
    await plugged_with_card(here)


async def cable_that_tells_nothing(here: Site) -> None:
    here.world.proximity(1, broken=True)
    await plugged_with_card(here)


async def lock_that_does_not_move(here: Site) -> None:
    """The transaction begins with the plug, and the bolt is tried a few times before it counts as broken."""
    here.world.fault(1, "lock_failure", True)
    here.world.swipe(TAG)
    await here.until(lambda one: one.status == "Preparing")
    here.world.plug_in(1)


async def card_being_asked_about(here: Site) -> None:
    here.behave(reactions={"Authorize": {"delay_s": 20}})
    await plugged(here)
    here.world.swipe(TAG)


async def card_refused(here: Site) -> None:
    here.behave(tags={TAG: {"status": "Blocked"}})
    await plugged(here)
    here.world.swipe(TAG)


async def card_refused_in_a_transaction(here: Site) -> None:
    here.behave(tags={TAG: {}}, start_status="Blocked")
    await plugged_with_card(here)


async def card_unknown_offline(here: Site) -> None:
    here.network.cut()
    await plugged(here)
    here.world.swipe(TAG)


async def transaction_ended(here: Site) -> None:
    await here.charge(TAG)
    here.world.swipe(TAG)
    await here.stopped()


async def boot_left_pending(here: Site) -> None:
    here.network.up = True
    here.world.plug_in(1)
    await here.log.message(call.BootNotification)


async def zero_from_the_csms(here: Site) -> None:
    await here.charge(TAG)
    await here.set_profile(1, **profile("TxProfile", 0))


async def zero_until_five_over_another_profile(here: Site) -> None:
    await here.set_profile(0, **profile("TxDefaultProfile", 16, number=100, level=0))
    await here.charge(TAG)
    until_five = profile("TxProfile", 0, start_schedule="2026-03-02T10:00:00Z", duration=7 * 3_600)
    await here.set_profile(1, **until_five)


async def zero_for_everybody_before_the_start(here: Site) -> None:
    await here.set_profile(0, **profile("TxDefaultProfile", 0, number=100))
    await plugged_with_card(here)


async def too_little_from_the_csms(here: Site) -> None:
    await here.charge(TAG)
    await here.set_profile(0, **profile("ChargePointMaxProfile", 5.9))


async def lowered_here(here: Site) -> None:
    await here.charge(TAG)
    await here.control("limit", connector=1, current_a=0, for_s=3_600)


async def silent_csms(here: Site) -> None:
    await here.charge(TAG)
    here.network.cut()


async def share_of_the_other_connector(here: Site) -> None:
    """The first connector is the newer one, and the supply is enough for one."""
    await here.charge("TWO", 2)
    await plugged_with_card(here)


async def warm_outlet(here: Site) -> None:
    await here.charge(TAG)
    here.world.warmth(1, 65)


async def resuming_after_a_pause(here: Site) -> None:
    await zero_from_the_csms(here)
    await here.until(lambda one: one.outlet.contactor == "open")
    await here.call(call.ClearChargingProfile(id=7))


async def resuming_before_the_pause_has_begun(here: Site) -> None:
    """The limit comes back while the vehicle, which was told to stop, still draws."""
    here.world.ev(1, personality="stuck_c")
    await zero_from_the_csms(here)
    await here.call(call.ClearChargingProfile(id=7))


async def raised_twice_while_charging(here: Site) -> None:
    await here.set_profile(0, **profile("TxDefaultProfile", 8))
    await here.charge(TAG)
    await here.clock.sleep(10)
    for limit in (10, 16):
        await here.set_profile(0, **profile("TxDefaultProfile", limit))


async def resumed_after_a_random_delay(here: Site) -> None:
    await zero_from_the_csms(here)
    await here.clock.sleep(70)
    await here.set_profile(1, **profile("TxProfile", 16))


async def raised_after_a_random_delay(here: Site) -> None:
    await here.set_profile(0, **profile("TxDefaultProfile", 8))
    await here.charge(TAG)
    await here.clock.sleep(10)
    await here.set_profile(0, **profile("TxDefaultProfile", 16))


async def raised_while_another_one_gives_way(here: Site) -> None:
    """The second connector is stopped, and what it gives up is handed over when it has followed."""
    await here.charge("TWO", 2)
    await here.charge(TAG, 1)
    await here.clock.sleep(20)
    await here.set_profile(2, **profile("TxProfile", 8, number=8))


async def fewer_phases_from_the_csms(here: Site) -> None:
    await here.charge(TAG)
    single = [{"start_period": 0, "limit": 16, "number_phases": 1}]
    await here.set_profile(1, **profile("TxProfile", 16, charging_schedule_period=single))
    await here.until(lambda one: one.outlet.contactor == "open")


async def sleeping_vehicle(here: Site) -> None:
    here.world.ev(1, personality="sleeper")
    await plugged_with_card(here)
    await here.until(lambda one: one.outlet.waking)


async def vehicle_does_not_ask(here: Site) -> None:
    here.world.ev(1, ready=False)
    await plugged_with_card(here)
    await here.status("SuspendedEV")


async def vehicle_needs_ventilation(here: Site) -> None:
    here.world.ev(1, ventilation=True)
    await plugged_with_card(here)
    await here.status("SuspendedEV")


async def vehicle_that_does_not_let_go(here: Site) -> None:
    here.world.ev(1, personality="stuck_c")
    await zero_from_the_csms(here)
    await here.until(lambda one: one.outlet.contactor == "open")


async def vehicle_draws_nothing(here: Site) -> None:
    await here.charge(TAG)
    await here.clock.sleep(10)
    here.world.ev(1, personality="draws_nothing")


def broken_while_plugged(kind: FaultKind) -> SetUp:
    """The outlet breaks while a vehicle waits for somebody's card."""

    async def set_up(here: Site) -> None:
        await plugged(here)
        here.world.fault(1, kind, True)

    return set_up


def broken_while_charging(kind: FaultKind) -> SetUp:
    """The outlet breaks while current flows."""

    async def set_up(here: Site) -> None:
        await here.charge(TAG)
        await here.clock.sleep(10)
        here.world.fault(1, kind, True)

    return set_up


async def welded_contactor(here: Site) -> None:
    """It is seen when the contactor is to open."""
    await broken_while_charging(FaultKind.CONTACTOR_WELDED)(here)
    here.world.swipe(TAG)


async def contactor_that_does_not_close(here: Site) -> None:
    here.world.fault(1, "contactor_stuck_open", True)
    await plugged_with_card(here)


async def broken_lock(here: Site) -> None:
    here.world.fault(1, "lock_failure", True)
    await plugged_with_card(here)


async def broken_while_the_csms_allows_nothing(here: Site) -> None:
    await zero_from_the_csms(here)
    await here.status("SuspendedEVSE")
    here.world.fault(1, "under_voltage", True)


async def broken_twice_and_out_of_service(here: Site) -> None:
    await here.call(call.ChangeAvailability(connector_id=1, type=AvailabilityType.inoperative))
    here.world.fault(1, "over_temperature", True)
    await here.clock.sleep(1)
    here.world.fault(1, "emergency_stop", True)
