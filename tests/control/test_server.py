import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cpd.control.api import MAX_LINE_BYTES
from cpd.control.method import Caller
from cpd.control.methods import METHODS
from cpd.control.server import MAX_CLIENTS
from cpd.control.target import ControlRefused, EvWishes
from cpd.errors import StorageError
from hal.values import FaultKind
from tests.control.fake_target import NOW, FakeTarget, a_charging_connector, a_snapshot, an_idle_connector
from tests.control.served import Lines, connected, served
from tests.virtual_time import run_virtual

Talk = Callable[[Lines, FakeTarget], Awaitable[Any]]


def talk(path: Path, conversation: Talk, *, without_mock: bool = False) -> Any:
    """Run *conversation* with a server at *path* on virtual time."""

    async def main() -> Any:
        target = FakeTarget()
        if without_mock:
            target.mock = None
        async with served(path, target), connected(path) as client:
            return await conversation(client, target)

    return run_virtual(main())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cpd.sock"


def test_status_is_answered_with_the_id_of_the_request(path: Path) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        answer = await client.raw(b'{"jsonrpc": "2.0", "id": "a1", "method": "status"}\n')

        assert answer["id"] == "a1"
        assert answer["result"]["schema"] == "cpd.status/1"
        assert [one["id"] for one in answer["result"]["connectors"]] == [1, 2]

    talk(path, conversation)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"\xff\xfe\n", -32700),
        (b"{\n", -32700),
        (b'{"a": "\xff"}\n', -32700),
        (b"[" * 20_000 + b"\n", -32700),
        (b'{"jsonrpc": "2.0", "id": NaN, "method": "status"}\n', -32700),
        (b"[]\n", -32600),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "status"}]\n', -32600),
        (b'"status"\n', -32600),
        (b'{"id": 1, "method": "status"}\n', -32600),
        (b'{"jsonrpc": "2.0", "id": 1}\n', -32600),
        (b'{"jsonrpc": "2.0", "id": [1], "method": "status"}\n', -32600),
        (b'{"jsonrpc": "2.0", "id": true, "method": "status"}\n', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 3}\n', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "no.such"}\n', -32601),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "fly", "params": {"connector": 1}}\n', -32601),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "why", "params": [1]}\n', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "why"}\n', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "why", "params": {"connector": "1"}}\n', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "why", "params": {"connector": true}}\n', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "why", "params": {"connector": 1, "x": 2}}\n', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "watch", "params": {"x": 2}}\n', -32602),
    ],
)
def test_hostile_input_gets_the_json_rpc_code_and_the_connection_goes_on(
    path: Path, line: bytes, code: int
) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        error = (await client.raw(line))["error"]

        assert error["code"] == code
        assert error["data"]["code"] in ("invalid_params", "not_supported")
        assert error["data"]["next_step"]
        assert "result" in await client.call("status")

    talk(path, conversation)


def test_a_line_past_the_bound_is_refused_and_ends_only_that_connection(path: Path) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        answer = await client.raw(b"x" * (MAX_LINE_BYTES + 1) + b"\n")

        assert answer["error"]["code"] == -32600
        assert str(MAX_LINE_BYTES) in answer["error"]["message"]
        assert await client.next() == {}
        async with connected(path) as other:
            assert "result" in await other.call("status")

    talk(path, conversation)


def test_half_a_line_at_the_end_is_not_carried_out(path: Path) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        answer = await _half_closed(client, b'{"jsonrpc": "2.0", "id": 1, "method": "csms.disconnect"')

        assert answer["error"]["code"] == -32700
        assert target.acts == []

    talk(path, conversation)


def test_a_whole_request_without_a_newline_at_the_end_is_answered(path: Path) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        answer = await _half_closed(client, b'{"jsonrpc": "2.0", "id": 1, "method": "status"}')

        assert "result" in answer

    talk(path, conversation)


async def _half_closed(client: Lines, data: bytes) -> dict[str, Any]:
    client.writer.write(data)
    client.writer.write_eof()
    return await client.next()


def test_a_notification_is_carried_out_and_not_answered(path: Path) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        client.writer.write(b'{"jsonrpc": "2.0", "method": "csms.disconnect"}\n')
        answer = await client.call("status")

        assert answer["id"] == 1
        assert target.acts == [("csms_hold",)]

    talk(path, conversation)


def test_pipelined_requests_are_answered_in_order(path: Path) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        lines = [json.dumps({"jsonrpc": "2.0", "id": number, "method": "status"}) for number in range(50)]
        client.writer.write("\n".join([*lines, ""]).encode())

        assert [(await client.next())["id"] for _ in lines] == list(range(50))

    talk(path, conversation)


