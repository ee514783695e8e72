"""The composition root: the only place that names concrete classes, builds the parts and joins them.

One TaskGroup holds everything, inside of the hardware's context: whatever fails, every contactor is open before
the process ends.
"""

import asyncio
import logging
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cpd.belonging import Belonging, machine_identity
from cpd.clock import Clock, SystemClock
from cpd.control.listener import listening
from cpd.control.server import ControlServer
from cpd.control.station_target import StationTarget
from cpd.diagnostics.bundle import Bundler
from cpd.diagnostics.frame_keeper import FrameKeeper
from cpd.diagnostics.log_ring import recorded_log
from cpd.diagnostics.uploader import DiagnosticsUploader
from cpd.firmware import MachineFirmware
from cpd.hard_reset import reset_machine
from cpd.ocpp.frame_ring import FrameRing
from cpd.ocpp.link import Link
from cpd.ocpp.transport import Connect
from cpd.ocpp.v16.charge_point import ChargePoint
from cpd.ocpp.v16.translate_profiles import profile_to
from cpd.parts import firmware_commands, link_settings, station_config
from cpd.reloading import Reloading
from cpd.settings import Settings, load_settings
from cpd.station.csms import Csms, NoCsms
from cpd.station.reset import Reset, ResetKind
from cpd.station.station import Station
from cpd.station.timebase import Timebase
from cpd.storage.database import Database
from cpd.supervision import Supervision
from cpd.systemd import runtime_directory
from hal.composition import hal_config
from hal.examination import Finding
from hal.guard import Guard, open_guard
from hal.systemd import Notifier, watchdog_s_asked

if TYPE_CHECKING:
    from hal.wire.client import RemoteHal

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """The running parts, for whoever started them."""

    guard: "Guard | RemoteHal"
    store: Database
    station: Station
    csms: Csms
    control: ControlServer
    reloading: Reloading


@asynccontextmanager
async def running(
    settings: Settings,
    clock: Clock,
    *,
    connect: Connect,
    rng: random.Random,
    runtime: Path | None = None,
    root: Path = Path("/"),
) -> AsyncIterator[Daemon]:
    """The whole daemon, served until the body ends; a bug in any part ends it, hardware safe.

    *connect* opens connections to the CSMS. *runtime* is a directory in memory that outlives the daemon; *root* is
    where the files of the system begin. Raises
    `HalError`, `StorageError` and `ControlSocketError` where a part cannot start.
    """
    async with AsyncExitStack() as stack:
        # First, because it tells whether another daemon runs: nothing of that one's may be touched.
        listener = stack.enter_context(listening(settings.control.socket))
        recorded, frames = stack.enter_context(recorded_log(clock.monotonic_s)), FrameRing()
        guard = await stack.enter_async_context(_hardware(settings))
        store = await stack.enter_async_context(Database.open(settings.store.path))
        timebase = Timebase(clock)
        belonging = Belonging(
            store, timebase, identity=machine_identity(root), station_id=settings.station.id
        )
        await belonging.look()
        charge_point = _charge_point(settings, clock, connect, rng, frames)
        csms: Csms = NoCsms() if charge_point is None else charge_point
        ca_file = None if settings.csms is None else settings.csms.ca_file
        firmware = MachineFirmware(
            settings.store.path.with_name("firmware"),
            firmware_commands(settings),
            ca_file=ca_file,
            takes_anything=settings.hal.backend == "mock",
        )
        uploader = DiagnosticsUploader(
            lambda window, name: bundler.bundle(window, name),
            station_id=settings.station.id,
            clock=clock,
            ca_file=ca_file,
        )
        station = await Station.load(
            station_config(settings),
            store=store,
            hal=guard,
            csms=csms,
            timebase=timebase,
            firmware=firmware,
            diagnostics=uploader,
            rng=rng,
        )

        def apply(changed: Settings) -> None:
            station.reconfigure(station_config(changed))
            firmware.commands = firmware_commands(changed)
            if charge_point is not None and changed.csms is not None:
                firmware.ca_file = uploader.ca_file = changed.csms.ca_file
                charge_point.reconfigure(
                    link_settings(changed.station.id, changed.csms, changed.offline),
                    security_profile=changed.csms.security_profile,
                )

        async def examine() -> tuple[Finding, ...]:
            from cpd.diagnostics.doctor import Doctor

            doctor = Doctor(
                settings=lambda: reloading.settings,
                snapshot=station.snapshot,
                hardware=guard.examine,
                clock=clock,
            )
            return await doctor.examine()

        reloading = Reloading(settings, apply)
        target = StationTarget(
            station,
            csms,
            store,
            timebase,
            perform=guard.perform if guard.has_world else None,
            profile_document=profile_to,
            reload=reloading.reload,
            bundle=lambda window: bundler.bundle(window),
            trace=lambda after, limit, since_s: bundler.trace(after, limit, since_s),
            examine=examine,
            accept_machine=lambda: belonging.accept(station.journal),
        )
        keeper = FrameKeeper(
            frames,
            clock,
            folder=settings.store.path.with_name("frames"),
            runtime=runtime,
            at_zero=lambda: timebase.at_zero,
            redaction=lambda: bundler.redaction(),
        )
        bundler = Bundler(
            target,
            station_id=settings.station.id,
            config=settings.file,
            store=store,
            folder=settings.store.path.parent,
            log=recorded,
            frames=frames,
            kept_frames=keeper,
            clock=clock,
            at_zero=lambda: timebase.at_zero,
        )
        control = ControlServer(listener, target, clock)
        await stack.enter_async_context(keeper.kept())
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        served = [
            tasks.create_task(control.run(), name="control"),
            tasks.create_task(station.run(), name="station"),
            tasks.create_task(reloading.run(), name="reload"),
            tasks.create_task(keeper.run(), name="frames"),
        ]
        if charge_point is not None:
            served.append(tasks.create_task(charge_point.run(station, timebase), name="csms"))
        await control.started.wait()
        try:
            yield Daemon(
                guard=guard, store=store, station=station, csms=csms, control=control, reloading=reloading
            )
        finally:
            for task in served:
                task.cancel()


