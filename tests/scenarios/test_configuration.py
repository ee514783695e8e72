"""Configuration keys over the wire: each writable one has its effect, keeps it, and refuses nonsense."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.domain.variables import VARIABLES, ValueType
from cpd.lab.csms.behaviour import Behaviour
from cpd.lab.csms.session import CallRefused
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

KNOWN = "KNOWN"


async def change(here: Site, key: str, value: str) -> str:
    return str((await here.call(call.ChangeConfiguration(key=key, value=value))).status)


async def value_of(here: Site, key: str) -> str:
    answer = await here.call(call.GetConfiguration(key=[key]))
    return str(answer.configuration_key[0]["value"])


def sent(here: Site, action: str, since: int = 0) -> list[Any]:
    return [received for received in here.log.calls[since:] if received.action == action]


def a_stranger(here: Site) -> str:
    """An idTag that nobody has seen before."""
    return f"NEW{here.clock.monotonic_s():.0f}"


async def leave(here: Site, id_tag: str) -> None:
    """End what runs, unplug, and let everything that is queued be delivered."""
    transaction = here.connector().transaction
    if transaction is not None and transaction.stop_reason is None:
        here.world.swipe(id_tag)
        await here.until(lambda one: one.transaction is None)
    here.world.plug_out(1)
    here.network.up = True
    await here.status("Available", within_s=600)
    async with asyncio.timeout(3_600):
        while not here.daemon.csms.online or here.daemon.station.journal.queued:
            await here.clock.sleep(1)


async def starts_offline(here: Site, id_tag: str) -> bool:
    """Whether *id_tag* starts a session without the central system."""
    here.network.cut()
    here.world.plug_in(1)
    await here.status("Preparing")
    here.world.swipe(id_tag)
    await here.clock.sleep(15)
    started = here.connector().transaction is not None
    await leave(here, id_tag)
    return started


async def a_stranger_starts_offline(here: Site) -> bool:
    return await starts_offline(here, a_stranger(here))


async def a_known_card_starts_offline(here: Site) -> bool:
    await here.charge(KNOWN)
    await leave(here, KNOWN)
    return await starts_offline(here, KNOWN)


async def a_known_card_is_asked_about(here: Site) -> bool:
    await here.charge(KNOWN)
    await leave(here, KNOWN)
    seen = len(here.log.calls)
    await here.charge(KNOWN)
    asked = sent(here, "Authorize", seen)
    await leave(here, KNOWN)
    return bool(asked)


async def a_remote_start_is_asked_about(here: Site) -> bool:
    seen = len(here.log.calls)
    here.world.plug_in(1)
    await here.status("Preparing")
    await here.call(call.RemoteStartTransaction(id_tag="REMOTE", connector_id=1))
    await here.status("Charging")
    asked = sent(here, "Authorize", seen)
    await leave(here, "REMOTE")
    return bool(asked)


async def a_card_waits_for_a_plug_s(here: Site) -> int:
    here.world.swipe(KNOWN)
    await here.status("Preparing")
    began_s = here.clock.monotonic_s()
    await here.status("Available", within_s=600)
    return round(here.clock.monotonic_s() - began_s)


async def heartbeats_are_apart_s(here: Site) -> int:
    """With traffic between, so that none is sent for the silence of the link."""
    instants: list[float] = []
    while len(instants) < 2:
        seen = len(here.log.calls)
        await here.clock.sleep(10)
        await here.call(call.TriggerMessage(requested_message="StatusNotification", connector_id=1))  # type: ignore[arg-type]
        instants += [beat.at_s for beat in sent(here, "Heartbeat", seen)]
    return round(instants[1] - instants[0])


async def measurands(here: Site) -> set[str]:
    seen = len(here.log.calls)
    await here.call(call.TriggerMessage(requested_message="MeterValues"))  # type: ignore[arg-type]
    message = await here.log.message(call.MeterValues, since=seen)
    return {one["measurand"] for one in message.meter_value[0]["sampled_value"]}


async def samples_are_apart_s(here: Site) -> int:
    seen = len(here.log.calls)
    await here.charge(KNOWN)
    await here.clock.sleep(150)
    first, second, *_ = sent(here, "MeterValues", seen)
    await leave(here, KNOWN)
    return round(second.at_s - first.at_s)


async def a_short_visit_is_told(here: Site) -> list[str]:
    await here.clock.sleep(30)
    seen = len(here.log.calls)
    here.world.plug_in(1)
    await here.clock.sleep(2)
    here.world.plug_out(1)
    await here.clock.sleep(30)
    return [str(one.message.status) for one in sent(here, "StatusNotification", seen)]


async def unplugging_ends_the_transaction(here: Site) -> bool:
    await here.charge(KNOWN)
    here.world.plug_out(1)
    await here.clock.sleep(15)
    ended = here.connector().transaction is None
    await leave(here, KNOWN)
    return ended


async def an_invalid_start_ends_the_transaction(here: Site) -> bool:
    here.behave(start_status="Invalid")
    here.world.plug_in(1)
    here.world.swipe(KNOWN)
    await here.log.message(call.StartTransaction, since=len(here.log.calls))
    await here.clock.sleep(15)
    ended = here.connector().transaction is None
    here.behave(start_status=None)
    await leave(here, KNOWN)
    return ended


async def attempts_at_a_sample(here: Site) -> list[float]:
    """The instants at which one MeterValues was sent to a central system that refuses all of them."""
    here.behave(reactions={"MeterValues": {"error": "InternalError"}})
    seen = len(here.log.calls)
    await here.charge(KNOWN)
    await here.clock.sleep(400)
    refused = sent(here, "MeterValues", seen)
    first = refused[0].message.meter_value[0]["timestamp"]
    here.behave(reactions={})
    await leave(here, KNOWN)
    return [one.at_s for one in refused if one.message.meter_value[0]["timestamp"] == first]


async def attempts(here: Site) -> int:
    return len(await attempts_at_a_sample(here))


async def the_first_attempts_are_apart_s(here: Site) -> int:
    first_s, second_s, *_ = await attempts_at_a_sample(here)
    return round(second_s - first_s)


async def a_dead_link_is_found_within_50_s(here: Site) -> bool:
    here.network.cut()
    here.network.up = True
    await here.log.until_connected(times=here.log.connections + 1)
    await here.clock.sleep(1)
    dials = here.network.dials
    here.network.swallows = True
    began_s = here.clock.monotonic_s()
    while here.network.dials == dials:
        await here.clock.sleep(1)
    here.network.swallows = False
    found_s = here.clock.monotonic_s() - began_s
    await here.clock.sleep(120)
    return found_s < 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What shows the value of a key: *shows* gives *before* with the default, *after* once *value* is set."""

    value: str
    shows: Callable[[Site], Awaitable[object]]
    before: object
    after: object


