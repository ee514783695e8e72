"""``make bench``: what one request costs, from a central system on this machine to a real daemon and back.

Absolute times are this machine's, and only a quiet one gives them; CPU ms are the daemon's own. Nothing here is
a test: no figure fails it, but a wrong answer does.
"""

import asyncio
import math
import os
import platform
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from cpd.control.client import ControlClient
from tests.bench.central_system import CentralSystem, central_system
from tests.bench.charger import Charger, charger_running

STARTS = 7
"""The first is not counted: it makes the store and compiles the modules."""
IDLE_S = 10.0
DAY_S = 86_400
WARM_UP = 10

Call = tuple[str, dict[str, Any]]


async def main() -> None:
    """Print the tables."""
    load = os.getloadavg()[0]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f} before the start\n")
    with TemporaryDirectory(prefix="cpd-bench-") as name:
        folder = Path(name)
        async with central_system() as csms:
            await _print_starts(folder, csms)
            async with _ready(folder, csms) as charger:
                await _print_rest(charger)
                print(f"\n{'request':<42}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}")
                await _print_requests(csms, charger)
                await _print_burst(csms, charger)
                await _print_lowering(csms, charger, ControlClient(str(folder / "cpd.sock")))


@asynccontextmanager
async def _ready(folder: Path, csms: CentralSystem) -> AsyncIterator[Charger]:
    csms.expect_boot()
    async with charger_running(folder, csms.port) as charger:
        await csms.greeted.wait()
        yield charger


async def _print_starts(folder: Path, csms: CentralSystem) -> None:
    wall_s, cpu_s = [], []
    for _ in range(STARTS):
        csms.expect_boot()
        async with charger_running(folder, csms.port) as charger:
            booted_s = await csms.booted
            cpu_s.append(charger.cpu_s)
            wall_s.append(booted_s - charger.started_s)
            await csms.greeted.wait()
    wall_s, cpu_s = wall_s[1:], cpu_s[1:]
    print(f"start → BootNotification    {min(wall_s):.2f} s best, {median(wall_s):.2f} s median", end="")
    print(f", {median(cpu_s):.2f} s CPU")


async def _print_rest(charger: Charger) -> None:
    await asyncio.sleep(1)
    print(f"memory, ready               {charger.rss_mib:.0f} MiB resident")
    wakeups, cpu_s = charger.wakeups, charger.cpu_s
    await asyncio.sleep(IDLE_S)
    per_s, percent = (charger.wakeups - wakeups) / IDLE_S, (charger.cpu_s - cpu_s) / IDLE_S * 100
    print(f"idle, connected             {per_s:.1f} wake-ups/s, {percent:.3f} % of one core")


async def _print_requests(csms: CentralSystem, charger: Charger) -> None:
    def repeat(action: str, payload: dict[str, Any], count: int) -> list[Call]:
        return [(action, payload)] * count

    async def row(label: str, calls: Sequence[Call], right: Callable[[dict[str, Any]], bool]) -> None:
        await _print_row(label, calls, right, csms, charger)

    await row(
        "GetConfiguration, one key",
        repeat("GetConfiguration", {"key": ["HeartbeatInterval"]}, 300),
        lambda answer: len(answer["configurationKey"]) == 1,
    )
    await row(
        "GetConfiguration, all keys",
        repeat("GetConfiguration", {}, 300),
        lambda answer: len(answer["configurationKey"]) > 20,
    )
    await row(
        "ChangeConfiguration, durable",
        [
            ("ChangeConfiguration", {"key": "ConnectionTimeOut", "value": str(60 + index % 2)})
            for index in range(200)
        ],
        _accepted,
    )
    await row("SetChargingProfile, 24 periods, durable", repeat(*_set_profile(1, periods=24), 200), _accepted)
    day = ("GetCompositeSchedule", {"connectorId": 1, "duration": DAY_S, "chargingRateUnit": "A"})
    await row("GetCompositeSchedule, 1 profile × 24", repeat(*day, 300), _lasts(24))
    await row(
        "SetChargingProfile, 1000 periods, durable", repeat(*_set_profile(1, periods=1000), 60), _accepted
    )
    await row("GetCompositeSchedule, 1 profile × 1000", repeat(*day, 100), _lasts(1000))
    for call in _stacks(profiles=100, periods=24):
        _, answer = await csms.call(*call)
        assert _accepted(answer), answer
    await row("GetCompositeSchedule, 100 profiles × 24", repeat(*day, 300), _lasts(24))
    await csms.call("ClearChargingProfile", {})


