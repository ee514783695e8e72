"""Boxes without a reader: who plugs in charges, on the idTag that the installer chose, unless somebody is named."""

from pathlib import Path

import pytest
from ocpp.v16 import call

from cpd.lab.csms.behaviour import Behaviour
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

FREE = {"connector": 'free_vend = true\nauto_start_tag = "COMPANY-CAR"'}
BY_HAND = {"connector": 'auto_start_tag = "COMPANY-CAR"'}


def started(here: Site) -> list[str]:
    return [message.id_tag for message in here.log.messages(call.StartTransaction)]


@pytest.mark.parametrize("online", [True, False])
def test_plugging_in_starts_within_5_s_and_nobody_is_asked(tmp_path: Path, online: bool) -> None:
    async def scenario() -> None:
        async with site(tmp_path, **FREE) as here:  # type: ignore[arg-type]
            if not online:
                here.network.cut()
            await here.clock.sleep(5)
            here.world.plug_in(1)
            await here.clock.sleep(5)
            running = here.connector().transaction
            assert running is not None and running.id_tag == "COMPANY-CAR"
            here.network.up = True
            await here.log.message(call.StartTransaction)
            assert (started(here), here.log.messages(call.Authorize)) == (["COMPANY-CAR"], [])

    run_virtual(scenario())


@pytest.mark.parametrize("method", ["authorize", "start", "mock.swipe"])
def test_whoever_is_named_within_3_s_is_booked(tmp_path: Path, method: str) -> None:
    async def scenario() -> None:
        async with site(tmp_path, **FREE) as here:  # type: ignore[arg-type]
            here.world.plug_in(1)
            await here.clock.sleep(2.5)
            await here.control(method, connector=1, id_tag="NAMED")
            await here.log.message(call.StartTransaction)
            assert started(here) == ["NAMED"]

    run_virtual(scenario())


def test_a_remote_start_within_3_s_is_booked(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, **FREE) as here:  # type: ignore[arg-type]
            here.world.plug_in(1)
            await here.clock.sleep(2.5)
            assert (await here.call(call.RemoteStartTransaction(id_tag="REMOTE"))).status == "Accepted"
            await here.log.message(call.StartTransaction)
            assert started(here) == ["REMOTE"]

    run_virtual(scenario())


def test_what_the_csms_says_of_the_tag_at_the_start_counts_and_is_not_asked_for_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(start_status="Blocked")  # type: ignore[arg-type]
        async with site(tmp_path, behaviour=behaviour, **FREE) as here:  # type: ignore[arg-type]
            here.world.plug_in(1)
            (booked,) = await here.stopped()
            assert (booked.id_tag, booked.reason) == ("COMPANY-CAR", "DeAuthorized")
            await here.clock.sleep(300)
            assert started(here) == ["COMPANY-CAR"]

    run_virtual(scenario())


def test_the_tag_alone_charges_whom_somebody_starts_by_hand(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, **BY_HAND) as here:  # type: ignore[arg-type]
            here.world.plug_in(1)
            await here.clock.sleep(60)
            assert started(here) == []
            await here.control("start", connector=1)
            await here.log.message(call.StartTransaction)
            assert started(here) == ["COMPANY-CAR"]

    run_virtual(scenario())


def test_without_a_tag_a_start_by_hand_has_to_name_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.plug_in(1)
            await here.status("Preparing")
            refused = await here.refusal("start", connector=1)
            assert refused["data"]["next_step"] == "name a tag: cpd start N --tag TAG"

    run_virtual(scenario())
