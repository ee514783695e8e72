"""A station on paper: snapshots built by hand, and a `ControlTarget` that records what is asked of it."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from cpd.clock import ClockSource
from cpd.control.api import TraceDocument
from cpd.control.target import ControlRefused, EvWishes
from cpd.domain.authorization import (
    AuthorizationKey,
    AuthorizationRules,
    AuthorizationStatus,
    Connection,
    IdTagInfo,
    Known,
    Source,
    decide,
)
from cpd.domain.availability import AvailabilityOutcome
from cpd.domain.blockers import Blocker
from cpd.domain.composite import ActiveLimit, CompositePeriod, CompositeSchedule
from cpd.domain.connector_status import ConnectorStatus
from cpd.domain.diagnostics import Window
from cpd.domain.profile_book import InstalledProfile, ProfileFilter
from cpd.domain.profiles import (
    ChargingProfile,
    ChargingSchedule,
    Kind,
    Purpose,
    RateUnit,
    SchedulePeriod,
)
from cpd.domain.spellings import Spelling, SpellingKind
from cpd.domain.supply import Constraint, ConstraintKind
from cpd.domain.transactions import FactKind, Moment, StopReason, Transaction
from cpd.domain.variables import ChangeOutcome
from cpd.settings.changes import Change, Changes
from cpd.station.card_watch import Candidate, CardSheet, ShownCard
from cpd.station.configuration import ConfigurationKey
from cpd.station.diagnostics import Bundle
from cpd.station.explanation import Explanation
from cpd.station.repositories import JournalEntry
from cpd.station.reset import ResetKind
from cpd.station.snapshot import ConnectorSnapshot, LinkSnapshot, StationIdentity, StationSnapshot
from hal.evse import CardRead, OutletSnapshot
from hal.examination import Finding, Health
from hal.readers.id_format import candidates_of
from hal.values import (
    ContactorState,
    Fault,
    FaultKind,
    LockState,
    MeterReading,
    PilotState,
    UnlockResult,
)

NOW = datetime(2026, 11, 22, 8, 26, tzinfo=UTC)
BOOT_MONOTONIC_S = 100.0

OWN = Constraint(kind=ConstraintKind.CONNECTOR, connector=1)
TX_7 = Constraint(kind=ConstraintKind.PROFILE, purpose=Purpose.TX, profile_id=7, stack_level=2, connector=1)
DEFAULT_100 = Constraint(
    kind=ConstraintKind.PROFILE, purpose=Purpose.TX_DEFAULT, profile_id=100, stack_level=0, connector=0
)


def a_limit(current_ma: int, by: Constraint, runner_up: ActiveLimit | None = None) -> ActiveLimit:
    return ActiveLimit(
        current_ma=current_ma,
        power_mw=current_ma * 690,
        phases=3,
        constrained_by=by,
        own_ma=current_ma,
        find_runner_up=lambda: runner_up,
    )


def a_transaction(number: int = 1, *, running: bool = True) -> Transaction:
    ended_at = NOW - timedelta(days=number - 1)
    started = Moment(boot="b", monotonic_s=1.0, at=ended_at - timedelta(hours=2, minutes=14))
    transaction = Transaction(
        local_id=f"0192f3c1-{number:04}",
        order=number,
        connector=1,
        id_tag="04A31F02B1616180",
        parent_id_tag=None,
        started=started,
        meter_start_wh=1_000,
        last_meter_wh=13_840,
        csms_id=81_722 + number,
    )
    if running:
        return transaction
    stopped = Moment(boot="b", monotonic_s=9.0, at=ended_at)
    return replace(transaction, stopped=stopped, meter_stop_wh=13_840, stop_reason=StopReason.EV_DISCONNECTED)


def an_entry(
    seq: int | None, kind: FactKind, transaction: Transaction, *, dead: bool = False
) -> JournalEntry:
    return JournalEntry(
        seq=seq,
        kind=kind,
        transaction=transaction,
        sample=None,
        attempts=5 if dead else 0,
        last_error="InternalError" if dead else None,
        dead=dead,
        created=Moment(boot="b", monotonic_s=9.0, at=NOW - timedelta(hours=1)),
    )


OUTLET = OutletSnapshot(
    pilot=PilotState.A,
    duty_ns=None,
    contactor_commanded=ContactorState.OPEN,
    contactor=ContactorState.OPEN,
    phases=3,
    offer_ma=0,
    cable_a=None,
    lock=LockState.UNLOCKED,
    available=True,
    waking=False,
    woken_at_s=None,
    increase_at_s=None,
    closing_at_s=None,
    faults=(),
    meter=MeterReading(
        at_s=BOOT_MONOTONIC_S, energy_wh=13_840, power_w=0, current_ma=(0, 0, 0), voltage_mv=(230_000,) * 3
    ),
)


def an_idle_connector(number: int = 1) -> ConnectorSnapshot:
    return ConnectorSnapshot(
        id=number,
        status=ConnectorStatus.AVAILABLE,
        error_code="NoError",
        operative=True,
        outlet=OUTLET,
        meter_age_s=0.4,
        limit=a_limit(32_000, OWN),
        limit_until=None,
        offer_ma=0,
        transaction=None,
        transaction_started_at=None,
        transaction_energy_wh=None,
        blockers=(),
    )


def a_charging_connector(number: int = 1) -> ConnectorSnapshot:
    transaction = replace(a_transaction(), connector=number)
    outlet = replace(
        OUTLET,
        pilot=PilotState.C,
        duty_ns=266_666,
        contactor_commanded=ContactorState.CLOSED,
        contactor=ContactorState.CLOSED,
        offer_ma=16_000,
        cable_a=32,
        lock=LockState.LOCKED,
        meter=MeterReading(
            at_s=BOOT_MONOTONIC_S,
            energy_wh=13_840,
            power_w=10_971,
            current_ma=(15_900,) * 3,
            voltage_mv=(230_000,) * 3,
        ),
    )
    return replace(
        an_idle_connector(number),
        status=ConnectorStatus.CHARGING,
        outlet=outlet,
        limit=a_limit(16_000, TX_7, a_limit(32_000, DEFAULT_100)),
        limit_until=NOW + timedelta(hours=9, minutes=34),
        offer_ma=16_000,
        transaction=transaction,
        transaction_started_at=transaction.started.at,
        transaction_energy_wh=12_840,
    )


def a_waiting_connector(number: int = 1) -> ConnectorSnapshot:
    charging = a_charging_connector(number)
    increase = Blocker(
        code="WAIT_MIN_PAUSE",
        since=NOW - timedelta(seconds=2),
        until=NOW + timedelta(seconds=3),
        constraint=Constraint(kind=ConstraintKind.WAIT),
        evidence="increase to 16 A waits, 5 s between increases",
        next_step="wait, it goes on by itself",
    )
    return replace(charging, offer_ma=10_000, blockers=(increase,))


def a_delayed_connector(number: int = 1) -> ConnectorSnapshot:
    """Paused until half past nine by a profile, and then by a random delay."""
    suspended = a_suspended_connector(number)
    delay = Blocker(
        code="WAIT_RANDOM_DELAY",
        since=NOW - timedelta(minutes=1),
        until=NOW + timedelta(minutes=4, seconds=12),
        constraint=Constraint(kind=ConstraintKind.WAIT),
        evidence="increase to 16 A waits, random delay",
        next_step=f"wait, or: cpd delay {number} skip",
    )
    return replace(suspended, limit=a_limit(16_000, TX_7, a_limit(32_000, OWN)), blockers=(delay,))


def a_suspended_connector(number: int = 1) -> ConnectorSnapshot:
    charging = a_charging_connector(number)
    zero = Blocker(
        code="LIMIT_ZERO_CSMS",
        since=NOW - timedelta(minutes=6),
        until=NOW + timedelta(hours=2, minutes=51),
        constraint=TX_7,
        set_at=NOW - timedelta(minutes=18),
        evidence="limit 0 A by TxProfile #7; without it 16 A by TxDefault #100",
        next_step="ask the operator to clear TxProfile #7",
    )
    asleep = Blocker(
        code="EV_NOT_READY",
        since=None,
        until=None,
        constraint=None,
        evidence="pilot state B: the car does not ask",
        next_step="look at the car's own timer; unlock/lock it, or replug",
    )
    return replace(
        charging,
        status=ConnectorStatus.SUSPENDED_EVSE,
        outlet=replace(
            charging.outlet,
            pilot=PilotState.B,
            duty_ns=None,
            contactor_commanded=ContactorState.OPEN,
            contactor=ContactorState.OPEN,
            offer_ma=0,
        ),
        limit=a_limit(0, TX_7, a_limit(16_000, DEFAULT_100)),
        limit_until=NOW + timedelta(hours=2, minutes=51),
        offer_ma=0,
        blockers=(zero, asleep),
    )


def a_faulted_connector(number: int = 1) -> ConnectorSnapshot:
    blocker = Blocker(
        code="FAULT_CONTACTOR_WELDED",
        since=NOW - timedelta(minutes=3),
        until=None,
        constraint=None,
        evidence="mirror contacts closed while commanded open",
        next_step="switch off upstream and replace the contactor, then acknowledge the fault",
    )
    fault = Fault(kind=FaultKind.CONTACTOR_WELDED, since_s=BOOT_MONOTONIC_S - 180)
    return replace(
        an_idle_connector(number),
        status=ConnectorStatus.FAULTED,
        error_code="PowerSwitchFailure",
        outlet=replace(OUTLET, contactor=ContactorState.CLOSED, faults=(fault,)),
        blockers=(blocker,),
    )


LINK = LinkSnapshot(
    url="wss://ocpp.example.com/v16/CP-0042",
    connected=True,
    since=NOW - timedelta(days=3),
    registration="Accepted",
    online=True,
    last_answer_at=NOW - timedelta(seconds=4),
    last_error=None,
    held=False,
    security_profile=2,
    verify_hostname=True,
)


def a_snapshot(*connectors: ConnectorSnapshot, link: LinkSnapshot = LINK) -> StationSnapshot:
    return StationSnapshot(
        identity=StationIdentity(
            id="CP-0042", vendor="cpd", model="Pi", serial_number=None, firmware_version="1.4.2"
        ),
        uptime_s=273_600.0,
        now=NOW,
        clock_source=ClockSource.CSMS,
        clock_trusted=True,
        link=link,
        queued=0,
        dead=0,
        hal_backend="mock",
        hal_process="inside",
        connectors=connectors or (a_charging_connector(), an_idle_connector(2)),
    )


def an_installed_profile() -> InstalledProfile:
    schedule = ChargingSchedule(
        unit=RateUnit.A, periods=(SchedulePeriod(start_s=0, limit_tenths=160, phases=None),)
    )
    profile = ChargingProfile(
        id=100, stack_level=0, purpose=Purpose.TX_DEFAULT, kind=Kind.RELATIVE, schedule=schedule
    )
    return InstalledProfile(connector=0, received_at_s=int(NOW.timestamp()) - 60, profile=profile)


DEFAULT_RULES = {
    AuthorizationKey.LOCAL_PRE_AUTHORIZE: False,
    AuthorizationKey.LOCAL_AUTHORIZE_OFFLINE: True,
    AuthorizationKey.LOCAL_AUTH_LIST_ENABLED: True,
    AuthorizationKey.AUTHORIZATION_CACHE_ENABLED: True,
    AuthorizationKey.ALLOW_OFFLINE_TX_FOR_UNKNOWN_ID: False,
}


def an_explanation(
    id_tag: str = "04A31F02B16180",
    known: Known | None = None,
    rules: AuthorizationRules = DEFAULT_RULES,
) -> Explanation:
    """By default of a card in the local list, which LocalPreAuthorize leaves unused."""
    listed = IdTagInfo(
        status=AuthorizationStatus.ACCEPTED,
        parent_id_tag="FLEET-BERLIN",
        expires_at=NOW + timedelta(days=2),
    )
    held = known or Known(listed=listed)
    return Explanation(
        id_tag=id_tag,
        now=NOW,
        connection=Connection.ONLINE,
        has_csms=True,
        online=decide(Connection.ONLINE, held, NOW, rules),
        offline=decide(Connection.OFFLINE, held, NOW, rules),
        known=held,
        rules=rules,
        list_version=12,
        found=(),
        stops=True,
        energy_wh=0,
    )


def a_stranger_explained() -> Explanation:
    """A card that nobody knows, presented offline; the list has it as another reader would spell it."""
    other = Spelling(id_tag="8061B1021FA304", kind=SpellingKind.REVERSED)
    return replace(
        an_explanation(known=Known()),
        connection=Connection.OFFLINE,
        found=((other, Source.LIST),),
        stops=False,
        energy_wh=1_500,
    )


def a_blocked_card_explained() -> Explanation:
    """A card that the cache refuses, where there is no CSMS and no list."""
    rules = {key: True for key in AuthorizationKey if key is not AuthorizationKey.LOCAL_AUTH_LIST_ENABLED}
    blocked = Known(cached=IdTagInfo(status=AuthorizationStatus.BLOCKED))
    alone = an_explanation(known=blocked, rules=rules)
    return replace(alone, connection=Connection.OFFLINE, has_csms=False, list_version=-1)


FINDINGS = (
    Finding(part="software", connector=None, health=Health.OK, evidence="cpd 0.1.0, Python 3.11.2"),
    Finding(part="machine", connector=None, health=Health.OK, evidence="Raspberry Pi 4 Model B Rev 1.4"),
    Finding(
        part="clock",
        connector=None,
        health=Health.FAILED,
        evidence="nobody has set it",
        next_step="sudo timedatectl set-ntp true, or connect the CSMS",
    ),
    Finding(part="central system", connector=None, health=Health.OK, evidence="online, answered 4 s ago"),
    Finding(
        part="pilot",
        connector=1,
        health=Health.OK,
        evidence="state C, +6.0 V / -12.0 V, PWM 26.6 %",
    ),
    Finding(
        part="contactor", connector=1, health=Health.OK, evidence="closed, as told; cycles 1204, 3 under load"
    ),
    Finding(
        part="meter",
        connector=1,
        health=Health.FAILED,
        evidence="does not answer",
        next_step="check its supply, A/B wires, unit and baud rate",
    ),
    Finding(
        part="temperature",
        connector=2,
        health=Health.WARNING,
        evidence="63.5 °C",
        next_step="less is offered; check ventilation and terminals",
    ),
)


def a_sheet(*cards: CardRead, known: Mapping[str, Known] = MappingProxyType({})) -> CardSheet:
    """What a watch shows at its end: *cards*, with what list and cache have *known* about idTags."""

    def looked_up(id_tag: str) -> Known:
        return known.get(id_tag, Known())

    shown = tuple(
        ShownCard(
            seq=seq,
            at_s=BOOT_MONOTONIC_S,
            card=card,
            known=looked_up(card.id_tag),
            candidates=tuple(
                Candidate(id_tag=id_tag, id_format=id_format, known=looked_up(id_tag))
                for id_format, id_tag in (candidates_of(bytes.fromhex(card.uid)) if card.uid else ())
            ),
        )
        for seq, card in enumerate(cards, 1)
    )
    return CardSheet(now=NOW, cards=shown, last=len(cards), ends_in_s=0.0)


class FakeWorld:
    """The mock's world; *acts* is what was done to it."""

    def __init__(self) -> None:
        self.acts: list[tuple[object, ...]] = []

    async def plug_in(self, connector: int, cable_a: int | None) -> None:
        self.acts.append(("plug_in", connector, cable_a))

    async def plug_out(self, connector: int) -> None:
        self.acts.append(("plug_out", connector))

    async def ev(self, connector: int, wishes: EvWishes) -> None:
        self.acts.append(("ev", connector, wishes))

    async def swipe(self, id_tag: str, connector: int | None) -> None:
        self.acts.append(("swipe", id_tag, connector))

    async def fault(self, connector: int, kind: FaultKind, active: bool) -> None:
        self.acts.append(("fault", connector, kind, active))

    async def press_stop(self, connector: int) -> None:
        self.acts.append(("press_stop", connector))

    async def deceive(self, connector: int, defect: str, active: bool) -> None:
        self.acts.append(("deceive", connector, defect, active))

    async def meter(self, connector: int, energy_wh: int | None, voltage_mv: int | None) -> None:
        self.acts.append(("meter", connector, energy_wh, voltage_mv))


