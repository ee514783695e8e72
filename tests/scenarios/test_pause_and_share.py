"""Pauses that a central system asks for, and a main fuse that is too small for all: in order, and never above."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from ocpp.v16 import call

from hal.evse import ContactorChanged, DutyChanged
from hal.iec61851 import current_ma_for
from tests.scenarios.site import Site, site
from tests.scenarios.situations import TAG, profile
from tests.virtual_time import run_virtual

BELOW_6_A = {0: "LIMIT_ZERO_CSMS", 5.9: "LIMIT_BELOW_6A_CSMS"}
RESUMES_WITHIN_S = 5.0


@asynccontextmanager
async def seen(here: Site, connector: int = 1) -> AsyncIterator[list[tuple[float, str]]]:
    """What the outlet does, as (when, what): the current that its pilot offers, the contactor's state."""
    done: list[tuple[float, str]] = []

    async def follow() -> None:
        async for event in here.daemon.guard.evses[connector].events():
            match event:
                case DutyChanged(duty_ns=None):
                    done.append((here.clock.monotonic_s(), "steady"))
                case DutyChanged(duty_ns=duty_ns) if duty_ns is not None:
                    done.append((here.clock.monotonic_s(), f"{current_ma_for(duty_ns) / 1_000:g} A"))
                case ContactorChanged(state=state) if state != "unknown":
                    done.append((here.clock.monotonic_s(), str(state)))
                case _:
                    pass

    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(follow())
        await asyncio.sleep(0)
        yield done
        following.cancel()


def test_a_pause_and_its_end_as_central_systems_do_it(tmp_path: Path) -> None:
    """16 → 0 → 10 → 5.9 → 6 → 0 → 32 A: statuses, duty and relay in their order, the transaction stays open."""

    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            await here.clock.sleep(10)
            told = len(here.log.calls)
            async with seen(here) as done:
                for limit in (16, 0, 10, 5.9, 6, 0, 32):
                    asked_s = here.clock.monotonic_s()
                    done.clear()
                    assert await here.set_profile(1, **profile("TxProfile", limit)) == "Accepted"
                    await here.clock.sleep(70)
                    steps = [what for _, what in done]
                    if limit in BELOW_6_A:
                        assert steps == ["steady", "open"]
                        assert here.connector().blockers[0].code == BELOW_6_A[limit]
                        assert here.connector().limit.current_ma == round(limit * 1_000)
                    elif limit == 16:
                        assert steps == ["16 A"]
                    else:
                        assert steps == [f"{limit} A", "closed"]
                        assert done[0][0] - asked_s <= RESUMES_WITHIN_S
            statuses = [
                (one.message.status, one.message.info)
                for one in here.log.calls[told:]
                if one.action == "StatusNotification"
            ]
            assert statuses == [
                ("SuspendedEVSE", "LIMIT_ZERO_CSMS"),
                ("Charging", None),
                ("SuspendedEVSE", "LIMIT_BELOW_6A_CSMS"),
                ("Charging", None),
                ("SuspendedEVSE", "LIMIT_ZERO_CSMS"),
                ("Charging", None),
            ]
            assert here.log.messages(call.StopTransaction) == []

    run_virtual(scenario())


def test_a_zero_does_not_outlive_its_transaction(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            assert await here.set_profile(1, **profile("TxProfile", 0)) == "Accepted"
            await here.status("SuspendedEVSE")
            here.world.swipe(TAG)
            await here.stopped()
            here.world.plug_out(1)
            await here.status("Available")
            await here.charge(TAG)
            assert here.connector().offer_ma == 32_000

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("connectors", "fuse_a", "shares_a"),
    [
        (1, 20, [20]),
        (2, 20, [10, 10]),
        (3, 20, [6.6, 6.6, 6.6]),
        (4, 20, [6.6, 6.6, 6.6, 0]),
        (4, 40, [10, 10, 10, 10]),
        (2, 11, [11, 0]),
    ],
)
def test_the_main_fuse_is_shared_and_the_sum_is_never_above(
    tmp_path: Path, connectors: int, fuse_a: int, shares_a: list[float]
) -> None:
    numbers = range(1, connectors + 1)

    async def scenario() -> None:
        station = f"max_current_a = {fuse_a}"
        async with site(tmp_path, connectors=connectors, station=station) as here:
            highest_offered = highest_drawn = 0
            for second in range(120):
                number = second // 20 + 1
                if second % 20 == 0 and number in numbers:
                    if number > 1:
                        # Who has to give way takes its time, and who comes does not.
                        here.world.ev(number - 1, personality="slow")
                    here.world.plug_in(number)
                    here.world.swipe(f"TAG{number}", number)
                await here.clock.sleep(1)
                outlets = [here.daemon.guard.evses[one].snapshot() for one in numbers]
                drawn = [outlet.meter.current_ma or (0,) for outlet in outlets if outlet.meter is not None]
                highest_offered = max(highest_offered, sum(outlet.offer_ma for outlet in outlets))
                highest_drawn = max(highest_drawn, sum(max(one) for one in drawn))
            assert [here.connector(one).offer_ma / 1_000 for one in numbers] == shares_a
            assert 0 < highest_drawn <= fuse_a * 1_000
            assert highest_offered <= fuse_a * 1_000
            for one, share_a in zip(numbers, shares_a, strict=True):
                assert ("LIMIT_SHARED" in [b.code for b in here.connector(one).blockers]) is (share_a == 0)

    run_virtual(scenario())
