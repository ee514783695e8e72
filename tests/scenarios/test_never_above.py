"""Limits from everywhere, at random and at any time: no connector is ever offered more than the lowest allows."""

import asyncio
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from hal.iec61851 import current_ma_for
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

SEEDS = 6
STEPS = 60
SILENT_S, OFFLINE_A = 60, 9
MORE = f"[offline]\nafter_s = {SILENT_S}\nmax_current_a = {OFFLINE_A}"
OCPP = "AllowOfflineTxForUnknownId = true\nMeterValueSampleInterval = 20"
PURPOSES = ("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile")
LIMITS = {"A": (0, 5.9, 6, 10.4, 16, 32, 63), "W": (0, 1_380, 4_140, 7_360, 11_000, 43_000)}


class Bounds:
    """What each source allows, kept here independently, and held against each outlet whenever it changes."""

    def __init__(self, here: Site, connectors: int, fuse_a: int) -> None:
        self._here = here
        self._fuse_ma = fuse_a * 1_000
        self.cables_a: dict[int, int] = {}
        self.degrees: dict[int, int] = {}
        self.local: dict[int, tuple[int, float]] = {}
        self.connectors = range(1, connectors + 1)
        self.checks = 0

    async def watch(self, connector: int) -> None:
        """Check at each event of an outlet, for ever."""
        async for _ in self._here.daemon.guard.evses[connector].events():
            self.check()

    def check(self) -> None:
        outlets = {one: self._here.daemon.guard.evses[one].snapshot().offer_ma for one in self.connectors}
        assert sum(outlets.values()) <= self._fuse_ma
        assert sum(map(self._told_ma, self.connectors)) <= self._fuse_ma
        for one, offered_ma in outlets.items():
            above = {source: most for source, most in self._allowed_ma(one).items() if offered_ma > most}
            assert not above, f"connector {one} is offered {offered_ma}"
            assert self._told_ma(one) <= offered_ma
        self.checks += 1

    def _told_ma(self, connector: int) -> int:
        """What the duty cycle tells the vehicle."""
        duty_ns = self._here.daemon.guard.evses[connector].snapshot().duty_ns
        return 0 if duty_ns is None else current_ma_for(duty_ns)

    def _allowed_ma(self, connector: int) -> dict[str, int]:
        here = self._here
        allowed = {"connector": 32_000, "engine": here.connector(connector).limit.current_ma}
        if connector in self.cables_a:
            allowed["cable"] = self.cables_a[connector] * 1_000
        over = self.degrees.get(connector, 25) - 60
        if over > 0:
            allowed["temperature"] = 6_000 + 26_000 * (10 - over) // 10
        current_ma, until_s = self.local.get(connector, (0, 0.0))
        if here.clock.monotonic_s() < until_s:
            allowed["local"] = current_ma
        answered = here.daemon.csms.link.last_answer_at
        if answered is not None and here.clock.now() - answered > timedelta(seconds=SILENT_S + 1):
            allowed["offline"] = OFFLINE_A * 1_000
        return allowed


class Day:
    """A random day of somebody who turns at everything that limits."""

    def __init__(self, here: Site, bounds: Bounds, chance: random.Random) -> None:
        self._here = here
        self._bounds = bounds
        self._chance = chance

    async def step(self) -> None:
        acts = [self._profile] * 5 + [self._local] * 4 + [self._warm] * 2 + [self._replug, self._link]
        await self._chance.choice(acts)()
        self._bounds.check()
        await self._here.clock.sleep(self._chance.choice([0.01, 0.7, 3, 6, 20, 70]))
        self._bounds.check()

    async def replug(self, connector: int) -> None:
        here, cable_a = self._here, self._chance.choice([13, 20, 32, 63])
        here.world.plug_out(connector)
        await here.clock.sleep(2)
        self._bounds.cables_a[connector] = cable_a
        here.world.plug_in(connector, cable_a)
        here.world.swipe(f"TAG{connector}", connector)

    async def _replug(self) -> None:
        await self.replug(self._chance.choice(self._bounds.connectors))

    async def _profile(self) -> None:
        if not self._here.daemon.csms.online:
            return
        if self._chance.random() < 0.2:
            await self._here.call(call.ClearChargingProfile())
            return
        purpose, unit = self._chance.choice(PURPOSES), self._chance.choice("AW")
        starts = [0, *sorted(self._chance.sample(range(5, 300), self._chance.choice([0, 2])))]
        periods = [{"start_period": start, "limit": self._chance.choice(LIMITS[unit])} for start in starts]
        wanted: dict[str, Any] = {
            "charging_profile_id": self._chance.randint(1, 6),
            "stack_level": self._chance.randint(0, 2),
            "charging_profile_purpose": purpose,
            "charging_profile_kind": "Relative",
            "charging_schedule": {"charging_rate_unit": unit, "charging_schedule_period": periods},
        }
        station = purpose == PURPOSES[0]
        await self._here.set_profile(0 if station else self._chance.choice(self._bounds.connectors), **wanted)

    async def _local(self) -> None:
        connector = self._chance.choice(self._bounds.connectors)
        current_a, for_s = (
            self._chance.choice([0, 5, 6.1, 8, 14, 31.9, None]),
            self._chance.choice([5, 60, 600]),
        )
        began_s = self._here.clock.monotonic_s()
        # Somewhere within the call the new one takes the place of the old one.
        self._bounds.local.pop(connector, None)
        await self._here.control("limit", connector=connector, current_a=current_a, for_s=for_s)
        if current_a is not None:
            self._bounds.local[connector] = (round(current_a * 1_000), began_s + for_s)

    async def _warm(self) -> None:
        connector = self._chance.choice(self._bounds.connectors)
        degrees = self._chance.choice([25, 25, 61, 65, 70])
        self._here.world.warmth(connector, degrees)
        self._bounds.degrees[connector] = degrees

    async def _link(self) -> None:
        if self._here.network.up:
            self._here.network.cut()
        else:
            self._here.network.up = True


@pytest.mark.parametrize("seed", range(SEEDS))
def test_nothing_ever_exceeds_the_lowest_of_all_limits(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    connectors, fuse_a = chance.choice([1, 2, 3, 4]), chance.choice([16, 25, 40])

    async def scenario() -> None:
        station = f"max_current_a = {fuse_a}"
        async with site(tmp_path, connectors=connectors, station=station, ocpp=OCPP, more=MORE) as here:
            bounds = Bounds(here, connectors, fuse_a)
            day = Day(here, bounds, chance)
            async with asyncio.TaskGroup() as tasks:
                watching = [tasks.create_task(bounds.watch(one)) for one in bounds.connectors]
                for connector in bounds.connectors:
                    await day.replug(connector)
                for _ in range(STEPS):
                    await day.step()
                for task in watching:
                    task.cancel()
            assert bounds.checks > 2 * STEPS, "no outlet changed"

    run_virtual(scenario())
