"""The charge point as its CSMS and its technicians see it: one object that joins the parts and owns no rule.

Everything that an OCPP version or the control interface may ask is a method here, in terms of the domain.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from cpd.domain.authorization import AuthorizationStatus, IdTagInfo
from cpd.domain.composite import CompositeSchedule, Supply, composite_schedule
from cpd.domain.connector_status import NO_ERROR, ConnectorStatus
from cpd.domain.profile_book import ProfileBook, ProfileFilter
from cpd.domain.profiles import STATION, ChargingProfile, RateUnit, Refusal
from cpd.domain.transactions import StopReason, Transaction
from cpd.errors import StorageError
from cpd.station.admission import Admission
from cpd.station.configuration import Configuration
from cpd.station.connector import Authorisation, ConnectorTask
from cpd.station.csms import ConnectorReport, Csms
from cpd.station.dating import date_moments
from cpd.station.fail_safe import FailSafe
from cpd.station.housekeeping import Housekeeping
from cpd.station.journal import Delivery, Journal
from cpd.station.kept import Kept, read_kept
from cpd.station.ledger import Ledger
from cpd.station.limits import LimitScheduler
from cpd.station.metering import MeterSampler
from cpd.station.recovery import recover
from cpd.station.repositories import Store
from cpd.station.signal import Signal
from cpd.station.snapshot import ConnectorSnapshot, StationIdentity, StationSnapshot
from cpd.station.timebase import Timebase
from hal.evse import CardRead, Hal

log = logging.getLogger(__name__)

SHUT_DOWN_S = 12.0
"""How long a planned stop may take: 6 s for the vehicle, margin for the store; systemd allows 15 s."""

FAREWELL_S = 2.0
"""How long the CSMS may take to hear of what was stopped; otherwise it hears it after the restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfig:
    """What the installer decided: identity, electrical facts, behaviour after a power cut, initial OCPP values.

    *keep_days*: how long delivered transactions and the audit are kept. *auto_start_tags*: the idTag with which a
    connector charges without a card, by connector.
    """

    identity: StationIdentity
    supply: Supply
    fail_safe: FailSafe | None
    keep_days: int
    resume_after_power_loss: bool
    auto_start_tags: Mapping[int, str]
    ocpp: Mapping[str, str]
    hal_backend: str
    hal_process: str


