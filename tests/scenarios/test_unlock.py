"""Giving the plug back: UnlockConnector, and what the two keys say of a vehicle that is unplugged at its own end."""

import asyncio
from pathlib import Path

import pytest
from ocpp.v16 import call

from cpd.lab.csms.behaviour import Behaviour, Tag
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"


def keys(*, stops: bool, unlocks: bool) -> str:
    return (
        f"StopTransactionOnEVSideDisconnect = {str(stops).lower()}\n"
        f"UnlockConnectorOnEVSideDisconnect = {str(unlocks).lower()}"
    )


def statuses(here: Site, since: int = 0) -> list[str]:
    return [
        str(one.message.status)
        for one in here.log.calls[since:]
        if one.action == "StatusNotification" and one.message.connector_id == 1
    ]


async def unlock(here: Site, connector: int = 1) -> str:
    return str((await here.call(call.UnlockConnector(connector_id=connector))).status)


STATES = ["Charging", "SuspendedEV", "SuspendedEVSE"]


async def session(here: Site, state: str) -> int:
    """A session in *state*; returns how many calls the CSMS has seen by then."""
    await charging(here)
    if state == "SuspendedEV":
        here.world.ev(1, ready=False)
    elif state == "SuspendedEVSE":
        await here.set_profile(
            1,
            charging_profile_id=1,
            stack_level=1,
            charging_profile_purpose="TxProfile",
            charging_profile_kind="Relative",
            charging_schedule={
                "charging_rate_unit": "A",
                "charging_schedule_period": [{"start_period": 0, "limit": 0}],
            },
        )
    await here.status(state)
    await here.clock.sleep(5)
    return len(here.log.calls)


async def charging(here: Site) -> int:
    """Charge steadily; returns how many calls the CSMS has seen by then."""
    await here.charge(TAG)
    await here.clock.sleep(60)
    return len(here.log.calls)


