"""A link that drops, hangs or is held: charging goes on by the same limits, and the CSMS is told the truth again."""

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.lab.csms.behaviour import Behaviour, Reaction
from cpd.lab.csms.station_log import Event
from tests.scenarios.site import STATION, Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
PROFILE: dict[str, Any] = {
    "charging_profile_id": 7,
    "stack_level": 0,
    "charging_profile_purpose": "TxProfile",
    "charging_profile_kind": "Relative",
    "charging_schedule": {
        "charging_rate_unit": "A",
        "charging_schedule_period": [{"start_period": 0, "limit": 11}],
    },
}


def actions(here: Site, since: int = 0) -> list[str]:
    return [received.action for received in here.log.calls[since:]]


async def reconnected(here: Site, times: int, within_s: float = 900) -> None:
    async with asyncio.timeout(within_s):
        await here.log.until_connected(times=times)


@pytest.mark.parametrize("away_s", [1, 3_600, 7_200])
def test_a_dropped_link_changes_nothing_at_the_outlet(tmp_path: Path, away_s: int) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            assert await here.set_profile(1, **PROFILE) == "Accepted"
            profiles = here.daemon.station.ledger.book.profiles
            await here.clock.sleep(5)
            charging = here.connector()
            here.network.cut()
            for _ in range(4):
                await here.clock.sleep(away_s / 4)
                now = here.connector()
                assert (now.status, now.offer_ma, now.limit) == ("Charging", 11_000, charging.limit)
                assert now.outlet.duty_ns == charging.outlet.duty_ns
                assert now.outlet.closing_at_s is None
            assert here.daemon.station.ledger.book.profiles == profiles
            seen = len(here.log.calls)
            here.network.up = True
            await reconnected(here, 2)
            await here.clock.sleep(2)
            assert here.daemon.station.journal.queued == 0
            sent = actions(here, seen)
            assert sent[:2] == ["StatusNotification"] * 2
            assert set(sent[2:]) <= {"MeterValues", "Heartbeat"}
            assert sent.count("MeterValues") >= away_s // 60
            told = [one.message for one in here.log.calls[seen : seen + 2]]
            assert [(one.connector_id, one.status) for one in told] == [(0, "Available"), (1, "Charging")]
            assert len(here.log.messages(call.BootNotification)) == 1

    run_virtual(scenario())


def test_after_an_absence_only_the_present_status_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2, ocpp="AllowOfflineTxForUnknownId = true") as here:
            await here.clock.sleep(5)
            here.network.cut()
            await here.charge(TAG, 2)
            here.world.plug_out(2)
            await here.status("Available", 2)
            here.world.plug_in(1)
            await here.status("Preparing", 1)
            seen = len(here.log.calls)
            here.network.up = True
            await reconnected(here, 2)
            await here.stopped()
            told = [one.message for one in here.log.calls[seen:] if one.action == "StatusNotification"]
            assert [(one.connector_id, one.status) for one in told] == [
                (0, "Available"),
                (1, "Preparing"),
                (2, "Available"),
            ]
            assert actions(here, seen)[3:] == ["StartTransaction", "StopTransaction"]

    run_virtual(scenario())


@pytest.mark.parametrize("ping_s", [10, 60])
def test_a_link_that_swallows_everything_is_redialled(tmp_path: Path, ping_s: int) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=f"WebSocketPingInterval = {ping_s}") as here:
            await here.charge(TAG)
            await here.clock.sleep(ping_s * 2.5)
            here.network.swallows = True
            gone_s = here.clock.monotonic_s()
            while here.network.dials == 1:
                await here.clock.sleep(0.5)
            assert here.clock.monotonic_s() - gone_s <= 2 * ping_s + 30
            here.network.swallows = False
            await here.clock.sleep(120)
            assert here.log.connections >= 2
            assert here.connector().status == "Charging"
            assert len(here.log.messages(call.BootNotification)) == 1

    run_virtual(scenario())


