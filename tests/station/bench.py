"""Parts of a station on virtual time: a real store that can be held up, mock outlets, a central system of values."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cpd.clock import ClockSource
from cpd.domain.authorization import AuthorizationStatus, IdTagInfo
from cpd.domain.diagnostics import Window
from cpd.domain.metering import MeterSample, SampleContext
from cpd.domain.profiles import ChargingProfile, ChargingSchedule, Kind, Purpose, RateUnit, SchedulePeriod
from cpd.domain.supply import Connector, Supply
from cpd.domain.transactions import Moment, Transaction
from cpd.errors import StorageError
from cpd.firmware import FirmwareCommands, MachineFirmware
from cpd.station.config import StationConfig
from cpd.station.csms import ConnectorReport, CsmsUnavailable
from cpd.station.diagnostics import DiagnosticsMachine, UploadFailure
from cpd.station.firmware import FirmwareMachine
from cpd.station.free_vend import AutoStart
from cpd.station.repositories import Repositories, Store, StoreHealth
from cpd.station.snapshot import LinkSnapshot, StationIdentity
from cpd.station.station import Station
from cpd.station.timebase import Timebase
from cpd.storage.database import Database
from hal.boards.mock.world import MockWorld
from hal.guard import Guard, HalConfig, open_guard
from hal.outlet.config import OutletConfig
from tests.virtual_time import VirtualClock

T = TypeVar("T")


class SlowStore:
    """A store whose disk stalls while it is *held*, and refuses the next *failures* works."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._passes = asyncio.Event()
        self._passes.set()
        self.failures = 0
        self.commits = 0

    def hold(self) -> None:
        self._passes.clear()

    def let_go(self) -> None:
        self._passes.set()

    async def commit(self, work: Callable[[Repositories], T]) -> T:
        self.commits += 1
        await self._pass()
        return await self._store.commit(work)

    @property
    def health(self) -> StoreHealth:
        return self._store.health

    async def relaxed(self, work: Callable[[Repositories], T]) -> T:
        await self._pass()
        return await self._store.relaxed(work)

    async def _pass(self) -> None:
        await self._passes.wait()
        if self.failures:
            self.failures -= 1
            raise StorageError("the disk is full")


class NoServer:
    """A `DiagnosticsMachine` whose uploads fail."""

    def can_reach(self, location: str) -> bool:
        return "://" in location

    def file_name(self) -> str:
        return "cpd-CP.tar.gz"

    async def upload(self, location: str, file_name: str, window: Window) -> None:
        raise UploadFailure("there is no server")


