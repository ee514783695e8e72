"""The schema of the control interface: method names, error codes and documents, as they are on the socket.

Every document carries its `schema`; fields are only ever added. Instants are RFC 3339 in UTC, None where
they are not known. These are types over plain JSON objects, so that a client pays only for reading them.
"""

from typing import Final, Literal, NotRequired, TypedDict

DEFAULT_SOCKET: Final = "/run/cpd/cpd.sock"

MAX_LINE_BYTES: Final = 65_536
"""The longest request line that is read; answers may be longer."""

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
REFUSAL: Final = -32000
"""JSON-RPC 2.0 error codes; REFUSAL is every error of the charger itself, told apart by `data.code`."""

ErrorCode = Literal["invalid_params", "not_found", "refused", "timeout", "no_permission", "not_supported"]


class ErrorData(TypedDict):
    """What a client acts on: the kind of error, and what a person may do about it."""

    code: ErrorCode
    next_step: str


class ErrorObject(TypedDict):
    """A JSON-RPC 2.0 error; *message* is one sentence for a person."""

    code: int
    message: str
    data: ErrorData


class ClockDocument(TypedDict):
    """The wall clock: meaningless while not *trusted*."""

    now: str
    source: Literal["none", "ntp", "csms"]
    trusted: bool


class StationDocument(TypedDict):
    """Who the charge point is."""

    id: str
    vendor: str
    model: str
    serial_number: str | None
    firmware_version: str
    uptime_s: float
    clock: ClockDocument


class CsmsDocument(TypedDict):
    """The link to the central system; *url* is None where the charger works alone.

    *online*: the boot is accepted, and a call was answered over the connection that stands.
    *queued* and *dead* count the journal's entries that wait, and those that were given up. *held*: kept
    down on request.
    """

    url: str | None
    connected: bool
    since: str | None
    registration: str | None
    online: bool
    last_answer_at: str | None
    last_error: str | None
    held: bool
    security_profile: int
    verify_hostname: bool
    queued: int
    dead: int


class HalDocument(TypedDict):
    """Which hardware is behind the connectors, and how long an offer stands without renewal."""

    backend: str
    process: str
    lease_s: float


class PilotDocument(TypedDict):
    """*duty_percent* is rounded down to 0.1, None with *pwm* false while the pilot is steady."""

    state: str
    duty_percent: float | None
    pwm: bool


class ContactorDocument(TypedDict):
    """What the contactor was told, what its mirror contacts say, and on how many phases."""

    commanded: str
    confirmed: str
    phases: int


class SourceDocument(TypedDict, total=False):
    """What set something: its kind, and the charging profile where it is one, received at *set_at*; else empty."""

    kind: str
    purpose: str
    id: int
    stack_level: int
    recurrency: str
    set_at: str


class ConstraintDocument(TypedDict):
    """What holds a limit where it is; *purpose*, *id* and *stack_level* where it is a charging profile.

    *recurrency*: Daily or Weekly, where it recurs.
    """

    kind: str
    purpose: NotRequired[str]
    id: NotRequired[int]
    stack_level: NotRequired[int]
    recurrency: NotRequired[str]


class RunnerUpDocument(TypedDict):
    """What the limit would be without the thing that holds it."""

    current_a: float
    constrained_by: ConstraintDocument


class LimitDocument(TypedDict):
    """The engine's answer in A per phase; *until* is when it can change, None: only by somebody's act."""

    current_a: float
    constrained_by: ConstraintDocument
    until: str | None
    runner_up: RunnerUpDocument | None


class MeterDocument(TypedDict):
    """The last reading, *age_s* old; None for what the meter does not measure."""

    energy_wh: int
    power_w: float | None
    current_a: list[float] | None
    voltage_v: list[float] | None
    age_s: float | None


class TransactionDocument(TypedDict):
    """A running transaction; *id* is the central system's, None until it has answered."""

    local_id: str
    id: int | None
    id_tag: str
    started_at: str | None
    meter_start_wh: int
    energy_wh: int | None


class PastTransactionDocument(TransactionDocument):
    """A transaction of the list; *delivered*: the central system has taken all of it."""

    connector: int
    stopped_at: str | None
    meter_stop_wh: int | None
    reason: str | None
    delivered: bool


