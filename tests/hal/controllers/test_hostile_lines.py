"""No stream of bytes raises an offer, authorises, or looks like a vehicle that charges (whatever else it breaks)."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.evse import Offer, OutletSnapshot
from hal.values import ContactorState, PilotState
from tests.hal.controllers.session import throughout
from tests.hal.simulators import openevse, simpleevse
from tests.virtual_time import run_virtual

REPLAYED_LINES = [
    openevse.line(body)
    for body in (
        "$OK 03 120 03 0140",
        "$OK 03 120 03 0140 :05",
        "$OK 02 0 02 0100 :11",
        "$OK 6 32 32 32 :06",
        "$OK 32000 230000 :07",
        "$AT 03 03 32 0140",
        "$AN 0",
        "$WF 1",
        "$OK",
        "$NK",
        "$FE",
        "$SC 32 V",
    )
]
REPLAYED_FRAMES = [
    simpleevse.framed(bytes.fromhex(body))
    for body in (
        "0310" + "0020" * 8,
        "010310" + "0020" + "0020" + "0003" + "0020" + "0000" + "000c" + "0002" + "0000",
        "01030c" + "0000" * 6,
        "011003e80001",
        "018302",
        "0106" + "03e80020",
    )
]


def streams(replayed: list[bytes]) -> st.SearchStrategy[list[tuple[bytes, float]]]:
    """Pieces of noise, whole old messages, and halves of them, each with the pause before the next."""
    piece = st.one_of(
        st.binary(max_size=40),
        st.sampled_from(replayed),
        st.builds(
            lambda one, other, at: one[:at] + other, *[st.sampled_from(replayed)] * 2, st.integers(0, 20)
        ),
    )
    return st.lists(st.tuples(piece, st.sampled_from([0.0, 0.004, 0.03, 0.3, 1.1])), max_size=25)


Opened = Callable[[Path], Any]


def bombard(opened: Opened, state_dir: Path, stream: list[tuple[bytes, float]], *, offered: bool) -> None:
    """Say *stream* beside a controller at which a vehicle waits; it is offered 10 A where *offered*."""

    async def run() -> None:
        async with opened(state_dir) as rig:
            rig.plug_in()
            await asyncio.sleep(3)
            for data, pause_s in stream:
                if offered:
                    rig.evse.offer(Offer(current_ma=10_000, phases=1))
                rig.simulator._send(data)
                await asyncio.sleep(pause_s)
                most_ma = 10_000 if offered else 0
                assert rig.advertised_ma <= most_ma
                assert rig.evse.snapshot().offer_ma <= most_ma
                if not offered:
                    assert not rig.live
                    assert is_at_rest(rig.evse.snapshot())

    run_virtual(run())


@pytest.mark.parametrize("offered", [False, True])
@settings(max_examples=30, deadline=None)
@given(stream=streams(REPLAYED_LINES))
def test_nothing_that_an_openevses_line_says_gives_current(
    tmp_path_factory: pytest.TempPathFactory, offered: bool, stream: list[tuple[bytes, float]]
):
    bombard(openevse.opened, tmp_path_factory.mktemp("openevse"), stream, offered=offered)


@pytest.mark.parametrize("offered", [False, True])
@settings(max_examples=30, deadline=None)
@given(stream=streams(REPLAYED_FRAMES))
def test_nothing_that_a_simpleevses_line_says_gives_current(
    tmp_path_factory: pytest.TempPathFactory, offered: bool, stream: list[tuple[bytes, float]]
):
    bombard(simpleevse.opened, tmp_path_factory.mktemp("simpleevse"), stream, offered=offered)


def test_an_old_frame_in_the_place_of_an_answer_spoils_the_answer(tmp_path: Path):
    """RTU has no ids: of two answers to one question neither is believed."""

    async def replayed() -> None:
        async with simpleevse.opened(tmp_path) as rig:
            rig.plug_in()
            await asyncio.sleep(3)
            heard = rig.simulator.received

            def overtaken(data: bytes) -> None:
                rig.simulator._send(REPLAYED_FRAMES[1])
                heard(data)

            rig.hear(overtaken)
            await throughout(lambda: is_at_rest(rig.evse.snapshot()), for_s=20)

    run_virtual(replayed())


def test_an_old_line_in_the_place_of_an_answer_spoils_the_answer(tmp_path: Path):
    """The same for firmware without sequence ids."""

    def old(simulator: openevse.OpenEvseSimulator) -> None:
        simulator.echoes_ids = False

    async def replayed() -> None:
        async with openevse.opened(tmp_path, prepare=old) as rig:
            rig.plug_in()
            await asyncio.sleep(3)
            heard = rig.simulator.received

            def overtaken(data: bytes) -> None:
                rig.simulator.say(REPLAYED_LINES[0])
                heard(data)

            rig.hear(overtaken)
            await throughout(lambda: is_at_rest(rig.evse.snapshot()), for_s=20)

    run_virtual(replayed())


def is_at_rest(seen: OutletSnapshot) -> bool:
    """Neither a vehicle that charges nor a current is told of."""
    pilot_rests = seen.pilot in (PilotState.B, PilotState.UNKNOWN)
    return pilot_rests and seen.offer_ma == 0 and seen.contactor is not ContactorState.CLOSED
