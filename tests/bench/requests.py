"""What the CALLs of a central system cost (rows 7 to 15, and 19)."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from tests.bench.central_system import Call, CentralSystem
from tests.bench.charger import Charger
from tests.bench.table import Figure, Measure, times

DAY_S = 86_400
WARM_UP = 10
COUNTED = 20
"""How many requests are repeated with their syncs counted, which would spoil their times."""
BURSTS = 15
BLOCKING_CALLS = 20

DAY: Call = ("GetCompositeSchedule", {"connectorId": 1, "duration": DAY_S, "chargingRateUnit": "A"})
ONE_KEY: Call = ("GetConfiguration", {"key": ["HeartbeatInterval"]})

Right = Callable[[dict[str, Any]], bool]


async def figures(csms: CentralSystem, charger: Charger) -> list[Figure]:
    """Rows 7 to 15 and 19, on a charger without profiles, which has none after it either."""
    bench = _Requests(csms, charger)
    _, served = await csms.call("GetConfiguration", {})
    keys = len(served["configurationKey"])
    found = [
        await bench.figure(
            7,
            "GetConfiguration, one key",
            [ONE_KEY] * 300,
            lambda answer: len(answer["configurationKey"]) == 1,
            p50=0.40,
            p99=3,
            cpu=0.25,
        ),
        await bench.figure(
            8,
            f"GetConfiguration, all {keys} keys",
            [("GetConfiguration", {})] * 300,
            lambda answer: len(answer["configurationKey"]) == keys,
            p50=0.60,
            cpu=0.45,
        ),
        await bench.figure(
            9,
            "ChangeConfiguration, durable",
            [
                ("ChangeConfiguration", {"key": "ConnectionTimeOut", "value": str(60 + index % 2)})
                for index in range(200)
            ],
            _accepted,
            p50=0.9,
            p99=5,
            durable=True,
            kb=13,
        ),
        await bench.figure(
            10,
            "SetChargingProfile, 24 periods, durable",
            [set_profile(1, periods=24)] * 200,
            _accepted,
            p50=1.0,
            cpu=0.7,
            durable=True,
            kb=16,
        ),
    ]
    day = await bench.figure(
        12, "GetCompositeSchedule, 1 profile × 24", [DAY] * 300, _lasts(24), p50=0.45, cpu=0.30
    )
    thousand = [set_profile(1, periods=1000)]
    found += [
        await bench.figure(
            11,
            "SetChargingProfile, 1000 periods, durable",
            thousand * 60,
            _accepted,
            p50=5,
            cpu=4.5,
            durable=True,
        ),
        day,
        await bench.figure(
            13, "GetCompositeSchedule, 1 profile × 1000", [DAY] * 100, _lasts(1000), p50=2.2, cpu=2.0
        ),
    ]
    for call in _stacks(profiles=100, periods=24):
        await bench.accepted(call)
    many = await bench.figure(
        14, "GetCompositeSchedule, 100 profiles × 24", [DAY] * 300, _lasts(24), p50=0.55
    )
    found += [_compared(many, day), await bench.bursts()]
    await csms.call("ClearChargingProfile", {})
    blocking = await bench.blocking(thousand * BLOCKING_CALLS)
    await csms.call("ClearChargingProfile", {})
    return [*found, blocking]


class _Requests:
    def __init__(self, csms: CentralSystem, charger: Charger) -> None:
        self._csms = csms
        self._charger = charger

    async def accepted(self, call: Call) -> None:
        _, answer = await self._csms.call(*call)
        assert _accepted(answer), answer

    async def figure(
        self,
        number: int,
        name: str,
        calls: Sequence[Call],
        right: Right,
        *,
        p50: float,
        p99: float | None = None,
        cpu: float | None = None,
        durable: bool = False,
        kb: float | None = None,
    ) -> Figure:
        """Send *calls* one after the other; a *durable* one is to be synced once, and to write *kb* at most."""
        for call in calls[:WARM_UP]:
            await self._csms.call(*call)
        taken_s = []
        cpu_s, written = self._charger.cpu_s, self._charger.written_bytes
        for call in calls:
            seconds, answer = await self._csms.call(*call)
            assert right(answer), answer
            taken_s.append(seconds)
        cpu_ms = (self._charger.cpu_s - cpu_s) * 1000 / len(calls)
        written_kb = (self._charger.written_bytes - written) / 1000 / len(calls)
        measures: tuple[Measure, ...] = (
            *times(taken_s, p50=p50, p99=p99),
            Measure(name="CPU", value=cpu_ms, limit=cpu),
        )
        if durable:
            syncs = await self._syncs(calls[:COUNTED])
            measures = (
                *measures,
                Measure(name="fsyncs", value=syncs, unit="", limit=1, timed=False),
                Measure(name="written", value=written_kb, unit="kB", limit=kb, timed=False),
            )
        return Figure(number=number, name=name, measures=measures)

    async def bursts(self) -> Figure:
        """Pipelined requests, which must be answered in their order."""
        rates = []
        for _ in range(BURSTS):
            seconds, answers = await self._csms.burst([ONE_KEY] * 200)
            rates.append(len(answers) / seconds)
        rate = Measure(name="rate", value=median(rates), unit="requests/s", limit=5000, at_least=True)
        return Figure(number=15, name="burst of 200 GetConfiguration, in order", measures=(rate,))

    async def blocking(self, calls: Sequence[Call]) -> Figure:
        """Ping without a pause while *calls* are worked on: what one of them keeps everything else waiting."""
        took_s: list[float] = []

        async def ping() -> None:
            while True:
                took_s.append(await self._csms.ping())

        pinging = asyncio.create_task(ping())
        for call in calls:
            await self.accepted(call)
        pinging.cancel()
        await asyncio.wait([pinging])
        longest = Measure(name="longest", value=max(took_s) * 1000, limit=10)
        measures = (*times(took_s, p50=None), longest)
        return Figure(number=19, name="ping during SetChargingProfile(1000)", measures=measures)

    async def _syncs(self, calls: Sequence[Call]) -> float | None:
        async with self._charger.counting_syncs() as syncs:
            for call in calls:
                await self._csms.call(*call)
        return None if syncs.count is None else syncs.count / len(calls)


def set_profile(
    profile_id: int, *, periods: int, stack_level: int = 0, purpose: str = "TxDefaultProfile"
) -> Call:
    """A day that began a minute ago, in *periods* of equal length and of limits with a decimal."""
    start = datetime.now(UTC) - timedelta(minutes=1)
    schedule = {
        "duration": DAY_S,
        "startSchedule": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [
            {"startPeriod": index * DAY_S // periods, "limit": 6 + (index + stack_level) * 7 % 260 / 10}
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


def _stacks(*, profiles: int, periods: int) -> Iterator[Call]:
    """Half of the profiles for the station, half for any transaction, each on a level of its own."""
    for index in range(profiles):
        purpose = ("ChargePointMaxProfile", "TxDefaultProfile")[index % 2]
        yield set_profile(index + 1, periods=periods, stack_level=index // 2, purpose=purpose)


def _compared(many: Figure, one: Figure) -> Figure:
    times_as_long = (many.measures[0].value or 0) / (one.measures[0].value or 1)
    ratio = Measure(name="to 1 profile", value=times_as_long, unit="×", limit=1.5, timed=False)
    return Figure(number=many.number, name=many.name, measures=(*many.measures, ratio))


def _accepted(answer: dict[str, Any]) -> bool:
    return answer == {"status": "Accepted"}


def _lasts(periods: int) -> Right:
    """Whether a composite schedule has its *periods*; the last minute of the day has no profile."""

    def right(answer: dict[str, Any]) -> bool:
        found = len(answer["chargingSchedule"]["chargingSchedulePeriod"])
        return periods - 2 <= found <= periods + 1

    return right
