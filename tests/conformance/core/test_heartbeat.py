"""Heartbeat (OCPP 1.6 §4.6)."""

from pathlib import Path

from cpd.lab.csms.behaviour import Behaviour, Reaction
from tests.conformance.station import Station, station


async def test_heartbeats_come_at_their_interval(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="HeartbeatInterval = 1") as here:
        first, second, third = [await here.sends("Heartbeat") for _ in range(3)]
        assert 1.5 < third.at_s - first.at_s < 20, "two intervals, on a machine that may be busy"
        assert first.at_s < second.at_s < third.at_s


async def test_a_heartbeat_has_no_members(tmp_path: Path) -> None:
    async with station(tmp_path, ocpp="HeartbeatInterval = 1") as here:
        assert (await here.sends("Heartbeat")).payload == {}


async def test_a_changed_interval_counts_at_once(here: Station) -> None:
    assert here.sent("Heartbeat") == []
    assert await here.change("HeartbeatInterval", "1") == "Accepted"
    await here.sends("Heartbeat")
    await here.sends("Heartbeat")


async def test_heartbeats_go_on_while_a_vehicle_charges(here: Station) -> None:
    await here.begin()
    assert await here.change("HeartbeatInterval", "1") == "Accepted"
    await here.sends("Heartbeat")
    await here.sends("Heartbeat")
    assert here.sent("StopTransaction") == []


async def test_an_error_for_an_answer_does_not_end_the_heartbeats(tmp_path: Path) -> None:
    behaviour = Behaviour(interval_s=0, reactions={"Heartbeat": Reaction(error="InternalError", times=1)})
    async with station(tmp_path, behaviour=behaviour, ocpp="HeartbeatInterval = 1") as here:
        await here.sends("Heartbeat")
        await here.sends("Heartbeat")
        assert here.site.log.connections == 1
