"""Profiles over the wire, on the outlet: what the CSMS is told, what is offered and why are one and the same."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ocpp.v16 import call

from hal.iec61851 import current_ma_for
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

START = datetime(2026, 3, 2, 10, tzinfo=UTC)


def profile(
    profile_id: int, purpose: str, periods: list[tuple[int, float]], *, level: int = 0, **more: Any
) -> dict[str, Any]:
    """A profile in A from 10:00; *more* replaces members of the profile or of its schedule."""
    schedule = {
        "charging_rate_unit": more.pop("unit", "A"),
        "start_schedule": more.pop("start", "2026-03-02T10:00:00Z"),
        "charging_schedule_period": [{"start_period": start, "limit": limit} for start, limit in periods],
    }
    if "duration" in more:
        schedule["duration"] = more.pop("duration")
    return {
        "charging_profile_id": profile_id,
        "stack_level": level,
        "charging_profile_purpose": purpose,
        "charging_profile_kind": more.pop("kind", "Absolute"),
        **more,
        "charging_schedule": schedule,
    }


def offered_ma(here: Site, connector: int = 1) -> int:
    """What the vehicle reads off the pilot: 0 while it is steady."""
    duty_ns = here.connector(connector).outlet.duty_ns
    return 0 if duty_ns is None else current_ma_for(duty_ns)


async def composite(
    here: Site, connector: int, duration_s: int, unit: str | None = None
) -> list[tuple[int, float]]:
    """GetCompositeSchedule over the wire as (start, limit)."""
    request = call.GetCompositeSchedule(connector_id=connector, duration=duration_s, charging_rate_unit=unit)
    answer = await here.call(request)
    assert answer.status == "Accepted"
    periods = answer.charging_schedule["charging_schedule_period"]
    return [(one["start_period"], one["limit"]) for one in periods]


@pytest.mark.parametrize("limit", [16, 10, 6])
def test_a_lower_limit_is_on_the_outlet_as_soon_as_it_is_accepted(tmp_path: Path, limit: int) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge()
            await here.clock.sleep(10)
            assert offered_ma(here) == 32_000
            asked_s = here.clock.monotonic_s()
            assert await here.set_profile(1, **profile(7, "TxProfile", [(0, limit)])) == "Accepted"
            assert offered_ma(here) == limit * 1_000
            assert here.clock.monotonic_s() - asked_s < 0.05

    run_virtual(scenario())


def test_a_tx_profile_ends_with_its_transaction(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge("TAG")
            await here.set_profile(1, **profile(7, "TxProfile", [(0, 10)]))
            here.world.swipe("TAG")
            await here.stopped()
            here.world.plug_out(1)
            await here.status("Available")
            await here.charge("TAG")
            assert offered_ma(here) == 32_000
            assert here.daemon.station.ledger.book.profiles == ()

    run_virtual(scenario())


def test_a_remote_start_brings_its_profile(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.plug_in(1)
            brought = profile(9, "TxProfile", [(0, 8)], kind="Relative")
            del brought["charging_schedule"]["start_schedule"]
            request = call.RemoteStartTransaction(id_tag="TAG", connector_id=1, charging_profile=brought)
            assert (await here.call(request)).status == "Accepted"
            await here.status("Charging")
            assert offered_ma(here) == 8_000

    run_virtual(scenario())


def test_a_remote_start_with_another_purpose_is_rejected_and_starts_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.plug_in(1)
            brought = profile(9, "TxDefaultProfile", [(0, 8)])
            request = call.RemoteStartTransaction(id_tag="TAG", connector_id=1, charging_profile=brought)
            assert (await here.call(request)).status == "Rejected"
            await here.clock.sleep(30)
            assert here.log.ledger.transactions == []

    run_virtual(scenario())


def test_a_profile_of_a_remote_start_that_lapses_is_dropped(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="ConnectionTimeOut = 20") as here:
            brought = profile(9, "TxProfile", [(0, 8)])
            request = call.RemoteStartTransaction(id_tag="TAG", connector_id=1, charging_profile=brought)
            assert (await here.call(request)).status == "Accepted"
            await here.clock.sleep(21)
            await here.charge("OTHER")
            assert offered_ma(here) == 32_000

    run_virtual(scenario())


def test_the_station_cap_is_shared_and_nobody_rises_before_the_other_gave_way(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            assert await here.set_profile(0, **profile(1, "ChargePointMaxProfile", [(0, 32)])) == "Accepted"
            await here.charge("ONE", 1)
            assert offered_ma(here, 1) == 32_000
            here.world.plug_in(2)
            here.world.swipe("TWO")
            highest = 0
            for _ in range(200):
                await here.clock.sleep(0.1)
                drawn = sum(
                    max(here.connector(number).outlet.meter.current_ma or (0,))  # type: ignore[union-attr]
                    for number in (1, 2)
                )
                highest = max(highest, drawn)
            assert (offered_ma(here, 1), offered_ma(here, 2)) == (16_000, 16_000)
            assert highest <= 32_000

    run_virtual(scenario())


def test_clearing_takes_effect_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.set_profile(0, **profile(1, "TxDefaultProfile", [(0, 8)]))
            await here.charge()
            await here.clock.sleep(10)
            assert offered_ma(here) == 8_000
            assert (await here.call(call.ClearChargingProfile(id=1))).status == "Accepted"
            assert offered_ma(here) == 32_000
            assert (await here.call(call.ClearChargingProfile(id=1))).status == "Unknown"

    run_virtual(scenario())


def test_clearing_the_top_of_a_stack_lets_the_next_one_hold_within_a_second(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.set_profile(0, **profile(1, "TxDefaultProfile", [(0, 16)], level=1))
            await here.set_profile(0, **profile(2, "TxDefaultProfile", [(0, 8)], level=2))
            await here.charge()
            await here.clock.sleep(10)
            assert offered_ma(here) == 8_000
            asked_s = here.clock.monotonic_s()
            assert (await here.call(call.ClearChargingProfile(id=2))).status == "Accepted"
            await here.until(lambda one: one.outlet.offer_ma == 16_000, within_s=1)
            assert here.clock.monotonic_s() - asked_s <= 1

    run_virtual(scenario())


def test_a_plugged_cable_bounds_the_offer_and_the_answer(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.plug_in(1, cable_a=20)
            here.world.swipe("TAG")
            await here.status("Charging")
            assert offered_ma(here) == 20_000
            assert await composite(here, 1, 60) == [(0, 20.0)]

    run_virtual(scenario())


LONG = pytest.mark.timeout(300)
"""Hours of two connectors, each renewing its offer each second: half a minute on an idle machine."""

WAITS = {"WAIT_MIN_PAUSE", "WAIT_PHASE_SWITCH", "WAKING_EV"}


class Views:
    """What the CSMS, a technician and the vehicle are told of the limit, through time."""

    def __init__(self, here: Site) -> None:
        self._here = here

    async def instants(self, until: datetime, every_s: int) -> AsyncIterator[datetime]:
        """Whole seconds from now to *until*: every *every_s*, and both sides of each change the CSMS was told."""
        here = self._here
        now = here.clock.now()
        marks = set(range(0, int((until - now).total_seconds()), every_s))
        for connector in (1, 2):
            for start_s, _ in await composite(here, connector, int((until - now).total_seconds())):
                marks |= {start_s - 1, start_s, start_s + 1, start_s + 12}
        for mark in sorted(mark for mark in marks if mark >= 0):
            ahead_s = (now + timedelta(seconds=mark, microseconds=500_000) - here.clock.now()).total_seconds()
            if ahead_s > 0:
                await here.clock.sleep(ahead_s)
            yield here.clock.now()

    async def agree(self, connector: int) -> bool:
        """All four views of *connector* agree now; False while a wait that is named holds the offer back."""
        here = self._here
        ((_, told_a), *_) = await composite(here, connector, 1)
        schedule = await here.control("schedule", connector=connector, duration_s=1, unit="A")
        why = await here.control("why", connector=connector)
        snapshot = here.connector(connector)
        limit_ma = snapshot.limit.current_ma // 100 * 100
        assert round(told_a * 1_000) == limit_ma == round(schedule["periods"][0]["limit"] * 1_000)
        wanted_ma = limit_ma if limit_ma >= 6_000 else 0
        blocked = {blocker["code"] for blocker in why["blockers"]}
        if limit_ma < 6_000:
            assert blocked & {"LIMIT_ZERO_CSMS", "LIMIT_BELOW_6A_CSMS", "LIMIT_SHARED"}, blocked
        else:
            assert not any(code.startswith("LIMIT") for code in blocked), blocked
        if offered_ma(here, connector) == wanted_ma:
            return True
        assert offered_ma(here, connector) < wanted_ma, "more is offered than is allowed"
        assert blocked & WAITS, f"less is offered than is allowed, and nothing says why: {blocked}"
        return False


PURPOSES = ["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]


@st.composite
def days(draw: st.DrawFn) -> list[tuple[int, dict[str, Any]]]:
    """Up to seven profiles for two connectors, in A or W, of every kind; most of them change within the hour."""
    found = []
    for number in range(draw(st.integers(2, 7))):
        purpose = draw(st.sampled_from(PURPOSES))
        unit = draw(st.sampled_from(["A", "A", "W"]))
        starts = sorted({0, *draw(st.lists(st.integers(60, 5_400), max_size=5))})
        top = 400 if unit == "A" else 250_000
        limits = [draw(st.integers(0, top)) / 10 for _ in starts]
        more: dict[str, Any] = {"level": draw(st.integers(0, 4)), "unit": unit}
        if draw(st.booleans()):
            more["duration"] = draw(st.integers(600, 6_000))
        more["kind"] = draw(st.sampled_from(["Absolute", "Recurring", "Relative"]))
        if more["kind"] == "Recurring":
            more["recurrency_kind"] = "Daily"
        if draw(st.booleans()):
            begin = START + timedelta(seconds=draw(st.integers(0, 3_000)))
            more["valid_from"] = begin.isoformat().replace("+00:00", "Z")
        connector = 0 if purpose == PURPOSES[0] else draw(st.integers(1, 2))
        periods = list(zip(starts, limits, strict=True))
        found.append((connector, profile(number + 1, purpose, periods, **more)))
    return found


async def follow(folder: Path, day: list[tuple[int, dict[str, Any]]], *, hours: float, every_s: int) -> None:
    """Charge on both connectors under *day*, and hold all views against each other."""
    async with site(folder, connectors=2, ocpp="MeterValueSampleInterval = 3600") as here:
        for number in (1, 2):
            here.world.plug_in(number)
            here.world.swipe(f"TAG{number}")
            await here.until(lambda one: one.transaction is not None, number)
        for connector, wanted in day:
            assert await here.set_profile(connector, **wanted) == "Accepted"
        views = Views(here)
        agreed = [
            await views.agree(connector)
            async for _ in views.instants(START + timedelta(hours=hours), every_s)
            for connector in (1, 2)
        ]
        assert any(agreed)


def a_day(pace: int) -> list[tuple[int, dict[str, Any]]]:
    """Profiles that change for ten hours; at *pace* n, in an n-th of that."""

    def at(*periods: tuple[int, float]) -> list[tuple[int, float]]:
        return [(start_s // pace, limit) for start_s, limit in periods]

    late = (START + timedelta(hours=10) / pace).isoformat()
    daily = {"kind": "Recurring", "recurrency_kind": "Daily"}
    watts = {"unit": "W", "duration": 36_000 // pace}
    return [
        (0, profile(1, "ChargePointMaxProfile", at((0, 40), (21_600, 20), (64_800, 63)))),
        (0, profile(2, "TxDefaultProfile", at((0, 25), (3_600, 13.5)), **daily)),
        (1, profile(3, "TxProfile", at((0, 11_000), (7_200, 2_000), (9_000, 22_000)), **watts)),
        (2, profile(4, "TxProfile", at((0, 32), (14_400, 0), (18_000, 16)), level=1, kind="Relative")),
        (1, profile(5, "TxProfile", at((0, 5.9), (1_800, 6)), level=2, valid_from=late)),
    ]


@LONG
def test_a_day_of_profiles_wire_schedule_why_and_duty_agree(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    # Every second of it costs its renewals of the lease.
    pace = 1 if request.config.getoption("--torture") else 6
    run_virtual(follow(tmp_path, a_day(pace), hours=24 / pace, every_s=601))


@LONG
@settings(max_examples=4)
@given(day=days())
def test_random_profiles_wire_schedule_why_and_duty_agree(
    tmp_path_factory: pytest.TempPathFactory, day: list[tuple[int, dict[str, Any]]]
) -> None:
    run_virtual(follow(tmp_path_factory.mktemp("day"), day, hours=1.5, every_s=97))
