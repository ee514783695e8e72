"""The abstraction of the search: a canonical state does, step by step, what the state does that it stands for."""

import random

import pytest

from hal.outlet import machine
from hal.outlet.state import OutletAction
from tests.hal.search.ticks import aged
from tests.hal.search.world import NOTHING_NEW, Event, World, changed, picture
from tests.hal.search.worlds import WORLDS

STEPS, STEPS_OF_TORTURE = 200, 5_000


@pytest.mark.parametrize("name", WORLDS)
def test_a_canonical_state_behaves_as_the_state_that_it_stands_for(
    name: str, pytestconfig: pytest.Config
) -> None:
    world, chance = WORLDS[name], random.Random(name)
    around, now_s = world.starts[0], 0
    whole = machine.start(world.config, now_s=0)
    short = aged(whole, 0)
    for _ in range(STEPS_OF_TORTURE if pytestconfig.getoption("torture") else STEPS):
        event = chance.choice(_renewing(world))
        around, now_s = changed(around, event), now_s + event.ticks
        seen = event.user or (NOTHING_NEW if event.ticks else picture(around, whole))
        for _ in range(9):
            whole, actions = machine.step(whole, seen, now_s=now_s)
            short, same = machine.step(aged(short, event.ticks), seen, now_s=0)
            assert _told(actions) == _told(same)
            assert aged(whole, now_s) == aged(short, 0)
            event, seen = event._replace(ticks=0), picture(around, whole)
            if seen == whole.sensed:
                break


def _renewing(world: World) -> tuple[Event, ...]:
    """The events, with time and the user's wishes more often than a change of the world."""
    return world.events + tuple(event for event in world.events if event.ticks or event.user) * 3


def _told(actions: tuple[OutletAction, ...]) -> list[str]:
    """The actions, but for the instant at which a fault began, and for the order of several faults."""
    return sorted(str(action).partition("since_s")[0] for action in actions)
