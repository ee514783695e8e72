"""A link that looks alive and is not: found in time, redialled with growing waits, and never shown as online."""

import itertools
from datetime import timedelta
from pathlib import Path

import pytest
from ocpp.v16.enums import Action

from cpd.cli.status import render_status, severity
from cpd.cli.terminal import Terminal
from cpd.lab.csms.behaviour import Behaviour, Reaction
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

PING_S, ANSWER_S, LONGEST_S = 60, 30, 180
"""The defaults of WebSocketPingInterval and csms.answer_timeout_s; how long nothing answered may look online."""

DEAF = {action.value: Reaction(silent=True) for action in Action}
"""Pongs, and no answer to any CALL."""


async def dialled(here: Site, times: int) -> float:
    """The instant of the *times*-th attempt, to a quarter of a second."""
    while here.network.dials < times:
        await here.clock.sleep(0.25)
    return here.clock.monotonic_s()


async def look(here: Site) -> bool:
    """Whether `cpd status` shows the link as online; only where a CALL was answered not long ago."""
    document = await here.control("status")
    line = render_status(document, Terminal(width=80)).splitlines()[1]
    online = "online" in line
    assert online == (severity(document) == 0), line
    answered = here.daemon.csms.link.last_answer_at
    assert answered is not None
    assert not online or here.clock.now() - answered <= timedelta(seconds=LONGEST_S), line
    return online


@pytest.mark.parametrize("held_s", [10, 45, 100, 1_000])
def test_with_the_defaults_a_black_hole_is_left_after_two_pings_and_a_timeout(
    tmp_path: Path, held_s: int
) -> None:
    """Whenever the way goes: right after a pong, right before the next, idle or in a session."""

    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge()
            await here.clock.sleep(held_s)
            here.network.swallows = True
            gone_s = here.clock.monotonic_s()
            assert await dialled(here, 2) - gone_s <= 2 * PING_S + ANSWER_S
            here.network.swallows = False
            await here.clock.sleep(2 * ANSWER_S + 10)
            assert await look(here)
            assert here.connector().status == "Charging"

    run_virtual(scenario())


@pytest.mark.parametrize("ping_s", [0, PING_S])
def test_a_central_system_that_answers_nothing_but_pings_is_left_and_never_looks_online(
    tmp_path: Path, ping_s: int
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=f"WebSocketPingInterval = {ping_s}") as here:
            await here.clock.sleep(1_000)
            assert await look(here)
            here.csms.behaviour = Behaviour(reactions=DEAF)
            deaf_s = here.clock.monotonic_s()
            dials = here.network.dials
            while here.clock.monotonic_s() - deaf_s < 1_800:
                await here.clock.sleep(1)
                online = await look(here)
                if here.clock.monotonic_s() - deaf_s > LONGEST_S:
                    assert not online
                    assert here.network.dials > dials
            here.csms.behaviour = Behaviour()
            await here.clock.sleep(400)
            assert await look(here)

    run_virtual(scenario())


def test_a_central_system_that_takes_links_and_answers_nothing_is_dialled_less_and_less(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.clock.sleep(100)
            here.csms.behaviour = Behaviour(reactions=DEAF)
            instants = [await dialled(here, number) for number in range(2, 14)]
            gaps = [later - earlier for earlier, later in itertools.pairwise(instants)]
            for number, gap_s in enumerate(gaps):
                wait_s = min(300, 2 ** (number + 1))
                assert wait_s <= gap_s <= wait_s + 5 + 2 * ANSWER_S + 1, gaps

    run_virtual(scenario())
