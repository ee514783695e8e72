"""The parts of a station, made and joined: each gets what it needs of the others, and none of them knows the whole.

Where two parts need each other, the one that is made first asks through a method of this object.
"""

import random

from cpd.domain.profile_book import ProfileBook
from cpd.domain.reservations import Driver, Place
from cpd.station.access import Authorisation
from cpd.station.admission import Admission
from cpd.station.aligned import AlignedSampler
from cpd.station.authorizer import Authorizer
from cpd.station.availability import OperativeStates
from cpd.station.card_watch import CardWatch
from cpd.station.config import StationConfig
from cpd.station.configuration import Configuration
from cpd.station.connector import ConnectorTask
from cpd.station.csms import Csms
from cpd.station.diagnostics import Diagnostics, DiagnosticsMachine
from cpd.station.explanation import Explaining
from cpd.station.fail_safe import Silence
from cpd.station.farewell import Farewell
from cpd.station.file_statuses import FileStatuses
from cpd.station.firmware import Firmware, FirmwareMachine
from cpd.station.housekeeping import Housekeeping
from cpd.station.journal import Journal
from cpd.station.kept import Kept
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
from cpd.station.remote import Remote
from cpd.station.repositories import Store
from cpd.station.reservations import Reservations
from cpd.station.reset import Reset, ResetKind
from cpd.station.signal import Signal
from cpd.station.timebase import Timebase
from cpd.station.transaction_answers import TransactionAnswers
from cpd.station.transaction_samples import TransactionSamples
from cpd.station.unlocking import Unlocking
from hal.evse import Hal


class StationParts:
    """What a station consists of; it decides nothing."""

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
        self.hal = Lifetimes(
            hal, kept.registers, store, clock=timebase.clock, behind_contactor=config.meters_behind_contactor
        )
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
        self.card_watch = CardWatch(self.authorizer, timebase.clock)
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

    def look_again(self) -> None:
        """The link, the registration or what is in service changed, and with it perhaps why nothing charges."""
        for task in self.connectors.values():
            task.wake()
        self.changed.fire()

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
