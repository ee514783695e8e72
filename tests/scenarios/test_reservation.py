"""Reservations over the wire: what is promised, to whom a connector is open, and when a promise ends."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from hal.values import FaultKind
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

HOLDER, COLLEAGUE, STRANGER = "HOLDER", "COLLEAGUE", "STRANGER"
HOUR_S = 3_600


async def reserve(
    here: Site, connector: int = 1, *, number: int = 7, ends_in_s: int = HOUR_S, **more: Any
) -> str:
    request = call.ReserveNow(
        connector_id=connector,
        expiry_date=(here.clock.now() + timedelta(seconds=ends_in_s)).isoformat(),
        id_tag=more.pop("id_tag", HOLDER),
        reservation_id=number,
        **more,
    )
    return str((await here.call(request)).status)


async def cancel(here: Site, number: int = 7) -> str:
    return str((await here.call(call.CancelReservation(reservation_id=number))).status)


async def start_remotely(here: Site, id_tag: str, connector: int | None = None) -> str:
    return str((await here.call(call.RemoteStartTransaction(id_tag=id_tag, connector_id=connector))).status)


def told(here: Site, since: int = 0) -> list[tuple[int, str]]:
    """What the CSMS was told since its call number *since*."""
    return [
        (one.message.connector_id, str(one.message.status))
        for one in here.log.calls[since:]
        if one.action == "StatusNotification"
    ]


def started(here: Site) -> list[tuple[int, str, int | None]]:
    """Connector, idTag and reservation of each StartTransaction."""
    starts = here.log.messages(call.StartTransaction)
    return [(one.connector_id, one.id_tag, one.reservation_id) for one in starts]


async def plug_in_and_swipe(here: Site, id_tag: str, number: int = 1) -> None:
    here.world.plug_in(number)
    await here.clock.sleep(1)
    here.world.swipe(id_tag)
    await here.clock.sleep(5)


def test_a_reserved_connector_waits_for_its_holder_and_nobody_else(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            seen = len(here.log.calls)
            assert await reserve(here) == "Accepted"
            await here.status("Reserved")
            await plug_in_and_swipe(here, STRANGER)
            assert here.connector().status == "Reserved"
            assert [one.code for one in here.connector().blockers] == ["RESERVED", "WAITING_FOR_CARD"]
            assert await start_remotely(here, STRANGER, 1) == "Rejected"
            assert await start_remotely(here, STRANGER) == "Rejected"
            assert (await here.refusal("start", connector=1, id_tag=STRANGER))["data"]["code"] == "refused"
            assert started(here) == []
            here.world.swipe(HOLDER)
            await here.status("Charging")
            await here.clock.sleep(5)
            assert started(here) == [(1, HOLDER, 7)]
            assert told(here, seen) == [(1, "Reserved"), (1, "Preparing"), (1, "Charging")]

    run_virtual(scenario())


def test_a_used_reservation_is_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            assert await reserve(here) == "Accepted"
            await plug_in_and_swipe(here, HOLDER)
            await here.status("Charging")
            assert await cancel(here) == "Rejected"
            here.world.plug_out(1)
            await here.status("Available")
            await here.charge(STRANGER)
            await here.clock.sleep(5)
            assert started(here) == [(1, HOLDER, 7), (1, STRANGER, None)]

    run_virtual(scenario())


def test_the_holder_is_one_for_a_remote_start_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            assert await reserve(here, 2) == "Accepted"
            assert await start_remotely(here, HOLDER) == "Accepted"
            await here.status("Preparing", 2)
            assert here.connector(1).status == "Available"
            here.world.plug_in(2)
            await here.status("Charging", 2)
            await here.clock.sleep(5)
            assert started(here) == [(2, HOLDER, 7)]

    run_virtual(scenario())


def test_the_holders_card_is_for_the_reserved_connector(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            assert await reserve(here, 2) == "Accepted"
            here.world.plug_in(2)
            await here.clock.sleep(5)
            here.world.plug_in(1)
            await here.clock.sleep(5)
            here.world.swipe(HOLDER)
            await here.status("Charging", 2)
            assert here.connector(1).transaction is None

    run_virtual(scenario())


def test_a_card_before_the_plug_is_not_used_up_by_a_connector_that_is_reserved_for_another(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            assert await reserve(here, 2) == "Accepted"
            here.world.swipe(STRANGER)
            await here.clock.sleep(2)
            here.world.plug_in(2)
            await here.clock.sleep(5)
            assert started(here) == []
            here.world.plug_in(1)
            await here.status("Charging", 1)

    run_virtual(scenario())


@pytest.mark.parametrize("remotely", [False, True])
def test_a_card_of_the_holders_group_uses_the_reservation(tmp_path: Path, remotely: bool) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.behave(
                tags={
                    COLLEAGUE: {"status": "Accepted", "parent_id_tag": "FLEET"},
                    STRANGER: {"status": "Accepted"},
                }
            )
            assert await reserve(here, parent_id_tag="fleet") == "Accepted"
            here.world.plug_in(1)
            await here.clock.sleep(1)
            if remotely:
                assert await start_remotely(here, STRANGER, 1) == "Rejected"
                assert await start_remotely(here, COLLEAGUE, 1) == "Accepted"
            else:
                here.world.swipe(STRANGER)
                await here.clock.sleep(5)
                here.world.swipe(COLLEAGUE)
            await here.status("Charging")
            await here.clock.sleep(5)
            assert started(here) == [(1, COLLEAGUE, 7)]

    run_virtual(scenario())


def test_a_connector_charges_nobody_without_a_card_while_it_is_reserved(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connector='free_vend = true\nauto_start_tag = "FREE"') as here:
            assert await reserve(here, parent_id_tag="FLEET") == "Accepted"
            here.world.plug_in(1)
            await here.clock.sleep(30)
            assert (await here.refusal("start", connector=1))["data"]["code"] == "refused"
            assert started(here) == []
            assert await cancel(here) == "Accepted"
            await here.status("Charging")

    run_virtual(scenario())


def test_a_cancelled_reservation_opens_the_connector(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            seen = len(here.log.calls)
            assert await reserve(here) == "Accepted"
            assert await cancel(here, 8) == "Rejected"
            assert await cancel(here) == "Accepted"
            assert await cancel(here) == "Rejected"
            await here.clock.sleep(5)
            assert told(here, seen)[-1] == (1, "Available")
            await here.charge(STRANGER)

    run_virtual(scenario())


@pytest.mark.parametrize("online", [True, False])
def test_a_reservation_ends_on_time_whether_the_csms_is_there_or_not(tmp_path: Path, online: bool) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="AllowOfflineTxForUnknownId = true") as here:
            assert await reserve(here, ends_in_s=600) == "Accepted"
            await here.status("Reserved")
            if not online:
                here.network.cut()
            await here.clock.sleep(595)
            assert here.connector().status == "Reserved"
            await here.clock.sleep(10)
            assert here.connector().status == "Available"
            assert here.connector().reservation is None
            here.world.plug_in(1)
            await here.clock.sleep(1)
            here.world.swipe(STRANGER)
            await here.status("Charging")

    run_virtual(scenario())


@pytest.mark.parametrize("away_s", [60, 900])
def test_a_reservation_survives_a_power_cut_and_ends_on_time_all_the_same(
    tmp_path: Path, away_s: int
) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as first:
            assert await reserve(first, ends_in_s=600) == "Accepted"
        await first.clock.sleep(away_s)
        async with site(tmp_path, after=first) as second:
            boot = max(n for n, one in enumerate(second.log.calls) if one.action == "BootNotification")
            await second.clock.sleep(5)
            if away_s > 600:
                assert told(second, boot) == [(0, "Available"), (1, "Available")]
                assert await cancel(second) == "Rejected"
                return
            assert told(second, boot) == [(0, "Available"), (1, "Reserved")]
            await plug_in_and_swipe(second, STRANGER)
            assert started(second) == []
            second.world.plug_out(1)
            await second.status("Available", within_s=600)

    run_virtual(scenario())


def test_a_used_reservation_does_not_come_back_after_a_power_cut(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as first:
            assert await reserve(first) == "Accepted"
            await plug_in_and_swipe(first, HOLDER)
            await first.status("Charging")
        async with site(tmp_path, after=first) as second:
            await second.stopped()
            assert (second.connector().status, second.connector().reservation) == ("Available", None)
            assert [reservation for _, _, reservation in started(second)] == [7]

    run_virtual(scenario())


def test_the_same_id_replaces_its_reservation_also_on_another_connector(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            assert await reserve(here, 1) == "Accepted"
            assert await reserve(here, 1, id_tag=COLLEAGUE) == "Accepted"
            held = here.connector(1).reservation
            assert held is not None
            assert held.id_tag == COLLEAGUE
            assert await reserve(here, 2) == "Accepted"
            await here.status("Reserved", 2)
            assert here.connector(1).status == "Available"
            assert await cancel(here) == "Accepted"
            await here.status("Available", 2)

    run_virtual(scenario())


async def nothing(_here: Site) -> None:
    """As it is after the boot."""


async def reserved_already(here: Site) -> None:
    assert await reserve(here, number=1, id_tag=STRANGER) == "Accepted"


async def plugged(here: Site) -> None:
    here.world.plug_in(1)
    await here.status("Preparing")


async def charging(here: Site) -> None:
    await here.charge(STRANGER)


async def authorised(here: Site) -> None:
    here.world.swipe(STRANGER)
    await here.status("Preparing")


async def faulted(here: Site) -> None:
    here.world.fault(1, FaultKind.UNDER_VOLTAGE, True)
    await here.status("Faulted")


async def out_of_service(here: Site) -> None:
    await here.call(call.ChangeAvailability(connector_id=1, type="Inoperative"))  # type: ignore[arg-type]


async def out_of_service_once_it_is_free(here: Site) -> None:
    await here.charge(STRANGER)
    await out_of_service(here)


@pytest.mark.parametrize("connector", [0, 1])
@pytest.mark.parametrize(
    ("stands", "answer"),
    [
        (nothing, "Accepted"),
        (reserved_already, "Occupied"),
        (plugged, "Occupied"),
        (charging, "Occupied"),
        (authorised, "Occupied"),
        (faulted, "Faulted"),
        (out_of_service, "Unavailable"),
        (out_of_service_once_it_is_free, "Unavailable"),
    ],
)
def test_what_cannot_be_kept_free_is_not_promised(
    tmp_path: Path, stands: Any, answer: str, connector: int
) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await stands(here)
            assert await reserve(here, connector) == answer

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("connector", "ends_in_s", "ocpp"),
    [
        (2, HOUR_S, ""),
        (-1, HOUR_S, ""),
        (1, 0, ""),
        (1, -HOUR_S, ""),
        (0, HOUR_S, "ReserveConnectorZeroSupported = false"),
    ],
)
def test_what_makes_no_sense_is_rejected(tmp_path: Path, connector: int, ends_in_s: int, ocpp: str) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=ocpp) as here:
            assert await reserve(here, connector, ends_in_s=ends_in_s) == "Rejected"
            await here.clock.sleep(5)
            assert here.connector().status == "Available"

    run_virtual(scenario())


def test_a_fault_ends_the_reservation(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            assert await reserve(here) == "Accepted"
            await faulted(here)
            here.world.fault(1, FaultKind.UNDER_VOLTAGE, False)
            await here.status("Available", within_s=120)
            assert await cancel(here) == "Rejected"

    run_virtual(scenario())


@pytest.mark.parametrize("connector", [0, 1])
def test_a_connector_out_of_service_ends_its_reservation(tmp_path: Path, connector: int) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            assert await reserve(here, connector) == "Accepted"
            await out_of_service(here)
            await here.clock.sleep(5)
            assert here.connector().status == "Unavailable"
            assert await cancel(here) == "Rejected"

    run_virtual(scenario())


def test_a_reservation_of_the_station_keeps_one_connector_free_whichever(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            assert await reserve(here, 0) == "Accepted"
            await here.clock.sleep(5)
            assert [here.connector(n).status for n in (1, 2)] == ["Available", "Available"]
            await plug_in_and_swipe(here, STRANGER, 1)
            await here.status("Charging", 1)
            await here.status("Reserved", 2)
            await plug_in_and_swipe(here, COLLEAGUE, 2)
            assert here.connector(2).status == "Reserved"
            here.world.swipe(HOLDER)
            await here.status("Charging", 2)
            await here.clock.sleep(5)
            assert started(here) == [(1, STRANGER, None), (2, HOLDER, 7)]

    run_virtual(scenario())


def test_the_connector_kept_free_is_open_again_when_the_other_one_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            assert await reserve(here, 0) == "Accepted"
            await here.charge(STRANGER, 1)
            await here.status("Reserved", 2)
            here.world.plug_out(1)
            await here.status("Available", 1)
            await here.status("Available", 2)
            assert await cancel(here) == "Accepted"

    run_virtual(scenario())


def test_of_two_cards_before_two_plugs_the_second_finds_what_is_left_reserved(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            assert await reserve(here, 0) == "Accepted"
            here.world.swipe(STRANGER)
            here.world.swipe(COLLEAGUE)
            await here.clock.sleep(5)
            assert await reserve(here, 0, number=8) == "Occupied"
            assert await start_remotely(here, "ANOTHER") == "Rejected"
            here.world.plug_in(1)
            here.world.plug_in(2)
            await here.clock.sleep(5)
            assert [tag for _, tag, _ in started(here)] == [STRANGER]

    run_virtual(scenario())


def test_no_more_is_promised_than_there_are_connectors(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            assert await reserve(here, 0, number=1) == "Accepted"
            assert await reserve(here, 2, number=2, id_tag=COLLEAGUE) == "Accepted"
            assert await reserve(here, 0, number=3, id_tag=STRANGER) == "Occupied"
            assert await reserve(here, 1, number=4, id_tag=STRANGER) == "Occupied"
            assert await reserve(here, 2, number=2, id_tag=COLLEAGUE, ends_in_s=60) == "Accepted"
            await here.status("Reserved", 1)

    run_virtual(scenario())


def test_the_status_tells_for_whom_until_when(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            assert await reserve(here, id_tag="04A31F02B16180", parent_id_tag="FLEET-OF-MANY") == "Accepted"
            await here.status("Reserved")
            ends = here.clock.now() + timedelta(hours=1)
            (connector,) = (await here.control("status"))["connectors"]
            assert connector["reservation"] == {
                "id": 7,
                "connector": 1,
                "id_tag": "04A3…6180",
                "parent_id_tag": "FLEE…MANY",
                "expires_at": connector["reservation"]["expires_at"],
            }
            assert connector["reservation"]["expires_at"][:16] == ends.isoformat()[:16]
            reserved = next(one for one in connector["blockers"] if one["code"] == "RESERVED")
            assert reserved["until"][:19] == connector["reservation"]["expires_at"][:19]

    run_virtual(scenario())


def test_a_start_at_the_charger_is_for_the_holders_group_only(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.behave(tags={COLLEAGUE: {"status": "Accepted", "parent_id_tag": "FLEET"}, STRANGER: {}})
            assert await reserve(here, parent_id_tag="FLEET") == "Accepted"
            here.world.plug_in(1)
            await here.control("start", connector=1, id_tag=STRANGER)
            await here.clock.sleep(10)
            assert started(here) == []
            await here.control("start", connector=1, id_tag=COLLEAGUE)
            await here.status("Charging")

    run_virtual(scenario())