class ReservationDocument(TypedDict):
    """Whom a connector is kept for; *connector* is 0 where any connector would do for them."""

    id: int
    connector: int
    id_tag: str
    parent_id_tag: str | None
    expires_at: str


class FaultDocument(TypedDict):
    """A fault that stands; *clears_by* is unplug, acknowledge, recovers or recovers_for_60_s."""

    kind: str
    error_code: str
    since: str | None
    latched: bool
    clears_by: str


class BlockerDocument(TypedDict):
    """One cause for not charging; *source* is what set it."""

    code: str
    since: str | None
    until: str | None
    source: SourceDocument
    evidence: str
    next_step: str


class ConnectorDocument(TypedDict):
    """One connector. *limit* is what may flow, *offer_a* what is offered now, 0 while paused."""

    id: int
    ocpp_status: str
    error_code: str
    availability: Literal["Operative", "Inoperative"]
    cable_a: int | None
    lock: str
    pilot: PilotDocument
    contactor: ContactorDocument
    limit: LimitDocument
    offer_a: float
    meter: MeterDocument | None
    transaction: TransactionDocument | None
    reservation: ReservationDocument | None
    faults: list[FaultDocument]
    blockers: list[BlockerDocument]


class StoreDocument(TypedDict):
    """*failure*: why what should be kept is not; *damage*: what this start found; *moved*: whose it seems to be.

    None while all is well.
    """

    failure: str | None
    damage: str | None
    moved: str | None


class StatusDocument(TypedDict):
    """`status`, and the params of each `watch` notification."""

    schema: Literal["cpd.status/1"]
    station: StationDocument
    csms: CsmsDocument
    hal: HalDocument
    store: StoreDocument
    connectors: list[ConnectorDocument]


class WatchDocument(TypedDict):
    """The answer to `watch`."""

    schema: Literal["cpd.watch/1"]
    subscribed: bool


class WhyDocument(TypedDict):
    """`why`: the causes for not charging, the primary one first."""

    schema: Literal["cpd.why/1"]
    connector: int
    charging: bool
    blockers: list[BlockerDocument]


class SchedulePeriodDocument(TypedDict):
    """From *start_s* after the schedule's start; *limit* in the schedule's unit, rounded down to 0.1."""

    start_s: int
    limit: float
    phases: int
    constrained_by: ConstraintDocument


class ScheduleDocument(TypedDict):
    """`schedule`: what the engine allows from *start* on, for *duration_s* (cut to the longest allowed).

    *recurring_local_time*: the time zone by whose clocks Recurring profiles recur, None for UTC.
    """

    schema: Literal["cpd.schedule/1"]
    connector: int
    start: str
    duration_s: int
    unit: Literal["A", "W"]
    periods: list[SchedulePeriodDocument]
    recurring_local_time: str | None


class InstalledProfileDocument(TypedDict):
    """A charging profile as on the wire, and where (0: the station) and when it was set."""

    connector: int
    received_at: str
    profile: dict[str, object]


class ProfilesDocument(TypedDict):
    """`profiles.list`."""

    schema: Literal["cpd.profiles/1"]
    profiles: list[InstalledProfileDocument]


class ClearedDocument(TypedDict):
    """`profiles.clear`: how many profiles went."""

    schema: Literal["cpd.cleared/1"]
    cleared: int


class TransactionsDocument(TypedDict):
    """`transactions.list`, the newest first."""

    schema: Literal["cpd.transactions/1"]
    transactions: list[PastTransactionDocument]


class ConfigurationKeyDocument(TypedDict):
    """A configuration key; *file_value*, in `configuration.diff` only, is what a reset leads to."""

    key: str
    value: str | None
    readonly: bool
    source: Literal["file", "csms", "local"]
    file_value: NotRequired[str | None]


class ConfigurationDocument(TypedDict):
    """The `configuration` methods; *status* is `configuration.set`'s, as in OCPP 1.6 §7.22."""

    schema: Literal["cpd.configuration/1"]
    keys: list[ConfigurationKeyDocument]
    status: NotRequired[str]


