"""A night on which the clocks are changed, in a whole charging site that recurs by local time or by UTC."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from hal.iec61851 import current_ma_for
from tests.scenarios.site import Site, site
from tests.scenarios.situations import TAG, profile
from tests.virtual_time import run_virtual

PARIS = 'recurring_local_time = "Europe/Paris"'
NIGHT = datetime(2026, 10, 25, 0, 10, tzinfo=UTC)
"""02:10 in Paris; at 01:00 UTC its clocks go back from 03:00 to 02:00."""


def nightly() -> dict[str, Any]:
    """From 02:00 local time 16 A, from 02:30 10 A, from 03:00 on no limit."""
    periods = [{"start_period": 0, "limit": 16}, {"start_period": 1_800, "limit": 10}]
    tariff = profile(
        "TxDefaultProfile",
        16,
        start_schedule="2026-10-01T02:00:00+02:00",
        charging_schedule_period=periods,
        duration=3_600,
    )
    return {**tariff, "charging_profile_kind": "Recurring", "recurrency_kind": "Daily"}


async def agreed(here: Site) -> float:
    """What the vehicle is offered in A; GetCompositeSchedule and `cpd schedule` say the same."""
    answer = await here.call(call.GetCompositeSchedule(connector_id=1, duration=1))
    told_a = answer.charging_schedule["charging_schedule_period"][0]["limit"]
    shown_a = (await here.control("schedule", connector=1, duration_s=1))["periods"][0]["limit"]
    duty_ns = here.connector().outlet.duty_ns
    assert duty_ns is not None
    assert current_ma_for(duty_ns) == told_a * 1_000 == shown_a * 1_000
    return float(told_a)


@pytest.mark.parametrize(
    ("station", "changes"),
    [
        (PARIS, [("00:10", 16), ("00:30", 10), ("02:00", 32)]),
        ("", [("00:10", 16), ("00:30", 10), ("01:00", 32)]),
    ],
)
def test_outlet_composite_schedule_and_cpd_schedule_agree_all_night(
    tmp_path: Path, station: str, changes: list[tuple[str, float]]
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, station=station, start=NIGHT) as here:
            assert await here.set_profile(0, **nightly()) == "Accepted"
            await here.charge(TAG)
            seen, last_a = [], 32.0
            for minutes in range(0, 130, 10):
                await here.clock.sleep(
                    (NIGHT + timedelta(minutes=minutes) - here.clock.now()).total_seconds() + 20
                )
                offered_a = await agreed(here)
                if offered_a != last_a:
                    seen.append((f"{NIGHT + timedelta(minutes=minutes):%H:%M}", offered_a))
                last_a = offered_a
            assert seen == changes

    run_virtual(scenario())


def test_a_schedule_says_by_whose_clocks_it_recurs(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, station=PARIS, start=NIGHT) as here:
            await here.set_profile(0, **nightly())
            document = await here.control("schedule", connector=1, duration_s=7_200)
            assert document["recurring_local_time"] == "Europe/Paris"
            assert document["periods"][1]["constrained_by"]["recurrency"] == "Daily"

    run_virtual(scenario())
