"""A start that the CSMS books and does not accept: what still flows, how it ends, and what the CSMS is told."""

from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.lab.csms.behaviour import Behaviour
from tests.scenarios.site import STATION, Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
REFUSALS = ["Invalid", "Blocked", "Expired", "ConcurrentTx"]


def refusing(status: str, number: int) -> Behaviour:
    """Authorize accepts; StartTransaction gets *number*, and *status*."""
    return Behaviour(start_status=status, transaction_ids=(number, 77))  # type: ignore[arg-type]


def keys(*, stops: bool, energy_wh: int = 0) -> str:
    return f"StopTransactionOnInvalidId = {str(stops).lower()}\nMaxEnergyOnInvalidId = {energy_wh}"


def register_wh(here: Site) -> int:
    meter = here.connector().outlet.meter
    assert meter is not None
    return meter.energy_wh


async def refused(here: Site) -> int:
    """Start; returns the register as the CSMS answers."""
    here.world.plug_in(1)
    here.world.swipe(TAG)
    await here.log.message(call.StartTransaction)
    return register_wh(here)


@pytest.mark.parametrize("number", [0, -1, 5])
@pytest.mark.parametrize("status", REFUSALS)
def test_it_is_stopped_with_the_number_given_and_the_connector_is_usable_again(
    tmp_path: Path, status: str, number: int
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, behaviour=refusing(status, number), ocpp=keys(stops=True)) as here:
            await refused(here)
            stop: Any = await here.log.message(call.StopTransaction)
            assert (stop.transaction_id, stop.reason) == (number, "DeAuthorized")
            await here.status("Finishing")
            here.csms.behaviour = Behaviour(transaction_ids=(number, 77))
            here.world.swipe("OTHER")
            await here.status("Charging")
            here.world.plug_out(1)
            booked = await here.stopped(2)
            assert [(one.id, one.starts, one.stops) for one in booked] == [(number, 1, 1), (77, 1, 1)]

    run_virtual(scenario())


@pytest.mark.parametrize("number", [0, -1, 5])
@pytest.mark.parametrize("status", REFUSALS)
def test_it_is_left_without_current_until_somebody_stops_it(tmp_path: Path, status: str, number: int) -> None:
    async def scenario() -> None:
        async with site(tmp_path, behaviour=refusing(status, number), ocpp=keys(stops=False)) as here:
            before_wh = await refused(here)
            await here.status("SuspendedEVSE")
            await here.clock.sleep(600)
            assert register_wh(here) - before_wh <= 40, "what flowed until it was open"
            assert here.connector().blockers[0].code == "CARD_REFUSED"
            assert here.log.messages(call.StopTransaction) == []
            here.world.plug_out(1)
            (booked,) = await here.stopped()
            assert (booked.id, booked.reason) == (number, "EVDisconnected")
            await here.status("Available")

    run_virtual(scenario())


@pytest.mark.parametrize("stops", [True, False])
@pytest.mark.parametrize("energy_wh", [100, 2_000])
@pytest.mark.parametrize("personality", ["default", "stuck_c"])
def test_a_little_energy_still_flows_and_never_more_than_allowed(
    tmp_path: Path, stops: bool, energy_wh: int, personality: str
) -> None:
    """MaxEnergyOnInvalidId: enough to drive away, whether the vehicle stops drawing by itself or not."""

    async def scenario() -> None:
        ocpp = keys(stops=stops, energy_wh=energy_wh)
        async with site(tmp_path, behaviour=refusing("Invalid", 5), ocpp=ocpp) as here:
            here.world.ev(1, personality=personality)
            before_wh = await refused(here)
            await here.status("Charging")
            if stops:
                (booked,) = await here.stopped()
                assert booked.reason == "DeAuthorized"
            else:
                await here.status("SuspendedEVSE", within_s=3_600)
                await here.clock.sleep(600)
                assert here.log.messages(call.StopTransaction) == []
            assert energy_wh * 0.3 < register_wh(here) - before_wh <= energy_wh

    run_virtual(scenario())


def test_the_allowance_ends_with_its_transaction(tmp_path: Path) -> None:
    async def scenario() -> None:
        ocpp = keys(stops=True, energy_wh=2_000)
        async with site(tmp_path, behaviour=refusing("Invalid", 5), ocpp=ocpp) as here:
            await refused(here)
            await here.status("Charging")
            here.csms.behaviour = Behaviour(transaction_ids=(5, 77))
            here.world.swipe(TAG)
            here.world.swipe("OTHER")
            await here.stopped()
            await here.clock.sleep(1_200)
            now = here.connector()
            assert now.status == "Charging", "the next driver is not held to it"
            assert now.transaction is not None and now.transaction.id_tag == "OTHER"

    run_virtual(scenario())


def test_a_session_that_began_offline_is_refused_when_it_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        ocpp = keys(stops=True, energy_wh=1_000) + "\nAllowOfflineTxForUnknownId = true"
        async with site(tmp_path, behaviour=refusing("Blocked", 0), ocpp=ocpp) as here:
            here.network.cut()
            await here.clock.sleep(5)
            await here.charge(TAG)
            await here.clock.sleep(600)
            here.network.up = True
            await here.log.message(call.StartTransaction)
            before_wh = register_wh(here)
            (booked,) = await here.stopped()
            assert (booked.id, booked.reason) == (0, "DeAuthorized")
            assert booked.meter_stop_wh is not None
            assert booked.meter_stop_wh - before_wh <= 1_000

    run_virtual(scenario())


@pytest.mark.parametrize("stops", [True, False])
@pytest.mark.parametrize("connectors", [1, 2, 4])
def test_of_several_that_the_list_let_in_offline_only_the_refused_one_is_held_to_its_rest(
    tmp_path: Path, connectors: int, stops: bool
) -> None:
    """LocalAuthorizeOffline lets them in, the link comes back, and the CSMS no longer wants the last of them."""

    async def scenario() -> None:
        ocpp = keys(stops=stops, energy_wh=1_000)
        async with site(tmp_path, connectors=connectors, ocpp=ocpp) as here:
            drivers = {number: f"DRIVER-{number}" for number in range(1, connectors + 1)}
            entries = [
                {"idTag": one, "idTagInfo": {"status": "Accepted", "parentIdTag": f"GROUP-{one[-1]}"}}
                for one in [*drivers.values(), f"PARTNER-{connectors}"]
            ]
            request = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": entries}
            await here.csms.call_raw(STATION, "SendLocalList", request)
            partner = {"parent_id_tag": f"GROUP-{connectors}"}
            here.behave(tags={drivers[connectors]: {"status": "Blocked"}, f"PARTNER-{connectors}": partner})
            here.network.cut()
            await here.clock.sleep(5)
            for number, driver in drivers.items():
                await here.charge(driver, number)
            here.network.up = True
            await here.clock.sleep(1_200)
            assert len(here.log.messages(call.StartTransaction)) == connectors
            others = [here.connector(number).status for number in range(1, connectors)]
            assert others == ["Charging"] * (connectors - 1)
            assert here.connector(connectors).status == ("Finishing" if stops else "SuspendedEVSE")
            if not stops:
                here.world.swipe(f"PARTNER-{connectors}")
            booked = [one for one in await here.stopped() if not one.open]
            reason = "DeAuthorized" if stops else "Local"
            assert [(one.id_tag, one.reason) for one in booked] == [(drivers[connectors], reason)]

    run_virtual(scenario())
