"""The station and the mock's world, as the control interface asks for them."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime

from cpd.control.api import TraceDocument
from cpd.control.target import ControlRefused, EvWishes, MockWorld
from cpd.domain.availability import AvailabilityOutcome, Origin
from cpd.domain.blockers import Blocker, BlockerCode
from cpd.domain.composite import CompositeSchedule
from cpd.domain.diagnostics import Window
from cpd.domain.profile_book import InstalledProfile, ProfileFilter
from cpd.domain.profiles import ChargingProfile, RateUnit, Refusal
from cpd.domain.transactions import StopReason, Transaction
from cpd.domain.variables import ChangeOutcome
from cpd.errors import SettingsError
from cpd.settings.changes import Changes
from cpd.station.access import StartRefusal
from cpd.station.card_watch import CardSheet
from cpd.station.configuration import ConfigurationKey
from cpd.station.csms import Csms
from cpd.station.diagnostics import Bundle
from cpd.station.explanation import Explanation
from cpd.station.repositories import JournalEntry, Store
from cpd.station.reset import ResetKind
from cpd.station.snapshot import StationSnapshot
from cpd.station.station import Station
from cpd.station.timebase import Timebase
from hal.errors import HalError
from hal.evse import CardRead
from hal.examination import Finding
from hal.values import FaultKind, UnlockResult
from hal.world_acts import (
    Break,
    Deceive,
    Perform,
    PlugIn,
    PlugOut,
    PressStop,
    Swipe,
    TurnMeter,
    Wish,
    WorldAct,
)

_CLOSING = frozenset(
    {
        BlockerCode.EMERGENCY_STOP,
        BlockerCode.UNAVAILABLE_CSMS,
        BlockerCode.UNAVAILABLE_LOCAL,
        BlockerCode.UPDATING_FIRMWARE,
        BlockerCode.RESERVED,
    }
)


class StationTarget:
    """A `cpd.control.target.ControlTarget`.

    *perform* acts upon the mock's world, None on real hardware. *profile_document* spells a profile as the CSMS
    would; *reload* follows the configuration file anew, *bundle* makes a bundle, *trace* shows frames, *examine*
    looks at every part, *accept_machine* lets the store belong to this machine.
    """

    def __init__(
        self,
        station: Station,
        csms: Csms,
        store: Store,
        timebase: Timebase,
        *,
        perform: Perform | None,
        profile_document: Callable[[ChargingProfile], dict[str, object]],
        reload: Callable[[], Awaitable[Changes]],
        bundle: Callable[[Window], Awaitable[Bundle]],
        trace: Callable[[int | None, int, float | None], Awaitable[TraceDocument]],
        examine: Callable[[], Awaitable[tuple[Finding, ...]]],
        accept_machine: Callable[[], Awaitable[bool]],
    ) -> None:
        self._station = station
        self._csms = csms
        self._store = store
        self._timebase = timebase
        self._profile_document = profile_document
        self._reload = reload
        self._bundle = bundle
        self._trace = trace
        self._examine = examine
        self._accept_machine = accept_machine
        self.mock: MockWorld | None = None if perform is None else RefusingWorld(perform)

    def snapshot(self) -> StationSnapshot:
        return self._station.snapshot()

    async def changed(self) -> None:
        await self._station.changed.wait()

    def dated(self, monotonic_s: float) -> datetime | None:
        return self._timebase.wall_time_of(monotonic_s)

    def schedule(self, connector: int, duration_s: int, unit: RateUnit | None) -> CompositeSchedule:
        outcome = self._station.composite_schedule(connector, duration_s, unit)
        if isinstance(outcome, Refusal):
            raise ControlRefused("refused", str(outcome), "ask for A, or for another connector")
        return outcome

    def profiles(self) -> Sequence[InstalledProfile]:
        return self._station.ledger.book.profiles

    def profile_document(self, installed: InstalledProfile) -> dict[str, object]:
        return self._profile_document(installed.profile)

    async def clear_profiles(self, which: ProfileFilter) -> int:
        return await self._station.clear_profiles(which)

    async def transactions(self, limit: int) -> Sequence[tuple[Transaction, bool]]:
        return await self._station.picture.transactions(limit)

    async def set_local_limit(self, connector: int, current_ma: int, for_s: int) -> datetime:
        (highest_ma,) = [
            one.max_current_ma for one in self._station.limits.supply.connectors if one.id == connector
        ]
        if current_ma >= highest_ma:
            highest_a = highest_ma // 1_000
            raise ControlRefused(
                "refused",
                f"a local limit only lowers, and {highest_a} A is the most here anyway",
                f"choose less than {highest_a} A, or off",
            )
        return await self._station.local_limits.put(connector, current_ma, for_s)

    def skip_delay(self, connector: int) -> bool:
        return self._station.limits.skip_delay(connector)

    async def end_local_limit(self, connector: int) -> None:
        await self._station.local_limits.end(connector)

    async def queue(self, dead: bool | None) -> Sequence[JournalEntry]:
        return await self._station.journal.entries(dead=dead)

    async def retry(self, seqs: Collection[int]) -> Sequence[JournalEntry]:
        return await self._station.journal.revive(seqs)

    def configuration(self) -> Sequence[ConfigurationKey]:
        return self._station.configuration.entries()

    async def set_configuration(self, key: str, value: str) -> ChangeOutcome:
        return await self._station.configuration.change(key, value, "local")

    async def reset_configuration(self, key: str) -> None:
        await self._station.configuration.reset(key)

    async def explain(self, id_tag: str) -> Explanation:
        return await self._station.explaining.explain(id_tag)

    def watch_cards(self) -> CardSheet:
        return self._station.card_watch.begin()

    async def watched_cards(self, after: int) -> CardSheet:
        return await self._station.card_watch.ask(after)

    async def authorize(self, id_tag: str, connector: int | None) -> None:
        if not self._station.present_card(CardRead(id_tag=id_tag, connector=connector)):
            raise ControlRefused("refused", "too many cards wait already", "try again in a few seconds")

    async def start(self, connector: int, id_tag: str | None) -> None:
        reason = self._station.admission.start_locally(connector, id_tag)
        if reason is None:
            return
        closing = next(filter(_closes, self._station.connectors[connector].blockers()), None)
        if reason is StartRefusal.NOT_FREE and closing is not None:
            raise ControlRefused("refused", f"connector {connector}: {closing.evidence}", closing.next_step)
        raise ControlRefused("refused", reason.text, reason.next_step)

    async def stop(self, connector: int) -> None:
        await self._station.connectors[connector].stop(StopReason.LOCAL)

    async def unlock(self, connector: int) -> UnlockResult:
        return await self._station.unlocking.unlock(connector)

    async def set_availability(self, connector: int, operative: bool) -> AvailabilityOutcome:
        return await self._station.availability.change(Origin.LOCAL, connector, operative)

    async def acknowledge_fault(self, connector: int, kind: FaultKind) -> bool:
        return await self._station.connectors[connector].evse.acknowledge_fault(kind)

    async def reload(self) -> Changes:
        try:
            return await self._reload()
        except SettingsError as error:
            raise ControlRefused(
                "invalid_params", str(error), "nothing was changed; correct it, then cpd reload"
            ) from error

    async def accept_machine(self) -> bool:
        return await self._accept_machine()

    def reset(self, kind: ResetKind) -> None:
        self._station.reset.ask(kind)

    def csms_hold(self) -> None:
        self._csms.hold()

    def csms_release(self) -> None:
        self._csms.release()

    async def trace(self, after: int | None, limit: int, since_s: float | None) -> TraceDocument:
        return await self._trace(after, limit, since_s)

    async def examine(self) -> tuple[Finding, ...]:
        return await self._examine()

    async def bundle(self, window: Window) -> Bundle:
        return await self._bundle(window)

    async def audit(self, uid: int, method: str, params: str) -> None:
        moment = self._timebase.moment()
        await self._store.commit(
            lambda repositories: repositories.audit.append(uid=uid, method=method, params=params, at=moment)
        )


def _closes(blocker: Blocker) -> bool:
    """True for what keeps a connector from everybody who is not waited for."""
    return blocker.code in _CLOSING or blocker.code.startswith("FAULT_")


class RefusingWorld:
    """The mock's world, its refusals in words for a technician."""

    def __init__(self, perform: Perform) -> None:
        self._perform = perform

    async def plug_in(self, connector: int, cable_a: int | None) -> None:
        await self._try(PlugIn(connector=connector, cable_a=cable_a))

    async def plug_out(self, connector: int) -> None:
        await self._try(PlugOut(connector=connector))

    async def ev(self, connector: int, wishes: EvWishes) -> None:
        max_current_a = None if wishes.max_current_ma is None else wishes.max_current_ma // 1_000
        await self._try(
            Wish(
                connector=connector,
                ready=wishes.ready,
                max_current_a=max_current_a,
                phases=wishes.phases,
                ventilation=wishes.ventilation,
                personality=wishes.personality,
            )
        )

    async def swipe(self, id_tag: str, connector: int | None) -> None:
        await self._try(Swipe(id_tag=id_tag, connector=connector))

    async def press_stop(self, connector: int) -> None:
        await self._try(PressStop(connector=connector))

    async def fault(self, connector: int, kind: FaultKind, active: bool) -> None:
        await self._try(Break(connector=connector, kind=kind, active=active))

    async def deceive(self, connector: int, defect: str, active: bool) -> None:
        await self._try(Deceive(connector=connector, defect=defect, active=active))

    async def meter(self, connector: int, energy_wh: int | None, voltage_mv: int | None) -> None:
        voltage_v = None if voltage_mv is None else voltage_mv // 1_000
        await self._try(TurnMeter(connector=connector, energy_wh=energy_wh, voltage_v=voltage_v))

    async def _try(self, act: WorldAct) -> None:
        try:
            await self._perform(act)
        except ValueError as error:
            raise ControlRefused(
                "invalid_params", str(error), "cpd mock --help shows what is possible"
            ) from error
        except HalError as error:
            raise ControlRefused("refused", str(error), "systemctl status cpd-guard") from error
