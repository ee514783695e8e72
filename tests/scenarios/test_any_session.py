"""Anything at any time: links, cards, plugs, faults and profiles at random leave the books in order.

What OCPP or physics forbids is seen by the central system and by the mock hardware at the end of each site.
"""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.lab.csms.requests import NotConnected
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

SEEDS = 10
STEPS = 60
TAGS = ("ONE", "TWO", "THREE")
FAULTS = (
    "ground_fault",
    "under_voltage",
    "over_temperature",
    "emergency_stop",
    "meter_offline",
    "pilot_fault",
)
OCPP = """
AllowOfflineTxForUnknownId = true
MeterValueSampleInterval = 20
ConnectionTimeOut = 30
TransactionMessageRetryInterval = 5
"""


class Day:
    """A random day at a site with two connectors."""

    def __init__(self, here: Site, chance: random.Random) -> None:
        self._here = here
        self._chance = chance
        self._plugged: set[int] = set()
        self._broken: set[tuple[int, str]] = set()

    async def step(self) -> None:
        """One thing happens, then some time passes."""
        acts = [self._plug] * 4 + [self._swipe] * 4 + [self._ask] * 4 + [self._link, self._fault]
        await self._chance.choice(acts)()
        await self._here.clock.sleep(self._chance.choice([0.002, 0.01, 0.6, 3, 12, 70]))

    async def end(self) -> None:
        """Everything is mended and unplugged, and all that was kept is delivered."""
        here = self._here
        for connector, kind in self._broken:
            here.world.fault(connector, kind, False)
        for connector in (1, 2):
            here.world.plug_out(connector)
        here.network.up = True
        async with asyncio.timeout(3_600):
            while (
                not here.daemon.csms.online
                or here.daemon.station.journal.queued
                or any(here.connector(number).status != "Available" for number in (1, 2))
            ):
                await here.clock.sleep(1)
        await here.clock.sleep(5)

    async def _plug(self) -> None:
        connector = self._chance.choice([1, 2])
        if connector in self._plugged:
            self._here.world.plug_out(connector)
        else:
            self._here.world.plug_in(connector)
        self._plugged ^= {connector}

    async def _swipe(self) -> None:
        self._here.world.swipe(self._chance.choice(TAGS), self._chance.choice([None, None, 1, 2]))

    async def _link(self) -> None:
        if self._here.network.up:
            self._here.network.cut()
        else:
            self._here.network.up = True

    async def _fault(self) -> None:
        if self._broken and self._chance.random() < 0.7:
            broken = self._chance.choice(sorted(self._broken))
        else:
            broken = (self._chance.choice([1, 2]), self._chance.choice(FAULTS))
        active = broken not in self._broken
        self._broken ^= {broken}
        self._here.world.fault(*broken, active)

    async def _ask(self) -> None:
        connector = self._chance.choice([1, 2])
        requests: list[Any] = [
            call.RemoteStartTransaction(id_tag="REMOTE", connector_id=self._chance.choice([None, connector])),
            call.RemoteStopTransaction(transaction_id=self._chance.randint(1, 6)),
            call.TriggerMessage(requested_message="MeterValues"),  # type: ignore[arg-type]
            call.ClearChargingProfile(),
            call.SetChargingProfile(
                connector_id=connector,
                cs_charging_profiles={
                    "charging_profile_id": self._chance.randint(1, 4),
                    "stack_level": 0,
                    "charging_profile_purpose": self._chance.choice(["TxProfile", "TxDefaultProfile"]),
                    "charging_profile_kind": "Relative",
                    "charging_schedule": {
                        "charging_rate_unit": "A",
                        "charging_schedule_period": [
                            {"start_period": 0, "limit": self._chance.choice([0, 5.9, 6, 16, 32])}
                        ],
                    },
                },
            ),
        ]
        try:
            await self._here.call(self._chance.choice(requests))
        except NotConnected:
            return


def test_a_plug_that_is_pulled_in_the_instant_in_which_it_came_is_not_kept(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.plug_in(1)
            here.world.plug_out(1)
            await here.clock.sleep(5)
            assert here.connector().outlet.lock == "unlocked"

    run_virtual(scenario())


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_happens_each_session_is_booked_once_and_nothing_forbidden_is_seen(
    tmp_path: Path, seed: int
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2, station="max_current_a = 40", ocpp=OCPP) as here:
            day = Day(here, random.Random(seed))
            for _ in range(STEPS):
                await day.step()
            await day.end()
            booked = here.log.ledger.transactions
            assert booked, "nothing was charged"
            assert {(one.starts, one.stops) for one in booked} == {(1, 1)}
            assert here.daemon.station.journal.dead == 0
            told = {
                one.connector_id: one.status
                for one in here.log.messages(call.StatusNotification)
                if one.connector_id
            }
            assert told == {number: here.connector(number).status for number in (1, 2)}

    run_virtual(scenario())
