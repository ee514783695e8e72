"""The station and the mock's world, as the control interface asks for them."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol

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
from cpd.station.configuration import ConfigurationKey
from cpd.station.csms import Csms
from cpd.station.diagnostics import Bundle
from cpd.station.explanation import Explanation
from cpd.station.repositories import JournalEntry, Store
from cpd.station.reset import ResetKind
from cpd.station.snapshot import StationSnapshot
from cpd.station.station import Station
from cpd.station.timebase import Timebase
from hal.evse import CardRead
from hal.values import FaultKind, UnlockResult

_CLOSING = frozenset(
    {
        BlockerCode.EMERGENCY_STOP,
        BlockerCode.UNAVAILABLE_CSMS,
        BlockerCode.UNAVAILABLE_LOCAL,
        BlockerCode.UPDATING_FIRMWARE,
        BlockerCode.RESERVED,
    }
)


class World(Protocol):
    """The world of a mock board; refuses with ValueError."""

    def plug_in(self, connector: int, cable_a: int = ...) -> None: ...
    def plug_out(self, connector: int) -> None: ...
    def ev(
        self,
        connector: int,
        *,
        ready: bool | None = ...,
        max_current_a: int | None = ...,
        phases: int | None = ...,
        ventilation: bool | None = ...,
        personality: str | None = ...,
    ) -> None: ...
    def swipe(self, id_tag: str, connector: int | None = ...) -> None: ...
    def fault(self, connector: int, kind: str, active: bool) -> None: ...
    def deceive(self, connector: int, defect: str, active: bool) -> None: ...
    def meter(self, connector: int, *, energy_wh: int | None = ..., voltage_v: int | None = ...) -> None: ...


class StationTarget:
    """A `cpd.control.target.ControlTarget`.

    *profile_document* spells a profile as the CSMS would; *reload* follows the configuration file anew,
    *bundle* makes a bundle, *trace* shows frames.
    """

    def __init__(
        self,
        station: Station,
        csms: Csms,
        store: Store,
        timebase: Timebase,
        *,
        world: World | None,
        profile_document: Callable[[ChargingProfile], dict[str, object]],
        reload: Callable[[], Awaitable[Changes]],
        bundle: Callable[[Window], Awaitable[Bundle]],
        trace: Callable[[int, int], TraceDocument],
    ) -> None:
        self._station = station
        self._csms = csms
        self._store = store
        self._timebase = timebase
        self._profile_document = profile_document
        self._reload = reload
        self._bundle = bundle
        self._trace = trace
        self.mock: MockWorld | None = None if world is None else RefusingWorld(world)

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

    def acknowledge_fault(self, connector: int, kind: FaultKind) -> bool:
        return self._station.connectors[connector].evse.acknowledge_fault(kind)

    async def reload(self) -> Changes:
        try:
            return await self._reload()
        except SettingsError as error:
            raise ControlRefused(
                "invalid_params", str(error), "nothing was changed; correct it, then cpd reload"
            ) from error

    def reset(self, kind: ResetKind) -> None:
        self._station.reset.ask(kind)

    def csms_hold(self) -> None:
        self._csms.hold()

    def csms_release(self) -> None:
        self._csms.release()

    def trace(self, after: int, limit: int) -> TraceDocument:
        return self._trace(after, limit)

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

    def __init__(self, world: World) -> None:
        self._world = world

    def plug_in(self, connector: int, cable_a: int | None) -> None:
        if cable_a is None:
            self._try(lambda: self._world.plug_in(connector))
        else:
            self._try(lambda: self._world.plug_in(connector, cable_a))

    def plug_out(self, connector: int) -> None:
        self._try(lambda: self._world.plug_out(connector))

    def ev(self, connector: int, wishes: EvWishes) -> None:
        max_current_a = None if wishes.max_current_ma is None else wishes.max_current_ma // 1_000
        self._try(
            lambda: self._world.ev(
                connector,
                ready=wishes.ready,
                max_current_a=max_current_a,
                phases=wishes.phases,
                ventilation=wishes.ventilation,
                personality=wishes.personality,
            )
        )

    def swipe(self, id_tag: str, connector: int | None) -> None:
        self._try(lambda: self._world.swipe(id_tag, connector))

    def fault(self, connector: int, kind: FaultKind, active: bool) -> None:
        self._try(lambda: self._world.fault(connector, kind, active))

    def deceive(self, connector: int, defect: str, active: bool) -> None:
        self._try(lambda: self._world.deceive(connector, defect, active))

    def meter(self, connector: int, energy_wh: int | None, voltage_mv: int | None) -> None:
        voltage_v = None if voltage_mv is None else voltage_mv // 1_000
        self._try(lambda: self._world.meter(connector, energy_wh=energy_wh, voltage_v=voltage_v))

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except ValueError as error:
            raise ControlRefused(
                "invalid_params", str(error), "cpd mock --help shows what is possible"
            ) from error
