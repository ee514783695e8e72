"""The methods of the control interface: each checks what only the daemon knows, asks it, answers a document.

One table; what is not in it is answered `not_supported`. Types and ranges were checked before.
"""

from cpd.control import (
    auth,
    bundle,
    configuration,
    delay,
    doctor,
    local_limit,
    machine,
    operation,
    queue,
    rfid,
)
from cpd.control.api import (
    ClearedDocument,
    DoneDocument,
    ProfilesDocument,
    ScheduleDocument,
    StatusDocument,
    TransactionsDocument,
    WhyDocument,
)
from cpd.control.documents import (
    past_transaction_document,
    profile_document,
    schedule_document,
    status_document,
    why_document,
)
from cpd.control.method import DONE, Caller, Method, connector_of
from cpd.control.params import (
    CardParams,
    ClearProfilesParams,
    ConnectorParams,
    DeceiveParams,
    EvParams,
    FaultParams,
    MeterParams,
    Params,
    PlugInParams,
    ScheduleParams,
    StatusParams,
    TransactionsParams,
)
from cpd.control.target import ControlRefused, ControlTarget, EvWishes, MockWorld
from cpd.domain.profile_book import ProfileFilter
from cpd.domain.profiles import RateUnit


async def status(target: ControlTarget, params: StatusParams, caller: Caller) -> StatusDocument:
    require_full_allowed(params, caller)
    return status_document(target.snapshot(), target.dated, full=params.full)


async def why(target: ControlTarget, params: ConnectorParams, _caller: Caller) -> WhyDocument:
    return why_document(connector_of(target, params.connector))


async def schedule(target: ControlTarget, params: ScheduleParams, _caller: Caller) -> ScheduleDocument:
    if params.connector != 0:
        connector_of(target, params.connector)
    unit = RateUnit(params.unit) if params.unit is not None else None
    return schedule_document(target.schedule(params.connector, params.duration_s, unit))


async def list_profiles(target: ControlTarget, _params: Params, _caller: Caller) -> ProfilesDocument:
    installed = target.profiles()
    documents = [profile_document(profile, target.profile_document(profile)) for profile in installed]
    return {"schema": "cpd.profiles/1", "profiles": documents}


async def clear_profiles(
    target: ControlTarget, params: ClearProfilesParams, _caller: Caller
) -> ClearedDocument:
    which = ProfileFilter(
        profile_id=params.id,
        connector=params.connectorId,
        purpose=params.chargingProfilePurpose,
        stack_level=params.stackLevel,
    )
    return {"schema": "cpd.cleared/1", "cleared": await target.clear_profiles(which)}


async def list_transactions(
    target: ControlTarget, params: TransactionsParams, caller: Caller
) -> TransactionsDocument:
    require_full_allowed(params, caller)
    documents = [
        past_transaction_document(transaction, delivered=delivered, full=params.full)
        for transaction, delivered in await target.transactions(params.limit)
    ]
    return {"schema": "cpd.transactions/1", "transactions": documents}


async def authorize(target: ControlTarget, params: CardParams, _caller: Caller) -> DoneDocument:
    if params.connector is not None:
        connector_of(target, params.connector)
    await target.authorize(params.id_tag, params.connector)
    return DONE


async def disconnect_csms(target: ControlTarget, _params: Params, _caller: Caller) -> DoneDocument:
    _require_csms(target)
    target.csms_hold()
    return DONE


async def connect_csms(target: ControlTarget, _params: Params, _caller: Caller) -> DoneDocument:
    _require_csms(target)
    target.csms_release()
    return DONE


async def mock_plug_in(target: ControlTarget, params: PlugInParams, _caller: Caller) -> DoneDocument:
    await _world(target, params.connector).plug_in(params.connector, params.cable_a)
    return DONE


async def mock_plug_out(target: ControlTarget, params: ConnectorParams, _caller: Caller) -> DoneDocument:
    await _world(target, params.connector).plug_out(params.connector)
    return DONE