def test_a_slow_client_gets_all_answers_also_after_it_has_said_its_last_word(path: Path) -> None:
    async def conversation(_client: Lines, _target: FakeTarget) -> None:
        async with connected(path) as slow:
            slow.reader._transport.pause_reading()  # type: ignore[attr-defined]
            slow.writer.write(b'{"jsonrpc": "2.0", "id": 1, "method": "status"}\n' * 120)
            slow.writer.write_eof()
            await asyncio.sleep(1)
            slow.reader._transport.resume_reading()  # type: ignore[attr-defined]
            answers = 0
            while await slow.next():
                answers += 1

            assert answers == 120

    talk(path, conversation)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=200), max_size=5))
def test_garbage_never_ends_the_server(path: Path, chunks: list[bytes]) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        for chunk in chunks:
            client.writer.write(chunk)
        client.writer.write_eof()
        while await client.next():
            pass
        async with connected(path) as other:
            assert "result" in await other.call("status")

    talk(path, conversation)


def test_a_hundred_clients_are_served_at_once(path: Path) -> None:
    async def conversation(_client: Lines, _target: FakeTarget) -> None:
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(connected(path)) for _ in range(100)]
            answers = await asyncio.gather(*(client.call("why", connector=1) for client in clients))

            assert all(answer["result"]["charging"] for answer in answers)

    talk(path, conversation)


def test_one_client_too_many_is_told_so(path: Path) -> None:
    async def conversation(_client: Lines, _target: FakeTarget) -> None:
        async with AsyncExitStack() as stack:
            for _ in range(MAX_CLIENTS - 1):
                await stack.enter_async_context(connected(path))
            last = await stack.enter_async_context(connected(path))

            assert (await last.next())["error"]["data"]["code"] == "refused"
        async with connected(path) as later:
            assert "result" in await later.call("status")

    talk(path, conversation)


def test_a_bug_behind_a_method_is_an_internal_error_and_no_more(path: Path) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        target.snapshot_error = ZeroDivisionError("a bug")
        assert (await client.call("status"))["error"]["code"] == -32603
        target.snapshot_error = None
        assert "result" in await client.call("status")

    talk(path, conversation)


def test_a_bug_behind_a_watch_ends_that_connection_and_no_more(path: Path) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        await client.call("watch")
        target.snapshot_error = ZeroDivisionError("a bug")
        target.change(IDLE)
        assert await client.next() == {}
        async with connected(path) as other:
            assert (await other.call("watch"))["error"]["code"] == -32603
            target.snapshot_error = None
            assert "result" in await other.call("watch")

    talk(path, conversation)


def test_an_unknown_connector_is_not_found(path: Path) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        for method, params in (("why", {}), ("schedule", {"duration_s": 60}), ("mock.plug_in", {})):
            error = (await client.call(method, connector=3, **params))["error"]

            assert error["data"] == {"code": "not_found", "next_step": "there are connectors 1 to 2"}

    talk(path, conversation)


def test_connector_0_has_a_schedule(path: Path) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        result = (await client.call("schedule", connector=0, duration_s=86_400, unit="W"))["result"]

        assert (result["connector"], result["duration_s"], result["unit"]) == (0, 86_400, "W")
        assert result["periods"][1] == {
            "start_s": 3_600,
            "limit": 16.0,
            "phases": 3,
            "constrained_by": {"kind": "profile", "purpose": "TxDefaultProfile", "id": 100, "stack_level": 0},
        }

    talk(path, conversation)


def test_profiles_are_listed_as_on_the_wire_and_cleared_by_the_filter(path: Path) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        listed = (await client.call("profiles.list"))["result"]["profiles"]
        assert listed[0]["connector"] == 0
        assert listed[0]["profile"]["chargingProfileId"] == 100

        other = await client.call("profiles.clear", chargingProfilePurpose="TxProfile")
        assert other["result"]["cleared"] == 0
        mine = await client.call("profiles.clear", connectorId=0, stackLevel=0)
        assert mine["result"] == {"schema": "cpd.cleared/1", "cleared": 1}

    talk(path, conversation)


def test_configuration_is_read_changed_compared_and_reset(path: Path) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        changed = (await client.call("configuration.set", key="heartbeatinterval", value="60"))["result"]
        assert changed["status"] == "Accepted"
        assert changed["keys"] == [
            {"key": "HeartbeatInterval", "value": "60", "readonly": False, "source": "local"}
        ]
        diff = (await client.call("configuration.diff"))["result"]
        assert [(key["key"], key["value"], key["file_value"]) for key in diff["keys"]] == [
            ("HeartbeatInterval", "60", "300")
        ]
        await client.call("configuration.reset", key="HeartbeatInterval")
        got = (await client.call("configuration.get", key="HeartbeatInterval"))["result"]
        assert got["keys"][0]["value"] == "300"

    talk(path, conversation)


