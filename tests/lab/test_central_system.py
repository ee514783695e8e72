"""The central system over a network in memory, on a virtual clock, against a peer from the `ocpp` package."""

import asyncio
import json
from typing import Any

import pytest
from ocpp.exceptions import InternalError
from ocpp.v16 import call, call_result
from ocpp.v16.enums import AuthorizationStatus, RegistrationStatus

from cpd.lab.csms.behaviour import Behaviour, Reaction, Tag
from cpd.lab.csms.requests import CallRefused, InvalidAnswer, NotConnected
from cpd.lab.csms.station_log import Event
from cpd.ocpp.transport import ConnectionLost, DialFailed, Endpoint
from tests.lab.charge_points import STATION, URL, Bench, on_bench


def test_boot_is_answered_with_the_clock_and_the_interval() -> None:
    async def story(bench: Bench) -> None:
        async with bench.charge_point() as charge_point:
            answer = await charge_point.boot()
        assert (answer.status, answer.interval) == ("Pending", 12)
        assert answer.current_time == "2026-03-02T11:00:00.000Z"

    on_bench(story, Behaviour(registration=RegistrationStatus.pending, interval_s=12, clock_error_s=3600))


def test_everything_a_charge_point_may_send_is_answered_after_its_schema() -> None:
    timestamp = "2026-03-02T10:00:00Z"
    messages = [
        call.Authorize(id_tag="T"),
        call.DataTransfer(vendor_id="v"),
        call.DiagnosticsStatusNotification(status="Idle"),
        call.FirmwareStatusNotification(status="Idle"),
        call.Heartbeat(),
        call.LogStatusNotification(status="Idle", request_id=None),
        call.MeterValues(
            connector_id=1, meter_value=[{"timestamp": timestamp, "sampledValue": [{"value": "1"}]}]
        ),
        call.SecurityEventNotification(type="StartupOfTheDevice", timestamp=timestamp, tech_info=None),
        call.SignCertificate(csr="x"),
        call.SignedFirmwareStatusNotification(status="Idle", request_id=None),
        call.StatusNotification(connector_id=0, error_code="NoError", status="Available"),
    ]

    async def story(bench: Bench) -> None:
        async with bench.charge_point() as charge_point:
            await charge_point.boot()
            for message in messages:
                await charge_point.call(message, suppress=False)
            started = await charge_point.start_transaction(1)
            await charge_point.stop_transaction(started.transaction_id, 2)
        received = [entry.action for entry in bench.central_system.log(STATION).calls]
        assert received[1:-2] == [type(message).__name__ for message in messages]
        assert bench.central_system.violations == []

    on_bench(story)


def test_calls_are_kept_as_dataclasses_of_the_package() -> None:
    async def story(bench: Bench) -> None:
        log = bench.central_system.log(STATION)
        async with bench.charge_point() as charge_point, asyncio.TaskGroup() as tasks:
            fault = tasks.create_task(
                log.message(call.StatusNotification, lambda message: message.status == "Faulted")
            )
            for status in ("Available", "Faulted"):
                await charge_point.call(
                    call.StatusNotification(connector_id=1, error_code="NoError", status=status), False
                )
        assert fault.result().connector_id == 1
        assert [message.status for message in log.messages(call.StatusNotification)] == [
            "Available",
            "Faulted",
        ]
        assert [entry.event for entry in log.entries] == [Event.CONNECTED, *[Event.RECEIVED, Event.SENT] * 2]

    on_bench(story)


def test_only_calls_after_the_mark_are_waited_for() -> None:
    async def story(bench: Bench) -> None:
        log = bench.central_system.log(STATION)
        async with bench.charge_point() as charge_point:
            await charge_point.call(call.Authorize(id_tag="OLD"), False)
            mark = len(log.calls)
            await charge_point.call(call.Authorize(id_tag="NEW"), False)
            assert (await log.message(call.Authorize)).id_tag == "OLD"
            assert (await log.message(call.Authorize, since=mark)).id_tag == "NEW"

    on_bench(story)


def test_transactions_get_ids_and_the_tag_table_decides() -> None:
    async def story(bench: Bench) -> None:
        async with bench.charge_point() as charge_point:
            started = await charge_point.start_transaction(5)
            authorized = await charge_point.call(call.Authorize(id_tag="tag"), False)
        assert started.transaction_id == 41
        assert started.id_tag_info["status"] == "ConcurrentTx"
        assert authorized.id_tag_info == {"status": "Blocked", "parent_id_tag": "P"}
        assert [
            booked.meter_start_wh for booked in bench.central_system.log(STATION).ledger.transactions
        ] == [5]

    on_bench(
        story,
        Behaviour(
            first_transaction_id=41,
            start_status=AuthorizationStatus.concurrent_tx,
            tags={"TAG": Tag(status=AuthorizationStatus.blocked, parent_id_tag="P")},
        ),
    )


