"""Cards and plugs in any order at one reader: each card starts and stops where a simple book of them says."""

import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cpd.domain.profiles import Purpose
from tests.hal.bench import virtual
from tests.station.bench import bench, profile

STEPS = 100
TAGS = ("ANN", "BEN", "CEM", "DAN", "EVA")


@dataclass
class Book:
    """Who charges where, as a person at the charger would write it down."""

    connectors: int
    plugged: list[int] = field(default_factory=list)
    """In the order of plugging in."""
    charging: dict[int, str] = field(default_factory=dict)
    promised: list[str] = field(default_factory=list)
    """Cards that wait for a plug, the oldest first."""

    def plug(self, connector: int) -> None:
        self.plugged.append(connector)
        if self.promised:
            self.charging[connector] = self.promised.pop(0)

    def unplug(self, connector: int) -> None:
        self.plugged.remove(connector)
        self.charging.pop(connector, None)

    def swipe(self, tag: str) -> None:
        own = [connector for connector, theirs in self.charging.items() if theirs == tag]
        waiting = [connector for connector in self.plugged if connector not in self.charging]
        if own:
            del self.charging[own[0]]
        elif waiting:
            self.charging[waiting[-1]] = tag
            self.promised = [one for one in self.promised if one != tag]
        elif self.connectors == 1 and not self.plugged:
            # There is but one place, and the last card has it.
            self.promised = [tag]
        else:
            others = [one for one in self.promised if one != tag]
            if len(others) < self.connectors - len(self.plugged):
                self.promised = [*others, tag]


@pytest.mark.parametrize("connectors", [1, 2, 4])
def test_each_card_starts_and_stops_where_the_book_says(tmp_path: Path, connectors: int) -> None:
    @virtual
    async def story() -> None:
        chance, book = random.Random(connectors), Book(connectors)
        async with bench(tmp_path, connectors=connectors, ocpp={"ConnectionTimeOut": "86400"}) as here:
            for tag in TAGS:
                here.csms.knows(tag)
            for step in range(STEPS):
                connector = chance.randint(1, connectors)
                if chance.random() < 0.5:
                    tag = chance.choice(TAGS)
                    here.world.swipe(tag)
                    book.swipe(tag)
                elif connector in book.plugged:
                    here.world.plug_out(connector)
                    book.unplug(connector)
                else:
                    here.world.plug_in(connector)
                    book.plug(connector)
                await here.clock.sleep(10)
                found = {number: one.id_tag for number, one in here.station.ledger.running.items()}
                assert found == book.charging, step

    story()


@virtual
async def test_a_driver_who_was_let_in_before_and_shows_the_card_charges_once_with_his_profile(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, connectors=2) as here:
        await here.charge("ANN", 1)
        here.csms.knows("BEN")
        held = profile(1, 10, purpose=Purpose.TX)
        assert await here.station.remote.start("BEN", None, held) is None
        here.world.swipe("ANN")
        await here.until(lambda: here.running() is None)
        here.world.swipe("BEN")
        await here.status("Charging")
        here.world.plug_in(2)
        await here.clock.sleep(10)
        assert (here.running_tag(1), here.running_tag(2)) == ("BEN", None)
        assert here.station.ledger.book.pending == ()
        assert here.station.connectors[1].evse.snapshot().offer_ma == 10_000