EFFECTS: dict[str, Effect] = {
    "AllowOfflineTxForUnknownId": Effect(
        value="true", shows=a_stranger_starts_offline, before=False, after=True
    ),
    "AuthorizationCacheEnabled": Effect(
        value="false", shows=a_known_card_starts_offline, before=True, after=False
    ),
    "AuthorizeRemoteTxRequests": Effect(
        value="true", shows=a_remote_start_is_asked_about, before=False, after=True
    ),
    "ConnectionTimeOut": Effect(value="20", shows=a_card_waits_for_a_plug_s, before=60, after=20),
    "HeartbeatInterval": Effect(value="30", shows=heartbeats_are_apart_s, before=300, after=30),
    "LocalAuthorizeOffline": Effect(
        value="false", shows=a_known_card_starts_offline, before=True, after=False
    ),
    "LocalPreAuthorize": Effect(value="true", shows=a_known_card_is_asked_about, before=True, after=False),
    "MeterValuesSampledData": Effect(
        value="Voltage,Power.Offered",
        shows=measurands,
        before={
            "Energy.Active.Import.Register",
            "Power.Active.Import",
            "Current.Import",
            "Current.Offered",
        },
        after={"Voltage", "Power.Offered"},
    ),
    "MeterValueSampleInterval": Effect(value="15", shows=samples_are_apart_s, before=60, after=15),
    "MinimumStatusDuration": Effect(
        value="5", shows=a_short_visit_is_told, before=["Preparing", "Available"], after=[]
    ),
    "StopTransactionOnEVSideDisconnect": Effect(
        value="false", shows=unplugging_ends_the_transaction, before=True, after=False
    ),
    "StopTransactionOnInvalidId": Effect(
        value="false", shows=an_invalid_start_ends_the_transaction, before=True, after=False
    ),
    "TransactionMessageAttempts": Effect(value="1", shows=attempts, before=3, after=1),
    "TransactionMessageRetryInterval": Effect(
        value="5", shows=the_first_attempts_are_apart_s, before=60, after=5
    ),
    "WebSocketPingInterval": Effect(
        value="10", shows=a_dead_link_is_found_within_50_s, before=False, after=True
    ),
}

