"""What shows the value of a configuration key from the outside: on the wire, or at the outlet."""

import asyncio
from typing import Any

from ocpp.v16 import call

from hal.light import LightMeaning
from tests.scenarios.site import Site

KNOWN = "KNOWN"


async def change(here: Site, key: str, value: str) -> str:
    return str((await here.call(call.ChangeConfiguration(key=key, value=value))).status)


async def value_of(here: Site, key: str) -> str:
    answer = await here.call(call.GetConfiguration(key=[key]))
    return str(answer.configuration_key[0]["value"])


def sent(here: Site, action: str, since: int = 0) -> list[Any]:
    return [received for received in here.log.calls[since:] if received.action == action]


def a_stranger(here: Site) -> str:
    """An idTag that nobody has seen before."""
    return f"NEW{here.clock.monotonic_s():.0f}"


async def leave(here: Site, id_tag: str) -> None:
    """End what runs, unplug, and let everything that is queued be delivered."""
    transaction = here.connector().transaction
    if transaction is not None and transaction.stop_reason is None:
        here.world.swipe(id_tag)
        await here.until(lambda one: one.transaction is None)
    here.world.plug_out(1)
    here.network.up = True
    await here.status("Available", within_s=600)
    async with asyncio.timeout(3_600):
        while not here.daemon.csms.online or here.daemon.station.journal.queued:
            await here.clock.sleep(1)


async def starts_offline(here: Site, id_tag: str) -> bool:
    """Whether *id_tag* starts a session without the central system."""
    here.network.cut()
    here.world.plug_in(1)
    await here.status("Preparing")
    here.world.swipe(id_tag)
    await here.clock.sleep(15)
    started = here.connector().transaction is not None
    await leave(here, id_tag)
    return started


async def a_stranger_starts_offline(here: Site) -> bool:
    return await starts_offline(here, a_stranger(here))


async def a_known_card_starts_offline(here: Site) -> bool:
    await here.charge(KNOWN)
    await leave(here, KNOWN)
    return await starts_offline(here, KNOWN)


async def a_listed_card_starts_offline(here: Site) -> bool:
    """Of a list that is sent once; an update in vain is answered NotSupported."""
    listed = {"id_tag": "LISTED", "id_tag_info": {"status": "Accepted"}}
    await here.call(
        call.SendLocalList(list_version=1, update_type="Full", local_authorization_list=[listed])  # type: ignore[arg-type]
    )
    return await starts_offline(here, "LISTED")


async def a_known_card_is_asked_about(here: Site) -> bool:
    await here.charge(KNOWN)
    await leave(here, KNOWN)
    seen = len(here.log.calls)
    await here.charge(KNOWN)
    asked = sent(here, "Authorize", seen)
    await leave(here, KNOWN)
    return bool(asked)


async def a_remote_start_is_asked_about(here: Site) -> bool:
    seen = len(here.log.calls)
    here.world.plug_in(1)
    await here.status("Preparing")
    await here.call(call.RemoteStartTransaction(id_tag="REMOTE", connector_id=1))
    await here.status("Charging")
    asked = sent(here, "Authorize", seen)
    await leave(here, "REMOTE")
    return bool(asked)


async def a_card_waits_for_a_plug_s(here: Site) -> int:
    here.world.swipe(KNOWN)
    await here.status("Preparing")
    began_s = here.clock.monotonic_s()
    await here.status("Available", within_s=600)
    return round(here.clock.monotonic_s() - began_s)


async def heartbeats_are_apart_s(here: Site) -> int:
    """With traffic between, so that none is sent for the silence of the link."""
    instants: list[float] = []
    while len(instants) < 2:
        seen = len(here.log.calls)
        await here.clock.sleep(10)
        await here.call(call.TriggerMessage(requested_message="StatusNotification", connector_id=1))  # type: ignore[arg-type]
        instants += [beat.at_s for beat in sent(here, "Heartbeat", seen)]
    return round(instants[1] - instants[0])


async def measurands(here: Site) -> set[str]:
    seen = len(here.log.calls)
    await here.call(call.TriggerMessage(requested_message="MeterValues"))  # type: ignore[arg-type]
    message = await here.log.message(call.MeterValues, since=seen)
    return {one["measurand"] for one in message.meter_value[0]["sampled_value"]}


async def idle_values_are_apart_s(here: Site) -> int | None:
    """None where an idle connector tells none in three minutes."""
    seen = len(here.log.calls)
    await here.clock.sleep(190)
    instants_s = [one.at_s for one in sent(here, "MeterValues", seen)]
    return round(instants_s[1] - instants_s[0]) if instants_s else None


