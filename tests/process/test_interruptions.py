"""A link that breaks all the time, and several connectors at once: everything is booked once, no limit moves."""

import asyncio
from pathlib import Path
from random import Random

from ocpp.v16 import call

from cpd.lab.csms.behaviour import Behaviour, Reaction
from tests.process.charger import STATION
from tests.process.site import Site, profile, site

EACH_SECOND = "MeterValueSampleInterval = 1"


async def test_twenty_broken_links_in_a_session_change_nothing(tmp_path: Path) -> None:
    async with site(tmp_path, ocpp=EACH_SECOND) as here:
        assert await here.set_profile(profile(1, "TxDefaultProfile", 13.0), 1) == "Accepted"
        before = await here.charger.charge()
        for number in range(1, 21):
            here.csms.drop(STATION)
            await here.log.until_connected(times=number + 1)
            connector = await here.charger.connector()
            assert connector["limit"] == before["limit"]
            assert connector["pilot"] == {"state": "C", "duty_percent": 21.6, "pwm": True}
            assert connector["contactor"]["confirmed"] == "closed"
            schedule = await here.charger.call("schedule", connector=1, duration_s=60)
            assert [period["limit"] for period in schedule["periods"]] == [13.0]
        await here.charger.until_online()
        metered = len(here.log.messages(call.MeterValues))
        await here.log.message(call.MeterValues, since=len(here.log.calls))
        assert len(here.log.messages(call.MeterValues)) > metered
        await here.charger.call("mock.plug_out", connector=1)
        (booked,) = await here.booked()
        assert (booked.starts, booked.stops, booked.reason) == (1, 1, "EVDisconnected")
        assert len(here.log.messages(call.BootNotification)) == 1, "a link is no boot"


async def test_a_link_that_breaks_at_each_transaction_message_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    breaks = Reaction(drops_link=True, times=2)
    reactions = {"StartTransaction": breaks, "MeterValues": breaks, "StopTransaction": breaks}
    async with site(tmp_path, ocpp=EACH_SECOND, behaviour=Behaviour(reactions=reactions)) as here:
        await here.charger.charge()
        await here.log.until_connected(times=3)
        while not here.transactions or here.transactions[0].meter_values == 0:
            await here.grown.wait()
        await here.charger.call("mock.plug_out", connector=1)
        (booked,) = await here.booked()
        assert (booked.starts, booked.stops) == (1, 1)
        assert len(here.log.messages(call.StartTransaction)) == 3
        assert len(here.log.messages(call.StopTransaction)) == 3
        status = await here.charger.until(lambda status: not status["csms"]["queued"])
        assert status["csms"]["dead"] == 0


async def session(here: Site, number: int, rng: Random) -> str:
    """One session on a connector, begun and ended in one of the ways there are; returns the reason to expect."""
    tag = f"TAG-{number}"
    by_card, plugged_first = rng.choice((True, False)), rng.choice((True, False))
    charger = here.charger
    if plugged_first:
        await charger.call("mock.plug_in", connector=number)
    if by_card:
        await charger.call("mock.swipe", id_tag=tag, connector=number)
    else:
        started = await here.call(call.RemoteStartTransaction(id_tag=tag, connector_id=number))
        assert started.status == "Accepted"
    if not plugged_first:
        await charger.call("mock.plug_in", connector=number)
    await charger.until_status("Charging", number)
    limit_a = rng.randint(6, 31)
    assert await here.set_profile(profile(number, "TxDefaultProfile", limit_a), number) == "Accepted"
    connector = await charger.connector(number)
    assert connector["limit"]["current_a"] == limit_a
    assert connector["pilot"]["duty_percent"] == limit_a * 100 // 6 / 10
    reason = rng.choice(("Local", "Remote", "EVDisconnected"))
    match reason:
        case "Local":
            await charger.call("mock.swipe", id_tag=tag, connector=number)
        case "Remote":
            booked = await charger.until_connector(
                lambda one: one["transaction"] is not None and one["transaction"]["id"] is not None, number
            )
            assert booked["transaction"] is not None
            stopped = await here.call(
                call.RemoteStopTransaction(transaction_id=booked["transaction"]["id"] or 0)
            )
            assert stopped.status == "Accepted"
        case _:
            await charger.call("mock.plug_out", connector=number)
    await charger.until_connector(lambda one: one["transaction"] is None, number)
    return reason


async def test_sessions_on_four_connectors_at_once_keep_apart(tmp_path: Path) -> None:
    rng, connectors = Random(3), 4
    async with site(tmp_path, connectors=connectors) as here:
        numbers = rng.sample(range(1, connectors + 1), connectors)
        reasons = await asyncio.gather(*(session(here, number, rng) for number in numbers))
        booked = await here.booked(connectors)
        assert {one.connector: (one.id_tag, one.reason) for one in booked} == {
            number: (f"TAG-{number}", reason) for number, reason in zip(numbers, reasons, strict=True)
        }
        assert all((one.starts, one.stops) == (1, 1) for one in booked)
        boot = here.log.messages(call.StatusNotification)[: connectors + 1]
        assert [one.connector_id for one in boot] == list(range(connectors + 1))
