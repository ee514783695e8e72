"""Each writable configuration key has its effect, at once and after a restart."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cpd.domain.variables import VARIABLES
from cpd.lab.csms.behaviour import Behaviour
from tests.process.test_configuration_effects import SHOWN
from tests.scenarios import effects
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

WRITABLE = sorted(variable.key for variable in VARIABLES.values() if variable.writable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What shows the value of a key: *shows* gives *before* with the default, *after* once *value* is set.

    *ocpp* has keys of the file that the effect needs.
    """

    value: str
    shows: Callable[[Site], Awaitable[object]]
    before: object
    after: object
    ocpp: str = ""


EFFECTS: dict[str, Effect] = {
    "AllowOfflineTxForUnknownId": Effect(
        value="true", shows=effects.a_stranger_starts_offline, before=False, after=True
    ),
    "AuthorizationCacheEnabled": Effect(
        value="false", shows=effects.a_known_card_starts_offline, before=True, after=False
    ),
    "AuthorizeRemoteTxRequests": Effect(
        value="true", shows=effects.a_remote_start_is_asked_about, before=False, after=True
    ),
    "BlinkRepeat": Effect(value="7", shows=effects.a_waiting_connector_blinks, before=3, after=7),
    "ClockAlignedDataInterval": Effect(
        value="60", shows=effects.idle_values_are_apart_s, before=None, after=60
    ),
    "ConnectionTimeOut": Effect(value="20", shows=effects.a_card_waits_for_a_plug_s, before=60, after=20),
    "HeartbeatInterval": Effect(value="30", shows=effects.heartbeats_are_apart_s, before=300, after=30),
    "LightIntensity": Effect(value="40", shows=effects.the_light_is_bright, before=100, after=40),
    "LocalAuthListEnabled": Effect(
        value="false", shows=effects.a_listed_card_starts_offline, before=True, after=False
    ),
    "LocalAuthorizeOffline": Effect(
        value="false", shows=effects.a_known_card_starts_offline, before=True, after=False
    ),
    "LocalPreAuthorize": Effect(
        value="true", shows=effects.a_known_card_is_asked_about, before=True, after=False
    ),
    "MaxEnergyOnInvalidId": Effect(
        value="1000", shows=effects.an_invalid_start_ends_the_transaction, before=True, after=False
    ),
    "MeterValuesAlignedData": Effect(
        value="Voltage,Current.Offered",
        shows=effects.aligned_measurands,
        before={"Energy.Active.Import.Register"},
        after={"Voltage", "Current.Offered"},
        ocpp="ClockAlignedDataInterval = 60",
    ),
    "MeterValuesSampledData": Effect(
        value="Voltage,Power.Offered",
        shows=effects.measurands,
        before={
            "Energy.Active.Import.Register",
            "Power.Active.Import",
            "Current.Import",
            "Current.Offered",
        },
        after={"Voltage", "Power.Offered"},
    ),
    "MeterValueSampleInterval": Effect(value="15", shows=effects.samples_are_apart_s, before=60, after=15),
    "MinimumStatusDuration": Effect(
        value="5", shows=effects.a_short_visit_is_told, before=["Preparing", "Available"], after=[]
    ),
    "StopTransactionOnEVSideDisconnect": Effect(
        value="false", shows=effects.unplugging_ends_the_transaction, before=True, after=False
    ),
    "StopTransactionOnInvalidId": Effect(
        value="false", shows=effects.an_invalid_start_ends_the_transaction, before=True, after=False
    ),
    "StopTxnAlignedData": Effect(
        value="Voltage",
        shows=effects.transaction_data,
        before=set(),
        after={("Sample.Clock", "Voltage")},
        ocpp="ClockAlignedDataInterval = 60",
    ),
    "StopTxnSampledData": Effect(
        value="Voltage",
        shows=effects.transaction_data,
        before=set(),
        after={(one, "Voltage") for one in ("Transaction.Begin", "Sample.Periodic", "Transaction.End")},
    ),
    "TransactionMessageAttempts": Effect(value="1", shows=effects.attempts, before=3, after=1),
    "TransactionMessageRetryInterval": Effect(
        value="5", shows=effects.the_first_attempts_are_apart_s, before=60, after=5
    ),
    "UnlockConnectorOnEVSideDisconnect": Effect(
        value="false", shows=effects.unplugging_unlocks_the_socket, before=True, after=False
    ),
    "WebSocketPingInterval": Effect(
        value="10", shows=effects.a_dead_link_is_found_within_50_s, before=False, after=True
    ),
}


def test_every_writable_key_has_an_effect_to_be_shown() -> None:
    assert sorted([*EFFECTS, *SHOWN]) == WRITABLE


@pytest.mark.parametrize("key", list(EFFECTS))
def test_a_key_has_its_effect_at_once_and_after_a_restart(tmp_path: Path, key: str) -> None:
    effect = EFFECTS[key]

    async def scenario() -> None:
        async with site(tmp_path, behaviour=Behaviour(interval_s=0), ocpp=effect.ocpp) as first:
            assert await effect.shows(first) == effect.before
            assert await effects.change(first, key, effect.value) == "Accepted"
            assert await effect.shows(first) == effect.after
        async with site(tmp_path, after=first, ocpp=effect.ocpp) as second:
            assert await effects.value_of(second, key) == effect.value
            assert await effect.shows(second) == effect.after

    run_virtual(scenario())