async def aligned_measurands(here: Site) -> set[str]:
    message = await here.log.message(call.MeterValues, since=len(here.log.calls))
    return {one["measurand"] for one in message.meter_value[0]["sampled_value"]}


async def transaction_data(here: Site) -> set[tuple[str, str]]:
    """Context and measurand of what the StopTransaction of a session of two minutes carries."""
    await here.charge(KNOWN)
    await here.clock.sleep(130)
    seen = len(here.log.calls)
    await leave(here, KNOWN)
    stopped = await here.log.message(call.StopTransaction, since=seen)
    return {
        (sampled["context"], sampled["measurand"])
        for value in stopped.transaction_data or []
        for sampled in value["sampled_value"]
    }


async def samples_are_apart_s(here: Site) -> int:
    seen = len(here.log.calls)
    await here.charge(KNOWN)
    await here.clock.sleep(150)
    first, second, *_ = sent(here, "MeterValues", seen)
    await leave(here, KNOWN)
    return round(second.at_s - first.at_s)


async def a_short_visit_is_told(here: Site) -> list[str]:
    await here.clock.sleep(30)
    seen = len(here.log.calls)
    here.world.plug_in(1)
    await here.clock.sleep(2)
    here.world.plug_out(1)
    await here.clock.sleep(30)
    return [str(one.message.status) for one in sent(here, "StatusNotification", seen)]


async def unplugging_ends_the_transaction(here: Site) -> bool:
    await here.charge(KNOWN)
    here.world.plug_out(1)
    await here.clock.sleep(15)
    ended = here.connector().transaction is None
    await leave(here, KNOWN)
    return ended


async def unplugging_unlocks_the_socket(here: Site) -> bool:
    """The end of the cable that is in the outlet; its driver then asks for it with the card."""
    await here.charge(KNOWN)
    here.world.plug_out(1)
    await here.clock.sleep(15)
    unlocked = here.connector().outlet.lock == "unlocked"
    if not unlocked:
        here.world.swipe(KNOWN)
    await here.status("Available")
    return unlocked


async def an_invalid_start_ends_the_transaction(here: Site) -> bool:
    here.behave(start_status="Invalid")
    here.world.plug_in(1)
    here.world.swipe(KNOWN)
    await here.log.message(call.StartTransaction, since=len(here.log.calls))
    await here.clock.sleep(15)
    ended = here.connector().transaction is None
    here.behave(start_status=None)
    await leave(here, KNOWN)
    return ended


async def attempts_at_a_sample(here: Site) -> list[float]:
    """The instants at which one MeterValues was sent to a central system that refuses all of them."""
    here.behave(reactions={"MeterValues": {"error": "InternalError"}})
    seen = len(here.log.calls)
    await here.charge(KNOWN)
    await here.clock.sleep(400)
    refused = sent(here, "MeterValues", seen)
    first = refused[0].message.meter_value[0]["timestamp"]
    here.behave(reactions={})
    await leave(here, KNOWN)
    return [one.at_s for one in refused if one.message.meter_value[0]["timestamp"] == first]


async def attempts(here: Site) -> int:
    return len(await attempts_at_a_sample(here))


async def the_first_attempts_are_apart_s(here: Site) -> int:
    first_s, second_s, *_ = await attempts_at_a_sample(here)
    return round(second_s - first_s)


async def a_dead_link_is_found_within_50_s(here: Site) -> bool:
    here.network.cut()
    here.network.up = True
    await here.log.until_connected(times=here.log.connections + 1)
    await here.clock.sleep(1)
    dials = here.network.dials
    here.network.swallows = True
    began_s = here.clock.monotonic_s()
    while here.network.dials == dials:
        await here.clock.sleep(1)
    here.network.swallows = False
    found_s = here.clock.monotonic_s() - began_s
    await here.clock.sleep(120)
    return found_s < 50


async def a_waiting_connector_blinks(here: Site) -> int:
    here.world.plug_in(1)
    await here.status("Preparing")
    await here.clock.sleep(1)
    shown = here.world.lights[1].shown[-1]
    assert shown.meaning is LightMeaning.PRESENT_CARD
    here.world.plug_out(1)
    await here.status("Available")
    return shown.blinks


async def the_light_is_bright(here: Site) -> int:
    await here.clock.sleep(1)
    return here.world.lights[1].shown[-1].intensity_percent
