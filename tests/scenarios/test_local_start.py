"""`cpd start` where nobody can start: what is in the way is said, and nothing is promised."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from ocpp.v16 import call

from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"


async def reserved(here: Site) -> None:
    ends = (here.clock.now() + timedelta(hours=1)).isoformat()
    request = call.ReserveNow(connector_id=1, expiry_date=ends, id_tag="HOLDER", reservation_id=7)
    assert (await here.call(request)).status == "Accepted"


async def taken_out_by_the_csms(here: Site) -> None:
    await here.call(call.ChangeAvailability(connector_id=1, type="Inoperative"))


async def taken_out_here(here: Site) -> None:
    await here.control("availability", connector=1, operative=False)


async def all_taken_out_here(here: Site) -> None:
    await here.control("availability", connector=0, operative=False)


async def faulted(here: Site) -> None:
    here.world.fault(1, "ground_fault", True)
    await here.status("Faulted")


async def welded(here: Site) -> None:
    here.world.fault(1, "contactor_welded", True)
    await here.status("Faulted")


@pytest.mark.parametrize(
    ("close", "message", "next_step"),
    [
        (reserved, "reserved for another card", "present the card it is reserved for"),
        (taken_out_by_the_csms, "set Inoperative by the CSMS", "ask the operator"),
        (taken_out_here, "switched off by somebody at the charger", "cpd availability 1 on"),
        (all_taken_out_here, "switched off by somebody at the charger", "cpd availability 0 on"),
        (faulted, "a residual current was measured", "unplug"),
        (welded, "the contactor", "cpd fault ack 1 contactor_welded"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_start_on_a_closed_connector_is_refused_with_what_closes_it(
    tmp_path: Path, close: Callable[[Site], Awaitable[None]], message: str, next_step: str
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            await close(here)
            await here.clock.sleep(2)
            error = await here.refusal("start", connector=1, id_tag=TAG)
            assert error["data"]["code"] == "refused"
            assert error["message"].startswith("connector 1: ") and message in error["message"]
            assert next_step in error["data"]["next_step"]
            here.world.plug_in(1)
            await here.clock.sleep(120)
            assert here.connector().transaction is None

    run_virtual(scenario())


def test_the_holder_of_a_reservation_is_started_by_name(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await reserved(here)
            here.world.plug_in(1)
            await here.control("start", connector=1, id_tag="holder")
            charging = await here.status("Charging")
            assert charging.transaction is not None and charging.transaction.id_tag == "holder"

    run_virtual(scenario())
