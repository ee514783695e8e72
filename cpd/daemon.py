"""The composition root: the only place that names concrete classes, builds the parts and joins them.

One TaskGroup holds everything, inside of the hardware's context: whatever fails, every contactor is open before
the process ends.
"""

import asyncio
import logging
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cpd.clock import Clock, SystemClock
from cpd.control.listener import listening
from cpd.control.server import ControlServer
from cpd.control.station_target import StationTarget
from cpd.domain.composite import Connector, Supply
from cpd.firmware import MachineFirmware
from cpd.hard_reset import reset_machine
from cpd.ocpp.link import SILENCE_S, Link, LinkSettings
from cpd.ocpp.transport import Connect, Endpoint, TlsSettings, endpoint_url
from cpd.ocpp.v16.charge_point import ChargePoint
from cpd.ocpp.v16.translate_profiles import profile_to
from cpd.settings import Settings, load_settings
from cpd.station.config import StationConfig
from cpd.station.csms import Csms, NoCsms
from cpd.station.fail_safe import FailSafe
from cpd.station.reset import Reset, ResetKind
from cpd.station.snapshot import StationIdentity
from cpd.station.station import Station
from cpd.station.timebase import Timebase
from cpd.storage.database import Database
from cpd.systemd import Notifier, log_to_stderr, watchdog_interval_s
from hal.errors import BackendUnavailable
from hal.guard import Guard, HalConfig, open_guard
from hal.outlet.config import OutletConfig

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """The running parts, for whoever started them."""

    guard: Guard
    station: Station
    csms: Csms
    control: ControlServer


@asynccontextmanager
async def running(
    settings: Settings, clock: Clock, *, connect: Connect, rng: random.Random
) -> AsyncIterator[Daemon]:
    """The whole daemon, served until the body ends; a bug in any part ends it, hardware safe.

    *connect* opens connections to the CSMS. Raises `HalError`, `StorageError` and `ControlSocketError` where a
    part cannot start.
    """
    if settings.hal.process != "inside":
        raise BackendUnavailable(
            f"hal.process {settings.hal.process!r} is not available in this build; use 'inside'"
        )
    async with AsyncExitStack() as stack:
        # First, because it tells whether another daemon runs: nothing of that one's may be touched.
        listener = stack.enter_context(listening(settings.control.socket))
        guard = await stack.enter_async_context(open_guard(_hal_config(settings)))
        store = await stack.enter_async_context(Database.open(settings.store.path))
        timebase = Timebase(clock)
        charge_point = _charge_point(settings, clock, connect, rng)
        csms: Csms = NoCsms() if charge_point is None else charge_point
        station = await Station.load(
            _station_config(settings),
            store=store,
            hal=guard,
            csms=csms,
            timebase=timebase,
            firmware=MachineFirmware(
                settings.store.path.with_name("firmware"),
                settings.firmware.install_command,
                takes_anything=settings.hal.backend == "mock",
            ),
        )
        target = StationTarget(station, csms, store, timebase, world=guard.world, profile_document=profile_to)
        control = ControlServer(listener, target, clock)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        served = [
            tasks.create_task(control.run(), name="control"),
            tasks.create_task(station.run(), name="station"),
        ]
        if charge_point is not None:
            served.append(tasks.create_task(charge_point.run(station, timebase), name="csms"))
        await control.started.wait()
        try:
            yield Daemon(guard=guard, station=station, csms=csms, control=control)
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
    up: Callable[[Daemon], None],
) -> int:
    """Run the daemon, again after each Soft reset, until *stop* is set or a Hard one; returns the exit status.

    *up* is called at the beginning of each life. Between two of them every contactor is open, and nothing is left
    of the one before but the store.
    """
    while True:
        async with running(settings, clock, connect=connect, rng=rng) as daemon:
            up(daemon)
            reset = daemon.station.reset
            await _until_end(stop, reset)
            log.info("daemon stopping reset=%s", reset.kind)
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
    stop = asyncio.Event()

    def terminate() -> None:
        notifier.stopping()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, terminate)

    def up(_daemon: Daemon) -> None:
        notifier.ready()
        log.info("daemon ready station=%s", settings.station.id)

    async with asyncio.TaskGroup() as tasks:
        aside = [tasks.create_task(clock.watch(), name="clock")]
        interval_s = watchdog_interval_s()
        if interval_s is not None:
            feeding = _feed_watchdog(clock, notifier, interval_s)
            aside.append(tasks.create_task(feeding, name="watchdog"))
        status = await live(settings, clock, connect=dial, rng=random.Random(), stop=stop, up=up)
        for task in aside:
            task.cancel()
    return status


