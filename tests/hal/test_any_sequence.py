"""Whatever people, vehicles, faults and the user do in whatever order: the physics sees no unsafe moment.

Once all is mended, the outlet charges again: a fault that cannot be got rid of is none that protects.
"""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hal.boards.mock.outlet import Defect
from hal.boards.mock.personalities import PERSONALITIES
from hal.boards.mock.world import SHOWN_FAULTS
from hal.evse import Offer
from hal.outlet.config import OutletTimings
from hal.values import FaultKind, StopReason
from tests.hal.bench import Bench, bench
from tests.virtual_time import run_virtual

Act = Callable[[Bench], Coroutine[None, None, object] | None]


def plug_in(cable_a: int) -> Act:
    def act(b: Bench) -> None:
        b.world.plug_out(1)
        b.world.plug_in(1, cable_a)

    return act


def give(current_ma: int, phases: int, valid_for_s: float) -> Act:
    return lambda b: b.evse.offer(Offer(current_ma=current_ma, phases=phases, valid_for_s=valid_for_s))


def break_or_mend(kind: FaultKind, active: bool) -> Act:
    def act(b: Bench) -> None:
        if kind is not FaultKind.LOCK_FAILURE or b.now.lock != "none":
            b.world.fault(1, kind, active)

    return act


def acknowledge(kind: FaultKind) -> Act:
    return lambda b: b.evse.acknowledge_fault(kind)


def deceive(defect: Defect, active: bool) -> Act:
    return lambda b: b.world.deceive(1, defect, active)


def hold_plug(held: bool) -> Act:
    return lambda b: b.evse.hold_plug(held)


def answer_the_self_test(passes: bool) -> Act:
    return lambda b: b.world.self_test(1, passes=passes)


acts = st.one_of(
    st.builds(plug_in, st.sampled_from([13, 20, 32, 63])),
    st.just(lambda b: b.world.plug_out(1)),
    st.builds(
        give, st.integers(6_000, 80_000), st.sampled_from([1, 3]), st.floats(min_value=0.1, max_value=3.0)
    ),
    st.just(lambda b: b.evse.offer(None)),
    st.builds(lambda reason: lambda b: b.evse.stop(reason), st.sampled_from(StopReason)),
    st.builds(lambda available: lambda b: b.evse.set_available(available), st.booleans()),
    st.just(lambda b: b.evse.wake()),
    st.builds(break_or_mend, st.sampled_from(SHOWN_FAULTS), st.booleans()),
    st.builds(deceive, st.sampled_from(Defect), st.booleans()),
    st.builds(hold_plug, st.booleans()),
    st.builds(answer_the_self_test, st.booleans()),
    st.builds(acknowledge, st.sampled_from(FaultKind)),
    st.builds(lambda ready: lambda b: b.world.ev(1, ready=ready), st.booleans()),
    st.builds(lambda name: lambda b: b.world.ev(1, personality=name), st.sampled_from(sorted(PERSONALITIES))),
    st.builds(lambda ventilation: lambda b: b.world.ev(1, ventilation=ventilation), st.booleans()),
)
pauses_s = st.sampled_from([0.0, 0.001, 0.05, 0.25, 0.5, 0.7, 1.0, 2.0, 3.0, 6.0, 31.0])


