"""The methods of the control interface: each checks what only the daemon knows, asks it, answers a document.

One table; what is not in it is answered `not_supported`. Types and ranges were checked before.
"""

from cpd.control import local_limit, operation, queue
from cpd.control.api import (
    ClearedDocument,
    ConfigurationDocument,
    DoneDocument,
    ProfilesDocument,
    ScheduleDocument,
    StatusDocument,
    TransactionsDocument,
    WhyDocument,
)
from cpd.control.documents import (
    configuration_key_document,
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
    ConfigurationGetParams,
    ConfigurationKeyParams,
    ConfigurationSetParams,
    ConnectorParams,
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
from cpd.domain.variables import VARIABLES, ChangeOutcome
from cpd.station.configuration import ConfigurationKey


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


async def get_configuration(
    target: ControlTarget, params: ConfigurationGetParams, _caller: Caller
) -> ConfigurationDocument:
    keys = target.configuration() if params.key is None else [_key(target, params.key)]
    return {"schema": "cpd.configuration/1", "keys": [configuration_key_document(key) for key in keys]}


async def set_configuration(
    target: ControlTarget, params: ConfigurationSetParams, caller: Caller
) -> ConfigurationDocument:
    _require_configuring(caller)
    key = _key(target, params.key)
    outcome = await target.set_configuration(key.key, params.value)
    match outcome:
        case ChangeOutcome.ACCEPTED | ChangeOutcome.REBOOT_REQUIRED:
            changed = configuration_key_document(_key(target, key.key))
            return {"schema": "cpd.configuration/1", "status": outcome.value, "keys": [changed]}
        case ChangeOutcome.REJECTED if key.readonly:
            raise ControlRefused(
                "refused", f"{key.key} is read-only", "it follows from cpd.toml or the hardware"
            )
        case ChangeOutcome.REJECTED:
            raise ControlRefused(
                "refused",
                f"{params.value!r} is not a value of {key.key}",
                f"allowed: {VARIABLES[key.key.casefold()].allowed}",
            )
        case ChangeOutcome.NOT_SUPPORTED:
            raise _no_such_key(key.key)


async def reset_configuration(
    target: ControlTarget, params: ConfigurationKeyParams, caller: Caller
) -> ConfigurationDocument:
    _require_configuring(caller)
    key = _key(target, params.key).key
    await target.reset_configuration(key)
    return {"schema": "cpd.configuration/1", "keys": [configuration_key_document(_key(target, key))]}


async def diff_configuration(
    target: ControlTarget, _params: Params, _caller: Caller
) -> ConfigurationDocument:
    different = [
        key for key in target.configuration() if key.source != "file" and key.value != key.file_value
    ]
    return {
        "schema": "cpd.configuration/1",
        "keys": [{**configuration_key_document(key), "file_value": key.file_value} for key in different],
    }


async def authorize(target: ControlTarget, params: CardParams, _caller: Caller) -> DoneDocument:
    if params.connector is not None:
        connector_of(target, params.connector)
    await target.authorize(params.id_tag, params.connector)
    return DONE


async def disconnect_csms(target: ControlTarget, _params: Params, _caller: Caller) -> DoneDocument:
    target.csms_hold()
    return DONE


async def connect_csms(target: ControlTarget, _params: Params, _caller: Caller) -> DoneDocument:
    target.csms_release()
    return DONE


async def mock_plug_in(target: ControlTarget, params: PlugInParams, _caller: Caller) -> DoneDocument:
    _world(target, params.connector).plug_in(params.connector, params.cable_a)
    return DONE


async def mock_plug_out(target: ControlTarget, params: ConnectorParams, _caller: Caller) -> DoneDocument:
    _world(target, params.connector).plug_out(params.connector)
    return DONE


async def mock_ev(target: ControlTarget, params: EvParams, _caller: Caller) -> DoneDocument:
    wishes = EvWishes(
        ready=params.ready,
        max_current_ma=_thousandfold(params.max_current_a),
        phases=params.phases,
        ventilation=params.ventilation,
        personality=params.personality,
    )
    _world(target, params.connector).ev(params.connector, wishes)
    return DONE


async def mock_swipe(target: ControlTarget, params: CardParams, _caller: Caller) -> DoneDocument:
    _world(target, params.connector).swipe(params.id_tag, params.connector)
    return DONE


async def mock_fault(target: ControlTarget, params: FaultParams, _caller: Caller) -> DoneDocument:
    _world(target, params.connector).fault(params.connector, params.kind, params.active)
    return DONE


async def mock_meter(target: ControlTarget, params: MeterParams, _caller: Caller) -> DoneDocument:
    voltage_mv = _thousandfold(params.voltage_v)
    _world(target, params.connector).meter(params.connector, params.energy_wh, voltage_mv)
    return DONE


METHODS: dict[str, Method] = {
    "status": Method(StatusParams, status),
    "why": Method(ConnectorParams, why),
    "schedule": Method(ScheduleParams, schedule),
    "profiles.list": Method(Params, list_profiles),
    "profiles.clear": Method(ClearProfilesParams, clear_profiles, mutating=True),
    "transactions.list": Method(TransactionsParams, list_transactions),
    **queue.METHODS,
    **local_limit.METHODS,
    **operation.METHODS,
    "configuration.get": Method(ConfigurationGetParams, get_configuration),
    "configuration.set": Method(ConfigurationSetParams, set_configuration, mutating=True),
    "configuration.reset": Method(ConfigurationKeyParams, reset_configuration, mutating=True),
    "configuration.diff": Method(Params, diff_configuration),
    "authorize": Method(CardParams, authorize, mutating=True),
    "csms.disconnect": Method(Params, disconnect_csms, mutating=True),
    "csms.connect": Method(Params, connect_csms, mutating=True),
    "mock.plug_in": Method(PlugInParams, mock_plug_in, mutating=True),
    "mock.plug_out": Method(ConnectorParams, mock_plug_out, mutating=True),
    "mock.ev": Method(EvParams, mock_ev, mutating=True),
    "mock.swipe": Method(CardParams, mock_swipe, mutating=True),
    "mock.fault": Method(FaultParams, mock_fault, mutating=True),
    "mock.meter": Method(MeterParams, mock_meter, mutating=True),
}
"""Every method but `watch`, which the server answers itself."""


def require_full_allowed(params: StatusParams, caller: Caller) -> None:
    """Whole idTags are for root; raises `ControlRefused`."""
    if params.full and not caller.is_root:
        raise ControlRefused("no_permission", "only root sees whole idTags", "ask as root, or without full")


def _require_configuring(caller: Caller) -> None:
    if not caller.may_configure:
        raise ControlRefused(
            "no_permission", "only root changes the configuration", "the same again with sudo"
        )


def _key(target: ControlTarget, name: str) -> ConfigurationKey:
    folded = name.casefold()
    for key in target.configuration():
        if key.key.casefold() == folded:
            return key
    raise _no_such_key(name)


def _no_such_key(name: str) -> ControlRefused:
    return ControlRefused(
        "not_found", f"there is no configuration key {name!r}", "cpd config get lists all keys"
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
