"""Registration and what may be sent when, against a central system that is one end of a connection in memory."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cpd.domain.transactions import StopReason
from cpd.ocpp.link import Link, LinkSettings
from cpd.ocpp.transport import Endpoint
from cpd.ocpp.v16.charge_point import ChargePoint
from tests.hal.bench import virtual
from tests.ocpp.memory_link import MemoryCsms, MemoryPeer
from tests.station.bench import Bench, bench

SETTINGS = LinkSettings(endpoint=Endpoint(url="ws://csms/CP"), reconnect_min_s=1, reconnect_jitter_s=0)


class Peer:
    """The central system over one connection after the other: answers what it is asked, and notes it."""

    def __init__(self, here: Bench, csms: MemoryCsms, charge_point: ChargePoint) -> None:
        self.here = here
        self.csms = csms
        self.charge_point = charge_point
        self.boots: list[tuple[str, int]] = []
        """Answers to the next boots; Accepted where there are none left."""
        self.seen: list[tuple[float, str]] = []
        self.peer: MemoryPeer | None = None

    async def serve(self) -> None:
        while True:
            self.peer = await self.csms.accept()
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(self._read(self.peer))
                await self.peer.closed.wait()
                reading.cancel()

    async def _read(self, peer: MemoryPeer) -> None:
        while True:
            message = await peer.receive()
            if message[0] != 2:
                continue
            _, message_id, action, _payload = message
            self.seen.append((round(self.here.clock.monotonic_s() - 1_000, 1), action))
            await peer.send([3, message_id, self._answer(action)])

    def _answer(self, action: str) -> dict[str, Any]:
        now = self.here.clock.now().isoformat()
        if action == "BootNotification":
            status, interval_s = self.boots.pop(0) if self.boots else ("Accepted", 300)
            return {"status": status, "interval": interval_s, "currentTime": now}
        if action == "StartTransaction":
            return {"transactionId": 1, "idTagInfo": {"status": "Accepted"}}
        return {"currentTime": now} if action == "Heartbeat" else {}

    async def trigger(self, message: str, times: int = 1) -> None:
        assert self.peer is not None
        for number in range(times):
            await self.peer.send([2, f"t{number}", "TriggerMessage", {"requestedMessage": message}])

    def when(self, action: str) -> list[float]:
        return [at_s for at_s, seen in self.seen if seen == action]

    @property
    def actions(self) -> list[str]:
        return [action for _, action in self.seen]


@asynccontextmanager
async def connected(folder: Path, *boots: tuple[str, int]) -> AsyncIterator[Peer]:
    csms = MemoryCsms()
    async with bench(folder) as here, asyncio.TaskGroup() as tasks:

        def make_link(charge_point: ChargePoint) -> Link:
            return Link(
                SETTINGS,
                here.clock,
                charge_point.answer,
                connect=csms.connect,
                rng=random.Random(1),
                on_change=charge_point.link_changed,
            )

        charge_point = ChargePoint(
            make_link, here.clock, url="ws://csms/CP", security_profile=0, verify_hostname=True
        )
        peer = Peer(here, csms, charge_point)
        peer.boots = list(boots)
        serving = [
            tasks.create_task(peer.serve()),
            tasks.create_task(charge_point.run(here.station, here.timebase)),
        ]
        await here.clock.sleep(1)
        yield peer
        for task in serving:
            task.cancel()


@virtual
async def test_until_accepted_nothing_but_boots_goes_out_at_the_interval_told(tmp_path: Path) -> None:
    async with connected(tmp_path, ("Pending", 100), ("Rejected", 0)) as peer:
        await peer.here.charge()
        assert not peer.charge_point.online
        await peer.here.clock.sleep(300)
        first_s, *others = peer.when("BootNotification")
        assert [round(at_s - first_s) for at_s in others] == [100, 160]
        assert peer.actions[:3] == ["BootNotification"] * 3
        assert peer.actions[3:6] == ["StatusNotification", "StatusNotification", "StartTransaction"]


@virtual
async def test_the_interval_of_a_rejection_holds_over_links(tmp_path: Path) -> None:
    async with connected(tmp_path, ("Rejected", 100)) as peer:
        for _ in range(5):
            assert peer.peer is not None
            peer.peer.close()
            await peer.here.clock.sleep(10)
        await peer.here.clock.sleep(100)
        first_s, second_s = peer.when("BootNotification")
        assert second_s - first_s == pytest.approx(100, abs=1)
        assert peer.charge_point.online


@virtual
async def test_a_triggered_boot_that_is_not_accepted_any_more_leads_to_another_one(tmp_path: Path) -> None:
    async with connected(tmp_path) as peer:
        peer.boots = [("Pending", 50)]
        await peer.trigger("BootNotification")
        await peer.here.clock.sleep(1)
        assert not peer.charge_point.online
        await peer.here.charge()
        assert "StartTransaction" not in peer.actions
        await peer.here.clock.sleep(60)
        assert peer.charge_point.online
        assert len(peer.when("BootNotification")) == 3
        assert "StartTransaction" in peer.actions


@virtual
async def test_a_triggered_boot_that_is_accepted_is_no_reboot(tmp_path: Path) -> None:
    async with connected(tmp_path) as peer:
        before = len(peer.seen)
        await peer.trigger("BootNotification")
        await peer.here.clock.sleep(5)
        assert peer.actions[before:] == ["BootNotification"]


@virtual
async def test_after_a_new_link_the_statuses_come_before_what_is_queued(tmp_path: Path) -> None:
    async with connected(tmp_path) as peer:
        assert peer.peer is not None
        peer.csms.answers_dials = False
        peer.peer.close()
        await peer.here.clock.sleep(1)
        await peer.here.charge()
        await peer.here.station.connectors[1].stop(StopReason.LOCAL)
        await peer.here.until(lambda: peer.here.running() is None)
        before = len(peer.seen)
        peer.csms.answers_dials = True
        peer.charge_point.hold()
        peer.charge_point.release()
        await peer.here.clock.sleep(60)
        assert peer.actions[before:] == [
            "StatusNotification",
            "StatusNotification",
            "StartTransaction",
            "StopTransaction",
        ]


@virtual
async def test_releasing_a_link_that_stands_leaves_it_standing(tmp_path: Path) -> None:
    async with connected(tmp_path) as peer:
        peer.charge_point.release()
        await peer.here.clock.sleep(10)
        assert len(peer.csms.attempts) == 1
        peer.charge_point.hold()
        await peer.here.clock.sleep(10)
        assert peer.charge_point.link.held
        peer.charge_point.release()
        await peer.here.clock.sleep(10)
        assert peer.charge_point.online
        assert len(peer.csms.attempts) == 2


@virtual
async def test_a_flood_of_triggers_is_answered_each_and_sent_once(tmp_path: Path) -> None:
    async with connected(tmp_path) as peer:
        await peer.trigger("Heartbeat", times=30)
        await peer.here.clock.sleep(5)
        assert 1 <= len(peer.when("Heartbeat")) <= 2


@virtual
async def test_two_triggers_at_once_are_both_sent(tmp_path: Path) -> None:
    async with connected(tmp_path) as peer:
        before = len(peer.seen)
        await peer.trigger("BootNotification")
        await peer.trigger("Heartbeat")
        await peer.trigger("StatusNotification")
        await peer.here.clock.sleep(5)
        assert sorted(set(peer.actions[before:])) == ["BootNotification", "Heartbeat", "StatusNotification"]


@virtual
async def test_meter_values_are_not_promised_where_no_measurand_is_chosen(tmp_path: Path) -> None:
    async with connected(tmp_path) as peer:
        request = {"requestedMessage": "MeterValues", "connectorId": 1}
        assert await peer.charge_point.answer("TriggerMessage", request) == {"status": "Accepted"}
        await peer.here.clock.sleep(1)
        assert peer.actions[-1] == "MeterValues"
        await peer.here.station.configuration.change("MeterValuesSampledData", "", "csms")
        assert await peer.charge_point.answer("TriggerMessage", request) == {"status": "Rejected"}


@virtual
async def test_the_heartbeat_keeps_the_interval_of_the_boot(tmp_path: Path) -> None:
    async with connected(tmp_path, ("Accepted", 40)) as peer:
        await peer.here.clock.sleep(125)
        first_s, *others = peer.when("Heartbeat")
        assert [round(at_s - first_s) for at_s in others] == [40, 80]
