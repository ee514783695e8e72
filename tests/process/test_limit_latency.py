"""How soon a lower limit of the central system is on the pilot of a real daemon, on a real clock and disk."""

from pathlib import Path

from cpd.clock import SystemClock
from tests.process.charger import control
from tests.process.site import profile, site

SAMPLES = 200
HIGHEST_MA, STEP_MA = 32_000, 100


async def test_a_lower_limit_is_on_the_pilot_within_50_ms(tmp_path: Path) -> None:
    clock = SystemClock()
    took_ms = []
    async with site(tmp_path) as here:
        await here.charger.charge()
        async with control(here.charger.socket) as connection:
            # Down in steps of 0.1 A: an increase would wait for its turn.
            for step in range(1, SAMPLES + 1):
                limit_ma = HIGHEST_MA - step * STEP_MA
                request = profile(1, "TxDefaultProfile", limit_ma / 1_000)
                sent_s = clock.monotonic_s()
                assert await here.set_profile(request, 1) == "Accepted"
                (connector,) = (await connection.call("status"))["connectors"]
                took_ms.append((clock.monotonic_s() - sent_s) * 1_000)
                assert connector["pilot"]["duty_percent"] == limit_ma // 60 / 10
                assert connector["offer_a"] == limit_ma / 1_000
        assert (await here.charger.connector())["ocpp_status"] == "Charging"
    p99_ms = sorted(took_ms)[SAMPLES * 99 // 100 - 1]
    assert p99_ms < 50.0, sorted(took_ms)[-10:]