async def live(
    settings: Settings,
    clock: Clock,
    *,
    connect: Connect,
    rng: random.Random,
    stop: asyncio.Event,
    alive: Callable[[Daemon], AbstractAsyncContextManager[None]],
) -> int:
    """Run the daemon, again after each Soft reset, until *stop* is set or a Hard one; returns the exit status.

    *alive* encloses each life. Between two of them every contactor is open, and nothing is left of the one before but
    the store.
    """
    while True:
        async with (
            running(settings, clock, connect=connect, rng=rng, runtime=runtime_directory()) as daemon,
            alive(daemon),
        ):
            reset = daemon.station.reset
            await _until_end(stop, reset)
            log.info("daemon stopping reset=%s", reset.kind)
            settings = daemon.reloading.settings
            await daemon.station.shut_down(None if stop.is_set() else reset.kind)
            retries = daemon.station.configuration.variables.integer("ResetRetries")
        if stop.is_set():
            return 0
        if reset.kind is ResetKind.HARD:
            return await reset_machine(settings.station.hard_reset_command, retries=retries)


async def _until_end(stop: asyncio.Event, reset: Reset) -> None:
    """Wait for whatever ends this life of the daemon."""
    async with asyncio.TaskGroup() as tasks:
        causes = [
            tasks.create_task(stop.wait(), name="stop"),
            tasks.create_task(reset.asked(), name="reset"),
        ]
        await asyncio.wait(causes, return_when=asyncio.FIRST_COMPLETED)
        for cause in causes:
            cause.cancel()


async def serve(settings: Settings) -> int:
    """Run the daemon on the machine's clock and network until SIGTERM or SIGINT; returns the exit status."""
    # A tenth of a second of start-up on a small Pi, which the tests and a charger that works alone are spared.
    from cpd.ocpp.websocket import dial

    clock = SystemClock()
    notifier = Notifier()
    supervision = Supervision(notifier, clock, watchdog_s=watchdog_s_asked())
    stop = asyncio.Event()

    def terminate() -> None:
        notifier.stopping()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, terminate)
    # Until the daemon is up there is nothing to reload, and the signal would end the process.
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: None)

    @asynccontextmanager
    async def alive(daemon: Daemon) -> AsyncIterator[None]:
        daemon.reloading.noted = supervision.reloading
        with supervision.of(daemon.station, daemon.store):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, daemon.reloading.ask)
            notifier.ready()
            log.info("daemon ready station=%s", settings.station.id)
            yield
            command = daemon.reloading.settings.station.hard_reset_command
            if daemon.station.reset.kind is ResetKind.HARD and command is None:
                # From here on systemd bounds the end. A command may take longer than that, and is bounded itself.
                notifier.stopping()

    async with asyncio.TaskGroup() as tasks:
        aside = [
            tasks.create_task(clock.watch(), name="clock"),
            tasks.create_task(supervision.run(), name="supervision"),
        ]
        status = await live(settings, clock, connect=dial, rng=random.Random(), stop=stop, alive=alive)
        for task in aside:
            task.cancel()
    return status


def run(config: Path) -> int:
    """Run the daemon of the configuration file *config* to its end; returns the exit status.

    Raises `SettingsError` before anything is touched, `CpdError` and `HalError` where a part cannot start.
    """
    settings = load_settings(config)
    for warning in settings.warnings:
        log.warning("%s", warning)
    return asyncio.run(serve(settings))


def _hardware(settings: Settings) -> "AbstractAsyncContextManager[Guard | RemoteHal]":
    """The outlets, in this process or behind the socket of the guard."""
    if settings.hal.process == "inside":
        return open_guard(hal_config(settings))
    # Its messages are a tenth of what the start loads, and on a laptop nobody needs them.
    from hal.wire.client import connect

    connectors = [connector.id for connector in settings.connectors]
    return connect(settings.hal.guard_socket, connectors, settings.hal.backend)


def _charge_point(
    settings: Settings, clock: Clock, connect: Connect, rng: random.Random, frames: FrameRing
) -> ChargePoint | None:
    csms = settings.csms
    if csms is None:
        return None
    dialled = link_settings(settings.station.id, csms, settings.offline)

    def make_link(charge_point: ChargePoint) -> Link:
        return Link(
            dialled,
            clock,
            charge_point.answer,
            connect=connect,
            rng=rng,
            on_change=charge_point.link_changed,
            on_answer=charge_point.answered,
            frames=frames,
        )

    return ChargePoint(
        make_link,
        clock,
        url=dialled.endpoint.url,
        security_profile=csms.security_profile,
        verify_hostname=csms.verify_hostname,
    )