@pytest.mark.parametrize(
    ("key", "value", "code", "word"),
    [
        ("NoSuchKey", "1", "not_found", "NoSuchKey"),
        ("NumberOfConnectors", "3", "refused", "read-only"),
        ("HeartbeatInterval", "often", "refused", "often"),
    ],
)
def test_a_configuration_change_that_does_not_happen_is_an_error(
    path: Path, key: str, value: str, code: str, word: str
) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        error = (await client.call("configuration.set", key=key, value=value))["error"]

        assert error["data"]["code"] == code
        assert word in error["message"]

    talk(path, conversation)


def test_a_value_set_to_what_the_file_says_is_no_difference(path: Path) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        same = (await client.call("configuration.set", key="HeartbeatInterval", value="300"))["result"]
        assert same["keys"][0]["source"] == "local"
        assert (await client.call("configuration.diff"))["result"]["keys"] == []

    talk(path, conversation)


def test_what_changes_something_is_journalled_with_uid_and_method(path: Path) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        await client.call("status")
        await client.call("csms.disconnect")
        await client.call("configuration.set", key="AuthorizationKey", value="swordfish")

        assert [(method, params) for _, method, params in target.audited] == [
            ("csms.disconnect", "{}"),
            ("configuration.set", '{"key":"AuthorizationKey","value":"(secret)"}'),
        ]

    talk(path, conversation)


def test_a_lost_journal_does_not_keep_a_technician_from_acting(path: Path) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        target.audit_error = StorageError("the disk is full")
        assert "result" in await client.call("csms.disconnect")
        assert target.acts == [("csms_hold",)]

    talk(path, conversation)


async def test_only_root_changes_the_configuration_and_sees_whole_id_tags() -> None:
    target, somebody = FakeTarget(), Caller(54_321)
    for name, params in (
        ("configuration.set", {"key": "HeartbeatInterval", "value": "60"}),
        ("configuration.reset", {"key": "HeartbeatInterval"}),
        ("status", {"full": True}),
        ("transactions.list", {"full": True}),
    ):
        method = METHODS[name]
        with pytest.raises(ControlRefused) as refused:
            await method.answer(target, method.params(**params), somebody)
        assert refused.value.code == "no_permission"
    assert target.values["HeartbeatInterval"] == "300"


def test_a_local_limit_is_asked_for_in_tenths_rounded_down(path: Path) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        limited = (await client.call("limit", connector=1, current_a=16.19, for_s=1_800))["result"]
        ended = (await client.call("limit", connector=1, current_a=None))["result"]

        assert target.acts == [("set_local_limit", 1, 16_100, 1_800), ("end_local_limit", 1)]
        assert (limited["schema"], limited["current_a"]) == ("cpd.limit/1", 16.1)
        assert limited["until"] == "2026-11-22T08:56:00.000Z"
        assert (ended["current_a"], ended["until"]) == (None, None)
        assert [method for _, method, _ in target.audited] == ["limit", "limit"]

    talk(path, conversation)


@pytest.mark.parametrize(
    "params",
    [
        {"connector": 1, "current_a": 10},
        {"connector": 1, "current_a": -1, "for_s": 60},
        {"connector": 1, "current_a": 81, "for_s": 60},
        {"connector": 1, "current_a": 10, "for_s": 0},
        {"connector": 1, "current_a": 10, "for_s": 31 * 86_400 + 1},
        {"connector": 0, "current_a": 10, "for_s": 60},
        {"connector": 1, "for_s": 60},
    ],
)
def test_a_local_limit_without_an_end_or_out_of_range_is_refused(path: Path, params: dict[str, Any]) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        error = (await client.call("limit", **params))["error"]
        assert error["data"]["code"] == "invalid_params"
        assert target.acts == []

    talk(path, conversation)


def test_the_mock_world_is_told_in_whole_units(path: Path) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        await client.call("mock.plug_in", connector=1, cable_a=20)
        await client.call("mock.ev", connector=1, ready=False, max_current_a=16.1, phases=1)
        await client.call("mock.swipe", id_tag="04A3")
        await client.call("mock.fault", connector=2, kind="ground_fault", active=True)
        await client.call("mock.meter", connector=1, energy_wh=5, voltage_v=229.5)
        await client.call("mock.plug_out", connector=1)

        assert target.mock is not None
        assert target.mock.acts == [
            ("plug_in", 1, 20),
            ("ev", 1, EvWishes(ready=False, max_current_ma=16_100, phases=1)),
            ("swipe", "04A3", None),
            ("fault", 2, FaultKind.GROUND_FAULT, True),
            ("meter", 1, 5, 229_500),
            ("plug_out", 1),
        ]

    talk(path, conversation)


