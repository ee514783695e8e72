"""The charge point as its CSMS and its technicians see it: one object that joins the parts and owns no rule.

Everything that an OCPP version or the control interface may ask is a method here, in terms of the domain.
"""

import asyncio
import logging
import random

from cpd.domain.composite import CompositeSchedule, composite_schedule
from cpd.domain.metering import SampleContext
from cpd.domain.profile_book import ProfileBook, ProfileFilter
from cpd.domain.profiles import ChargingProfile, RateUnit, Refusal
from cpd.domain.reservations import Driver, Place
from cpd.domain.transactions import StopReason
from cpd.errors import StorageError
from cpd.station.access import Authorisation
from cpd.station.admission import Admission
from cpd.station.aligned import AlignedSampler
from cpd.station.authorizer import Authorizer
from cpd.station.availability import OperativeStates
from cpd.station.config import StationConfig
from cpd.station.configuration import Configuration
from cpd.station.connector import ConnectorTask
from cpd.station.csms import ConnectorReport, Csms
from cpd.station.dating import date_moments
from cpd.station.diagnostics import Diagnostics, DiagnosticsMachine
from cpd.station.explanation import Explaining
from cpd.station.fail_safe import Silence
from cpd.station.farewell import Farewell
from cpd.station.file_statuses import FileStatuses
from cpd.station.firmware import Firmware, FirmwareMachine
from cpd.station.housekeeping import Housekeeping
from cpd.station.journal import Journal
from cpd.station.kept import Kept, read_kept
from cpd.station.ledger import Ledger
from cpd.station.lifetime import Lifetimes
from cpd.station.lights import Lights
from cpd.station.limits import LimitScheduler
from cpd.station.local_limits import LocalLimits
from cpd.station.local_list import LocalList
from cpd.station.metering import MeterSampler
from cpd.station.picture import Picture
from cpd.station.random_delay import RandomDelay
from cpd.station.readings import Readings
from cpd.station.recovery import recover
from cpd.station.remote import Remote
from cpd.station.repositories import Store
from cpd.station.reservations import Reservations
from cpd.station.reset import Reset, ResetKind
from cpd.station.signal import Signal
from cpd.station.snapshot import StationIdentity, StationSnapshot
from cpd.station.timebase import Timebase
from cpd.station.transaction_answers import TransactionAnswers
from cpd.station.transaction_samples import TransactionSamples
from cpd.station.unlocking import Unlocking
from hal.evse import CardRead, Hal

log = logging.getLogger(__name__)


