"""The charge point as its CSMS and its technicians see it: one object over the parts, which owns no rule.

Everything that an OCPP version or the control interface may ask is a method here, in terms of the domain.
"""

import asyncio
import logging
import random
from collections.abc import Mapping

from cpd.domain.composite import CompositeSchedule, composite_schedule
from cpd.domain.metering import SampleContext
from cpd.domain.profile_book import ProfileFilter
from cpd.domain.profiles import ChargingProfile, RateUnit, Refusal
from cpd.domain.transactions import StopReason
from cpd.errors import StorageError
from cpd.station.config import StationConfig
from cpd.station.csms import ConnectorReport, Csms
from cpd.station.dating import date_moments
from cpd.station.diagnostics import DiagnosticsMachine
from cpd.station.firmware import FirmwareMachine
from cpd.station.kept import read_kept
from cpd.station.pulse import Pulse
from cpd.station.recovery import recover
from cpd.station.repositories import Store
from cpd.station.reset import ResetKind
from cpd.station.snapshot import StationIdentity, StationSnapshot
from cpd.station.station_parts import StationParts
from cpd.station.timebase import Timebase
from hal.evse import CardRead, Hal

log = logging.getLogger(__name__)


class Station(StationParts):
    """All connectors with what they share; made by `load`, served by `run`."""

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
        await recover(kept.running, station.ledger, station.hal.evses, resume=resume, boot=timebase.boot)
        for interrupted in kept.running:
            if interrupted.connector not in station.ledger.running:
                station.hal.cut_off(interrupted.connector)
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
            tasks.create_task(date_moments(self._store, self._timebase, self.journal), name="dating")
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

    @property
    def pulses(self) -> Mapping[str, Pulse]:
        """Those of the tasks without which nothing is left of a charger, by name."""
        sessions = {f"session of connector {number}": task.pulse for number, task in self.connectors.items()}
        return {"limits": self.limits.pulse, **sessions}

    def prove_alive(self, now_s: float) -> None:
        """Let the tasks of `pulses` go round."""
        self.limits.prove_alive(now_s)
        for task in self.connectors.values():
            task.prove_alive(now_s)

    def snapshot(self) -> StationSnapshot:
        """Everything that is true now."""
        return self.picture.snapshot()

    async def _read_cards(self) -> None:
        async for card in self.hal.cards():
            if not self.card_watch.takes(card):
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
