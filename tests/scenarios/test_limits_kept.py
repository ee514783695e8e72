"""Three profiles over one session: neither a lost link nor a power cut changes the duty or what the CSMS is told."""

from datetime import datetime, timedelta
from pathlib import Path

from ocpp.v16 import call

from hal.iec61851 import current_ma_for
from tests.scenarios.site import Site, site
from tests.scenarios.test_power_cut import RESUME, cut
from tests.virtual_time import run_virtual

LIMITS_A = {"ChargePointMaxProfile": (0, 10), "TxDefaultProfile": (0, 8), "TxProfile": (1, 6)}


async def told(here: Site) -> list[tuple[datetime, float]]:
    """When which limit holds, from GetCompositeSchedule for the next three hours, as instants."""
    answer = await here.call(call.GetCompositeSchedule(connector_id=1, duration=10_800))
    begin = datetime.fromisoformat(answer.schedule_start)
    periods = answer.charging_schedule["charging_schedule_period"]
    return [(begin + timedelta(seconds=one["start_period"]), one["limit"]) for one in periods]


def duty_ma(here: Site) -> int:
    duty_ns = here.connector().outlet.duty_ns
    assert duty_ns is not None
    return current_ma_for(duty_ns)


def test_the_lowest_of_three_profiles_survives_an_absence_and_a_power_cut(tmp_path: Path) -> None:
    """Their schedule ends in the third hour, so that its instants can be compared."""

    async def scenario() -> None:
        live = tmp_path / "live"
        live.mkdir()
        async with site(live, **RESUME) as here:
            await here.charge()
            for number, (purpose, (connector, limit_a)) in enumerate(LIMITS_A.items()):
                profile = {
                    "charging_profile_id": number,
                    "stack_level": 0,
                    "charging_profile_purpose": purpose,
                    "charging_profile_kind": "Absolute",
                    "charging_schedule": {
                        "start_schedule": "2026-03-02T10:00:00Z",
                        "duration": 7_200 + 600 * (3 - number),
                        "charging_rate_unit": "A",
                        "charging_schedule_period": [{"start_period": 0, "limit": limit_a}],
                    },
                }
                assert await here.set_profile(connector, **profile) == "Accepted"
            await here.clock.sleep(5)
            before = await told(here)
            assert [limit for _, limit in before] == [6, 8, 10, 32]
            for away_s in (1, 3_600):
                connections = here.log.connections
                here.network.cut()
                for _ in range(10):
                    await here.clock.sleep(away_s / 10)
                    assert duty_ma(here) == 6_000
                here.network.up = True
                await here.log.until_connected(times=connections + 1)
                assert duty_ma(here) == 6_000
                after = await told(here)
                assert (after[0][1], after[1:]) == (6, before[1:4])
            copy = cut(here, tmp_path / "copy")
        async with site(copy, after=here, **RESUME) as again:
            await again.status("Charging")
            assert duty_ma(again) == 6_000
            after = await told(again)
            assert (after[0][1], after[1:]) == (6, before[1:4])
            for at, limit_a in before[1:]:
                await again.clock.sleep((at - again.clock.now()).total_seconds() + 1)
                assert duty_ma(again) == limit_a * 1_000

    run_virtual(scenario())