class FakeCsms:
    """A central system that knows the idTags of *answers*, and is silent about them while *silent*."""

    def __init__(self) -> None:
        self.online = True
        self.answers: dict[str, IdTagInfo] = {}
        self.asked: list[str] = []
        self.reports: list[ConnectorReport] = []
        self.metered_samples: list[tuple[int, MeterSample]] = []
        self.answering = asyncio.Event()
        self.answering.set()

    @property
    def link(self) -> LinkSnapshot:
        return LinkSnapshot(
            url="ws://csms",
            connected=self.online,
            since=None,
            registration="Accepted",
            online=self.online,
            last_answer_at=None,
            last_error=None,
            held=False,
            security_profile=0,
            verify_hostname=True,
        )

    async def authorize(self, id_tag: str) -> IdTagInfo:
        self.asked.append(id_tag)
        await self.answering.wait()
        if not self.online:
            raise CsmsUnavailable("the link was lost")
        return self.answers.get(id_tag, IdTagInfo(status=AuthorizationStatus.INVALID))

    def metered(self, connector: int, sample: MeterSample) -> None:
        self.metered_samples.append((connector, sample))

    def status_changed(self, report: ConnectorReport) -> None:
        self.reports.append(report)

    def hold(self) -> None:
        self.online = False

    def release(self) -> None:
        self.online = True

    def knows(self, id_tag: str, *, group: str | None = None) -> None:
        self.answers[id_tag] = IdTagInfo(status=AuthorizationStatus.ACCEPTED, parent_id_tag=group)

    def statuses(self, connector: int = 1) -> list[str]:
        return [str(report.status) for report in self.reports if report.connector == connector]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A served station."""

    station: Station
    guard: Guard
    store: SlowStore
    csms: FakeCsms
    clock: VirtualClock
    timebase: Timebase

    @property
    def world(self) -> MockWorld:
        world = self.guard.world
        assert world is not None
        return world

    async def until(self, holds: Callable[[], bool], within_s: float = 60.0) -> None:
        async with asyncio.timeout(within_s):
            while not holds():
                await self.station.changed.wait()

    async def status(self, status: str, connector: int = 1) -> None:
        await self.until(lambda: self.station.connectors[connector].report.status == status)

    def codes(self, connector: int = 1) -> list[str]:
        return [blocker.code for blocker in self.station.connectors[connector].blockers()]

    def running(self, connector: int = 1) -> Transaction | None:
        return self.station.ledger.running.get(connector)

    def running_tag(self, connector: int = 1) -> str | None:
        running = self.running(connector)
        return None if running is None else running.id_tag

    async def charge(self, id_tag: str = "TAG", connector: int = 1) -> Transaction:
        """Plug in, present a card, and wait until current flows."""
        self.csms.knows(id_tag)
        self.world.plug_in(connector)
        await self.status("Preparing", connector)
        self.world.swipe(id_tag, connector)
        await self.status("Charging", connector)
        running = self.running(connector)
        assert running is not None
        return running

    async def stopped(self) -> list[Transaction]:
        """The transactions whose stop is booked, oldest first."""
        recent = await self.store.relaxed(lambda repositories: repositories.transactions.recent(100))
        return [one for one, _ in reversed(recent) if not one.active]


def supply(connectors: int = 1, *, fuse_a: int | None = None) -> Supply:
    outlets = [
        Connector(id=number + 1, phases=3, voltage_v=230, max_current_ma=32_000)
        for number in range(connectors)
    ]
    return Supply(connectors=tuple(outlets), max_current_ma=None if fuse_a is None else fuse_a * 1_000)


@asynccontextmanager
async def bench(
    folder: Path,
    *,
    connectors: int = 1,
    fuse_a: int | None = None,
    resume: bool = False,
    free_vend: str | None = None,
    auto_start: str | None = None,
    ocpp: Mapping[str, str] | None = None,
    source: ClockSource = ClockSource.NTP,
    firmware: FirmwareMachine | None = None,
    diagnostics: DiagnosticsMachine | None = None,
    version: str = "1.0",
) -> AsyncIterator[Bench]:
    """A station over mock outlets and a store in *folder*; nothing unsafe may happen in it."""
    own = free_vend or auto_start
    config = StationConfig(
        identity=StationIdentity(
            id="CP", vendor="cpd", model="Pi", serial_number=None, firmware_version=version
        ),
        supply=supply(connectors, fuse_a=fuse_a),
        fail_safe=None,
        keep_days=30,
        resume_after_power_loss=resume,
        auto_starts={} if own is None else {1: AutoStart(id_tag=own, free_vend=free_vend is not None)},
        ocpp={"MeterValueSampleInterval": "0", **(ocpp or {})},
        hal_backend="mock",
        hal_process="inside",
    )
    outlets = tuple(OutletConfig(id=number + 1) for number in range(connectors))
    hal = HalConfig(backend="mock", state_dir=folder / "hal", outlets=outlets)
    clock, csms = VirtualClock(source=source), FakeCsms()
    timebase = Timebase(clock)
    async with open_guard(hal) as guard, Database.open(folder / "cpd.db") as database:
        store = SlowStore(database)
        commands = FirmwareCommands(install=None, confirm=None, roll_back=None, confirm_within_s=600)
        machine = firmware or MachineFirmware(
            folder / "firmware", commands, ca_file=None, takes_anything=True
        )
        station = await Station.load(
            config,
            store=store,
            hal=guard,
            csms=csms,
            timebase=timebase,
            firmware=machine,
            diagnostics=diagnostics or NoServer(),
            rng=random.Random(7),
        )
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(station.run())
            await asyncio.sleep(0.1)
            yield Bench(station=station, guard=guard, store=store, csms=csms, clock=clock, timebase=timebase)
            serving.cancel()


def moment(monotonic_s: float = 1_000.0) -> Moment:
    return Moment(boot="boot", monotonic_s=monotonic_s, at=None)


def transaction(local_id: str = "tx-1", *, connector: int = 1, order: int = 1) -> Transaction:
    return Transaction(
        local_id=local_id,
        order=order,
        connector=connector,
        id_tag="TAG",
        parent_id_tag=None,
        started=moment(),
        meter_start_wh=100,
        last_meter_wh=100,
    )


def sample(energy_wh: int, taken: Moment | None = None) -> MeterSample:
    return MeterSample(
        taken=taken or moment(),
        context=SampleContext.PERIODIC,
        energy_wh=energy_wh,
        power_w=None,
        current_ma=None,
        voltage_mv=None,
        offered_ma=0,
        offered_w=0,
    )


def profile(
    profile_id: int = 1,
    limit_a: int = 10,
    *,
    purpose: Purpose = Purpose.TX_DEFAULT,
    then_a: Mapping[int, int] | None = None,
    start_at_s: int | None = None,
) -> ChargingProfile:
    """A limit of *limit_a*, and of *then_a* from so many seconds on; counted from the start of charging."""
    steps = {0: limit_a, **(then_a or {})}
    schedule = ChargingSchedule(
        unit=RateUnit.A,
        periods=tuple(
            SchedulePeriod(start_s=start_s, limit_tenths=limit * 10) for start_s, limit in steps.items()
        ),
        start_at_s=start_at_s,
    )
    kind = Kind.RELATIVE if start_at_s is None else Kind.ABSOLUTE
    return ChargingProfile(id=profile_id, stack_level=0, purpose=purpose, kind=kind, schedule=schedule)
