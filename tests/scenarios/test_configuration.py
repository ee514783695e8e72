"""Configuration keys over the wire: how they are told, what is refused, and what the file says."""

from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.domain.variables import VARIABLES, ValueType
from cpd.lab.csms.behaviour import Behaviour
from cpd.lab.csms.requests import CallRefused
from tests.scenarios.effects import a_card_waits_for_a_plug_s, change, value_of
from tests.scenarios.site import site
from tests.virtual_time import run_virtual

WRITABLE = sorted(variable.key for variable in VARIABLES.values() if variable.writable)


NONSENSE = {
    ValueType.BOOLEAN: ["", " ", "1", "yes", "maybe", "nul"],
    ValueType.INTEGER: ["", " ", "-1", "1.5", "1e3", "0x10", "ten", "٣", "99999999999", "9" * 500],
    ValueType.MEASURANDS: ["Voltage,Nonsense", "SoC", "Voltage.L4", "voltage", "Energy", "V" * 500],
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


def test_no_more_keys_than_allowed_are_told_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="GetConfigurationMaxKeys = 2") as here:
            assert len((await here.call(call.GetConfiguration())).configuration_key) > 2
            two = await here.call(call.GetConfiguration(key=["NumberOfConnectors", "Nope"]))
            assert len(two.configuration_key) == 1
            with pytest.raises(CallRefused) as refused:
                await here.call(call.GetConfiguration(key=["NumberOfConnectors"] * 3))
            assert refused.value.code == "OccurenceConstraintViolation"

    run_virtual(scenario())


def test_a_list_of_measurands_is_no_longer_than_its_key_allows(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="StopTxnSampledDataMaxLength = 2") as here:
            assert await change(here, "StopTxnSampledData", "Voltage,Current.Import") == "Accepted"
            for value in ("Voltage,Current.Import,Current.Offered", "Voltage,Voltage,Voltage"):
                assert await change(here, "StopTxnSampledData", value) == "Rejected"
            assert await value_of(here, "StopTxnSampledData") == "Voltage,Current.Import"
            assert (
                await change(here, "MeterValuesSampledData", "Voltage,Current.Import,Power.Offered")
                == "Accepted"
            )

    run_virtual(scenario())


def test_the_phase_rotation_is_the_installers_to_say(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2, connector="phases = 1") as here:
            assert await value_of(here, "ConnectorPhaseRotation") == "1.NotApplicable,2.NotApplicable"
        ocpp = 'ConnectorPhaseRotation = "0.RST, 1.STR"'
        async with site(tmp_path, ocpp=ocpp, after=here) as given:
            assert await value_of(given, "ConnectorPhaseRotation") == "0.RST,1.STR"
            assert await change(given, "ConnectorPhaseRotation", "1.RST") == "Rejected"

    run_virtual(scenario())


def test_a_measurand_that_only_other_chargers_have_may_stand_in_the_file_and_is_left_out(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        value = "SoC,Energy.Active.Import.Register,Voltage.L1"
        async with site(tmp_path, ocpp=f'MeterValuesSampledData = "{value}"') as here:
            assert await value_of(here, "MeterValuesSampledData") == value
            await here.call(call.TriggerMessage(requested_message="MeterValues"))  # type: ignore[arg-type]
            message = await here.log.message(call.MeterValues)
            told = [one["measurand"] for one in message.meter_value[0]["sampled_value"]]
            assert told == ["Energy.Active.Import.Register", "Voltage"]
            assert await change(here, "MeterValuesSampledData", value) == "Rejected"

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


def test_a_key_that_is_a_secret_is_written_and_never_read(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp='AuthorizationKey = "a-secret-of-the-file"') as here:
            assert (await here.call(call.GetConfiguration(key=["AuthorizationKey"]))).configuration_key == [
                {"key": "AuthorizationKey", "readonly": False}
            ]
            request = call.ChangeConfiguration(key="AuthorizationKey", value="a-secret-of-the-csms")
            assert (await here.call(request)).status == "Accepted"
            (diff,) = (await here.control("configuration.diff"))["keys"]
            assert (diff["key"], diff["value"], diff["file_value"]) == ("AuthorizationKey", None, None)
            told = [await here.control("configuration.get"), await here.call(call.GetConfiguration())]
            assert "a-secret" not in str(told)

    run_virtual(scenario())


def test_a_reset_of_a_key_that_nobody_changed_leaves_it_as_it_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="ConnectionTimeOut = 77") as here:
            (key,) = (await here.control("configuration.reset", key="connectiontimeout"))["keys"]
            assert (key["key"], key["value"], key["source"]) == ("ConnectionTimeOut", "77", "file")
            error = await here.refusal("configuration.reset", key="NoSuchKey")
            assert error["data"]["code"] == "not_found"

    run_virtual(scenario())
