"""The central system and the charge point's own link, joined by the network in memory on a virtual clock."""

import asyncio
import random
from typing import Any

from ocpp.v16 import call

from cpd.ocpp.link import Lane, Link, LinkSettings
from cpd.ocpp.transport import Endpoint
from tests.lab.charge_points import STATION, URL, Bench, on_bench


async def _serve(action: str, _payload: dict[str, Any]) -> dict[str, Any]:
    return {"status": "Accepted"} if action == "ClearCache" else {}


def test_both_sides_call_each_other_and_meet_again_after_a_cut() -> None:
    async def story(bench: Bench) -> None:
        link = Link(
            LinkSettings(endpoint=Endpoint(url=URL)),
            bench.clock,
            _serve,
            connect=bench.network.connect,
            rng=random.Random(1),
        )
        log = bench.central_system.log(STATION)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(link.run())
            number = await link.opened()
            boot = {"chargePointVendor": "v", "chargePointModel": "m"}
            answer = await link.call("BootNotification", boot, lane=Lane.IMMEDIATE)
            assert answer["status"] == "Accepted"
            assert (await bench.central_system.call(STATION, call.ClearCache())).status == "Accepted"

            bench.network.cut()
            await bench.clock.sleep(100)
            assert not log.connected
            bench.network.up = True
            await link.opened(after=number)
            await log.until_connected(times=2)
            running.cancel()
        assert bench.central_system.violations == []

    on_bench(story)
