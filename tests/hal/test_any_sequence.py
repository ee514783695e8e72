"""Whatever people, vehicles, faults and the user do in whatever order: the physics sees no unsafe moment."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hal.boards.mock.ev import PERSONALITIES
from hal.boards.mock.world import SHOWN_FAULTS
from hal.evse import Offer
from hal.values import FaultKind, StopReason
from tests.hal.bench import Bench, bench
from tests.virtual_time import run_virtual

Act = Callable[[Bench], None]


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
    def act(b: Bench) -> None:
        b.evse.acknowledge_fault(kind)

    return act


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
    st.builds(answer_the_self_test, st.booleans()),
    st.builds(acknowledge, st.sampled_from(FaultKind)),
    st.builds(lambda ready: lambda b: b.world.ev(1, ready=ready), st.booleans()),
    st.builds(lambda name: lambda b: b.world.ev(1, personality=name), st.sampled_from(sorted(PERSONALITIES))),
    st.builds(lambda ventilation: lambda b: b.world.ev(1, ventilation=ventilation), st.booleans()),
)
pauses_s = st.sampled_from([0.0, 0.001, 0.05, 0.25, 0.5, 0.7, 1.0, 2.0, 3.0, 6.0, 31.0])
story = st.lists(st.tuples(acts, pauses_s, st.booleans()), min_size=1, max_size=40)


async def live_through(acts_: list[tuple[Act, float, bool]], state_dir: Path, **outlet: bool) -> None:
    async with bench(state_dir, **outlet) as b:
        await b.charge()
        for act, pause_s, renewed in acts_:
            act(b)
            if renewed:
                await b.offer(16_000, for_s=pause_s)
            else:
                await asyncio.sleep(pause_s)
        b.world.plug_out(1)
        await asyncio.sleep(0.2)
        assert b.now.contactor_commanded == "open"
        await serve_the_next(b)


async def serve_the_next(b: Bench) -> None:
    """Mend everything and rest: whatever happened before, the next vehicle charges."""
    for kind in SHOWN_FAULTS:
        break_or_mend(kind, False)(b)
    b.world.self_test(1, passes=True)
    b.world.ev(1, ready=True, personality="default", ventilation=False)
    b.evse.set_available(True)
    await asyncio.sleep(700)
    for kind in SHOWN_FAULTS:
        b.evse.acknowledge_fault(kind)
    assert b.faults == []
    b.world.plug_in(1)
    await b.offer(16_000, for_s=20)
    assert (b.now.contactor, b.faults) == ("closed", [])


@given(story=story, phase_switching=st.booleans(), lock=st.booleans(), ventilation=st.booleans())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_no_sequence_of_events_makes_an_outlet_unsafe(
    story: list[tuple[Act, float, bool]], phase_switching: bool, lock: bool, ventilation: bool
) -> None:
    with tempfile.TemporaryDirectory() as state_dir:
        run_virtual(
            live_through(
                story, Path(state_dir), phase_switching=phase_switching, lock=lock, ventilation=ventilation
            )
        )