def test_a_retried_start_gets_the_same_id_even_over_a_new_link() -> None:
    async def story(bench: Bench) -> None:
        async with bench.charge_point() as charge_point:
            first = await charge_point.start_transaction()
        async with bench.charge_point() as charge_point:
            again = await charge_point.start_transaction()
            other = await charge_point.start_transaction(connector=2, second=1)
        assert first.transaction_id == again.transaction_id
        assert other.transaction_id == first.transaction_id + 1
        assert bench.central_system.log(STATION).connections == 2

    on_bench(story)


@pytest.mark.parametrize(("unit", "value", "register_wh"), [(None, "1500", 1500), ("kWh", "1.5", 1500)])
def test_the_energy_register_is_read_from_meter_values(
    unit: str | None, value: str, register_wh: int
) -> None:
    sampled = [
        {"value": "8", "phase": "L1"},
        {"value": "9", "measurand": "Power.Active.Import"},
        {"value": value} | ({} if unit is None else {"unit": unit}),
    ]

    async def story(bench: Bench) -> None:
        async with bench.charge_point() as charge_point:
            started = await charge_point.start_transaction()
            values = [{"timestamp": "2026-03-02T10:01:00Z", "sampledValue": sampled}]
            await charge_point.call(
                call.MeterValues(connector_id=1, meter_value=values, transaction_id=started.transaction_id),
                False,
            )
        booked = bench.central_system.log(STATION).ledger.transactions[0]
        assert (booked.meter_values, booked.last_meter_wh) == (1, register_wh)

    on_bench(story)


def test_a_call_to_the_charge_point_brings_its_typed_answer() -> None:
    async def story(bench: Bench) -> None:
        async with bench.charge_point():
            answer = await bench.central_system.call(STATION, call.ClearCache())
        assert answer == call_result.ClearCache(status="Accepted")

    on_bench(story)


def test_a_callerror_of_the_charge_point_is_raised_with_its_code() -> None:
    async def story(bench: Bench) -> None:
        async with bench.charge_point():
            with pytest.raises(CallRefused) as refused:
                await bench.central_system.call(STATION, call.Reset(type="Soft"))
        assert refused.value.code == "NotImplemented"
        assert bench.central_system.violations == []

    on_bench(story)


def test_an_answer_against_its_schema_is_a_violation() -> None:
    async def story(bench: Bench) -> None:
        async with bench.charge_point():
            with pytest.raises(InvalidAnswer):
                await bench.central_system.call(STATION, call.GetLocalListVersion())
        assert len(bench.central_system.violations) == 1
        assert "answer to GetLocalListVersion" in bench.central_system.violations[0]

    on_bench(story)


def test_a_wrong_message_of_ours_is_refused_and_never_sent() -> None:
    async def story(bench: Bench) -> None:
        async with bench.charge_point():
            with pytest.raises(ValueError, match="Reset"):
                await bench.central_system.call(STATION, call.Reset(type="Lukewarm"))
        assert [entry.event for entry in bench.central_system.log(STATION).entries] == [Event.CONNECTED]

    on_bench(story)


def test_a_call_fails_at_once_when_the_link_goes() -> None:
    async def story(bench: Bench) -> None:
        async with bench.connection() as connection, asyncio.TaskGroup() as tasks:
            calling = tasks.create_task(_raised(bench.central_system.call(STATION, call.ClearCache())))
            await connection.recv()
            before_s = bench.clock.monotonic_s()
            connection.abort()
            assert isinstance(await calling, NotConnected)
        assert bench.clock.monotonic_s() == before_s

    on_bench(story)


def test_a_call_to_a_charge_point_that_is_not_there_says_so() -> None:
    async def story(bench: Bench) -> None:
        with pytest.raises(NotConnected, match="CP 1 is not connected"):
            await bench.central_system.call(STATION, call.ClearCache())

    on_bench(story)


def test_an_unanswered_call_times_out_and_its_late_answer_is_no_violation() -> None:
    async def story(bench: Bench) -> None:
        async with bench.connection() as connection:
            with pytest.raises(TimeoutError):
                await bench.central_system.call(STATION, call.ClearCache())
            message_id = json.loads(await connection.recv())[1]
            await connection.send(json.dumps([3, message_id, {"status": "Accepted"}]))
            await bench.clock.sleep(1)
        assert bench.central_system.violations == []

    on_bench(story)


def test_a_new_link_replaces_the_old_one() -> None:
    async def story(bench: Bench) -> None:
        async with bench.connection() as old, bench.charge_point():
            with pytest.raises(ConnectionLost):
                await old.recv()
            await bench.central_system.call(STATION, call.ClearCache())
            assert bench.central_system.log(STATION).connected

    on_bench(story)


