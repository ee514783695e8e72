"""ClearCache and DataTransfer over the wire."""

from pathlib import Path

import pytest
from ocpp.v16 import call

from cpd.lab.csms.behaviour import Behaviour, Tag
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual


async def knows(here: Site, id_tag: str) -> bool:
    """Whether the charger, offline, still has an answer about *id_tag*."""
    held = await here.daemon.station.authorizer.decide(id_tag)
    return not isinstance(held, str)


async def clear(here: Site) -> str:
    return str((await here.call(call.ClearCache())).status)


def test_clearing_the_cache_forgets_idtags_and_nothing_that_waits(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="LocalAuthorizeOffline = true") as here:
            await here.charge("KNOWN")
            here.world.swipe("KNOWN")
            await here.stopped()
            here.world.plug_out(1)
            await here.status("Available")
            here.network.cut()
            for _ in range(3):
                await here.charge("KNOWN")
                await here.clock.sleep(60)
                here.world.swipe("KNOWN")
                await here.status("Finishing")
                here.world.plug_out(1)
                await here.status("Available")
            # The CSMS takes no transaction message, so that all of them still wait when the cache is cleared.
            here.behave(reactions={name: {"error": "InternalError"} for name in ("StartTransaction",)})
            here.network.up = True
            await here.log.until_connected(times=2)
            await here.clock.sleep(1)
            assert await clear(here) == "Accepted"
            here.behave(reactions={})
            booked = await here.stopped(4)
            assert [(one.starts, one.stops) for one in booked] == [(1, 1)] * 4
            await here.clock.sleep(5)
            assert await clear(here) == "Accepted"
            here.network.cut()
            await here.clock.sleep(5)
            assert not await knows(here, "KNOWN")

    run_virtual(scenario())


def test_a_cache_that_is_switched_off_is_cleared_as_well(tmp_path: Path) -> None:
    """What was known before must not come back when the cache is switched on again."""

    async def scenario() -> None:
        async with site(tmp_path, ocpp="LocalAuthorizeOffline = true") as here:
            await here.charge("KNOWN")
            off = call.ChangeConfiguration(key="AuthorizationCacheEnabled", value="false")
            on = call.ChangeConfiguration(key="AuthorizationCacheEnabled", value="true")
            assert (await here.call(off)).status == "Accepted"
            assert await clear(here) == "Accepted"
            assert (await here.call(on)).status == "Accepted"
            here.network.cut()
            await here.clock.sleep(5)
            assert not await knows(here, "KNOWN")

    run_virtual(scenario())


def test_what_the_csms_says_of_the_card_that_stopped_is_remembered(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="LocalAuthorizeOffline = true") as here:
            await here.charge("CARD")
            blocked = Behaviour(tags={"CARD": Tag(status="Blocked")})  # type: ignore[arg-type]
            here.csms.behaviour = blocked
            here.world.swipe("CARD")
            await here.stopped()
            await here.clock.sleep(2)
            here.network.cut()
            await here.clock.sleep(5)
            assert not await knows(here, "CARD")

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("vendor", "message", "status"),
    [
        ("com.example", None, "UnknownVendorId"),
        ("com.example", "Hello", "UnknownVendorId"),
        ("cpd", None, "UnknownMessageId"),
        ("CPD", "Hello", "UnknownMessageId"),
    ],
)
def test_data_is_accepted_from_nobody_as_nothing_would_come_of_it(
    tmp_path: Path, vendor: str, message: str | None, status: str
) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            answer = await here.call(call.DataTransfer(vendor_id=vendor, message_id=message, data="1"))
            assert answer.status == status

    run_virtual(scenario())
