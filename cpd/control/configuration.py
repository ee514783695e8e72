"""The configuration: OCPP keys one by one, and cpd.toml read again as a whole. Only root changes it."""

from cpd.control.api import ConfigurationDocument, ReloadDocument, SettingChangeDocument
from cpd.control.documents import configuration_key_document
from cpd.control.method import Caller, Method
from cpd.control.params import (
    ConfigurationGetParams,
    ConfigurationKeyParams,
    ConfigurationSetParams,
    Params,
)
from cpd.control.target import ControlRefused, ControlTarget
from cpd.domain.variables import VARIABLES, ChangeOutcome
from cpd.settings.changes import Change
from cpd.station.configuration import ConfigurationKey


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
        "keys": [
            {**configuration_key_document(key), "file_value": None if key.secret else key.file_value}
            for key in different
        ],
    }


async def reload(target: ControlTarget, _params: Params, caller: Caller) -> ReloadDocument:
    _require_configuring(caller)
    found = await target.reload()
    keys = {f"ocpp.{key.key}": key for key in target.configuration()}
    return {
        "schema": "cpd.reload/1",
        "changed": [_setting_change(one, keys.get(one.key)) for one in found.changed],
        "needs_restart": [_setting_change(one, None) for one in found.needs_restart],
        "unchanged": list(found.unchanged),
        "warnings": list(found.warnings),
    }


METHODS = {
    "configuration.get": Method(ConfigurationGetParams, get_configuration),
    "configuration.set": Method(ConfigurationSetParams, set_configuration, mutating=True),
    "configuration.reset": Method(ConfigurationKeyParams, reset_configuration, mutating=True),
    "configuration.diff": Method(Params, diff_configuration),
    "reload": Method(Params, reload, mutating=True),
}


def _setting_change(change: Change, key: ConfigurationKey | None) -> SettingChangeDocument:
    overruled = key is not None and key.source != "file"
    return {
        "key": change.key,
        "before": change.before,
        "now": change.now,
        "kept": configuration_key_document(key)["value"] if key is not None and overruled else None,
    }


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