class Station:
    """All connectors with what they share; made by `load`, served by `run`."""

    def __init__(
        self,
        config: StationConfig,
        kept: Kept,
        *,
        store: Store,
        hal: Hal,
        csms: Csms,
        timebase: Timebase,
        firmware: FirmwareMachine,
        diagnostics: DiagnosticsMachine,
        rng: random.Random,
    ) -> None:
        self._config = config
        self.hal = Lifetimes(hal, kept.registers, store)
        self._csms = csms
        self._timebase = timebase
        self._replan = Signal()
        self._store = store
        self.changed = Signal()
        self.configuration = Configuration(store, config.ocpp, kept.variables)
        self.journal = Journal(
            store,
            queued=kept.queued,
            dead=kept.dead,
            has_csms=csms.link.url is not None,
            quota_bytes=config.quota_bytes,
            changed=self.changed.fire,
        )
        nominal_v = {one.id: one.voltage_v for one in config.supply.connectors}
        readings = Readings(self.hal.evses, timebase, nominal_v=nominal_v)
        self.transaction_samples = TransactionSamples(store, self.configuration, readings)
        self.ledger = Ledger(
            store,
            self.journal,
            timebase,
            book=ProfileBook(profiles=kept.profiles),
            next_order=kept.next_order,
            changed=self._ledger_changed,
            bracket=self.hal.with_registers(self.transaction_samples.bracket),
        )
        self.local_limits = LocalLimits(store, timebase, kept.local_limits, changed=self._limits_changed)
        self.limits = LimitScheduler(
            config.supply,
            self.ledger,
            timebase,
            self.changed.fire,
            local_caps=self.local_limits.caps,
            local_time=config.local_time,
            random_delay=RandomDelay(config.random_delay_max_s, rng),
        )
        self.local_list = LocalList(store, self.configuration, timebase, changed=self._list_contradicted)
        self.availability = OperativeStates(
            kept.availability,
            self.hal.evses.keys(),
            store=store,
            ledger=self.ledger,
            csms=csms,
            timebase=timebase,
            list_contradicted=lambda: self.local_list.contradicted,
            changed=self.look_again,
        )
        self.file_statuses = FileStatuses(store, kept.file_statuses)
        self.firmware = Firmware(
            kept.firmware,
            machine=firmware,
            version=config.identity.firmware_version,
            statuses=self.file_statuses,
            csms=csms,
            store=store,
            timebase=timebase,
            idle=self._is_idle,
            turned=self.changed,
            changed=self.look_again,
            restart=self._restart_machine,
        )
        self.diagnostics = Diagnostics(
            kept.diagnostics,
            machine=diagnostics,
            statuses=self.file_statuses,
            store=store,
            timebase=timebase,
        )
        self.reservations = Reservations(
            kept.reservations,
            places=self._places,
            promised=self._promised,
            store=store,
            configuration=self.configuration,
            timebase=timebase,
            turned=self.changed,
            changed=self.look_again,
        )
        self.silence = Silence(timebase.clock, self.limits.hold_to, fail_safe=config.fail_safe)
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
                withdrawn_by=self.availability.withdrawn_by,
                reservations=self.reservations,
                updating=self._is_updating,
                auto_start=config.auto_starts.get(number),
                undecided=self._is_undecided,
                stops_without_meter=number in config.stops_without_meter,
            )
            for number, evse in self.hal.evses.items()
        }
        self.sampler = MeterSampler(
            readings,
            self.transaction_samples,
            ledger=self.ledger,
            journal=self.journal,
            store=store,
            configuration=self.configuration,
            csms=csms,
            timebase=timebase,
            replan=self._replan,
            keep_register=self.hal.keep,
        )
        self._aligned = AlignedSampler(
            self.connectors,
            sampler=self.sampler,
            ledger=self.ledger,
            configuration=self.configuration,
            csms=csms,
            timebase=timebase,
        )
        self._housekeeping = Housekeeping(store, self.ledger, timebase, keep_days=config.keep_days)
        self.authorizer = Authorizer(store, self.configuration, csms, timebase, self.local_list)
        self.explaining = Explaining(
            self.authorizer, self.local_list, configuration=self.configuration, csms=csms, timebase=timebase
        )
        self.admission = Admission(
            self.connectors,
            ledger=self.ledger,
            authorizer=self.authorizer,
            reservations=self.reservations,
            configuration=self.configuration,
            timebase=timebase,
            changed=self.changed,
        )
        self.remote = Remote(
            self.connectors,
            ledger=self.ledger,
            admission=self.admission,
            authorizer=self.authorizer,
            reservations=self.reservations,
            configuration=self.configuration,
        )
        self.answers = TransactionAnswers(
            self.connectors,
            ledger=self.ledger,
            journal=self.journal,
            authorizer=self.authorizer,
            configuration=self.configuration,
            clock=timebase.clock,
            nominal_v=nominal_v,
        )
        self.farewell = Farewell(
            self.connectors, ledger=self.ledger, journal=self.journal, csms=csms, changed=self.changed
        )
        self.unlocking = Unlocking(self.connectors, changed=self.changed)
        self._lights = Lights(
            self.hal.lights, self.connectors, configuration=self.configuration, turned=self.changed
        )
        self.reset = Reset()
        self.picture = Picture(
            self.connectors,
            identity=config.identity,
            hal_backend=config.hal_backend,
            hal_process=config.hal_process,
            availability=self.availability,
            ledger=self.ledger,
            limits=self.limits,
            journal=self.journal,
            store=store,
            csms=csms,
            timebase=timebase,
        )

    @classmethod
    async def load(
        cls,
        config: StationConfig,
        *,
        store: Store,
        hal: Hal,
        csms: Csms,
        timebase: Timebase,
        firmware: FirmwareMachine,
        diagnostics: DiagnosticsMachine,
        rng: random.Random,
    ) -> "Station":
        """The station as the store kept it, interrupted transactions booked or resumed. Raises `StorageError`."""
        kept = await store.relaxed(read_kept)
        timebase.recall(kept.undated, kept.latest)
        station = cls(
            config,
            kept,
            store=store,
            hal=hal,
            csms=csms,
            timebase=timebase,
            firmware=firmware,
            diagnostics=diagnostics,
            rng=rng,
        )
        resume = config.resume_after_power_loss
        await recover(kept.running, station.ledger, station.hal.evses, resume=resume)
        await station.sampler.interruption(SampleContext.INTERRUPTION_END)
        station.limits.drive(station.connectors)
        return station

    async def run(self) -> None:
        """Serve for ever."""
        async with asyncio.TaskGroup() as tasks:
            for number, task in self.connectors.items():
                tasks.create_task(task.run(), name=f"connector-{number}")
            tasks.create_task(self.limits.run(), name="limits")
            tasks.create_task(self.local_limits.run(), name="local-limits")
            tasks.create_task(self.reservations.run(), name="reservations")
            tasks.create_task(self.firmware.run(), name="firmware")
            tasks.create_task(self.diagnostics.run(), name="diagnostics")
            tasks.create_task(self.sampler.run(), name="meter-sampler")
            tasks.create_task(self.hal.run(), name="lifetime-registers")
            tasks.create_task(self._aligned.run(), name="aligned-sampler")
            tasks.create_task(self.admission.run(), name="admission")
            tasks.create_task(self.answers.run(), name="allowances")
            tasks.create_task(self._read_cards(), name="cards")
            tasks.create_task(self._lights.run(), name="lights")
            tasks.create_task(self._follow_clock(), name="clock-steps")
            tasks.create_task(self._follow_configuration(), name="configuration")
            tasks.create_task(date_moments(self._store, self._timebase), name="dating")
            tasks.create_task(self._housekeeping.run(), name="housekeeping")
            tasks.create_task(self.silence.watch(), name="fail-safe")

    @property
    def identity(self) -> StationIdentity:
        """Who this charge point is."""
        return self._config.identity

    def reconfigure(self, config: StationConfig) -> None:
        """*config* holds from now on, as far as a running station can follow it; the rest is as it was."""
        self._config = config
        self._housekeeping.keep_days = config.keep_days
        self.journal.quota_bytes = config.quota_bytes
        for number, task in self.connectors.items():
            task.free_vend.auto_start = config.auto_starts.get(number)
        self.limits.follow(config.supply)
        self.silence.follow(config.fail_safe)
        self.configuration.follow(config.ocpp)
        self.look_again()

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
            local_time=self.limits.local_time,
        )

    def look_again(self) -> None:
        """The link, the registration or what is in service changed, and with it perhaps why nothing charges."""
        for task in self.connectors.values():
            task.wake()
        self.changed.fire()

    async def shut_down(self, reset: ResetKind | None = None) -> None:
        """End what runs in good order before a planned restart, unless it is to be resumed after it.

        A reset ends it in any case (OCPP 1.6 §5.14).
        """
        if reset is not None:
            await self.farewell.end_all(reset.stop_reason)
        elif not self._config.resume_after_power_loss:
            await self.farewell.end_all(StopReason.REBOOT)
        else:
            await self.sampler.interruption(SampleContext.INTERRUPTION_BEGIN)
        await self.farewell.take_leave()

    def present_card(self, card: CardRead) -> bool:
        """A card, or somebody in its place; False where too many wait already."""
        return self.admission.present(card)

    @property
    def reports(self) -> tuple[ConnectorReport, ...]:
        """The present status of the station (connector 0) and of every connector."""
        return self.picture.reports

    def snapshot(self) -> StationSnapshot:
        """Everything that is true now."""
        return self.picture.snapshot()

    def _claim(self, connector: int) -> Authorisation | None:
        return self.admission.claim(connector)

    def _is_undecided(self, connector: int) -> bool:
        return self.admission.undecided(connector)

    def _is_idle(self) -> bool:
        return not self.ledger.running and not any(task.is_starting for task in self.connectors.values())

    def _is_updating(self) -> bool:
        return self.firmware.closes

    def _restart_machine(self) -> None:
        self.reset.ask(ResetKind.HARD)

    def _places(self) -> dict[int, Place]:
        return {number: task.place for number, task in self.connectors.items()}

    def _promised(self) -> list[Driver]:
        return self.admission.promised

    def _ledger_changed(self) -> None:
        self.availability.look()
        self.limits.recompute()
        self._replan.fire()

    def _list_contradicted(self) -> None:
        self.availability.look()

    def _limits_changed(self) -> None:
        self.limits.recompute()

    async def _read_cards(self) -> None:
        async for card in self.hal.cards():
            self.present_card(card)

    async def _follow_clock(self) -> None:
        while True:
            await self._timebase.clock.stepped()
            self.local_limits.rearm()
            self.firmware.look()
            self.diagnostics.look()
            self.ledger.clock_stepped()

    async def _follow_configuration(self) -> None:
        while True:
            await self.configuration.changed.wait()
            self.availability.look()
            self._replan.fire()
            for task in self.connectors.values():
                task.wake()
            self.changed.fire()
