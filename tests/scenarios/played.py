"""Sessions of any vehicle at any central system of the field, and what must be true of the books behind them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ocpp.v16 import call

from cpd.lab.csms.ledger import BookedTransaction, discrepancies
from cpd.lab.csms.personality import CURED, Personality, Sessions
from cpd.lab.csms.station_log import Asked
from cpd.lab.vehicles import VEHICLES, LabVehicle, When
from cpd.station.snapshot import ConnectorSnapshot
from tests.scenarios.site import Site, site

PLAIN = VEHICLES["ev-plain"]


@asynccontextmanager
async def site_with(folder: Path, personality: Personality, **config: Any) -> AsyncIterator[Site]:
    """A site at this central system, which may not have taken its boot yet."""
    # A TOML string, number or boolean is written as in JSON.
    keys = [f"{key} = {json.dumps(value)}" for key, value in personality.keys.items()]
    config["ocpp"] = "\n".join([*keys, config.get("ocpp", "")])
    async with site(
        folder, behaviour=personality.behaviour, acts=personality.acts, online=False, **config
    ) as here:
        here.network.up = True
        if not personality.refuses:
            await here.log.message(call.StatusNotification, lambda told: told.connector_id == 1)
        yield here


async def act(here: Site, vehicle: LabVehicle, when: When) -> None:
    """Do to the mock what makes this vehicle what it is at that moment."""
    for one in vehicle.acts:
        if one.when is when:
            await here.control(one.method, connector=1, **one.params)


async def charge(
    here: Site, personality: Personality, tag: str, *, vehicle: LabVehicle = PLAIN, for_s: float = 60.0
) -> None:
    """One whole session, from the plug-in to the Available behind it."""
    if vehicle.wishes:
        await here.control("mock.ev", connector=1, **vehicle.wishes)
    await act(here, vehicle, When.BEFORE_PLUG_IN)
    here.world.plug_in(1)
    await here.until(lambda one: one.status != "Available")
    if personality.sessions is not Sessions.REMOTE:
        here.world.swipe(tag)
    if personality.sessions is Sessions.DEAUTHORISED:
        await here.stopped(len(here.log.ledger.transactions) + 1)
    elif vehicle.ending.ends_itself:
        await here.until(lambda one: bool(one.outlet.faults))
    else:
        await here.until(in_transaction)
        if vehicle.ending.charges:
            await here.status("Charging", within_s=vehicle.starts_within_s + 120)
        await act(here, vehicle, When.WHILE_CHARGING)
        await here.clock.sleep(for_s)
        await _stop(here, personality, tag)
    await here.until(lambda one: not in_transaction(one))
    # Long enough for the fault, where there is one, to be seen.
    await here.clock.sleep(10)
    if vehicle.ending.fault is not None and personality.sessions is not Sessions.DEAUTHORISED:
        assert vehicle.ending.fault in [fault.kind for fault in here.connector().outlet.faults]
    here.world.plug_out(1)
    await _mend(here, vehicle)
    await here.status("Available", within_s=120)


def cure(here: Site) -> None:
    """From now on the central system is as it should be."""
    here.csms.behaviour = CURED


async def delivered(here: Site, *, within_s: float = 3_600) -> None:
    """Wait until the central system has all that was kept for it."""
    async with asyncio.timeout(within_s):
        while not here.daemon.csms.online or here.daemon.station.journal.queued:
            await here.clock.sleep(1)


def exact(here: Site, *tags: str, hidden_wh: int = 0) -> list[BookedTransaction]:
    """The bookings, which must be exact: every session of *tags* once, and every Wh once.

    What the central system started counts by the idTag that it gave.
    """
    booked = here.log.ledger.transactions
    given = [one.payload for one in here.log.asked if one.action == "RemoteStartTransaction" and started(one)]
    tags = tuple(str(payload["idTag"]) for payload in given if isinstance(payload, dict)) or tags
    moved_wh = here.world.delivered_wh(1)
    assert discrepancies(booked, id_tags=tags, moved_wh=moved_wh, hidden_wh=hidden_wh) == []
    assert (here.daemon.station.journal.queued, here.daemon.station.journal.dead) == (0, 0)
    return booked


def started(asked: Asked) -> bool:
    """Whether a RemoteStartTransaction was taken."""
    return asked.answer == {"status": "Accepted"}


def in_transaction(one: ConnectorSnapshot) -> bool:
    return one.transaction is not None


async def _stop(here: Site, personality: Personality, tag: str) -> None:
    if personality.sessions is Sessions.REMOTE:
        await here.call(call.RemoteStopTransaction(here.log.ledger.transactions[-1].id))
    else:
        here.world.swipe(tag)


async def _mend(here: Site, vehicle: LabVehicle) -> None:
    """Undo what was broken, and acknowledge what is still there as a technician does after service."""
    for one in vehicle.acts:
        if "active" in one.params:
            await here.control(one.method, connector=1, **{**one.params, "active": False})
    await here.clock.sleep(5)
    for fault in here.connector().outlet.faults:
        await here.control("faults.acknowledge", connector=1, code=str(fault.kind))