def test_an_unknown_fault_kind_is_answered_with_the_known_ones(path: Path) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        error = (await client.call("mock.fault", connector=1, kind="gremlin", active=True))["error"]

        assert error["code"] == -32602
        assert "ground_fault" in error["data"]["next_step"]

    talk(path, conversation)


def test_mock_actions_are_refused_on_real_hardware(path: Path) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        error = (await client.call("mock.plug_in", connector=1))["error"]

        assert error["data"]["code"] == "refused"
        assert "real hardware" in error["message"]

    talk(path, conversation, without_mock=True)


def test_a_refusal_of_the_daemon_arrives_in_its_words(path: Path) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        error = (await client.call("authorize", id_tag="BLOCKED"))["error"]

        assert error["message"] == "the card is blocked"
        assert error["data"] == {"code": "refused", "next_step": "use another card"}

    talk(path, conversation)


CHARGING = a_snapshot(a_charging_connector(1), an_idle_connector(2))
IDLE = a_snapshot(an_idle_connector(1), an_idle_connector(2))


def test_a_watcher_hears_of_changes_and_of_nothing_before(path: Path) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        subscribed = await client.call("watch")
        assert subscribed["result"] == {"schema": "cpd.watch/1", "subscribed": True}
        assert await client.silent()

        target.change(IDLE)
        told = await client.next()
        assert told["method"] == "status"
        assert "id" not in told
        assert told["params"]["connectors"][0]["ocpp_status"] == "Available"

    talk(path, conversation)


def test_a_change_between_subscription_and_the_first_look_is_not_lost(path: Path) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        await client.call("watch")
        target.change(IDLE)
        assert (await client.next())["method"] == "status"

    talk(path, conversation)


def test_ages_uptime_and_the_time_of_day_alone_are_no_change(path: Path) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        await client.call("watch")
        older = tuple(replace(one, meter_age_s=9.0) for one in CHARGING.connectors)
        link = replace(CHARGING.link, last_answer_at=NOW)
        target.change(
            replace(CHARGING, uptime_s=9e6, now=NOW + timedelta(hours=1), connectors=older, link=link)
        )
        assert await client.silent()

    talk(path, conversation)


def test_a_storm_of_changes_is_one_notification_a_second_with_the_latest_state(path: Path) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        await client.call("watch")
        async with asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(_heard(client, last=30))
            for queued in range(1, 31):
                target.change(replace(CHARGING, queued=queued))
                await asyncio.sleep(0.1)
        times = hearing.result()

        assert len(times) == 4
        assert all(later - earlier >= 0.999 for earlier, later in pairwise(times))

    async def _heard(client: Lines, *, last: int) -> list[float]:
        times, queued = [], 0
        while queued != last:
            queued = (await client.next())["params"]["csms"]["queued"]
            times.append(asyncio.get_running_loop().time())
        return times

    talk(path, conversation)


def test_watching_twice_is_watching_once(path: Path) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        await client.call("watch")
        await client.call("watch")
        target.change(IDLE)
        assert (await client.next())["method"] == "status"
        assert await client.silent()

    talk(path, conversation)


def test_watchers_that_leave_make_room_for_others(path: Path) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        for _ in range(MAX_CLIENTS + 1):
            async with connected(path) as passing:
                await passing.call("watch")
                assert "result" in await passing.call("status")
        assert "result" in await client.call("status")

    talk(path, conversation)


def test_a_watcher_that_never_reads_blocks_nobody_and_misses_only_the_past(path: Path) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        async with connected(path) as sleeper:
            sleeper.reader._transport.pause_reading()  # type: ignore[attr-defined]
            sleeper.writer.write(b'{"jsonrpc": "2.0", "id": 1, "method": "watch"}\n')
            last = 2_000
            for queued in range(1, last + 1):
                target.change(replace(CHARGING, queued=queued))
                await asyncio.sleep(1.1)
                if queued % 500 == 0:
                    assert "result" in await client.call("status")
            sleeper.reader._transport.resume_reading()  # type: ignore[attr-defined]
            heard = []
            while not heard or heard[-1] != last:
                message = await sleeper.next()
                if "params" in message:
                    heard.append(message["params"]["csms"]["queued"])

            assert len(heard) < last
            assert heard == sorted(heard)

    talk(path, conversation)


def test_the_server_ends_while_a_client_does_not_read(path: Path) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        client.writer.write(b'{"jsonrpc": "2.0", "id": 1, "method": "status"}\n' * 1_000)
        await asyncio.sleep(1)

    talk(path, conversation)
    assert not path.exists()
