"""cpd.toml read again: what sessions can live with holds at once, the rest waits, a mistake changes nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.lab.csms.station_log import Event
from tests.scenarios.site import CSMS, STATION, Site, configuration, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
ANYBODY = "AllowOfflineTxForUnknownId = true"


async def reload(here: Site, **config: Any) -> Any:
    """Write the file anew, and let the daemon read it."""
    configuration(here.folder, **config)
    return await here.control("reload")


def keys(changes: list[dict[str, Any]]) -> list[str]:
    return [change["key"] for change in changes]


def connections(here: Site) -> int:
    return sum(entry.event is Event.CONNECTED for entry in here.log.entries)


@pytest.mark.parametrize(
    ("config", "key", "offer_ma"),
    [
        ({"connector": "max_current_a = 12"}, "connector[1].max_current_a", 12_000),
        ({"station": "max_current_a = 10"}, "station.max_current_a", 10_000),
    ],
)
def test_a_lower_maximum_is_on_the_pilot_at_once_and_the_session_goes_on(
    tmp_path: Path, config: dict[str, str], key: str, offer_ma: int
) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            charging = await here.charge(TAG)
            assert charging.offer_ma == 32_000
            before = here.clock.monotonic_s()
            answer = await reload(here, **config)
            assert keys(answer["changed"]) == [key]
            assert here.connector().outlet.offer_ma == offer_ma
            assert here.clock.monotonic_s() - before < 1
            assert (await here.status("Charging")).transaction == charging.transaction

    run_virtual(scenario())


def test_a_maximum_that_is_raised_again_is_reached_without_a_pause(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, station="max_current_a = 16") as here:
            await here.charge(TAG)
            cycles = here.daemon.guard.contactor_cycles(1)
            await reload(here, station="max_current_a = 20")
            raised = await here.until(lambda one: one.outlet.offer_ma == 20_000)
            assert raised.status == "Charging"
            assert here.daemon.guard.contactor_cycles(1) == cycles

    run_virtual(scenario())


def test_an_initial_value_is_followed_and_what_the_csms_set_still_wins(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            request = call.ChangeConfiguration(key="ConnectionTimeOut", value="90")
            assert (await here.call(request)).status == "Accepted"
            answer = await reload(here, ocpp="ConnectionTimeOut = 30\nMeterValueSampleInterval = 15")
            assert [(one["key"], one["kept"]) for one in answer["changed"]] == [
                ("ocpp.ConnectionTimeOut", "90"),
                ("ocpp.MeterValueSampleInterval", None),
            ]
            got = await here.call(
                call.GetConfiguration(key=["ConnectionTimeOut", "MeterValueSampleInterval"])
            )
            assert [one["value"] for one in got.configuration_key] == ["90", "15"]
            await here.control("configuration.reset", key="ConnectionTimeOut")
            got = await here.call(call.GetConfiguration(key=["ConnectionTimeOut"]))
            assert got.configuration_key[0]["value"] == "30"

    run_virtual(scenario())


def test_a_new_sample_interval_holds_in_the_session_that_runs(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            await reload(here, ocpp="MeterValueSampleInterval = 5")
            seen = len(here.log.calls)
            await here.clock.sleep(21)
            sampled = [one for one in here.log.calls[seen:] if one.action == "MeterValues"]
            assert len(sampled) >= 4

    run_virtual(scenario())


def test_a_feature_profile_that_leaves_the_file_is_not_served_any_more(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await reload(here, ocpp='SupportedFeatureProfiles = "Core"')
            got = await here.call(call.GetConfiguration(key=["ChargeProfileMaxStackLevel"]))
            assert got.unknown_key == ["ChargeProfileMaxStackLevel"]

    run_virtual(scenario())


@pytest.mark.parametrize("silent", [False, True], ids=["still heard of", "silent too long already"])
def test_the_fail_safe_comes_changes_and_goes(tmp_path: Path, silent: bool) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=ANYBODY) as here:
            await here.charge(TAG)
            here.network.cut()
            await here.clock.sleep(60 if silent else 5)
            await reload(here, ocpp=ANYBODY, more="[offline]\nafter_s = 30\nmax_current_a = 10")
            if not silent:
                assert here.connector().offer_ma == 32_000
                await here.clock.sleep(30)
            assert here.connector().offer_ma == 10_000
            await reload(here, ocpp=ANYBODY, more="[offline]\nafter_s = 30\nmax_current_a = 8")
            assert here.connector().offer_ma == 8_000
            await reload(here, ocpp=ANYBODY)
            await here.until(lambda one: one.offer_ma == 32_000)

    run_virtual(scenario())


def test_an_idle_csms_is_asked_in_time_for_a_shorter_fail_safe(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp="HeartbeatInterval = 86400") as here:
            await here.clock.sleep(5)
            await reload(
                here, ocpp="HeartbeatInterval = 86400", more="[offline]\nafter_s = 20\nmax_current_a = 0"
            )
            for _ in range(100):
                await here.clock.sleep(1)
                assert here.connector().limit.constrained_by.kind.value != "offline"
            assert connections(here) == 1

    run_virtual(scenario())


def test_free_vend_begins_with_the_vehicle_that_is_plugged_in(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            here.world.plug_in(1)
            await here.status("Preparing")
            await reload(here, connector='free_vend = true\nauto_start_tag = "HOME"')
            charging = await here.status("Charging")
            assert charging.transaction is not None and charging.transaction.id_tag == "HOME"
            await reload(here)
            await here.clock.sleep(5)
            assert here.connector().status == "Charging"
            here.world.plug_out(1)
            await here.status("Available")
            here.world.plug_in(1)
            await here.status("Preparing")
            await here.clock.sleep(60)
            assert here.connector().status == "Preparing"

    run_virtual(scenario())


def test_what_is_delivered_is_kept_for_as_long_as_the_file_says_now(tmp_path: Path) -> None:
    async def scenario() -> None:
        quiet = "HeartbeatInterval = 86400\nMeterValueSampleInterval = 0\nWebSocketPingInterval = 0"
        async with site(tmp_path, ocpp=quiet) as here:
            await here.charge(TAG)
            here.world.plug_out(1)
            await here.stopped()
            answer = await reload(here, ocpp=quiet, store="keep_days = 1")
            assert keys(answer["changed"]) == ["store.keep_days"]
            await here.clock.sleep(3 * 86_400)
            assert (await here.control("transactions.list"))["transactions"] == []

    run_virtual(scenario())


def test_timings_of_the_link_change_without_losing_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            answer = await reload(here, csms=CSMS + "answer_timeout_s = 7\nreconnect_min_s = 2\n")
            assert keys(answer["changed"]) == ["csms.answer_timeout_s", "csms.reconnect_min_s"]
            await here.clock.sleep(5)
            assert connections(here) == 1
            here.network.swallows = True
            here.world.plug_in(1)
            # The status is not answered, nor the Heartbeat after it.
            await here.clock.sleep(15)
            assert not here.daemon.csms.link.connected

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("csms", "boots"),
    [
        (CSMS.replace("csms.test", "other.test"), 2),
        (CSMS + 'security_profile = 1\npassword = "0123456789abcdef"\n', 1),
    ],
    ids=["another address", "another password"],
)
def test_another_address_or_password_is_dialled_at_once_and_the_session_goes_on(
    tmp_path: Path, csms: str, boots: int
) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            charging = await here.charge(TAG)
            await here.clock.sleep(5)
            await reload(here, csms=csms)
            await here.log.until_connected(times=2)
            await here.clock.sleep(5)
            assert len(here.log.messages(call.BootNotification)) == boots
            now = here.connector()
            assert (now.status, now.offer_ma) == ("Charging", 32_000)
            assert now.transaction is not None and charging.transaction is not None
            assert now.transaction.local_id == charging.transaction.local_id
            document = await here.control("status")
            assert document["csms"]["online"]
            host = "other.test" if boots == 2 else "csms.test"
            assert document["csms"]["url"] == f"ws://{host}/ocpp/{STATION}"

    run_virtual(scenario())


def test_a_session_is_resumed_after_a_restart_where_the_file_says_so_now(tmp_path: Path) -> None:
    async def scenario() -> None:
        resumes = {"station": 'on_power_loss = "resume"', "hal": 'mock_vehicle = "remembered"'}
        async with site(tmp_path, hal=resumes["hal"]) as here:
            await here.charge(TAG)
            answer = await reload(here, **resumes)
            assert keys(answer["changed"]) == ["station.on_power_loss"]
            await here.daemon.station.shut_down()
            assert here.connector().transaction is not None

    run_virtual(scenario())


def test_what_needs_a_restart_is_told_each_time_and_nothing_of_it_is_in_force(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            charging = await here.charge(TAG)
            changed: dict[str, Any] = {"connector": "phases = 1\nlock = false", "station": 'vendor = "other"'}
            for _ in range(2):
                answer = await reload(here, **changed)
                assert answer["changed"] == []
                assert keys(answer["needs_restart"]) == [
                    "station.vendor",
                    "connector[1].phases",
                    "connector[1].lock",
                ]
            now = here.connector()
            assert now.limit == charging.limit and now.outlet.lock == charging.outlet.lock
            answer = await reload(here)
            assert answer["needs_restart"] == answer["changed"] == []

    run_virtual(scenario())


@pytest.mark.parametrize(
    "break_it",
    [
        lambda folder: configuration(folder, connector="max_current_a = 16\nphases = 2"),
        lambda folder: configuration(folder, more="[nonsense]"),
        lambda folder: (folder / "cpd.toml").write_text("[station"),
        lambda folder: (folder / "cpd.toml").unlink(),
    ],
    ids=["a value", "a table", "no TOML", "no file"],
)
def test_a_mistake_in_the_file_changes_nothing(tmp_path: Path, break_it: Callable[[Path], object]) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            break_it(tmp_path)
            refusal = await here.refusal("reload")
            assert refusal["data"]["code"] == "invalid_params"
            assert "cpd.toml" in refusal["message"]
            assert "nothing was changed" in refusal["data"]["next_step"]
            assert here.connector().offer_ma == 32_000
            answer = await reload(here, connector="max_current_a = 16")
            assert keys(answer["changed"]) == ["connector[1].max_current_a"]

    run_virtual(scenario())