class SettingChangeDocument(TypedDict):
    """A key of cpd.toml, as ``connector[1].free_vend``, and its values as TOML; None where it is not there.

    *kept* is the value of an OCPP key that was changed at run time, which wins over the file's; else None.
    """

    key: str
    before: str | None
    now: str | None
    kept: str | None


class ReloadDocument(TypedDict):
    """`reload`: what is in force from now on, what waits for a restart, and the keys that stay as they were."""

    schema: Literal["cpd.reload/1"]
    changed: list[SettingChangeDocument]
    needs_restart: list[SettingChangeDocument]
    unchanged: list[str]
    warnings: list[str]


class LocalLimitDocument(TypedDict):
    """`limit`: the local limit of a connector and its end, both None once it is off; *limit* is what holds now."""

    schema: Literal["cpd.limit/1"]
    connector: int
    current_a: float | None
    until: str | None
    limit: LimitDocument


TransactionAction = Literal["StartTransaction", "MeterValues", "StopTransaction"]


class FindingDocument(TypedDict):
    """One part: *health* is ok, warning or failed; *connector* None where it serves all of them."""

    part: str
    connector: int | None
    health: Literal["ok", "warning", "failed"]
    evidence: str
    next_step: str


class DoctorDocument(TypedDict):
    """`doctor`; *running* False where no daemon was there to be asked, and only its surroundings were looked at."""

    schema: Literal["cpd.doctor/1"]
    running: bool
    findings: list[FindingDocument]


class ConnectionStepDocument(TypedDict):
    """One step towards the CSMS; *ms* None where it was not tried, *cause* None unless it failed."""

    step: Literal["DNS", "TCP", "TLS", "WebSocket", "Boot"]
    outcome: Literal["ok", "failed", "skipped"]
    ms: float | None
    evidence: str
    cause: str | None
    next_step: str


class ConnectionTestDocument(TypedDict):
    """`cpd connect test`: what was dialled, step by step.

    *link* is that of the cpd that runs, by which the steps end before the WebSocket; None where none does.
    """

    schema: Literal["cpd.connection/1"]
    url: str
    station: str
    link: CsmsDocument | None
    steps: list[ConnectionStepDocument]


class QueuedMessageDocument(TypedDict):
    """A message about a transaction that the CSMS has not taken, *dead* once it was given up.

    *id* is None while it goes straight out and was never written. *order* counts the transactions of this
    charger, ``L-91`` in words; *transaction_id* is the CSMS's number, None while unknown. *running*: the
    transaction goes on, more will follow. *attempts* were in vain, the last for the reason *last_error*.
    """

    id: int | None
    action: TransactionAction
    local_id: str
    attempts: int
    last_error: str | None
    dead: bool
    created_at: str | None
    order: int
    connector: int
    transaction_id: int | None
    running: bool


class QueueDocument(TypedDict):
    """`queue.list` in the order of delivery; `queue.retry`: what waits anew."""

    schema: Literal["cpd.queue/1"]
    messages: list[QueuedMessageDocument]


class UnlockDocument(TypedDict):
    """`unlock`: the plug can be pulled; anything else is an error."""

    schema: Literal["cpd.unlock/1"]
    connector: int
    unlocked: Literal[True]


class AvailabilityDocument(TypedDict):
    """`availability`: kept, and in force now (Accepted) or once the transaction has ended (Scheduled)."""

    schema: Literal["cpd.availability/1"]
    connector: int
    operative: bool
    status: str


class AuthVerdictDocument(TypedDict):
    """What becomes of an idTag: *action* is accept, ask or refuse, by the *row* of the table.

    *source*: what decides: list, cache, AllowOfflineTxForUnknownId, csms or none. *change*: the key of which
    another value alone would lead to another action; None where none would.
    """

    action: str
    source: str
    row: int
    change: str | None


class AuthTableRowDocument(TypedDict):
    """A row of the decision table; the first that fits decides. *entry* and *key* None fit everything.

    *entry*: how the idTag stands by the list, else the cache: accepted, refused or unknown. *key* is to be true.
    """

    row: int
    connection: Literal["online", "offline"]
    entry: str | None
    key: str | None
    action: str