def test_a_central_system_that_only_answers_pings_is_found_within_three_minutes(tmp_path: Path) -> None:
    async def scenario() -> None:
        silent = Reaction(silent=True)
        async with site(tmp_path) as here:
            await here.clock.sleep(100)
            here.csms.behaviour = Behaviour(reactions={"Heartbeat": silent, "StatusNotification": silent})
            quiet_s = here.clock.monotonic_s()
            while here.network.dials == 1:
                await here.clock.sleep(0.5)
            assert here.clock.monotonic_s() - quiet_s <= 180
            here.behave(reactions={})
            await here.clock.sleep(60)
            assert actions(here)[-2:] == ["StatusNotification"] * 2

    run_virtual(scenario())


def test_a_technician_holds_the_link_down_and_lets_it_up_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            await here.clock.sleep(5)
            await here.control("csms.disconnect")
            await here.clock.sleep(5)
            assert not here.log.connected
            dials = here.network.dials
            await here.clock.sleep(1_800)
            assert here.network.dials == dials
            status = (await here.control("status"))["csms"]
            assert (status["connected"], status["held"]) == (False, True)
            assert status["queued"] == 30
            assert here.connector().status == "Charging"
            await here.control("csms.connect")
            await here.clock.sleep(1)
            assert here.log.connected
            assert (await here.control("status"))["csms"]["queued"] == 0

    run_virtual(scenario())


def test_the_waits_between_dials_grow_to_their_bound(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.clock.sleep(120)
            here.network.cut()
            instants: list[float] = []
            dials = here.network.dials
            while len(instants) < 12:
                await here.clock.sleep(0.25)
                if here.network.dials > dials:
                    dials = here.network.dials
                    instants.append(here.clock.monotonic_s())
            waits = [later - earlier for earlier, later in itertools.pairwise(instants)]
            for number, wait_s in enumerate(waits):
                least_s = min(300, 2 ** (number + 1))
                assert least_s - 0.5 <= wait_s <= least_s + 5.5, waits

    run_virtual(scenario())


def test_a_central_system_that_closes_each_link_at_once_is_redialled_steadily(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(reactions={"BootNotification": Reaction(drops_link=True, times=4)})
        async with site(tmp_path, behaviour=behaviour) as here:
            assert here.log.connections == 5
            assert set(actions(here)[:5]) == {"BootNotification"}
            here.csms.drop(STATION)
            await reconnected(here, 6, within_s=60)
            await here.clock.sleep(1)
            assert actions(here)[-2:] == ["StatusNotification"] * 2

    run_virtual(scenario())


def test_a_late_answer_is_survived_and_taken_by_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(reactions={"StartTransaction": Reaction(delay_s=45.0, times=1)})
        async with site(tmp_path, behaviour=behaviour) as here:
            await here.charge(TAG)
            await here.clock.sleep(200)
            (booked,) = here.log.ledger.transactions
            assert booked.starts == 2
            transaction = here.connector().transaction
            assert transaction is not None
            assert transaction.csms_id == booked.id
            here.world.swipe(TAG)
            (booked,) = await here.stopped()
            assert (booked.stops, booked.reason) == (1, "Local")

    run_virtual(scenario())


def test_a_busy_central_system_is_left_alone_as_long_as_it_asks_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(upgrade_status=503, retry_after_s=120)
        async with site(tmp_path, behaviour=behaviour, online=False) as here:
            here.network.up = True
            await here.clock.sleep(110)
            assert here.network.dials == 2
            here.behave(upgrade_status=None)
            await reconnected(here, 1, within_s=20)
            connected = [one.at_s for one in here.log.entries if one.event is Event.CONNECTED]
            assert connected[0] >= here.clock.monotonic_s() - 20

    run_virtual(scenario())


def test_requests_are_answered_at_once_while_ours_stay_unanswered(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(reactions={"StatusNotification": Reaction(silent=True)})
        async with site(tmp_path, behaviour=behaviour) as here:
            asked_s = here.clock.monotonic_s()
            for _ in range(50):
                answer = await here.call(call.GetConfiguration(key=["HeartbeatInterval"]))
                assert answer.configuration_key[0]["value"] == "300"
            assert here.clock.monotonic_s() - asked_s < 1

    run_virtual(scenario())
