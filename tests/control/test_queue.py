"""The `queue` methods: what is listed, and what may be sent once more."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.control.fake_target import FakeTarget
from tests.control.served import Lines, connected, served
from tests.virtual_time import run_virtual


def talk(tmp_path: Path, conversation: Callable[[Lines, FakeTarget], Awaitable[None]]) -> None:
    path = tmp_path / "cpd.sock"

    async def main() -> None:
        target = FakeTarget()
        async with served(path, target), connected(path) as client:
            await conversation(client, target)

    run_virtual(main())


async def listed(client: Lines, **params: Any) -> list[tuple[int | None, bool]]:
    messages = (await client.call("queue.list", **params))["result"]["messages"]
    return [(one["id"], one["dead"]) for one in messages]


def test_the_queue_tells_of_each_message_what_it_is_and_how_it_fared(tmp_path: Path) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        result = (await client.call("queue.list"))["result"]
        assert result["schema"] == "cpd.queue/1"
        assert result["messages"][0] == {
            "id": 7,
            "action": "StopTransaction",
            "local_id": "0192f3c1-0002",
            "attempts": 5,
            "last_error": "InternalError",
            "dead": True,
            "created_at": "2026-11-22T07:26:00.000Z",
            "order": 2,
            "connector": 1,
            "transaction_id": 81_724,
            "running": False,
        }

    talk(tmp_path, conversation)


def test_dead_and_waiting_messages_are_listed_together_or_apart(tmp_path: Path) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        assert await listed(client) == [(7, True), (8, False), (9, True), (None, False)]
        assert await listed(client, dead=True) == [(7, True), (9, True)]
        assert await listed(client, dead=False) == [(8, False), (None, False)]

    talk(tmp_path, conversation)


@pytest.mark.parametrize("name", [7, "7", "L-2", "l-2", "0192f3c1-0002"])
def test_a_retry_names_a_message_or_its_transaction(tmp_path: Path, name: int | str) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        (message,) = (await client.call("queue.retry", id=name))["result"]["messages"]
        assert (message["id"], message["dead"], message["attempts"]) == (7, False, 0)
        assert await listed(client, dead=True) == [(9, True)]
        assert [method for _, method, _ in target.audited] == ["queue.retry"]

    talk(tmp_path, conversation)


def test_a_retry_of_a_transaction_leaves_its_waiting_messages_alone(tmp_path: Path) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        (message,) = (await client.call("queue.retry", id="L-1"))["result"]["messages"]
        assert message["id"] == 9

    talk(tmp_path, conversation)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (8, "refused"),
        (4711, "not_found"),
        ("L-99", "not_found"),
        ("None", "not_found"),
        ("", "invalid_params"),
        (0, "invalid_params"),
        (1.5, "invalid_params"),
    ],
)
def test_a_retry_of_what_is_not_dead_is_refused(tmp_path: Path, name: object, code: str) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        error = (await client.call("queue.retry", id=name))["error"]
        assert error["data"]["code"] == code

    talk(tmp_path, conversation)