class AuthEntryDocument(TypedDict):
    """What is known of an idTag here; *status* is as it stands now."""

    status: str
    parent_id_tag: str | None
    expires_at: str | None


class AuthListDocument(TypedDict):
    """The local authorization list; *version* is 0 while it is empty, -1 while it is not enabled."""

    enabled: bool
    version: int
    entry: AuthEntryDocument | None


class AuthCacheDocument(TypedDict):
    """The authorization cache."""

    enabled: bool
    entry: AuthEntryDocument | None


class SpellingDocument(TypedDict):
    """Another spelling of the idTag for which the list or the cache, the *source*, has an entry."""

    id_tag: str
    kind: str
    source: str


class RefusedLaterDocument(TypedDict):
    """A transaction that the CSMS refuses gets *energy_wh* more; then it *stops*, or stays without current."""

    stops: bool
    energy_wh: int


class AuthDocument(TypedDict):
    """`auth.explain`: what would become of an idTag at *now*, over the *connection* that there is and without it.

    *csms*: one is configured. *keys* are those that rule it; one that is not served is absent.
    """

    schema: Literal["cpd.auth/1"]
    id_tag: str
    now: str
    csms: bool
    connection: Literal["online", "offline"]
    online: AuthVerdictDocument
    offline: AuthVerdictDocument
    table: list[AuthTableRowDocument]
    keys: dict[str, bool]
    local_list: AuthListDocument
    cache: AuthCacheDocument
    spellings: list[SpellingDocument]
    if_refused_later: RefusedLaterDocument


class CardSpellingDocument(TypedDict):
    """A way to spell a card's idTag, by the keys of ``[[reader]]`` that make it.

    *local_list* and *cache*: the status of its entry there, None where it has none.
    """

    id_tag: str
    byte_order: Literal["msb", "lsb"]
    id_format: Literal["hex", "decimal"]
    id_bytes: int
    local_list: str | None
    cache: str | None


class ShownCardDocument(TypedDict):
    """A card that was held to a reader: *id_tag* is what would be sent, *uid* the bytes that were read, in hex.

    *at* is None while nobody knows the time; *connector* None where the reader serves all of them. A reader that
    tells no bytes has *uid* None and no *spellings*.
    """

    schema: Literal["cpd.rfid/1"]
    at: str | None
    connector: int | None
    id_tag: str
    uid: str | None
    local_list: str | None
    cache: str | None
    spellings: list[CardSpellingDocument]


class ShownCardsDocument(TypedDict):
    """`rfid.watch`, `rfid.cards`: *last* is the number to go on from; *ends_in_s* 0: cards work as ever again."""

    schema: Literal["cpd.rfid.cards/1"]
    cards: list[ShownCardDocument]
    last: int
    ends_in_s: float


class DryRunDocument(TypedDict):
    """The answer to *dry_run*: what *would* be done, in words, and the connectors on which a transaction *ends*."""

    schema: Literal["cpd.dry-run/1"]
    would: str
    ends: list[int]


class DoneDocument(TypedDict):
    """The answer of a method that has nothing to tell but that it was done."""

    schema: Literal["cpd.done/1"]
    done: Literal[True]


class TracedFrameDocument(TypedDict):
    """An OCPP frame without secrets, *sent* or received; *kind* is call, result or error, None for what is none.

    *action* of an answer is that of its call, which it *took_ms* to come; None where the call is not known any more.
    """

    seq: int
    at: str
    sent: bool
    kind: str | None
    action: str | None
    took_ms: float | None
    text: str


class TraceDocument(TypedDict):
    """`trace`: frames in order; *last* is the number of the newest one that there is, 0 where there is none.

    A frame of an earlier life of the daemon has a number that is 0 or less.
    """

    schema: Literal["cpd.trace/1"]
    frames: list[TracedFrameDocument]
    last: int


class BundleDocument(TypedDict):
    """`bundle`: a tar.gz without secrets, its *content* in Base64, and the names of its parts."""

    schema: Literal["cpd.bundle/1"]
    name: str
    size_bytes: int
    parts: list[str]
    content: str