class FakeTarget:
    """A daemon whose state the test sets; `change` tells the watchers."""

    def __init__(self, snapshot: StationSnapshot | None = None) -> None:
        self.state = snapshot or a_snapshot()
        self.mock: FakeWorld | None = FakeWorld()
        self.installed: tuple[InstalledProfile, ...] = (an_installed_profile(),)
        self.past = [(a_transaction(2), False), (a_transaction(1, running=False), True)]
        self.entries = [
            an_entry(7, FactKind.STOPPED, a_transaction(2, running=False), dead=True),
            an_entry(8, FactKind.METERED, a_transaction(1)),
            an_entry(9, FactKind.METERED, a_transaction(1), dead=True),
            an_entry(None, FactKind.METERED, a_transaction(1)),
        ]
        self.values = {"HeartbeatInterval": "300", "AuthorizationKey": ""}
        self.file_values = dict(self.values)
        self.set_here: set[str] = set()
        self.audited: list[tuple[int, str, str]] = []
        self.audit_error: Exception | None = None
        self.acts: list[tuple[object, ...]] = []
        self.reloads: Changes | ControlRefused = Changes(
            changed=(Change(key="ocpp.HeartbeatInterval", before="300", now="60"),),
            needs_restart=(Change(key="station.id", before='"CP-0042"', now='"CP-0043"'),),
            unchanged=("station.vendor",),
            warnings=(),
        )
        self.unlocks = UnlockResult.UNLOCKED
        self.moved = True
        self.shown: tuple[CardRead, ...] = ()
        self.watch_goes_on_s = 0.0
        self.findings = FINDINGS
        self.mended = True
        self.delayed = True
        self.snapshot_error: Exception | None = None
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def change(self, snapshot: StationSnapshot) -> None:
        self.state = snapshot
        self._changed.set()
        self._changed = asyncio.Event()

    def change_soon(self, snapshot: StationSnapshot) -> None:
        """`change`, from another thread."""
        self._loop.call_soon_threadsafe(self.change, snapshot)

    def snapshot(self) -> StationSnapshot:
        if self.snapshot_error is not None:
            raise self.snapshot_error
        return self.state

    async def changed(self) -> None:
        await self._changed.wait()

    def dated(self, monotonic_s: float) -> datetime | None:
        return NOW + timedelta(seconds=monotonic_s - BOOT_MONOTONIC_S)

    def schedule(self, connector: int, duration_s: int, unit: RateUnit | None) -> CompositeSchedule:
        zero = CompositePeriod(10_800, 0, 3, TX_7)
        return CompositeSchedule(
            connector=connector,
            start_at_s=int(NOW.timestamp()),
            duration_s=duration_s,
            unit=unit or RateUnit.A,
            periods=(
                CompositePeriod(0, 320, 3, OWN),
                CompositePeriod(3_600, 160, 3, DEFAULT_100),
                zero,
                CompositePeriod(18_000, 325, 3, OWN),
            ),
        )

    def profiles(self) -> Sequence[InstalledProfile]:
        return self.installed

    def profile_document(self, installed: InstalledProfile) -> dict[str, object]:
        profile = installed.profile
        periods = [
            {"startPeriod": period.start_s, "limit": period.limit_tenths / 10}
            for period in profile.schedule.periods
        ]
        return {
            "chargingProfileId": profile.id,
            "stackLevel": profile.stack_level,
            "chargingProfilePurpose": profile.purpose.value,
            "chargingProfileKind": profile.kind.value,
            "chargingSchedule": {
                "chargingRateUnit": profile.schedule.unit.value,
                "chargingSchedulePeriod": periods,
            },
        }

    async def clear_profiles(self, which: ProfileFilter) -> int:
        kept = tuple(one for one in self.installed if not which.matches(one))
        cleared = len(self.installed) - len(kept)
        self.installed = kept
        return cleared

    async def transactions(self, limit: int) -> Sequence[tuple[Transaction, bool]]:
        return self.past[:limit]

    async def queue(self, dead: bool | None) -> Sequence[JournalEntry]:
        return [one for one in self.entries if dead is None or one.dead == dead]

    async def retry(self, seqs: Collection[int]) -> Sequence[JournalEntry]:
        revived = [replace(one, dead=False, attempts=0) if one.seq in seqs else one for one in self.entries]
        self.entries = revived
        return [one for one in revived if one.seq in seqs]

    def configuration(self) -> Sequence[ConfigurationKey]:
        return [
            *(
                ConfigurationKey(
                    key=key,
                    value=value,
                    readonly=False,
                    source="local" if key in self.set_here else "file",
                    file_value=self.file_values[key],
                )
                for key, value in self.values.items()
            ),
            ConfigurationKey(
                key="NumberOfConnectors", value="2", readonly=True, source="file", file_value="2"
            ),
        ]

    async def set_configuration(self, key: str, value: str) -> ChangeOutcome:
        if key not in self.values or not (value.isdigit() or key == "AuthorizationKey"):
            return ChangeOutcome.REJECTED
        self.values[key] = value
        self.set_here.add(key)
        return ChangeOutcome.ACCEPTED

    async def reset_configuration(self, key: str) -> None:
        self.values[key] = self.file_values[key]
        self.set_here.discard(key)

    async def start(self, connector: int, id_tag: str | None) -> None:
        self.acts.append(("start", connector, id_tag))

    async def stop(self, connector: int) -> None:
        self.acts.append(("stop", connector))

    async def unlock(self, connector: int) -> UnlockResult:
        self.acts.append(("unlock", connector))
        return self.unlocks

    async def set_availability(self, connector: int, operative: bool) -> AvailabilityOutcome:
        self.acts.append(("set_availability", connector, operative))
        return AvailabilityOutcome.SCHEDULED

    async def acknowledge_fault(self, connector: int, kind: FaultKind) -> bool:
        self.acts.append(("acknowledge_fault", connector, kind))
        return self.mended

    async def reload(self) -> Changes:
        if isinstance(self.reloads, ControlRefused):
            raise self.reloads
        self.acts.append(("reload",))
        return self.reloads

    async def accept_machine(self) -> bool:
        self.acts.append(("accept_machine",))
        return self.moved

    def reset(self, kind: ResetKind) -> None:
        self.acts.append(("reset", kind))

    def skip_delay(self, connector: int) -> bool:
        self.acts.append(("skip_delay", connector))
        return self.delayed

    async def set_local_limit(self, connector: int, current_ma: int, for_s: int) -> datetime:
        self.acts.append(("set_local_limit", connector, current_ma, for_s))
        return NOW + timedelta(seconds=for_s)

    async def end_local_limit(self, connector: int) -> None:
        self.acts.append(("end_local_limit", connector))

    async def explain(self, id_tag: str) -> Explanation:
        return an_explanation(id_tag)

    def watch_cards(self) -> CardSheet:
        self.acts.append(("watch_cards",))
        return replace(a_sheet(), ends_in_s=60.0)

    async def watched_cards(self, after: int) -> CardSheet:
        return replace(a_sheet(*self.shown), ends_in_s=self.watch_goes_on_s)

    async def authorize(self, id_tag: str, connector: int | None) -> None:
        if id_tag == "BLOCKED":
            raise ControlRefused("refused", "the card is blocked", "use another card")
        self.acts.append(("authorize", id_tag, connector))

    def csms_hold(self) -> None:
        self.acts.append(("csms_hold",))

    def csms_release(self) -> None:
        self.acts.append(("csms_release",))

    async def trace(self, after: int | None, limit: int, since_s: float | None) -> TraceDocument:
        self.acts.append(("trace", after, limit, since_s))
        return {"schema": "cpd.trace/1", "frames": [], "last": after or 0}

    async def examine(self) -> tuple[Finding, ...]:
        return self.findings

    async def bundle(self, window: Window) -> Bundle:
        self.acts.append(("bundle", window))
        return Bundle(
            file_name="cpd-CP-0042-20261122T082600Z.tar.gz", content=b"a bundle", parts=("log.txt",)
        )

    async def audit(self, uid: int, method: str, params: str) -> None:
        if self.audit_error is not None:
            raise self.audit_error
        self.audited.append((uid, method, params))