WILLING = [PERSONALITIES[name] for name in PERSONALITIES if name not in ("over_drawer", "sleeper", "mach_e")]
"""Vehicles that charge wherever they may."""


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A part breaks under a charging *vehicle*, then *acts*: each with the pause after it, and whether the offer is
    renewed meanwhile. At last the vehicle stays, rests or leaves, and all is mended.
    """

    vehicle: str
    acts: tuple[tuple[Act, float, bool], ...]
    ends: str


chapters = st.builds(
    Chapter,
    vehicle=st.sampled_from(sorted(PERSONALITIES)),
    acts=st.lists(st.tuples(acts, pauses_s, st.booleans()), max_size=12).map(tuple),
    ends=st.sampled_from(["rests", "stays", "leaves"]),
)
BREAKS: Mapping[str, Act] = {
    **{str(kind): break_or_mend(kind, True) for kind in SHOWN_FAULTS},
    **{str(defect): deceive(defect, True) for defect in Defect},
    "self_test_failed": answer_the_self_test(False),
}

CHARGES_ON = ((lambda b: None, 2.0, True),)
NEVER_LEAVES_C = Chapter(vehicle="stuck_c", acts=CHARGES_ON, ends="stays")
RESTS = Chapter(vehicle="default", acts=CHARGES_ON, ends="rests")


async def live_through(breaks: Act, story: list[Chapter], state_dir: Path, **outlet: bool) -> None:
    async with bench(state_dir, **outlet) as b:
        await b.charge()
        for chapter in story:
            b.world.ev(1, personality=chapter.vehicle)
            breaks(b)
            for act, pause_s, renewed in chapter.acts:
                answer = act(b)
                if answer is not None:
                    await answer
                if renewed:
                    await b.offer(16_000, for_s=pause_s)
                else:
                    await asyncio.sleep(pause_s)
            if chapter.ends == "rests":
                b.world.ev(1, ready=False)
                await b.offer(16_000, for_s=3)
            if chapter.ends == "leaves":
                b.world.plug_out(1)
            await mend(b)
            await charge_again(b)
        b.world.plug_out(1)
        await asyncio.sleep(0.2)
        assert b.now.contactor_commanded == "open"


async def charge_again(b: Bench) -> None:
    """Now that all is mended, the vehicle charges, whatever happened before; anew where a fault asks for that."""
    await asyncio.sleep(0.5)
    if b.faults:
        await b.offer(16_000, for_s=61)
    if b.faults or b.now.cable_a is None:
        # A cable that was changed under a wake-up pulse, which is blind, is trusted once an unplug was seen.
        b.world.plug_out(1)
        await asyncio.sleep(OutletTimings().self_test_retry_s + 1)
    assert b.faults == []
    if not b.world._outlets[1].vehicle.plugged:
        b.world.plug_in(1)
    for _ in range(700):
        if b.now.contactor == "closed":
            return
        await b.offer(16_000, for_s=1)
    raise AssertionError("does not charge although nothing is wrong")


async def mend(b: Bench) -> None:
    """End every cause, and have the outlet serviced."""
    for kind in SHOWN_FAULTS:
        break_or_mend(kind, False)(b)
    for defect in Defect:
        b.world.deceive(1, defect, False)
    b.world.self_test(1, passes=True)
    b.world.ev(1, ready=True, ventilation=False)
    if b.world._outlets[1].vehicle.personality not in WILLING:
        b.world.ev(1, personality="default")
    b.evse.set_available(True)
    for kind in SHOWN_FAULTS:
        await b.evse.acknowledge_fault(kind)


@pytest.mark.parametrize("broken", BREAKS)
@given(
    story=st.lists(chapters, min_size=1, max_size=4),
    phase_switching=st.booleans(),
    lock=st.booleans(),
    ventilation=st.booleans(),
    meter_behind_contactor=st.booleans(),
)
@example(
    story=[NEVER_LEAVES_C], phase_switching=False, lock=True, ventilation=False, meter_behind_contactor=False
)
@example(
    story=[RESTS, RESTS], phase_switching=False, lock=True, ventilation=False, meter_behind_contactor=False
)
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
def test_no_sequence_of_events_makes_an_outlet_unsafe_or_leaves_it_useless(
    broken: str,
    story: list[Chapter],
    phase_switching: bool,
    lock: bool,
    ventilation: bool,
    meter_behind_contactor: bool,
) -> None:
    with tempfile.TemporaryDirectory() as state_dir:
        run_virtual(
            live_through(
                BREAKS[broken],
                story,
                Path(state_dir),
                phase_switching=phase_switching,
                lock=lock,
                ventilation=ventilation,
                meter_behind_contactor=meter_behind_contactor,
            )
        )