def test_a_link_can_be_dropped_and_the_network_cut() -> None:
    async def story(bench: Bench) -> None:
        async with bench.connection() as connection:
            bench.central_system.drop(STATION)
            with pytest.raises(ConnectionLost):
                await connection.recv()
        async with bench.connection() as connection:
            bench.network.cut()
            with pytest.raises(ConnectionLost):
                await connection.send("x")
        with pytest.raises(DialFailed):
            await bench.network.connect(Endpoint(url=URL)).__aenter__()

    on_bench(story)


def test_a_swallowing_network_loses_frames_and_keeps_the_link() -> None:
    async def story(bench: Bench) -> None:
        async with bench.charge_point() as charge_point:
            bench.network.swallows = True
            with pytest.raises(TimeoutError):
                await charge_point.boot()
            bench.network.swallows = False
            assert (await charge_point.boot()).status == "Accepted"

    on_bench(story)


def test_a_refused_upgrade_and_a_missing_subprotocol_are_seen_by_who_dials() -> None:
    async def story(bench: Bench) -> None:
        bench.central_system.behaviour = Behaviour(upgrade_status=503, retry_after_s=9)
        with pytest.raises(DialFailed) as failed:
            await bench.network.connect(Endpoint(url=URL)).__aenter__()
        assert (failed.value.http_status, failed.value.retry_after_s) == (503, 9)
        bench.central_system.behaviour = Behaviour(subprotocol=None)
        async with bench.connection() as connection:
            assert connection.subprotocol is None

    on_bench(story)


def test_an_error_is_answered_as_scripted_and_the_next_call_well() -> None:
    async def story(bench: Bench) -> None:
        async with bench.charge_point() as charge_point:
            with pytest.raises(InternalError):
                await charge_point.call(call.Heartbeat(), False)
            await charge_point.call(call.Heartbeat(), False)
        assert bench.central_system.violations == []

    on_bench(story, Behaviour(reactions={"Heartbeat": Reaction(error="InternalError", times=1)}))


def test_a_scripted_answer_goes_out_as_it_is() -> None:
    async def story(bench: Bench) -> None:
        async with bench.connection() as connection:
            answer = await _exchange(connection, "Heartbeat", {})
        assert answer[2] == {"currentTime": "2026-03-02 10:00"}

    on_bench(story, Behaviour(reactions={"Heartbeat": Reaction(answer={"currentTime": "2026-03-02 10:00"})}))


def test_an_answer_is_delayed() -> None:
    async def story(bench: Bench) -> None:
        async with bench.charge_point() as charge_point:
            before_s = bench.clock.monotonic_s()
            await charge_point.call(call.Heartbeat(), False)
        assert bench.clock.monotonic_s() - before_s == pytest.approx(8)

    on_bench(story, Behaviour(reactions={"Heartbeat": Reaction(delay_s=8)}))


def test_a_call_while_an_earlier_answer_is_delayed_is_no_violation() -> None:
    async def story(bench: Bench) -> None:
        async with bench.charge_point() as charge_point:
            with pytest.raises(TimeoutError):
                await charge_point.call(call.Heartbeat(), False)
            await charge_point.boot()
            await bench.clock.sleep(20)
        assert bench.central_system.violations == []

    on_bench(story, Behaviour(reactions={"Heartbeat": Reaction(delay_s=15)}))


def test_a_silent_answer_never_comes_and_blocks_no_other_call() -> None:
    async def story(bench: Bench) -> None:
        async with bench.charge_point() as charge_point:
            with pytest.raises(TimeoutError):
                await charge_point.call(call.Heartbeat(), False)
            await charge_point.boot()
        assert bench.central_system.violations == []

    on_bench(story, Behaviour(reactions={"Heartbeat": Reaction(silent=True)}))


def test_a_held_answer_comes_when_the_behaviour_lets_it_go() -> None:
    async def story(bench: Bench) -> None:
        async with bench.charge_point() as charge_point, asyncio.TaskGroup() as tasks:
            starting = tasks.create_task(charge_point.start_transaction())
            await bench.clock.sleep(5)
            assert not starting.done()
            bench.central_system.behaviour = Behaviour(first_transaction_id=9)
            assert (await starting).transaction_id == 9

    on_bench(story, Behaviour(reactions={"StartTransaction": Reaction(held=True)}))


def test_the_link_is_dropped_on_a_call_as_scripted() -> None:
    async def story(bench: Bench) -> None:
        async with bench.connection() as connection:
            await connection.send(json.dumps([2, "1", "Heartbeat", {}]))
            with pytest.raises(ConnectionLost):
                await connection.recv()

    on_bench(story, Behaviour(reactions={"Heartbeat": Reaction(drops_link=True)}))