def run(config: Path) -> int:
    """Run the daemon of the configuration file *config* to its end; returns the exit status.

    Raises `SettingsError` before anything is touched, `CpdError` and `HalError` where a part cannot start.
    """
    settings = load_settings(config)
    log_to_stderr()
    for warning in settings.warnings:
        log.warning("%s", warning)
    return asyncio.run(serve(settings))


async def _feed_watchdog(clock: Clock, notifier: Notifier, interval_s: float) -> None:
    while True:
        notifier.watchdog()
        await clock.sleep(interval_s)


def _hal_config(settings: Settings) -> HalConfig:
    return HalConfig(
        backend=settings.hal.backend,
        state_dir=settings.hal.state_dir,
        outlets=tuple(
            OutletConfig(
                id=connector.id,
                max_current_ma=connector.max_current_a * 1_000,
                phases=connector.phases,
                voltage_v=connector.voltage_v,
                lock=connector.lock,
                ventilation=connector.ventilation,
                phase_switching=connector.phase_switching,
                thermometer=settings.hal.backend == "mock",
            )
            for connector in settings.connectors
        ),
        # It is in the log; on a laptop that stalls, a late timer must not fail the stop of the daemon.
        raise_violations=False,
        remembers_vehicles=settings.hal.mock_vehicle == "remembered",
    )


def _station_config(settings: Settings) -> StationConfig:
    station = settings.station
    switching = any(connector.phase_switching for connector in settings.connectors)
    facts = {
        "NumberOfConnectors": str(len(settings.connectors)),
        "ConnectorSwitch3to1PhaseSupported": str(switching).lower(),
        "ConnectorPhaseRotation": ",".join(
            f"{connector.id}.{'NotApplicable' if connector.phases == 1 else 'Unknown'}"
            for connector in settings.connectors
        ),
    }
    fuse_a = station.max_current_a
    return StationConfig(
        identity=StationIdentity(
            id=station.id,
            vendor=station.vendor,
            model=station.model,
            serial_number=station.serial_number,
            firmware_version=station.firmware_version,
        ),
        supply=Supply(
            connectors=tuple(
                Connector(
                    id=connector.id,
                    phases=connector.phases,
                    voltage_v=connector.voltage_v,
                    max_current_ma=connector.max_current_a * 1_000,
                    phase_switching=connector.phase_switching,
                )
                for connector in settings.connectors
            ),
            max_current_ma=None if fuse_a is None else fuse_a * 1_000,
        ),
        fail_safe=None
        if settings.offline is None
        else FailSafe(after_s=settings.offline.after_s, current_ma=settings.offline.max_current_a * 1_000),
        keep_days=settings.store.keep_days,
        resume_after_power_loss=station.on_power_loss == "resume",
        auto_start_tags={
            connector.id: connector.auto_start_tag for connector in settings.connectors if connector.free_vend
        },
        ocpp={**facts, **settings.ocpp},
        hal_backend=settings.hal.backend,
        hal_process=settings.hal.process,
    )


def _charge_point(
    settings: Settings, clock: Clock, connect: Connect, rng: random.Random
) -> ChargePoint | None:
    csms = settings.csms
    if csms is None:
        return None
    url = endpoint_url(csms.url, settings.station.id)
    link_settings = LinkSettings(
        endpoint=Endpoint(
            url=url,
            username=settings.station.id,
            password=csms.password if csms.security_profile in (1, 2) else None,
            tls=TlsSettings(
                ca_file=csms.ca_file,
                cert_file=csms.cert_file,
                key_file=csms.key_file,
                verify_hostname=csms.verify_hostname,
            ),
        ),
        answer_timeout_s=csms.answer_timeout_s,
        reconnect_min_s=csms.reconnect_min_s,
        reconnect_max_s=csms.reconnect_max_s,
        reconnect_jitter_s=csms.reconnect_jitter_s,
        silence_s=_silence_s(settings),
    )

    def make_link(charge_point: ChargePoint) -> Link:
        return Link(
            link_settings,
            clock,
            charge_point.answer,
            connect=connect,
            rng=rng,
            on_change=charge_point.link_changed,
            on_answer=charge_point.answered,
        )

    return ChargePoint(
        make_link,
        clock,
        url=url,
        security_profile=csms.security_profile,
        verify_hostname=csms.verify_hostname,
    )


def _silence_s(settings: Settings) -> float:
    """An idle CSMS that lives must be heard of before its silence counts as too long."""
    return SILENCE_S if settings.offline is None else min(SILENCE_S, settings.offline.after_s / 2)