WRITABLE = sorted(variable.key for variable in VARIABLES.values() if variable.writable)


def test_every_writable_key_has_an_effect_to_be_shown() -> None:
    assert sorted(EFFECTS) == WRITABLE


@pytest.mark.parametrize("key", list(EFFECTS))
def test_a_key_has_its_effect_at_once_and_after_a_restart(tmp_path: Path, key: str) -> None:
    effect = EFFECTS[key]

    async def scenario() -> None:
        async with site(tmp_path, behaviour=Behaviour(interval_s=0)) as first:
            assert await effect.shows(first) == effect.before
            assert await change(first, key, effect.value) == "Accepted"
            assert await effect.shows(first) == effect.after
        async with site(tmp_path, after=first) as second:
            assert await value_of(second, key) == effect.value
            assert await effect.shows(second) == effect.after

    run_virtual(scenario())


NONSENSE = {
    ValueType.BOOLEAN: ["", " ", "1", "yes", "maybe", "nul"],
    ValueType.INTEGER: ["", " ", "-1", "1.5", "1e3", "0x10", "ten", "٣", "99999999999", "9" * 500],
    ValueType.MEASURANDS: ["Voltage,Nonsense", "Temperature", "Voltage.L4", "voltage", "Energy", "V" * 500],
}


@pytest.mark.parametrize("key", WRITABLE)
def test_a_value_out_of_range_is_rejected_and_the_old_one_stays(tmp_path: Path, key: str) -> None:
    variable = VARIABLES[key.casefold()]
    bounds = [str(variable.minimum - 1), str(variable.maximum + 1)]
    refused = NONSENSE[variable.value_type] + (bounds if variable.value_type is ValueType.INTEGER else [])

    async def scenario() -> None:
        async with site(tmp_path, behaviour=Behaviour(interval_s=0)) as here:
            before = await value_of(here, key)
            for value in refused:
                assert await change(here, key, value) == "Rejected", value
                assert await value_of(here, key) == before

    run_virtual(scenario())


@pytest.mark.parametrize("text", ["TRUE", "True", " true "])
def test_a_boolean_is_read_in_any_case_and_told_in_one(tmp_path: Path, text: str) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            assert await change(here, "localpreauthorize", text) == "Accepted"
            assert await value_of(here, "LOCALPREAUTHORIZE") == "true"

    run_virtual(scenario())


