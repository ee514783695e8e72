"""GetConfiguration and ChangeConfiguration, and every key of OCPP 1.6 §9 that is served (§5.3, §5.8)."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.conformance.station import Station, station

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOOLEANS = [
    "AllowOfflineTxForUnknownId",
    "AuthorizationCacheEnabled",
    "AuthorizeRemoteTxRequests",
    "LocalAuthListEnabled",
    "LocalAuthorizeOffline",
    "LocalPreAuthorize",
    "StopTransactionOnEVSideDisconnect",
    "StopTransactionOnInvalidId",
    "UnlockConnectorOnEVSideDisconnect",
]
NUMBERS = [
    "ClockAlignedDataInterval",
    "ConnectionTimeOut",
    "HeartbeatInterval",
    "MaxEnergyOnInvalidId",
    "MeterValueSampleInterval",
    "MinimumStatusDuration",
    "ResetRetries",
    "TransactionMessageAttempts",
    "TransactionMessageRetryInterval",
    "WebSocketPingInterval",
]
MEASURANDS = [
    "MeterValuesAlignedData",
    "MeterValuesSampledData",
    "StopTxnAlignedData",
    "StopTxnSampledData",
]
READ_ONLY = [
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit",
    "ChargingScheduleMaxPeriods",
    "ConnectorSwitch3to1PhaseSupported",
    "GetConfigurationMaxKeys",
    "LocalAuthListMaxLength",
    "MaxChargingProfilesInstalled",
    "MeterValuesAlignedDataMaxLength",
    "MeterValuesSampledDataMaxLength",
    "NumberOfConnectors",
    "ReserveConnectorZeroSupported",
    "SendLocalListMaxLength",
    "StopTxnAlignedDataMaxLength",
    "StopTxnSampledDataMaxLength",
    "SupportedFeatureProfiles",
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def idle(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Station]:
    """No test here needs a value that another one has changed."""
    async with station(tmp_path_factory.mktemp("keys"), connectors=2) as running:
        yield running


async def is_readonly(idle: Station, key: str) -> bool:
    (entry,) = (await idle.ask("GetConfiguration", key=[key]))["configurationKey"]
    return bool(entry["readonly"])


async def rejected(idle: Station, key: str, *values: str) -> None:
    """Each of *values* is Rejected, and the old value stays."""
    before = await idle.value_of(key)
    for value in values:
        assert await idle.change(key, value) == "Rejected", value
        assert await idle.value_of(key) == before


@pytest.mark.parametrize("key", BOOLEANS)
async def test_a_switch_can_be_turned_on_and_off(idle: Station, key: str) -> None:
    assert not await is_readonly(idle, key)
    for value in ("true", "false", "true"):
        assert await idle.change(key, value) == "Accepted"
        assert await idle.value_of(key) == value


@pytest.mark.parametrize("key", BOOLEANS)
async def test_a_switch_takes_no_other_word(idle: Station, key: str) -> None:
    await rejected(idle, key, "", "1", "0", "yes", "on", "truee")


@pytest.mark.parametrize("key", NUMBERS)
async def test_a_number_can_be_changed(idle: Station, key: str) -> None:
    assert not await is_readonly(idle, key)
    before = await idle.value_of(key)
    for value in ("5", "7"):
        assert await idle.change(key, value) == "Accepted"
        assert await idle.value_of(key) == value
    assert await idle.change(key, before) == "Accepted"


@pytest.mark.parametrize("key", NUMBERS)
async def test_a_number_takes_nothing_that_is_no_whole_number_of_its_range(idle: Station, key: str) -> None:
    await rejected(idle, key, "", "-1", "1.5", "1e3", "0x10", "ten", "99999999999")


@pytest.mark.parametrize("key", MEASURANDS)
async def test_a_list_of_measurands_takes_all_that_the_hardware_has_in_any_order(
    idle: Station, key: str
) -> None:
    assert not await is_readonly(idle, key)
    before = await idle.value_of(key)
    everything = "Voltage,Current.Import,Power.Active.Import,Energy.Active.Import.Register,Current.Offered"
    for value in (everything, ",".join(reversed(everything.split(","))), "Voltage.L1", "", before):
        assert await idle.change(key, value) == "Accepted"
        assert await idle.value_of(key) == value


@pytest.mark.parametrize("key", MEASURANDS)
async def test_a_list_of_measurands_takes_none_that_the_hardware_does_not_have(
    idle: Station, key: str
) -> None:
    await rejected(idle, key, "SoC", "Voltage,SoC", "RPM", "Nonsense", "voltage")


@pytest.mark.parametrize("key", READ_ONLY)
async def test_a_key_that_describes_the_charge_point_is_read_only(idle: Station, key: str) -> None:
    assert await is_readonly(idle, key)
    await rejected(idle, key, await idle.value_of(key), "1", "true")


async def test_no_key_and_an_empty_list_both_mean_all_keys(idle: Station) -> None:
    every = await idle.ask("GetConfiguration")
    assert every == await idle.ask("GetConfiguration", key=[])
    told = {entry["key"] for entry in every["configurationKey"]}
    assert {*BOOLEANS, *NUMBERS, *MEASURANDS, *READ_ONLY} <= told
    assert "unknownKey" not in every


async def test_every_key_has_a_value(idle: Station) -> None:
    every = (await idle.ask("GetConfiguration"))["configurationKey"]
    assert [entry["key"] for entry in every if not isinstance(entry.get("value"), str)] == []


async def test_keys_are_told_in_the_order_asked_and_unknown_ones_apart(idle: Station) -> None:
    answer = await idle.ask("GetConfiguration", key=["ResetRetries", "Nope", "HeartbeatInterval", "nada"])
    assert [entry["key"] for entry in answer["configurationKey"]] == ["ResetRetries", "HeartbeatInterval"]
    assert answer["unknownKey"] == ["Nope", "nada"]


async def test_an_unknown_key_alone_leaves_the_list_empty(idle: Station) -> None:
    answer = await idle.ask("GetConfiguration", key=["Nope"])
    assert (answer.get("configurationKey", []), answer["unknownKey"]) == ([], ["Nope"])


async def test_the_number_of_connectors_is_true(idle: Station) -> None:
    assert await idle.value_of("NumberOfConnectors") == "2"


async def test_the_feature_profiles_are_named(idle: Station) -> None:
    named = set((await idle.value_of("SupportedFeatureProfiles")).split(","))
    assert named >= {
        "Core",
        "FirmwareManagement",
        "LocalAuthListManagement",
        "Reservation",
        "RemoteTrigger",
        "SmartCharging",
    }


async def test_no_more_keys_can_be_asked_for_at_once_than_the_charge_point_says(idle: Station) -> None:
    most = int(await idle.value_of("GetConfigurationMaxKeys"))
    assert len((await idle.ask("GetConfiguration", key=["x"] * most))["unknownKey"]) == most
    assert await idle.refusal("GetConfiguration", key=["x"] * (most + 1)) == "OccurenceConstraintViolation"


async def test_a_change_of_an_unknown_key_is_not_supported(idle: Station) -> None:
    for key in ("NoSuchKey", "", "Heartbeat Interval"):
        assert await idle.change(key, "1") == "NotSupported"


async def test_a_key_is_changed_whatever_its_case(idle: Station) -> None:
    assert await idle.change("resetRETRIES", "4") == "Accepted"
    assert await idle.value_of("ResetRetries") == "4"


async def test_a_switch_is_read_in_any_case_and_told_in_one(idle: Station) -> None:
    assert await idle.change("LocalPreAuthorize", "TRUE") == "Accepted"
    assert await idle.value_of("LocalPreAuthorize") == "true"
