"""What every outlet does, whatever drives it: a board under the guard, or a controller on a serial line."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from hal.evse import Evse, FaultCleared, FaultRaised, Offer, OutletEvent
from hal.examination import Finding, Health
from hal.values import (
    FAULT_RULES,
    Clearing,
    ContactorState,
    FaultKind,
    LockState,
    PilotState,
    StopReason,
    UnlockResult,
)
from tests.hal.contract.discovery import boards, controllers, simulator
from tests.hal.contract.rig import EvseRig, until

LEASE_S = 3.0
WITHDRAWN_S = 6.0
"""A vehicle that goes on drawing is opened on after this long (IEC 61851-1 Table A.6, 10.2)."""
OPENED_S = 0.2
S2_OPENS_S = 3.0
CLOSES_S = 40.0
"""Waiting for the wake-up of a controller included."""

every_outlet = pytest.mark.parametrize("device", [*boards(), *controllers()])


def on(device: str, tmp_path: Path, test: Callable[[EvseRig], Awaitable[None]]) -> EvseRig:
    """Run *test* on the outlet of *device*; the rig as it was left."""
    simulated = simulator(device)

    async def opened() -> EvseRig:
        async with simulated.evse_rig(tmp_path) as rig:
            await until(lambda: rig.evse.snapshot().pilot is not PilotState.UNKNOWN, within_s=15)
            await test(rig)
        return rig

    return simulated.run(opened())


async def renew(evse: Evse, current_ma: int, *, phases: int = 3) -> None:
    """Offer for ever, as the user of an outlet does."""
    while True:
        evse.offer(Offer(current_ma=current_ma, phases=phases))
        await asyncio.sleep(1.0)


class Offering:
    """An offer that stands for as long as the body runs."""

    def __init__(self, rig: EvseRig, current_ma: int = 16_000) -> None:
        self._rig = rig
        self._current_ma = current_ma

    async def __aenter__(self) -> None:
        self._task = asyncio.get_running_loop().create_task(renew(self._rig.evse, self._current_ma))

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


async def charging(rig: EvseRig) -> None:
    """Returns once energy flows and the driver says so; the caller holds the offer."""
    rig.plug_in()
    await until(lambda: rig.live, within_s=CLOSES_S)
    await until(
        lambda: rig.evse.snapshot().contactor is ContactorState.CLOSED, within_s=rig.seen_within_s + 1.0
    )


@every_outlet
def test_an_offer_closes_on_a_vehicle_and_its_end_opens(device: str, tmp_path: Path) -> None:
    async def session(rig: EvseRig) -> None:
        async with Offering(rig):
            await charging(rig)
            assert rig.evse.snapshot().pilot is PilotState.C
        rig.evse.offer(None)
        await until(lambda: not rig.live, within_s=WITHDRAWN_S + OPENED_S)
        await until(lambda: rig.evse.snapshot().contactor is ContactorState.OPEN, within_s=5)
        assert rig.evse.snapshot().offer_ma == 0

    on(device, tmp_path, session)


@every_outlet
def test_nothing_is_live_without_an_offer(device: str, tmp_path: Path) -> None:
    async def waiting(rig: EvseRig) -> None:
        rig.plug_in()
        loop = asyncio.get_running_loop()
        end_s = loop.time() + 10
        while loop.time() < end_s:
            assert not rig.live
            assert rig.advertised_ma == 0
            await asyncio.sleep(0.05)

    on(device, tmp_path, waiting)


@every_outlet
def test_a_lease_that_lapses_opens(device: str, tmp_path: Path) -> None:
    async def forgotten(rig: EvseRig) -> None:
        async with Offering(rig):
            await charging(rig)
        await until(lambda: not rig.live, within_s=LEASE_S + WITHDRAWN_S + OPENED_S + rig.seen_within_s)
        assert rig.evse.snapshot().offer_ma == 0

    on(device, tmp_path, forgotten)


@every_outlet
@pytest.mark.parametrize("current_ma", [6_000, 10_500, 15_999, 32_000, 80_000])
def test_no_vehicle_is_offered_more_than_was_allowed_or_than_the_outlet_bears(
    device: str, current_ma: int, tmp_path: Path
) -> None:
    async def offered(rig: EvseRig) -> None:
        async with Offering(rig, current_ma):
            await charging(rig)
            assert 6_000 <= rig.advertised_ma <= min(current_ma, 32_000)
            assert rig.evse.snapshot().offer_ma <= min(current_ma, 32_000)

    on(device, tmp_path, offered)


@every_outlet
def test_a_lower_offer_is_lower_at_once(device: str, tmp_path: Path) -> None:
    async def lowered(rig: EvseRig) -> None:
        async with Offering(rig, 16_000):
            await charging(rig)
        async with Offering(rig, 8_000):
            await until(lambda: rig.advertised_ma <= 8_000, within_s=rig.seen_within_s + 2.0)
            assert rig.live

    on(device, tmp_path, lowered)


@every_outlet
def test_pulling_the_cable_opens_at_once(device: str, tmp_path: Path) -> None:
    async def pulled(rig: EvseRig) -> None:
        async with Offering(rig):
            await charging(rig)
            rig.plug_out()
            await until(lambda: not rig.live, within_s=OPENED_S)
            await until(
                lambda: rig.evse.snapshot().pilot is PilotState.A, within_s=rig.seen_within_s + OPENED_S
            )

    on(device, tmp_path, pulled)


@every_outlet
def test_a_vehicle_that_wants_no_more_is_let_go(device: str, tmp_path: Path) -> None:
    async def full(rig: EvseRig) -> None:
        async with Offering(rig):
            await charging(rig)
            rig.ready(False)
            await until(lambda: not rig.live, within_s=S2_OPENS_S + OPENED_S)

    on(device, tmp_path, full)


@every_outlet
def test_an_emergency_opens_without_waiting_for_the_vehicle(device: str, tmp_path: Path) -> None:
    async def stopped(rig: EvseRig) -> None:
        async with Offering(rig):
            await charging(rig)
        rig.evse.stop(StopReason.EMERGENCY)
        await until(lambda: not rig.live, within_s=OPENED_S + 0.5)

    on(device, tmp_path, stopped)


@every_outlet
def test_an_outlet_out_of_service_takes_no_offer(device: str, tmp_path: Path) -> None:
    async def closed(rig: EvseRig) -> None:
        rig.evse.set_available(False)
        rig.plug_in()
        async with Offering(rig):
            await asyncio.sleep(10)
            assert not rig.live
            assert not rig.evse.snapshot().available

    on(device, tmp_path, closed)


@every_outlet
def test_a_plug_is_given_back_at_rest_and_kept_under_current(device: str, tmp_path: Path) -> None:
    async def asked(rig: EvseRig) -> None:
        locks = rig.evse.snapshot().lock is not LockState.NONE
        async with Offering(rig):
            await charging(rig)
            given = await rig.evse.unlock()
            assert given is (UnlockResult.FAILED if locks else UnlockResult.NOT_SUPPORTED)
            assert rig.live
        rig.evse.offer(None)
        await until(lambda: not rig.live, within_s=WITHDRAWN_S + OPENED_S)
        await asyncio.sleep(rig.seen_within_s + 1.0)
        given = await rig.evse.unlock()
        assert given is (UnlockResult.UNLOCKED if locks else UnlockResult.NOT_SUPPORTED)

    on(device, tmp_path, asked)


def faults_of(device: str) -> tuple[FaultKind, ...]:
    """The faults that the simulator of *device* can bring about; all kinds, to be skipped, where there is none."""
    try:
        return tuple(simulator(device).CAUSES)
    except AssertionError:
        return ()


@pytest.mark.parametrize(
    ("device", "kind"),
    [(device, kind) for device in [*boards(), *controllers()] for kind in faults_of(device)],
)
def test_a_fault_is_told_by_its_name_and_opens_where_it_must(
    device: str, kind: FaultKind, tmp_path: Path
) -> None:
    async def broken(rig: EvseRig) -> None:
        seen: list[OutletEvent] = []
        events = rig.evse.events()

        async def read() -> None:
            async for event in events:
                seen.append(event)

        reading = asyncio.get_running_loop().create_task(read())
        async with Offering(rig):
            if kind is not FaultKind.CONTACTOR_STUCK_OPEN:
                await charging(rig)
            rig.cause(kind, True)
            if kind is FaultKind.CONTACTOR_STUCK_OPEN:
                rig.plug_in()
            if kind is FaultKind.CONTACTOR_WELDED:
                rig.plug_out()
            await until(
                lambda: kind in {fault.kind for fault in rig.evse.snapshot().faults},
                within_s=30 + rig.seen_within_s,
            )
            if FAULT_RULES[kind].opens and kind is not FaultKind.CONTACTOR_WELDED:
                await until(lambda: not rig.live, within_s=3)
        rig.cause(kind, False)
        if FAULT_RULES[kind].clearing is Clearing.RECOVERS:
            await until(lambda: not rig.evse.snapshot().faults, within_s=15 + rig.seen_within_s)
            await until(lambda: FaultCleared(kind=kind) in seen, within_s=1)
        assert [event.fault.kind for event in seen if isinstance(event, FaultRaised)].count(kind) == 1
        reading.cancel()

    on(device, tmp_path, broken)


@pytest.mark.parametrize("device", controllers())
def test_a_lost_line_is_told_as_a_fault_and_nothing_is_believed_that_was_heard_before(
    device: str, tmp_path: Path
) -> None:
    async def cut(rig: EvseRig) -> None:
        async with Offering(rig):
            await charging(rig)
            rig.link(False)
            await until(lambda: rig.evse.snapshot().opening_fault is not None, within_s=8)
            assert rig.evse.snapshot().pilot is PilotState.UNKNOWN
            assert rig.evse.snapshot().contactor is ContactorState.UNKNOWN
            assert rig.evse.snapshot().offer_ma == 0
            rig.link(True)
            await until(lambda: rig.evse.snapshot().opening_fault is None, within_s=30)

    on(device, tmp_path, cut)


@every_outlet
def test_the_outlet_is_dead_once_its_driver_has_gone(device: str, tmp_path: Path) -> None:
    async def left_charging(rig: EvseRig) -> None:
        async with Offering(rig):
            await charging(rig)

    rig = on(device, tmp_path, left_charging)
    assert rig.advertised_ma == 0


@every_outlet
def test_whoever_looks_is_told_of_every_part_and_what_to_do(device: str, tmp_path: Path) -> None:
    async def examined(rig: EvseRig) -> None:
        healthy = rig.examine()
        assert {finding.part for finding in healthy} >= {"pilot", "contactor"}
        assert all_are_told_well(healthy)
        assert [finding for finding in healthy if finding.health is Health.FAILED] == []
        if FaultKind.PILOT_FAULT in rig.causes:
            rig.cause(FaultKind.PILOT_FAULT, True)
            await asyncio.sleep(2 + rig.seen_within_s)
            assert all_are_told_well(rig.examine())
            assert [one.part for one in rig.examine() if one.health is Health.FAILED] != []

    on(device, tmp_path, examined)


def all_are_told_well(findings: tuple[Finding, ...]) -> bool:
    """Each has evidence, and what is not well has a next step."""
    for finding in findings:
        assert finding.part
        assert len(finding.part) <= 20
        assert finding.evidence
        assert finding.health is Health.OK or finding.next_step, finding
    return bool(findings)