def test_raw_text_reaches_the_charge_point_as_it_is() -> None:
    async def story(bench: Bench) -> None:
        async with bench.connection() as connection:
            await bench.central_system.send_raw(STATION, '[2,"x')
            assert await connection.recv() == '[2,"x'

    on_bench(story)


HEARTBEAT = [2, "1", "Heartbeat", {}]
BOOT = [2, "0", "BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"}]


@pytest.mark.parametrize(
    ("frames", "violation"),
    [
        (["{"], "no JSON"),
        (["[" * 20_000], "no JSON"),
        (['[2,"1","Heartbeat",{"x":NaN}]'], "no JSON"),
        ([[2, "1", ["x"], {}]], "neither CALL"),
        ([[2, 7, "Heartbeat", {}]], "neither CALL"),
        ([[2, "1", "Heartbeat", {}, {}]], "neither CALL"),
        ([[2, "i" * 37, "Heartbeat", {}]], "37 characters"),
        ([[2, "1", "Frobnicate", {}]], "Frobnicate is no CALL"),
        ([[2, "1", "SetChargingProfile", {}]], "SetChargingProfile is no CALL"),
        ([[2, "1", "Authorize", {"idTag": "x" * 21}]], "Authorize: "),
        ([[3, "nobody-asked", {}]], "no CALL that waits"),
        ([HEARTBEAT, HEARTBEAT], "came twice"),
        (
            [
                [
                    2,
                    "1",
                    "StatusNotification",
                    {
                        "connectorId": 0,
                        "errorCode": "NoError",
                        "status": "Available",
                        "timestamp": "1970-01-01T00:00:09Z",
                    },
                ]
            ],
            "never set",
        ),
        (
            [
                [
                    2,
                    "1",
                    "StartTransaction",
                    {
                        "connectorId": 1,
                        "idTag": "T",
                        "meterStart": 0,
                        "timestamp": "2026-03-02T11:00:00+01:00",
                    },
                ]
            ],
            "not UTC with Z",
        ),
    ],
)
def test_what_a_charge_point_may_not_send_is_a_violation_and_the_link_lives(
    frames: list[Any], violation: str
) -> None:
    async def story(bench: Bench) -> None:
        async with bench.connection() as connection:
            for frame in frames:
                await connection.send(frame if isinstance(frame, str) else json.dumps(frame))
                await bench.clock.sleep(1)
            await connection.send(json.dumps([2, "alive", "Heartbeat", {}]))
            answer: list[Any] = []
            while answer[:2] != [3, "alive"]:
                answer = json.loads(await connection.recv())
        assert len(bench.central_system.violations) == 1
        assert violation in bench.central_system.violations[0]

    on_bench(story)


def test_a_second_call_before_the_answer_is_a_violation() -> None:
    async def story(bench: Bench) -> None:
        async with bench.connection() as connection:
            for message_id in ("1", "2"):
                await connection.send(json.dumps([2, message_id, "StopTransaction", _stop()]))
            await connection.recv()
            await connection.recv()
        assert any("before the CALL before it" in words for words in bench.central_system.violations)

    on_bench(story)


def _stop() -> dict[str, Any]:
    return {"transactionId": 1, "meterStop": 0, "timestamp": "2026-03-02T10:00:00Z"}


@pytest.mark.parametrize(
    ("registration", "trigger", "violations"),
    [
        (RegistrationStatus.accepted, False, 0),
        (RegistrationStatus.pending, False, 1),
        (RegistrationStatus.pending, True, 0),
        (RegistrationStatus.rejected, False, 1),
        (RegistrationStatus.rejected, True, 1),
    ],
)
def test_a_charge_point_that_is_not_accepted_keeps_silent_unless_asked(
    registration: RegistrationStatus, trigger: bool, violations: int
) -> None:
    async def story(bench: Bench) -> None:
        async with bench.charge_point() as charge_point:
            await charge_point.boot()
            if trigger:
                with pytest.raises(CallRefused):
                    await bench.central_system.call(
                        STATION, call.TriggerMessage(requested_message="Heartbeat")
                    )
            await charge_point.call(call.Heartbeat(), False)
        assert len(bench.central_system.violations) == violations

    on_bench(story, Behaviour(registration=registration))


async def _exchange(connection: Any, action: str, payload: dict[str, Any]) -> list[Any]:
    await connection.send(json.dumps([2, "1", action, payload]))
    answer: list[Any] = json.loads(await connection.recv())
    return answer


async def _raised(awaitable: Any) -> BaseException | None:
    try:
        await awaitable
    except Exception as error:
        return error
    return None
