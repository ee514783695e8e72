import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import pytest

from cpd.ocpp.calls import (
    AnswerTimeout,
    FrameTooBig,
    InvalidAnswer,
    Lane,
    LinkLost,
    LostInFlight,
    RemoteCallError,
)
from cpd.ocpp.errors import CallError, ErrorCode
from cpd.ocpp.link import Link, LinkSettings
from cpd.ocpp.transport import DialFailed, Endpoint, MessageTooBig
from cpd.ocpp.validation import InvalidPayload
from tests.ocpp.memory_link import MemoryCsms, MemoryPeer
from tests.virtual_time import VirtualClock, run_virtual

TIME = {"currentTime": "2026-03-02T10:00:00Z"}
ENDPOINT = Endpoint(url="ws://csms.example/ocpp/CP-1")


def virtual(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run the coroutine test on virtual time."""

    @wraps(test)
    def run() -> None:
        async def main() -> None:
            async with asyncio.timeout(100_000):
                await test()

        run_virtual(main())

    del run.__dict__["__wrapped__"]
    return run


@dataclass
class World:
    """A link, the central system it dials, and what its handler is to do."""

    link: Link
    csms: MemoryCsms
    changes: list[bool]
    handled: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def accepted_peer(self) -> MemoryPeer:
        peer = await self.csms.accept()
        self.link.accepted()
        return peer


@asynccontextmanager
async def running_link(**settings: Any) -> AsyncIterator[World]:
    world: World

    async def handle(action: str, payload: dict[str, Any]) -> dict[str, Any]:
        world.handled.append(action)
        match action:
            case "ClearCache":
                return {"status": "Accepted"}
            case "GetDiagnostics":
                raise RuntimeError("a bug")
            case "UnlockConnector":
                return {"status": "Bogus"}
            case "DataTransfer":
                answer = await world.link.call("Heartbeat", {})
                return {"status": "Accepted", "data": answer["currentTime"]}
            case "Reset":
                await world.gate.wait()
                world.handled.append("Reset done")
                return {"status": "Accepted"}
            case "ChangeConfiguration":
                world.link.reconnect_now()
                return {"status": "Accepted"}
        raise CallError(ErrorCode.NOT_IMPLEMENTED, f"no {action}")

    csms = MemoryCsms()
    changes: list[bool] = []
    link = Link(
        LinkSettings(endpoint=ENDPOINT, reconnect_jitter_s=0.0, **settings),
        VirtualClock(),
        handle,
        connect=csms.connect,
        rng=random.Random(7),
        on_change=lambda: changes.append(world.link.status.connected),
    )
    world = World(link=link, csms=csms, changes=changes)
    task = asyncio.create_task(link.run())
    try:
        yield world
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task


@virtual
async def test_a_call_is_answered() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        async with asyncio.TaskGroup() as group:
            answer = group.create_task(world.link.call("Heartbeat", {}))
            call = await peer.answer(TIME)
        assert call[2:] == ["Heartbeat", {}]
        assert answer.result() == TIME
        assert world.link.status.last_answer_at is not None


@virtual
async def test_a_burst_is_answered_completely_and_in_order() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        for number in range(200):
            await peer.send([2, str(number), "ClearCache", {}])
        replies = [await peer.receive() for _ in range(200)]
        assert replies == [[3, str(number), {"status": "Accepted"}] for number in range(200)]


@virtual
async def test_a_malformed_call_is_answered_in_its_turn_and_the_link_stays() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        await peer.send([2, "a", "ClearCache", {}])
        await peer.send('[2,"b","ClearCache",')
        await peer.send("nonsense")
        await peer.send([2, "c", "ClearCache", {}])
        replies = [await peer.receive() for _ in range(3)]
        assert [reply[:2] for reply in replies] == [[3, "a"], [4, "b"], [3, "c"]]
        assert replies[1][2] == "FormationViolation"


@virtual
async def test_a_handler_may_call_the_central_system() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        await peer.send([2, "x", "DataTransfer", {"vendorId": "v"}])
        await peer.answer(TIME)
        assert await peer.receive() == [3, "x", {"status": "Accepted", "data": TIME["currentTime"]}]


@virtual
async def test_calls_are_answered_while_ours_is_not() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        call = asyncio.create_task(world.link.call("Heartbeat", {}))
        assert (await peer.receive())[2] == "Heartbeat"
        started_s = world.now_s()
        for number in range(50):
            await peer.send([2, str(number), "ClearCache", {}])
        assert [(await peer.receive())[1] for _ in range(50)] == [str(number) for number in range(50)]
        assert world.now_s() == started_s
        call.cancel()


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("Frobnicate", "NotImplemented"),
        ("GetDiagnostics", "InternalError"),
        ("UnlockConnector", "InternalError"),
    ],
)
def test_what_a_handler_raises_is_a_callerror(
    action: str, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with running_link() as world:
            peer = await world.csms.accept()
            await peer.send([2, "x", action, {}])
            assert (await peer.receive())[:3] == [4, "x", code]
            await peer.send([2, "y", "ClearCache", {}])
            assert (await peer.receive())[:2] == [3, "y"]

    run_virtual(main())
    tracebacks = [record for record in caplog.records if record.exc_info]
    assert len(tracebacks) == (code == "InternalError")


@virtual
async def test_the_immediate_lane_overtakes_the_journal_and_each_keeps_its_order() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        async with asyncio.TaskGroup() as group:
            group.create_task(world.link.call("Heartbeat", {}))
            await asyncio.sleep(0)
            for lane, tag in [
                (Lane.JOURNAL, "j1"),
                (Lane.JOURNAL, "j2"),
                (Lane.IMMEDIATE, "i1"),
                (Lane.IMMEDIATE, "i2"),
            ]:
                group.create_task(world.link.call("Authorize", {"idTag": tag}, lane=lane))
            await asyncio.sleep(0)
            await peer.answer(TIME)
            answer = {"idTagInfo": {"status": "Accepted"}}
            order = [(await peer.answer(answer))[3]["idTag"] for _ in range(4)]
        assert order == ["i1", "i2", "j1", "j2"]


@virtual
async def test_a_cancelled_caller_takes_its_call_out_of_the_queue() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        first = asyncio.create_task(world.link.call("Heartbeat", {}))
        second = asyncio.create_task(world.link.call("Authorize", {"idTag": "gone"}))
        third = asyncio.create_task(world.link.call("Authorize", {"idTag": "kept"}))
        await asyncio.sleep(0)
        second.cancel()
        await peer.answer(TIME)
        assert (await peer.answer({"idTagInfo": {"status": "Accepted"}}))[3] == {"idTag": "kept"}
        await asyncio.gather(first, third)


@virtual
async def test_a_callerror_reaches_the_caller_with_its_code() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        call = asyncio.create_task(world.link.call("Heartbeat", {}))
        message_id = (await peer.receive())[1]
        await peer.send([4, message_id, "NotSupported", "never", {"why": 1}])
        with pytest.raises(RemoteCallError) as caught:
            await call
        assert (caught.value.code, caught.value.description) == ("NotSupported", "never")
        assert caught.value.is_unknown_action


@pytest.mark.parametrize("answer", [{}, {"currentTime": 5}, [], "x", 7])
def test_an_answer_that_its_schema_forbids_is_invalid(answer: Any) -> None:
    async def main() -> None:
        async with running_link() as world:
            peer = await world.csms.accept()
            call = asyncio.create_task(world.link.call("Heartbeat", {}))
            await peer.answer(answer)
            with pytest.raises(InvalidAnswer, match="Heartbeat"):
                await call
            assert world.link.status.connected

    run_virtual(main())


@virtual
async def test_a_payload_of_ours_that_its_schema_forbids_is_not_sent() -> None:
    async with running_link() as world:
        await world.csms.accept()
        with pytest.raises(InvalidPayload):
            await world.link.call("Authorize", {})


@virtual
async def test_without_a_link_a_call_fails_at_once() -> None:
    async with running_link() as world:
        with pytest.raises(LinkLost):
            await world.link.call("Heartbeat", {})


@virtual
async def test_when_the_link_drops_every_call_fails_at_once() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        calls = [asyncio.create_task(world.link.call("Heartbeat", {})) for _ in range(3)]
        await peer.receive()
        started_s = world.now_s()
        peer.close()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        # The first was in flight, the others waited.
        assert [type(outcome) for outcome in outcomes] == [LostInFlight, LinkLost, LinkLost]
        assert world.now_s() == started_s


@pytest.mark.parametrize("leave", [Link.reconnect_now, Link.hold])
def test_a_call_in_flight_over_a_link_that_we_give_up_is_not_lost_by_the_csms(
    leave: Callable[[Link], None],
) -> None:
    async def main() -> None:
        async with running_link() as world:
            peer = await world.csms.accept()
            call = asyncio.create_task(world.link.call("Heartbeat", {}))
            await peer.receive()
            leave(world.link)
            (outcome,) = await asyncio.gather(call, return_exceptions=True)
            assert type(outcome) is LinkLost

    run_virtual(main())


@virtual
async def test_a_call_whose_frame_is_more_than_the_csms_takes_is_told_from_one_that_is_lost() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        call = asyncio.create_task(world.link.call("Heartbeat", {}))
        await peer.receive()
        peer.close(MessageTooBig("1009"))
        (outcome,) = await asyncio.gather(call, return_exceptions=True)
        assert type(outcome) is FrameTooBig


@virtual
async def test_late_doubled_and_unknown_answers_change_nothing() -> None:
    async with running_link(answer_timeout_s=10) as world:
        peer = await world.csms.accept()
        with pytest.raises(AnswerTimeout):
            await world.link.call("Heartbeat", {})
        late = (await peer.receive())[1]
        call = asyncio.create_task(world.link.call("Authorize", {"idTag": "x"}))
        message_id = (await peer.receive())[1]
        for stray in (late, late, "unknown", message_id, message_id):
            await peer.send([3, stray, {"idTagInfo": {"status": "Blocked"}}])
        assert (await call)["idTagInfo"] == {"status": "Blocked"}
        assert world.link.status.connected


@virtual
async def test_an_unanswered_call_is_followed_by_a_heartbeat_whose_answer_keeps_the_link() -> None:
    async with running_link() as world:
        peer = await world.accepted_peer()
        call = asyncio.create_task(world.link.call("Authorize", {"idTag": "x"}))
        await peer.receive()
        started_s = world.now_s()
        assert (await peer.answer(TIME))[2] == "Heartbeat"
        assert world.now_s() - started_s == pytest.approx(30)
        with pytest.raises(AnswerTimeout):
            await call
        await asyncio.sleep(60)
        assert world.link.status.connected


@virtual
async def test_a_heartbeat_that_stays_unanswered_too_ends_the_link() -> None:
    async with running_link() as world:
        peer = await world.accepted_peer()
        call = asyncio.create_task(world.link.call("Authorize", {"idTag": "x"}))
        await world.csms.accept()
        assert peer.aborted
        assert world.now_s() - 1000 == pytest.approx(30 + 30 + 1)
        assert "silent" in (world.link.status.last_error or "")
        with pytest.raises(AnswerTimeout):
            await call


@virtual
async def test_a_central_system_that_only_pongs_is_found_within_three_minutes() -> None:
    async with running_link() as world:
        world.link.set_ping_interval(20)
        peer = await world.accepted_peer()
        assert (await peer.receive())[2] == "Heartbeat"
        assert world.now_s() - 1000 == pytest.approx(120)
        assert peer.pings >= 5
        await world.csms.accept()
        assert world.now_s() - 1000 < 180


@virtual
async def test_a_link_whose_calls_are_answered_is_not_probed() -> None:
    async with running_link() as world:
        peer = await world.accepted_peer()
        for _ in range(5):
            await asyncio.sleep(100)
            call = asyncio.create_task(world.link.call("Authorize", {"idTag": "x"}))
            assert (await peer.answer({"idTagInfo": {"status": "Accepted"}}))[2] == "Authorize"
            await call


@virtual
async def test_nothing_is_sent_unasked_before_acceptance() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        await asyncio.sleep(3600)
        assert peer.frames_under_way == 0
        assert world.link.status.connected


@virtual
async def test_before_acceptance_two_unanswered_calls_end_the_link() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        for _ in range(2):
            with pytest.raises(AnswerTimeout):
                await world.link.call("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"})
        await world.csms.accept()
        assert [(await peer.receive())[2] for _ in range(2)] == ["BootNotification"] * 2
        assert peer.frames_under_way == 0


@virtual
async def test_a_missing_pong_ends_the_link() -> None:
    async with running_link() as world:
        world.link.set_ping_interval(10)
        peer = await world.csms.accept()
        peer.pongs = False
        await world.csms.accept()
        assert peer.aborted
        assert world.now_s() - 1000 == pytest.approx(10 + 30 + 1)


@virtual
async def test_the_ping_interval_changes_at_once_and_zero_means_never() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        await asyncio.sleep(100)
        assert peer.pings == 0
        world.link.set_ping_interval(10)
        await asyncio.sleep(95)
        assert peer.pings == 9
        world.link.set_ping_interval(0)
        await asyncio.sleep(1000)
        assert peer.pings == 9
        with pytest.raises(ValueError, match="negative"):
            world.link.set_ping_interval(-1)


@virtual
async def test_a_central_system_that_stops_reading_is_dropped() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        peer.reads = False
        await peer.send([2, "x", "ClearCache", {}])
        await world.csms.accept()
        assert peer.aborted
        assert world.now_s() - 1000 == pytest.approx(30 + 1)


@virtual
async def test_a_flood_behind_a_stuck_handler_is_bounded_and_ends_the_link() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        await peer.send([2, "x", "Reset", {"type": "Soft"}])
        for number in range(1200):
            await peer.send([2, str(number), "ClearCache", {}])
        await world.csms.accept()
        assert world.now_s() - 1000 == pytest.approx(5 + 1)
        assert peer.frames_under_way == 1200 - 1000 - 1
        assert "more requests" in (world.link.status.last_error or "")


@virtual
async def test_a_handler_outlives_its_link_and_its_answer_goes_nowhere() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        await peer.send([2, "x", "Reset", {"type": "Soft"}])
        await peer.send([2, "y", "ClearCache", {}])
        await asyncio.sleep(1)
        peer.close()
        second = await world.csms.accept()
        world.gate.set()
        await second.send([2, "z", "ClearCache", {}])
        assert await second.receive() == [3, "z", {"status": "Accepted"}]
        assert world.handled == ["Reset", "Reset done", "ClearCache"]
        assert peer.frames_under_way == 0


@virtual
async def test_the_wait_doubles_up_to_the_maximum() -> None:
    async with running_link(reconnect_max_s=10) as world:
        world.csms.failures = [DialFailed("HTTP 404") for _ in range(6)]
        await world.csms.accept()
        assert world.now_s() - 1000 == pytest.approx(1 + 2 + 4 + 8 + 10 + 10)
        assert [attempt.url for attempt in world.csms.attempts] == [ENDPOINT.url] * 7
        assert world.link.status.last_error == "HTTP 404"


@virtual
async def test_the_jitter_is_added() -> None:
    csms = MemoryCsms()
    csms.failures = [DialFailed("refused")]

    async def handle(action: str, payload: dict[str, Any]) -> dict[str, Any]:
        return {}

    settings = LinkSettings(endpoint=ENDPOINT, reconnect_jitter_s=100.0)
    link = Link(settings, VirtualClock(), handle, connect=csms.connect, rng=random.Random(7))
    task = asyncio.create_task(link.run())
    await csms.accept()
    waited_s = asyncio.get_running_loop().time() - 1000
    assert waited_s == pytest.approx(1 + random.Random(7).uniform(0, 100))
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize(
    ("accepted", "answers", "held_s", "wait_s"),
    [
        (True, True, 61, 1),
        (True, True, 59, 8),
        (True, False, 59, 8),
        (True, False, 61, 8),
        (False, False, 61, 8),
        (False, False, 0, 8),
    ],
)
def test_the_count_of_failures_starts_anew_after_an_accepted_answered_and_held_link(
    accepted: bool, answers: bool, held_s: float, wait_s: float
) -> None:
    async def main() -> None:
        async with running_link() as world:
            world.csms.failures = [DialFailed("HTTP 500") for _ in range(3)]
            peer = await world.csms.accept()
            if accepted:
                world.link.accepted()
            if answers:
                asked = asyncio.create_task(world.link.call("Heartbeat", {}))
                await peer.answer(TIME)
                await asked
            await asyncio.sleep(held_s)
            closed_s = world.now_s()
            peer.close()
            await world.csms.accept()
            assert world.now_s() - closed_s == pytest.approx(wait_s)

    run_virtual(main())


@pytest.mark.parametrize(("retry_after_s", "wait_s"), [(17, 17), (0.1, 1), (1e9, 3600)])
def test_retry_after_is_honoured_within_reason(retry_after_s: float, wait_s: float) -> None:
    async def main() -> None:
        async with running_link() as world:
            world.csms.failures = [DialFailed("HTTP 429", http_status=429, retry_after_s=retry_after_s)]
            await world.csms.accept()
            assert world.now_s() - 1000 == pytest.approx(wait_s)

    run_virtual(main())


@virtual
async def test_without_the_subprotocol_the_link_hangs_up_and_says_so() -> None:
    async with running_link() as world:
        world.csms.subprotocol = None
        peer = await world.csms.accept()
        await peer.closed.wait()
        await asyncio.sleep(0)
        assert "does not select ocpp1.6" in (world.link.status.last_error or "")
        assert True not in world.changes
        world.csms.subprotocol = "ocpp1.6"
        await world.csms.accept()
        assert world.now_s() - 1000 == pytest.approx(1)


@virtual
async def test_a_handshake_that_nobody_answers_is_given_up() -> None:
    async with running_link() as world:
        world.csms.answers_dials = False
        await asyncio.sleep(30.5)
        assert "did not finish the handshake in 30 s" in (world.link.status.last_error or "")


@virtual
async def test_reconnect_now_ends_the_wait() -> None:
    async with running_link(reconnect_min_s=100) as world:
        world.csms.failures = [DialFailed("HTTP 500")]
        await asyncio.sleep(5)
        world.link.reconnect_now()
        await world.csms.accept()
        assert world.now_s() - 1000 == pytest.approx(5)


@virtual
async def test_reconnect_now_ends_a_hanging_attempt() -> None:
    async with running_link() as world:
        world.csms.answers_dials = False
        await asyncio.sleep(5)
        world.csms.answers_dials = True
        world.link.reconfigure(LinkSettings(endpoint=Endpoint(url="wss://other.example/CP-1")))
        assert (await world.csms.accept()).endpoint.url == "wss://other.example/CP-1"
        assert world.now_s() - 1000 == pytest.approx(5)


@virtual
async def test_a_handler_that_asks_for_a_new_link_is_answered_over_the_old_one() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        await peer.send([2, "x", "ChangeConfiguration", {"key": "AuthorizationKey", "value": "v"}])
        assert await peer.receive() == [3, "x", {"status": "Accepted"}]
        await world.csms.accept()
        assert world.now_s() - 1000 == pytest.approx(0)
        assert not peer.aborted
        assert world.link.status.last_error is None


@virtual
async def test_a_held_link_stays_down_until_released() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        world.link.hold()
        await peer.closed.wait()
        await asyncio.sleep(10_000)
        assert len(world.csms.attempts) == 1
        assert (world.link.status.held, world.link.status.connected) == (True, False)
        world.link.release()
        await world.csms.accept()
        assert world.now_s() - 1000 == pytest.approx(10_000)
        assert not world.link.status.held


@virtual
async def test_a_release_also_ends_the_wait_after_a_failure() -> None:
    async with running_link(reconnect_min_s=100) as world:
        world.csms.failures = [DialFailed("HTTP 500")]
        await asyncio.sleep(5)
        world.link.release()
        await world.csms.accept()
        assert world.now_s() - 1000 == pytest.approx(5)


@virtual
async def test_a_release_of_a_link_that_stands_changes_nothing() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        world.link.release()
        await asyncio.sleep(10)
        assert world.link.status.connected
        peer.close()
        await world.csms.accept()
        assert world.now_s() - 1000 == pytest.approx(10 + 1)


@virtual
async def test_each_connection_is_seen_once_by_its_owner() -> None:
    async with running_link() as world:
        number = await world.link.opened()
        assert number == 1
        waiting = asyncio.create_task(world.link.opened(after=number))
        await asyncio.sleep(10)
        assert not waiting.done()
        (await world.csms.accept()).close()
        assert await waiting == 2


@virtual
async def test_every_change_of_the_status_is_announced() -> None:
    async with running_link() as world:
        peer = await world.csms.accept()
        assert world.changes == [True]
        peer.close()
        await world.csms.accept()
        assert world.changes[-1]
        assert False in world.changes
        assert world.link.status.last_error == "the central system closed the link with 1000"
        world.link.accepted()
        assert world.link.status.last_error is None


def test_frames_are_traced_but_never_a_password(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with running_link() as world:
            peer = await world.csms.accept()
            await peer.send([2, "y", "ClearCache", {"location": "ftp://operator:s3cret@host/"}])
            await peer.receive()
            await peer.send([2, "x", "ChangeConfiguration", {"key": "authorizationKey", "value": "s3cret"}])
            await peer.receive()

    with caplog.at_level(logging.DEBUG):
        run_virtual(main())
    assert "names AuthorizationKey" in caplog.text
    assert "names an address" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("turns", range(12))
def test_a_cancellation_while_a_connection_ends_is_not_swallowed(turns: int) -> None:
    async def main() -> None:
        async with running_link() as world:
            await world.csms.accept()
            world.link.reconnect_now()
            for _ in range(turns):
                await asyncio.sleep(0)

    run_virtual(main())