class Station:
    """All connectors with what they share; made by `load`, served by `run`."""

    def __init__(
        self, config: StationConfig, kept: Kept, *, store: Store, hal: Hal, csms: Csms, timebase: Timebase
    ) -> None:
        self._config = config
        self._hal = hal
        self._csms = csms
        self._timebase = timebase
        self._replan = Signal()
        self._store = store
        self.changed = Signal()
        self.configuration = Configuration(store, config.ocpp, kept.variables)
        self.journal = Journal(store, queued=kept.queued, dead=kept.dead, changed=self.changed.fire)
        self.ledger = Ledger(
            store,
            self.journal,
            timebase,
            book=ProfileBook(profiles=kept.profiles),
            next_order=kept.next_order,
            changed=self._ledger_changed,
        )
        self.limits = LimitScheduler(config.supply, self.ledger, timebase, self.changed.fire)
        self.connectors = {
            number: ConnectorTask(
                number,
                evse,
                ledger=self.ledger,
                configuration=self.configuration,
                csms=csms,
                timebase=timebase,
                changed=self.changed,
                replan=self.limits.recompute,
                claim=self._claim,
                auto_start_tag=config.auto_start_tags.get(number),
            )
            for number, evse in hal.evses.items()
        }
        for number, availability in kept.availability.items():
            if number in self.connectors:
                self.connectors[number].operative = availability.operative
        self.sampler = MeterSampler(
            hal.evses,
            ledger=self.ledger,
            journal=self.journal,
            store=store,
            configuration=self.configuration,
            csms=csms,
            timebase=timebase,
            replan=self._replan,
            nominal_v={one.id: one.voltage_v for one in config.supply.connectors},
        )
        self._housekeeping = Housekeeping(store, self.ledger, timebase, keep_days=config.keep_days)
        self.admission = Admission(
            self.connectors,
            ledger=self.ledger,
            store=store,
            configuration=self.configuration,
            csms=csms,
            timebase=timebase,
            changed=self.changed,
        )

    @classmethod
    async def load(
        cls, config: StationConfig, *, store: Store, hal: Hal, csms: Csms, timebase: Timebase
    ) -> "Station":
        """The station as the store kept it, interrupted transactions booked or resumed. Raises `StorageError`."""
        kept = await store.relaxed(read_kept)
        station = cls(config, kept, store=store, hal=hal, csms=csms, timebase=timebase)
        resume = config.resume_after_power_loss
        await recover(kept.running, station.ledger, hal.evses, resume=resume)
        station.limits.drive(station.connectors)
        return station

    async def run(self) -> None:
        """Serve for ever."""
        async with asyncio.TaskGroup() as tasks:
            for number, task in self.connectors.items():
                tasks.create_task(task.run(), name=f"connector-{number}")
            tasks.create_task(self.limits.run(), name="limits")
            tasks.create_task(self.sampler.run(), name="meter-sampler")
            tasks.create_task(self.admission.run(), name="admission")
            tasks.create_task(self._read_cards(), name="cards")
            tasks.create_task(self._follow_clock(), name="clock-steps")
            tasks.create_task(self._follow_configuration(), name="configuration")
            tasks.create_task(date_moments(self._store, self._timebase), name="dating")
            tasks.create_task(self._housekeeping.run(), name="housekeeping")
            if self._config.fail_safe is not None:
                watching = self._config.fail_safe.watch(self._csms, self.changed, self.limits.hold_to)
                tasks.create_task(watching, name="fail-safe")

    @property
    def identity(self) -> StationIdentity:
        """Who this charge point is."""
        return self._config.identity

    def has_connector(self, connector: int) -> bool:
        """True for 1 … n."""
        return connector in self.connectors

    async def install_profile(self, profile: ChargingProfile, connector: int) -> Refusal | None:
        """Install a charging profile (OCPP 1.6 §5.16); None once it is kept and in force, else why not."""
        try:
            refusal = await self.ledger.install(profile, connector, self.configuration.capabilities)
        except StorageError as error:
            log.error("profile #%d is refused, the store failed: %s", profile.id, error)
            return Refusal.NOT_KEPT
        log.info(
            "profile #%d %s connector=%d level=%d %s",
            profile.id,
            profile.purpose,
            connector,
            profile.stack_level,
            "installed" if refusal is None else f"refused: {refusal}",
        )
        return refusal

    async def clear_profiles(self, which: ProfileFilter) -> int:
        """Remove charging profiles (OCPP 1.6 §5.5); returns how many went. Raises `StorageError`."""
        cleared = await self.ledger.clear(which)
        log.info("profiles cleared=%d", cleared)
        return cleared

    def composite_schedule(
        self, connector: int, duration_s: int, unit: RateUnit | None
    ) -> CompositeSchedule | Refusal:
        """What will hold from now on (OCPP 1.6 §5.7), by the engine that the outlets follow."""
        return composite_schedule(
            self._timebase.epoch_s(),
            duration_s,
            connector,
            unit,
            self.ledger.book,
            self.limits.supply,
            self.ledger.sessions,
            self.configuration.capabilities,
            clock_trusted=self._timebase.clock.trusted,
        )

    async def start_remotely(
        self, id_tag: str, connector: int | None, profile: ChargingProfile | None
    ) -> str | None:
        """Accept a remote start (OCPP 1.6 §5.11); None when it was accepted, else why not."""
        capabilities = self.configuration.capabilities
        if not capabilities.smart_charging_enabled:
            profile = None
        with_profile = profile is not None
        target = self.admission.remote_target(connector, with_profile=with_profile)
        if target is None:
            return "no such connector is free"
        waits = connector is not None or len(self.connectors) == 1 or target.waits_for_card
        place = target.id if waits else None
        if profile is not None:
            refusal = await self.ledger.hold(profile, place, capabilities)
            if refusal is not None:
                return str(refusal)
            # Another change of the book may have held this one up for seconds.
            if self.admission.remote_target(place, with_profile=with_profile) is None:
                await self.ledger.drop_pending(place)
                return "the connector was taken meanwhile"
        if not self.admission.start_remotely(id_tag, place, with_profile=with_profile):
            await self.ledger.drop_pending(place)
            return "too many requests wait already"
        return None

    async def stop_remotely(self, csms_id: int) -> bool:
        """Stop the transaction that the CSMS calls *csms_id* (OCPP 1.6 §5.12); False where none runs.

        Central systems give a number twice: of several running transactions the newest one is meant.
        """
        named = [one for one in self.ledger.running.values() if one.csms_id == csms_id]
        if not named:
            return False
        newest = max(named, key=lambda one: one.order)
        await self.connectors[newest.connector].stop(StopReason.REMOTE)
        return True

    async def start_answered(self, delivery: Delivery, csms_id: int, info: IdTagInfo) -> None:
        """The CSMS answered StartTransaction: keep its number as given, and do as it says of the idTag.

        Raises `StorageError` where the number is not kept; then call it again.
        """
        transaction = delivery.transaction
        await self.journal.delivered(delivery, self.ledger.numbered(transaction, csms_id))
        if info.status is not AuthorizationStatus.CONCURRENT_TX:
            await self.admission.remember(transaction.id_tag, info)
        running = self.ledger.running.get(transaction.connector)
        if info.status is AuthorizationStatus.ACCEPTED or running is None:
            return
        if running.local_id != transaction.local_id or running.stop_reason is not None:
            return
        log.warning(
            "transaction connector=%d id=%d not accepted: %s", running.connector, csms_id, info.status
        )
        task = self.connectors[running.connector]
        if self.configuration.variables.boolean("StopTransactionOnInvalidId"):
            await self._end(task, StopReason.DEAUTHORIZED)
        else:
            task.deauthorise()

    def csms_changed(self) -> None:
        """The link or the registration changed, and with it perhaps why a connector does not charge."""
        for task in self.connectors.values():
            task.wake()
        self.changed.fire()

    async def shut_down(self) -> None:
        """End what runs in good order before a planned restart, unless it is to be resumed after it."""
        if self._config.resume_after_power_loss or not self.ledger.running:
            return
        for task in self.connectors.values():
            await self._end(task, StopReason.REBOOT)
        try:
            async with asyncio.timeout(SHUT_DOWN_S):
                while self.ledger.running:
                    await self.changed.wait()
        except TimeoutError:
            log.error("shutdown leaves %d transactions to the next start", len(self.ledger.running))
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                while self._csms.online and self.journal.queued:
                    await self.changed.wait()

    def present_card(self, card: CardRead) -> bool:
        """A card, or somebody in its place; False where too many wait already."""
        return self.admission.present(card)

    @property
    def reports(self) -> tuple[ConnectorReport, ...]:
        """The present status of the station (connector 0) and of every connector."""
        station = ConnectorReport(
            connector=STATION,
            status=ConnectorStatus.AVAILABLE,
            error_code=NO_ERROR,
            info=None,
            since=self._timebase.moment(),
        )
        return (station, *(task.report for task in self.connectors.values()))

    def snapshot(self) -> StationSnapshot:
        """Everything that is true now."""
        clock = self._timebase.clock
        return StationSnapshot(
            identity=self._config.identity,
            uptime_s=self._timebase.uptime_s,
            now=clock.now(),
            clock_source=clock.source,
            clock_trusted=clock.trusted,
            link=self._csms.link,
            queued=self.journal.queued,
            dead=self.journal.dead,
            hal_backend=self._config.hal_backend,
            hal_process=self._config.hal_process,
            connectors=tuple(self._connector_snapshot(task) for task in self.connectors.values()),
        )

    async def transactions(self, limit: int) -> Sequence[tuple[Transaction, bool]]:
        """The newest *limit* transactions, newest first, each with: has the CSMS taken all of it?

        Running ones are as they are now, what they have taken included. Raises `StorageError`.
        """
        recent = await self._store.relaxed(lambda repositories: repositories.transactions.recent(limit))
        return [(self._as_it_runs(transaction), delivered) for transaction, delivered in recent]

    def _as_it_runs(self, kept: Transaction) -> Transaction:
        running = self.ledger.running.get(kept.connector)
        if running is None or running.local_id != kept.local_id:
            return kept
        meter = self._hal.evses[kept.connector].snapshot().meter
        register_wh = 0 if meter is None else meter.energy_wh
        return replace(running, last_meter_wh=max(running.last_meter_wh, register_wh))

    def _connector_snapshot(self, task: ConnectorTask) -> ConnectorSnapshot:
        outlet = task.evse.snapshot()
        transaction = task.transaction
        meter = outlet.meter
        limit = self.limits.applied[task.id].limit
        energy_wh = None
        if transaction is not None and meter is not None:
            energy_wh = max(meter.energy_wh, transaction.last_meter_wh) - transaction.meter_start_wh
        return ConnectorSnapshot(
            id=task.id,
            status=task.report.status,
            error_code=task.report.error_code,
            operative=task.operative,
            outlet=outlet,
            meter_age_s=None if meter is None else self._timebase.clock.monotonic_s() - meter.at_s,
            limit=limit,
            limit_until=self._timebase.wall_time(limit.valid_until_s),
            offer_ma=outlet.offer_ma,
            transaction=transaction,
            transaction_started_at=None if transaction is None else self._timebase.date(transaction.started),
            transaction_energy_wh=energy_wh,
            blockers=task.blockers(),
        )

    async def _end(self, task: ConnectorTask, reason: StopReason) -> None:
        try:
            await task.stop(reason)
        except StorageError as error:
            log.error("stop connector=%d reason=%s is not kept: %s", task.id, reason, error)

    def _claim(self, connector: int) -> Authorisation | None:
        return self.admission.claim(connector)

    def _ledger_changed(self) -> None:
        self.limits.recompute()
        self._replan.fire()

    async def _read_cards(self) -> None:
        async for card in self._hal.cards():
            self.present_card(card)

    async def _follow_clock(self) -> None:
        while True:
            await self._timebase.clock.stepped()
            self.ledger.clock_stepped()

    async def _follow_configuration(self) -> None:
        while True:
            await self.configuration.changed.wait()
            self._replan.fire()
            for task in self.connectors.values():
                task.wake()
            self.changed.fire()