def test_a_running_transaction_is_ended_before_the_bolt_moves(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await charging(here)
            assert await unlock(here) == "Unlocked"
            outlet = here.connector().outlet
            assert (outlet.lock, outlet.contactor) == ("unlocked", "open"), "answered when it is true"
            (booked,) = await here.stopped()
            assert (booked.reason, booked.stops) == ("UnlockCommand", 1)
            await here.clock.sleep(60)
            assert (here.connector().status, here.connector().outlet.lock) == ("Finishing", "unlocked")

    run_virtual(scenario())


def test_a_plug_that_waits_is_unlocked_and_locked_again_for_the_next_session(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.plug_in(1)
            await here.until(lambda one: one.outlet.lock == "locked")
            assert await unlock(here) == "Unlocked"
            here.world.swipe(TAG)
            assert (await here.status("Charging")).outlet.lock == "locked"

    run_virtual(scenario())


def test_whoever_was_about_to_charge_gets_the_plug_instead(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.fault(1, "meter_offline", True)
            here.world.plug_in(1)
            here.world.swipe(TAG)
            await here.clock.sleep(5)
            assert await unlock(here) == "Unlocked"
            here.world.fault(1, "meter_offline", False)
            await here.clock.sleep(60)
            assert here.connector().outlet.lock == "unlocked"
            assert here.log.messages(call.StartTransaction) == []

    run_virtual(scenario())


def test_an_empty_socket_is_unlocked_already(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            assert await unlock(here) == "Unlocked"

    run_virtual(scenario())


def test_a_bolt_that_does_not_move_is_told_after_five_seconds(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.plug_in(1)
            await here.until(lambda one: one.outlet.lock == "locked")
            here.world.fault(1, "lock_failure", True)
            asked_s = here.clock.monotonic_s()
            assert await unlock(here) == "UnlockFailed"
            assert here.clock.monotonic_s() - asked_s == pytest.approx(5.0, abs=0.5)

    run_virtual(scenario())


def test_a_plug_on_a_welded_contactor_stays_locked(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await charging(here)
            here.world.fault(1, "contactor_welded", True)
            assert await unlock(here) == "UnlockFailed"
            assert here.connector().outlet.lock == "locked"
            (booked,) = await here.stopped()
            assert booked.reason == "UnlockCommand"

    run_virtual(scenario())


def test_a_vehicle_that_goes_on_drawing_is_waited_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.ev(1, personality="stuck_c")
            await charging(here)
            assert await unlock(here) == "Unlocked"
            assert here.connector().outlet.contactor == "open"

    run_virtual(scenario())


@pytest.mark.parametrize(("connector", "lock"), [(1, "false"), (2, "true"), (0, "true"), (-1, "true")])
def test_a_fixed_cable_and_a_connector_that_is_not_there_are_not_supported(
    tmp_path: Path, connector: int, lock: str
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connector=f"lock = {lock}") as here:
            await charging(here)
            assert await unlock(here, connector) == "NotSupported"
            assert here.connector().status == "Charging", "nothing is ended for it"

    run_virtual(scenario())


@pytest.mark.parametrize("unlocks", [True, False])
@pytest.mark.parametrize("state", STATES)
def test_unplugged_with_stopping_it_ends_in_each_state_and_the_other_key_says_what_the_bolt_does(
    tmp_path: Path, unlocks: bool, state: str
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=keys(stops=True, unlocks=unlocks)) as here:
            seen = await session(here, state)
            here.world.plug_out(1)
            (booked,) = await here.stopped()
            assert (booked.reason, booked.stops) == ("EVDisconnected", 1)
            await here.clock.sleep(30)
            now = here.connector()
            expected = ("Available", "unlocked") if unlocks else ("Finishing", "locked")
            assert (now.status, now.outlet.lock) == expected
            assert statuses(here, seen)[-1] == expected[0]
            assert "Available" not in statuses(here, seen)[:-1]

    run_virtual(scenario())


def test_unplugged_without_unlocking_it_stops_and_keeps_the_cable_for_the_card_of_its_driver(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=keys(stops=True, unlocks=False)) as here:
            seen = await charging(here)
            here.world.plug_out(1)
            (booked,) = await here.stopped()
            assert booked.reason == "EVDisconnected"
            await here.clock.sleep(600)
            assert (here.connector().status, here.connector().outlet.lock) == ("Finishing", "locked")
            here.world.swipe("STRANGER")
            await here.clock.sleep(10)
            assert here.connector().outlet.lock == "locked"
            here.world.swipe(TAG)
            await here.status("Available")
            await here.until(lambda one: one.outlet.lock == "unlocked")
            await here.clock.sleep(120)
            assert len(here.log.ledger.transactions) == 1, "the card gave the cable back, and no more"
            assert statuses(here, seen) == ["Finishing", "Available"]

    run_virtual(scenario())


def test_a_kept_cable_is_given_to_a_card_of_the_same_group_and_to_the_csms(tmp_path: Path) -> None:
    group = {name: Tag(parent_id_tag="FAMILY") for name in (TAG, "OTHER")}

    async def scenario() -> None:
        async with site(
            tmp_path, ocpp=keys(stops=True, unlocks=False), behaviour=Behaviour(tags=group)
        ) as here:
            await charging(here)
            here.world.plug_out(1)
            await here.status("Finishing")
            await here.stopped()
            here.world.swipe("OTHER")
            await here.until(lambda one: one.outlet.lock == "unlocked")
            await charging(here)
            here.world.plug_out(1)
            await here.stopped(2)
            assert await unlock(here) == "Unlocked"
            await here.status("Available")

    run_virtual(scenario())


def test_a_kept_cable_that_is_plugged_in_again_charges_by_a_new_card_only(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=keys(stops=True, unlocks=False)) as here:
            await charging(here)
            here.world.plug_out(1)
            (first,) = await here.stopped()
            here.world.plug_in(1)
            await here.clock.sleep(120)
            assert here.connector().status == "Finishing"
            assert here.connector().outlet.contactor == "open"
            here.world.swipe(TAG)
            await here.status("Charging")
            _, second = here.log.ledger.transactions
            assert second.meter_start_wh == first.meter_stop_wh

    run_virtual(scenario())


@pytest.mark.parametrize("unlocks", [True, False])
@pytest.mark.parametrize("state", STATES)
def test_unplugged_without_stopping_it_keeps_transaction_and_cable_and_resumes_on_replugging(
    tmp_path: Path, unlocks: bool, state: str
) -> None:
    """OCPP 1.6 §4.10: the key of the transaction has priority over the one of the lock."""

    async def scenario() -> None:
        async with site(tmp_path, ocpp=keys(stops=False, unlocks=unlocks)) as here:
            seen = await session(here, state)
            here.world.plug_out(1)
            await here.until(lambda one: one.outlet.pilot == "A")
            await here.clock.sleep(300)
            now = here.connector()
            assert now.status == ("SuspendedEVSE" if state == "SuspendedEVSE" else "SuspendedEV")
            assert (now.outlet.lock, now.outlet.contactor) == ("locked", "open")
            assert now.transaction is not None
            assert here.log.messages(call.StopTransaction) == []
            here.world.plug_in(1)
            await here.status(state)
            await here.clock.sleep(60)
            here.world.plug_out(1)
            await here.clock.sleep(10)
            here.world.swipe(TAG)
            await here.status("Available")
            await here.until(lambda one: one.outlet.lock == "unlocked")
            (booked,) = await here.stopped()
            assert (booked.reason, booked.starts, booked.stops) == ("Local", 1, 1)
            assert "Available" not in statuses(here, seen)[:-1]

    run_virtual(scenario())


@pytest.mark.parametrize("stops", [True, False])
@pytest.mark.parametrize("unlocks", [True, False])
def test_after_a_session_that_its_card_ended_the_cable_is_free_whatever_the_keys_say(
    tmp_path: Path, stops: bool, unlocks: bool
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=keys(stops=stops, unlocks=unlocks)) as here:
            await charging(here)
            here.world.swipe(TAG)
            await here.status("Finishing")
            await here.stopped()
            here.world.plug_out(1)
            await here.status("Available")
            await here.until(lambda one: one.outlet.lock == "unlocked")

    run_virtual(scenario())


@pytest.mark.parametrize("pause_s", [0.05, 1, 30])
def test_the_next_vehicle_never_charges_on_the_last_card(tmp_path: Path, pause_s: float) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await charging(here)
            here.world.plug_out(1)
            await asyncio.sleep(pause_s)
            here.world.plug_in(1)
            (booked,) = await here.stopped()
            register_wh = booked.meter_stop_wh
            await here.clock.sleep(300)
            assert here.connector().status == "Preparing"
            meter = here.connector().outlet.meter
            assert meter is not None and meter.energy_wh == register_wh
            assert len(here.log.ledger.transactions) == 1

    run_virtual(scenario())
