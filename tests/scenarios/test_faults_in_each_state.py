"""Each fault of the table met in each state of a session: told with its code, repeated, cleared by its rule."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.domain.connector_status import ERROR_CODES
from hal.values import FAULT_RULES, Clearing, FaultKind, SessionEffect
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
KINDS = [kind for kind in FaultKind if kind is not FaultKind.GUARD_LOST]
PAUSE: dict[str, Any] = {
    "charging_profile_id": 1,
    "stack_level": 1,
    "charging_profile_purpose": "TxProfile",
    "charging_profile_kind": "Relative",
    "charging_schedule": {
        "charging_rate_unit": "A",
        "charging_schedule_period": [{"start_period": 0, "limit": 0}],
    },
}


async def free(here: Site) -> str:
    return "Available"


async def plugged(here: Site) -> str:
    here.world.plug_in(1)
    return "Preparing"


async def charging(here: Site) -> str:
    await here.charge(TAG)
    return "Charging"


async def suspended_by_the_vehicle(here: Site) -> str:
    await here.charge(TAG)
    here.world.ev(1, ready=False)
    return "SuspendedEV"


async def suspended_by_us(here: Site) -> str:
    await here.charge(TAG)
    assert await here.set_profile(1, **PAUSE) == "Accepted"
    return "SuspendedEVSE"


async def finishing(here: Site) -> str:
    await here.charge(TAG)
    here.world.swipe(TAG)
    return "Finishing"


async def put(here: Site, operative: bool) -> None:
    kind = "Operative" if operative else "Inoperative"
    change = call.ChangeAvailability(connector_id=1, type=kind)  # type: ignore[arg-type]
    assert (await here.call(change)).status == "Accepted"


STATES: list[Callable[[Site], Awaitable[str]]] = [
    free,
    plugged,
    charging,
    suspended_by_the_vehicle,
    suspended_by_us,
    finishing,
]
WITH_PWM = ("Charging", "SuspendedEV")
SHOWS_ONLY_IN = {
    # A contactor that should not be closed is not noticed while it should be, and the other way round.
    FaultKind.CONTACTOR_WELDED: {"Available", "Preparing", "SuspendedEV", "SuspendedEVSE", "Finishing"},
    FaultKind.CONTACTOR_STUCK_OPEN: {"Charging"},
    FaultKind.DIODE_MISSING: set(WITH_PWM),
    FaultKind.OVER_CURRENT: {"Charging"},
}
"""Where a fault can be seen at all, for those that cannot be seen everywhere."""


async def repeated(here: Site) -> tuple[str, str]:
    """Status and error that the CSMS is told when it asks."""
    since = len(here.log.calls)
    trigger = call.TriggerMessage(requested_message="StatusNotification", connector_id=1)  # type: ignore[arg-type]
    assert (await here.call(trigger)).status == "Accepted"
    told = await here.log.message(call.StatusNotification, lambda one: one.connector_id == 1, since=since)
    return str(told.status), str(told.error_code)


async def meet(here: Site, kind: FaultKind, before: str, sessions: int) -> None:
    """The fault *kind* comes and goes on a connector that was *before*."""
    rule, code = FAULT_RULES[kind], ERROR_CODES[kind]
    here.world.fault(1, kind, True)
    await here.clock.sleep(30)
    now = here.connector()
    assert (now.status, now.error_code) == ("Faulted" if rule.opens else before, code), before
    assert await repeated(here) == (now.status, code)
    if rule.opens:
        assert now.outlet.contactor_commanded == "open"
        assert (now.offer_ma, now.outlet.duty_ns) == (0, None)

    open_before = [one for one in here.log.ledger.transactions if one.open]
    here.world.fault(1, kind, False)
    await here.clock.sleep(90)
    healed = here.connector().status != "Faulted"
    assert healed is (not rule.latched or (rule.clearing is Clearing.UNPLUG and before == "Available"))
    if healed:
        ended = rule.session is SessionEffect.ENDS_AS_EMERGENCY and sessions and before != "Finishing"
        assert here.connector().status == ("Finishing" if ended else before)
    ends = rule.session in (SessionEffect.ENDS, SessionEffect.ENDS_AS_EMERGENCY)
    assert not (ends and open_before), "what the fault ends is ended and told"


async def back_to_free(here: Site, kind: FaultKind) -> None:
    """Unplugged, and serviced where that is the rule, it is free again."""
    here.world.plug_out(1)
    await here.clock.sleep(10)
    if here.connector().status == "Faulted":
        assert FAULT_RULES[kind].clearing is Clearing.ACKNOWLEDGE
        assert await repeated(here) == ("Faulted", ERROR_CODES[kind])
        await here.control("faults.acknowledge", connector=1, code=kind.value)
    await here.status("Available")
    await here.clock.sleep(5)
    assert await repeated(here) == ("Available", "NoError")


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if FAULT_RULES[kind].opens and kind not in SHOWS_ONLY_IN]
)
def test_out_of_service_a_fault_is_told_and_clears_by_its_rule_as_well(
    tmp_path: Path, kind: FaultKind
) -> None:
    """What the pilot shows cannot be seen in F, so its faults are met with a vehicle plugged in."""

    async def scenario() -> None:
        async with site(tmp_path) as here:
            on_pilot = kind in (FaultKind.PILOT_SHORT, FaultKind.PILOT_FAULT)
            if on_pilot:
                here.world.plug_in(1)
            await put(here, False)
            await here.status("Unavailable")
            await here.clock.sleep(5)
            here.world.fault(1, kind, True)
            await here.status("Faulted")
            await here.clock.sleep(30)
            assert await repeated(here) == ("Faulted", ERROR_CODES[kind])
            here.world.fault(1, kind, False)
            here.world.plug_out(1)
            await here.clock.sleep(90)
            if FAULT_RULES[kind].clearing is Clearing.ACKNOWLEDGE:
                await here.control("faults.acknowledge", connector=1, code=kind.value)
            await here.status("Unavailable")
            await here.clock.sleep(5)
            assert here.connector().outlet.pilot == "F"
            await put(here, True)
            await here.status("Available")

    run_virtual(scenario())


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_is_told_in_each_state_and_clears_by_its_rule(tmp_path: Path, kind: FaultKind) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            for state in STATES:
                before = await state(here)
                await here.status(before)
                await here.clock.sleep(20)
                sessions = before not in ("Available", "Preparing")
                if before in SHOWS_ONLY_IN.get(kind, {before}):
                    await meet(here, kind, before, sessions)
                else:
                    here.world.fault(1, kind, True)
                    await here.clock.sleep(30)
                    assert here.connector().status == before
                    here.world.fault(1, kind, False)
                await back_to_free(here, kind)
                here.world.ev(1, ready=True)
            booked = here.log.ledger.transactions
            assert [(one.starts, one.stops) for one in booked] == [(1, 1)] * 4
            reasons = {one.reason for one in booked}
            if FAULT_RULES[kind].session is SessionEffect.ENDS and kind not in SHOWS_ONLY_IN:
                assert reasons == {"Other", "Local"}
            elif FAULT_RULES[kind].session is SessionEffect.ENDS_AS_EMERGENCY:
                assert reasons == {"EmergencyStop", "Local"}

    run_virtual(scenario())