def test_read_only_keys_are_rejected_and_unknown_ones_not_supported(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            before = await here.call(call.GetConfiguration())
            for variable in VARIABLES.values():
                if not variable.writable:
                    assert await change(here, variable.key, variable.default) == "Rejected", variable.key
            for key in ("NoSuchKey", "", " HeartbeatInterval"):
                assert await change(here, key, "1") == "NotSupported"
            assert await here.call(call.GetConfiguration()) == before

    run_virtual(scenario())


def test_all_keys_are_told_where_none_is_asked_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            everything = await here.call(call.GetConfiguration())
            assert everything == await here.call(call.GetConfiguration(key=[]))
            told = {one["key"]: one for one in everything.configuration_key}
            assert set(told) == {variable.key for variable in VARIABLES.values()}
            for one in told.values():
                assert isinstance(one["value"], str)
                assert one["readonly"] is not VARIABLES[one["key"].casefold()].writable

    run_virtual(scenario())


def test_keys_are_told_in_the_order_asked_whatever_their_case_and_unknown_ones_apart(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            asked = ["meterVALUESampleInterval", "Nope", "NumberOfConnectors", "heartbeatinterval", "nada"]
            answer = await here.call(call.GetConfiguration(key=asked))
            assert [one["key"] for one in answer.configuration_key] == [
                "MeterValueSampleInterval",
                "NumberOfConnectors",
                "HeartbeatInterval",
            ]
            assert answer.unknown_key == ["Nope", "nada"]

    run_virtual(scenario())


def test_an_unknown_key_of_the_file_is_a_plain_one(tmp_path: Path) -> None:
    ocpp = 'AcmeGreeting = "hello"'

    async def scenario() -> None:
        async with site(tmp_path, ocpp=ocpp) as first:
            answer = await first.call(call.GetConfiguration(key=["acmegreeting"]))
            assert answer.configuration_key == [{"key": "AcmeGreeting", "readonly": False, "value": "hello"}]
            assert await change(first, "ACMEGREETING", "good day") == "Accepted"
            assert await value_of(first, "AcmeGreeting") == "good day"
        async with site(tmp_path, ocpp=ocpp, after=first) as second:
            assert await value_of(second, "AcmeGreeting") == "good day"

    run_virtual(scenario())


def test_initial_values_of_the_file_take_effect_read_only_ones_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="ConnectionTimeOut = 33\nChargeProfileMaxStackLevel = 3") as here:
            assert await a_card_waits_for_a_plug_s(here) == 33
            profile = {
                "charging_profile_id": 1,
                "charging_profile_purpose": "TxDefaultProfile",
                "charging_profile_kind": "Relative",
                "charging_schedule": {
                    "charging_rate_unit": "A",
                    "charging_schedule_period": [{"start_period": 0, "limit": 10}],
                },
            }
            assert await here.set_profile(0, **profile, stack_level=3) == "Accepted"
            assert await here.set_profile(0, **profile, stack_level=4) == "Rejected"

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("left", "off", "keys"),
    [
        (
            "Core,RemoteTrigger",
            [
                call.ClearChargingProfile(),
                call.GetCompositeSchedule(connector_id=1, duration=60),
            ],
            ["ChargeProfileMaxStackLevel", "MaxChargingProfilesInstalled"],
        ),
        ("Core,SmartCharging", [call.TriggerMessage(requested_message="Heartbeat")], []),  # type: ignore[arg-type]
    ],
)
def test_a_feature_profile_that_is_not_named_is_off(
    tmp_path: Path, left: str, off: list[Any], keys: list[str]
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=f'SupportedFeatureProfiles = "{left}"') as here:
            for request in off:
                with pytest.raises(CallRefused) as refused:
                    await here.call(request)
                assert refused.value.code == "NotSupported"
            answer = await here.call(call.GetConfiguration(key=[*keys, "SupportedFeatureProfiles"]))
            assert [one["value"] for one in answer.configuration_key] == [left]
            assert (answer.unknown_key or []) == keys
            for key in keys:
                assert await change(here, key, "1") == "NotSupported"

    run_virtual(scenario())