async def _print_row(
    label: str,
    calls: Sequence[Call],
    right: Callable[[dict[str, Any]], bool],
    csms: CentralSystem,
    charger: Charger,
) -> None:
    for call in calls[:WARM_UP]:
        await csms.call(*call)
    taken_s = []
    cpu_s = charger.cpu_s
    for call in calls:
        seconds, answer = await csms.call(*call)
        assert right(answer), answer
        taken_s.append(seconds)
    _print_times(label, taken_s, charger.cpu_s - cpu_s)


async def _print_burst(csms: CentralSystem, charger: Charger) -> None:
    calls = [("GetConfiguration", {"key": ["HeartbeatInterval"]})] * 200
    rates = []
    for _ in range(15):
        seconds, answers = await csms.burst(calls)
        rates.append(len(answers) / seconds)
    print(f"{'burst of 200 GetConfiguration, in order':<42}{median(rates):9.0f} requests/s")


async def _print_lowering(csms: CentralSystem, charger: Charger, control: ControlClient) -> None:
    """The outlet has followed when the answer comes, which each round looks at."""
    await asyncio.to_thread(control.call, "mock.plug_in", {"connector": 1, "cable_a": 32})
    await csms.call("RemoteStartTransaction", {"connectorId": 1, "idTag": "BENCH"})
    await _until_charging(control)
    taken_s = []
    cpu_s = 0.0
    # Only downwards: the outlet makes a vehicle wait before it is offered more again.
    for limit_a in [32 - step / 2 for step in range(40)]:
        before_s = charger.cpu_s
        seconds, answer = await csms.call(*_set_profile(1, periods=1, limit_a=limit_a))
        cpu_s += charger.cpu_s - before_s
        assert _accepted(answer), answer
        offered = await _offer(control)
        assert math.isclose(offered["duty_percent"], int(limit_a * 100 / 6) / 10), (limit_a, offered)
        taken_s.append(seconds)
    _print_times("lower limit → duty cycle at the outlet", taken_s, cpu_s)
    control.close()


async def _until_charging(control: ControlClient) -> None:
    async with asyncio.timeout(10):
        offered = await _offer(control)
        while not offered["charging"]:
            await asyncio.sleep(0.1)
            offered = await _offer(control)


async def _offer(control: ControlClient) -> dict[str, Any]:
    status = await asyncio.to_thread(control.call, "status", {})
    (connector,) = status["connectors"]
    return {
        "charging": connector["contactor"]["confirmed"] == "closed",
        "duty_percent": connector["pilot"]["duty_percent"],
    }


def _print_times(label: str, taken_s: Sequence[float], cpu_s: float) -> None:
    p99_s = quantiles(taken_s, n=100, method="inclusive")[98]
    cpu_ms = 1000 * cpu_s / len(taken_s)
    print(f"{label:<42}{1000 * median(taken_s):9.2f}{1000 * p99_s:9.2f}{cpu_ms:9.2f}")


def _stacks(*, profiles: int, periods: int) -> Iterator[Call]:
    """Half of the profiles for the station, half for any transaction, each on a level of its own."""
    for index in range(profiles):
        purpose = ("ChargePointMaxProfile", "TxDefaultProfile")[index % 2]
        yield _set_profile(index + 1, periods=periods, stack_level=index // 2, purpose=purpose)


def _set_profile(
    profile_id: int,
    *,
    periods: int,
    stack_level: int = 0,
    purpose: str = "TxDefaultProfile",
    limit_a: float | None = None,
) -> Call:
    """A day that began a minute ago, in *periods* of equal length and of limits with a decimal."""
    start = datetime.now(UTC) - timedelta(minutes=1)
    schedule = {
        "duration": DAY_S,
        "startSchedule": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [
            {
                "startPeriod": index * DAY_S // periods,
                "limit": 6 + (index + stack_level) * 7 % 260 / 10 if limit_a is None else limit_a,
            }
            for index in range(periods)
        ],
    }
    profile = {
        "chargingProfileId": profile_id,
        "stackLevel": stack_level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
    }
    return "SetChargingProfile", {"connectorId": 0, "csChargingProfiles": profile}


def _accepted(answer: dict[str, Any]) -> bool:
    return answer == {"status": "Accepted"}


def _lasts(periods: int) -> Callable[[dict[str, Any]], bool]:
    """Whether a composite schedule has its *periods*; the last minute of the day has no profile."""

    def right(answer: dict[str, Any]) -> bool:
        found = len(answer["chargingSchedule"]["chargingSchedulePeriod"])
        return periods - 2 <= found <= periods + 1

    return right


if __name__ == "__main__":
    asyncio.run(main())
