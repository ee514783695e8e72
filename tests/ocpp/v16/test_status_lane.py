import asyncio

from cpd.domain.connector_status import ConnectorStatus
from cpd.domain.transactions import Moment
from cpd.ocpp.v16.status_lane import RETRIES, RETRY_S, PendingReport, StatusLane
from cpd.station.csms import ConnectorReport
from tests.hal.bench import virtual
from tests.virtual_time import VirtualClock

S = ConnectorStatus


def report(status: ConnectorStatus, error: str = "NoError", *, connector: int = 1) -> ConnectorReport:
    return ConnectorReport(
        connector=connector,
        status=status,
        error_code=error,
        info=None,
        since=Moment(boot="boot", monotonic_s=0.0, at=None),
    )


class Reader:
    """Takes what the lane hands out; *told*: (when, connector, status or error)."""

    def __init__(self, minimum_s: int = 0) -> None:
        self.clock = VirtualClock()
        self.minimum_s = minimum_s
        self.lane = StatusLane(self.clock, lambda: self.minimum_s)
        self.told: list[tuple[float, int, str]] = []
        self.refuses = 0

    async def read(self) -> None:
        while True:
            pending: PendingReport = await self.lane.next()
            at_s = self.clock.monotonic_s() - 1_000
            one = pending.report
            said = one.status.value if one.error_code == "NoError" else one.error_code
            self.told.append((at_s, one.connector, said))
            if self.refuses:
                self.refuses -= 1
                self.lane.repeat(pending)

    @property
    def statuses(self) -> list[str]:
        return [said for *_, said in self.told]


@virtual
async def test_without_a_minimum_every_change_goes_out_at_once_in_order() -> None:
    reader = Reader()
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(reader.read())
        for status in (S.PREPARING, S.CHARGING, S.SUSPENDED_EV):
            reader.lane.put(report(status))
        await asyncio.sleep(0.1)
        assert reader.told == [(0, 1, "Preparing"), (0, 1, "Charging"), (0, 1, "SuspendedEV")]
        reading.cancel()


@virtual
async def test_with_a_minimum_only_what_lasts_is_told() -> None:
    reader = Reader(minimum_s=10)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(reader.read())
        reader.lane.put(report(S.PREPARING))
        await asyncio.sleep(9)
        reader.lane.put(report(S.CHARGING))
        await asyncio.sleep(60)
        reader.lane.put(report(S.SUSPENDED_EV))
        await asyncio.sleep(3)
        reader.lane.put(report(S.CHARGING))
        await asyncio.sleep(60)
        assert reader.told == [(19, 1, "Charging")]
        reading.cancel()


@virtual
async def test_every_distinct_error_gets_through_and_the_last_state_comes_last() -> None:
    reader = Reader(minimum_s=10)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(reader.read())
        reader.lane.put(report(S.PREPARING))
        for error in ("GroundFailure", "OverCurrentFailure"):
            reader.lane.put(report(S.FAULTED, error))
            await asyncio.sleep(1)
        reader.lane.put(report(S.AVAILABLE))
        await asyncio.sleep(60)
        assert reader.statuses == ["GroundFailure", "OverCurrentFailure", "Available"]
        reading.cancel()


@virtual
async def test_an_error_does_not_bring_along_the_state_that_it_cut_short() -> None:
    reader = Reader(minimum_s=10)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(reader.read())
        reader.lane.put(report(S.PREPARING))
        await asyncio.sleep(1)
        reader.lane.put(report(S.FAULTED, "GroundFailure"))
        await asyncio.sleep(60)
        assert reader.told == [(11, 1, "GroundFailure")]
        reading.cancel()


@virtual
async def test_the_last_state_comes_last_also_when_the_minimum_was_lowered_meanwhile() -> None:
    reader = Reader(minimum_s=60)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(reader.read())
        reader.lane.put(report(S.FAULTED, "GroundFailure"))
        reader.minimum_s = 0
        reader.lane.put(report(S.AVAILABLE))
        await asyncio.sleep(100)
        assert reader.statuses == ["GroundFailure", "Available"]
        reading.cancel()


@virtual
async def test_connectors_do_not_hold_each_other_up() -> None:
    reader = Reader(minimum_s=10)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(reader.read())
        reader.lane.put(report(S.PREPARING, connector=1))
        await asyncio.sleep(5)
        reader.lane.put(report(S.PREPARING, connector=2))
        await asyncio.sleep(20)
        assert reader.told == [(10, 1, "Preparing"), (15, 2, "Preparing")]
        reading.cancel()


@virtual
async def test_a_new_link_is_told_everything_again_and_at_once() -> None:
    reader = Reader(minimum_s=10)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(reader.read())
        reader.lane.put(report(S.PREPARING))
        present = [report(S.AVAILABLE, connector=0), report(S.CHARGING)]
        for _ in range(2):
            reader.lane.restart(present)
            await asyncio.sleep(20)
        assert reader.told == [
            (0, 0, "Available"),
            (0, 1, "Charging"),
            (20, 0, "Available"),
            (20, 1, "Charging"),
        ]
        reading.cancel()


@virtual
async def test_a_report_without_a_good_answer_is_repeated_a_few_times() -> None:
    reader = Reader()
    reader.refuses = 100
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(reader.read())
        reader.lane.put(report(S.PREPARING))
        await asyncio.sleep(1_000)
        assert [at_s for at_s, *_ in reader.told] == [RETRY_S * attempt for attempt in range(RETRIES + 1)]
        reading.cancel()


@virtual
async def test_a_report_that_is_no_longer_true_is_not_repeated() -> None:
    reader = Reader()
    reader.refuses = 1
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(reader.read())
        reader.lane.put(report(S.PREPARING))
        await asyncio.sleep(1)
        reader.lane.put(report(S.CHARGING))
        await asyncio.sleep(100)
        assert reader.statuses == ["Preparing", "Charging"]
        reading.cancel()


@virtual
async def test_who_waits_for_the_lane_is_woken_also_by_a_report_that_says_nothing_new() -> None:
    reader = Reader()
    lane = reader.lane
    lane.put(report(S.PREPARING))
    await lane.next()
    assert lane.idle
    lane.put(report(S.PREPARING))
    assert not lane.idle
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(lane.until_idle())
        await asyncio.sleep(1)
        assert not waiting.done()
        reading = tasks.create_task(reader.read())
        async with asyncio.timeout(1):
            await waiting
        assert reader.told == []
        reading.cancel()
