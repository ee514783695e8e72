"""The composition root: the only place that names concrete classes, builds the parts and joins them.

One TaskGroup holds everything, inside of the hardware's context: whatever fails, every contactor is open before
the process ends.
"""

import asyncio
import logging
import random
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cpd.clock import Clock, SystemClock
from cpd.control.listener import listening
from cpd.control.server import ControlServer
from cpd.control.station_target import StationTarget
from cpd.domain.composite import Connector, Supply
from cpd.ocpp.link import Link, LinkSettings
from cpd.ocpp.transport import Connect, Endpoint, TlsSettings, endpoint_url
from cpd.ocpp.v16.charge_point import ChargePoint
from cpd.ocpp.v16.translate_profiles import profile_to
from cpd.settings import Settings, load_settings
from cpd.station.csms import Csms, NoCsms
from cpd.station.fail_safe import FailSafe
from cpd.station.snapshot import StationIdentity
from cpd.station.station import Station, StationConfig
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
            _station_config(settings), store=store, hal=guard, csms=csms, timebase=timebase
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


async def serve(settings: Settings) -> None:
    """Run the daemon on the machine's clock and network until SIGTERM or SIGINT."""
    # A tenth of a second of start-up on a small Pi, which the tests and a charger that works alone are spared.
    from cpd.ocpp.websocket import dial

    clock = SystemClock()
    notifier = Notifier()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with (
        running(settings, clock, connect=dial, rng=random.Random()) as daemon,
        asyncio.TaskGroup() as tasks,
    ):
        aside = [tasks.create_task(clock.watch(), name="clock")]
        interval_s = watchdog_interval_s()
        if interval_s is not None:
            feeding = _feed_watchdog(clock, notifier, interval_s)
            aside.append(tasks.create_task(feeding, name="watchdog"))
        notifier.ready()
        log.info("daemon ready station=%s", settings.station.id)
        await stop.wait()
        notifier.stopping()
        log.info("daemon stopping")
        await daemon.station.shut_down()
        for task in aside:
            task.cancel()


def run(config: Path) -> None:
    """Run the daemon of the configuration file *config* to its end.

    Raises `SettingsError` before anything is touched, `CpdError` and `HalError` where a part cannot start.
    """
    settings = load_settings(config)
    log_to_stderr()
    for warning in settings.warnings:
        log.warning("%s", warning)
    asyncio.run(serve(settings))


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
            )
            for connector in settings.connectors
        ),
        # It is in the log; on a laptop that stalls, a late timer must not fail the stop of the daemon.
        raise_violations=False,
    )


def _station_config(settings: Settings) -> StationConfig:
    station = settings.station
    switching = any(connector.phase_switching for connector in settings.connectors)
    facts = {
        "NumberOfConnectors": str(len(settings.connectors)),
        "ConnectorSwitch3to1PhaseSupported": str(switching).lower(),
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
    )

    def make_link(charge_point: ChargePoint) -> Link:
        return Link(
            link_settings,
            clock,
            charge_point.answer,
            connect=connect,
            rng=rng,
            on_change=charge_point.link_changed,
        )

    return ChargePoint(
        make_link,
        clock,
        url=url,
        security_profile=csms.security_profile,
        verify_hostname=csms.verify_hostname,
    )