async def mock_ev(target: ControlTarget, params: EvParams, _caller: Caller) -> DoneDocument:
    wishes = EvWishes(
        ready=params.ready,
        max_current_ma=_thousandfold(params.max_current_a),
        phases=params.phases,
        ventilation=params.ventilation,
        personality=params.personality,
    )
    await _world(target, params.connector).ev(params.connector, wishes)
    return DONE


async def mock_swipe(target: ControlTarget, params: CardParams, _caller: Caller) -> DoneDocument:
    await _world(target, params.connector).swipe(params.id_tag, params.connector)
    return DONE


async def mock_stop_button(target: ControlTarget, params: ConnectorParams, _caller: Caller) -> DoneDocument:
    await _world(target, params.connector).press_stop(params.connector)
    return DONE


async def mock_fault(target: ControlTarget, params: FaultParams, _caller: Caller) -> DoneDocument:
    await _world(target, params.connector).fault(params.connector, params.kind, params.active)
    return DONE


async def mock_deceive(target: ControlTarget, params: DeceiveParams, _caller: Caller) -> DoneDocument:
    await _world(target, params.connector).deceive(params.connector, params.defect, params.active)
    return DONE


async def mock_meter(target: ControlTarget, params: MeterParams, _caller: Caller) -> DoneDocument:
    voltage_mv = _thousandfold(params.voltage_v)
    await _world(target, params.connector).meter(params.connector, params.energy_wh, voltage_mv)
    return DONE


METHODS: dict[str, Method] = {
    "status": Method(StatusParams, status),
    "why": Method(ConnectorParams, why),
    "schedule": Method(ScheduleParams, schedule),
    "profiles.list": Method(Params, list_profiles),
    "profiles.clear": Method(ClearProfilesParams, clear_profiles, mutating=True),
    "transactions.list": Method(TransactionsParams, list_transactions),
    **auth.METHODS,
    **bundle.METHODS,
    **doctor.METHODS,
    **queue.METHODS,
    **rfid.METHODS,
    **local_limit.METHODS,
    **delay.METHODS,
    **machine.METHODS,
    **operation.METHODS,
    **configuration.METHODS,
    "authorize": Method(CardParams, authorize, mutating=True),
    "csms.disconnect": Method(Params, disconnect_csms, mutating=True),
    "csms.connect": Method(Params, connect_csms, mutating=True),
    "mock.plug_in": Method(PlugInParams, mock_plug_in, mutating=True),
    "mock.plug_out": Method(ConnectorParams, mock_plug_out, mutating=True),
    "mock.ev": Method(EvParams, mock_ev, mutating=True),
    "mock.swipe": Method(CardParams, mock_swipe, mutating=True),
    "mock.stop_button": Method(ConnectorParams, mock_stop_button, mutating=True),
    "mock.fault": Method(FaultParams, mock_fault, mutating=True),
    "mock.deceive": Method(DeceiveParams, mock_deceive, mutating=True),
    "mock.meter": Method(MeterParams, mock_meter, mutating=True),
}
"""Every method but `watch`, which the server answers itself."""


def require_full_allowed(params: StatusParams, caller: Caller) -> None:
    """Whole idTags are for root; raises `ControlRefused`."""
    if params.full and not caller.is_root:
        raise ControlRefused("no_permission", "only root sees whole idTags", "ask as root, or without full")


def _require_csms(target: ControlTarget) -> None:
    if target.snapshot().link.url is None:
        raise ControlRefused(
            "refused", "this charger works alone, without a CSMS", "name one in [csms] of cpd.toml"
        )


def _world(target: ControlTarget, connector: int | None) -> MockWorld:
    world = target.mock
    if world is None:
        raise ControlRefused(
            "refused", "this charger has real hardware", 'mock actions need backend = "mock" in [hal]'
        )
    if connector is not None:
        connector_of(target, connector)
    return world


def _thousandfold(value: float | None) -> int | None:
    return None if value is None else round(value * 1_000)
