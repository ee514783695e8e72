"""What a technician does at the charger: asked of the daemon, refused in words, and always journalled."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cpd.station.reset import ResetKind
from hal.values import Fault, FaultKind, LockState, UnlockResult
from tests.control.fake_target import FakeTarget, a_snapshot, an_idle_connector
from tests.control.served import Lines, connected, served
from tests.virtual_time import run_virtual

Talk = Callable[[Lines, FakeTarget], Awaitable[None]]


def talk(tmp_path: Path, conversation: Talk) -> None:
    """Run *conversation*: connector 1 charges, 2 is free."""

    async def main() -> None:
        target, path = FakeTarget(), tmp_path / "cpd.sock"
        async with served(path, target), connected(path) as client:
            await conversation(client, target)

    run_virtual(main())


@pytest.mark.parametrize(
    ("method", "params", "act"),
    [
        ("start", {"connector": 2}, ("start", 2, None)),
        ("start", {"connector": 2, "id_tag": "TAG"}, ("start", 2, "TAG")),
        ("stop", {"connector": 1}, ("stop", 1)),
        ("unlock", {"connector": 1}, ("unlock", 1)),
        ("availability", {"connector": 0, "operative": False}, ("set_availability", 0, False)),
        ("availability", {"connector": 2, "operative": True}, ("set_availability", 2, True)),
        ("reset", {"type": "Soft"}, ("reset", ResetKind.SOFT)),
        ("reset", {"type": "Hard"}, ("reset", ResetKind.HARD)),
    ],
)
def test_each_method_is_done_and_journalled(
    tmp_path: Path, method: str, params: dict[str, Any], act: tuple[object, ...]
) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        answer = await client.call(method, **params)
        assert "error" not in answer, answer
        assert target.acts == [act]
        assert [name for _, name, _ in target.audited] == [method]

    talk(tmp_path, conversation)


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("start", {"connector": 1}, "refused"),
        ("start", {"connector": 3}, "not_found"),
        ("start", {"connector": 2, "id_tag": "X" * 21}, "invalid_params"),
        ("start", {"connector": 2, "id_tag": ""}, "invalid_params"),
        ("stop", {"connector": 2}, "refused"),
        ("stop", {"connector": 0}, "invalid_params"),
        ("unlock", {"connector": 3}, "not_found"),
        ("availability", {"connector": 3, "operative": True}, "not_found"),
        ("availability", {"connector": 1}, "invalid_params"),
        ("reset", {"type": "soft"}, "invalid_params"),
        ("faults.acknowledge", {"connector": 1, "code": "contactor_welded"}, "not_found"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words_and_not_done(
    tmp_path: Path, method: str, params: dict[str, Any], code: str
) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        error = (await client.call(method, **params))["error"]
        assert error["data"]["code"] == code
        assert error["message"] and error["data"]["next_step"]
        assert target.acts == []

    talk(tmp_path, conversation)


def test_a_change_of_availability_says_from_when_on_it_holds(tmp_path: Path) -> None:
    async def conversation(client: Lines, _target: FakeTarget) -> None:
        result = (await client.call("availability", connector=1, operative=False))["result"]
        assert result == {
            "schema": "cpd.availability/1",
            "connector": 1,
            "operative": False,
            "status": "Scheduled",
        }

    talk(tmp_path, conversation)


@pytest.mark.parametrize("result", [UnlockResult.FAILED, UnlockResult.NOT_SUPPORTED])
def test_a_plug_that_is_not_given_back_is_an_error(tmp_path: Path, result: UnlockResult) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        target.unlocks = result
        assert (await client.call("unlock", connector=1))["error"]["data"]["code"] == "refused"

    talk(tmp_path, conversation)


def faulted(kind: FaultKind) -> FakeTarget:
    idle = an_idle_connector(1)
    fault = Fault(kind=kind, since_s=100.0)
    return FakeTarget(a_snapshot(replace(idle, outlet=replace(idle.outlet, faults=(fault,)))))


@pytest.mark.parametrize("code", ["contactor_welded", "FAULT_CONTACTOR_WELDED", "Contactor_Welded"])
@pytest.mark.parametrize("mended", [True, False])
def test_a_fault_that_waits_for_service_is_acknowledged_by_any_of_its_names(
    tmp_path: Path, code: str, mended: bool
) -> None:
    async def main() -> None:
        target, path = faulted(FaultKind.CONTACTOR_WELDED), tmp_path / "cpd.sock"
        target.mended = mended
        async with served(path, target), connected(path) as client:
            answer = await client.call("faults.acknowledge", connector=1, code=code)
            assert target.acts == [("acknowledge_fault", 1, FaultKind.CONTACTOR_WELDED)]
            assert ("result" in answer) is mended
            assert mended or answer["error"]["message"] == "the cause of contactor_welded still stands"

    run_virtual(main())


@pytest.mark.parametrize(
    "kind", [FaultKind.GROUND_FAULT, FaultKind.OVER_TEMPERATURE, FaultKind.UNDER_VOLTAGE]
)
def test_a_fault_that_clears_otherwise_is_not_acknowledged(tmp_path: Path, kind: FaultKind) -> None:
    async def main() -> None:
        target, path = faulted(kind), tmp_path / "cpd.sock"
        async with served(path, target), connected(path) as client:
            error = (await client.call("faults.acknowledge", connector=1, code=kind.value))["error"]
            assert error["data"]["code"] == "refused"
            assert target.acts == []

    run_virtual(main())


@pytest.mark.parametrize(
    ("method", "params", "would", "ends"),
    [
        ("unlock", {"connector": 1}, "unlock connector 1", [1]),
        ("unlock", {"connector": 2}, "unlock connector 2", []),
        ("reset", {"type": "Soft"}, "restart the daemon", [1]),
        ("reset", {"type": "Hard"}, "restart the charger", [1]),
    ],
)
def test_a_dry_run_tells_what_would_end_and_neither_does_nor_journals_anything(
    tmp_path: Path, method: str, params: dict[str, Any], would: str, ends: list[int]
) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        answer = await client.call(method, **params, dry_run=True)
        assert answer["result"] == {"schema": "cpd.dry-run/1", "would": would, "ends": ends}
        assert target.acts == target.audited == []

    talk(tmp_path, conversation)


def test_a_dry_run_is_refused_where_the_real_one_would_be(tmp_path: Path) -> None:
    async def conversation(client: Lines, target: FakeTarget) -> None:
        idle = an_idle_connector(1)
        welded = Fault(kind=FaultKind.CONTACTOR_WELDED, since_s=0.0)
        fixed = replace(idle, outlet=replace(idle.outlet, lock=LockState.NONE, faults=(welded,)))
        target.unlocks = UnlockResult.NOT_SUPPORTED
        target.change(a_snapshot(fixed))
        for method, params, code in (
            ("unlock", {"connector": 1}, "refused"),
            ("unlock", {"connector": 2}, "not_found"),
            ("faults.acknowledge", {"connector": 1, "code": "ground_fault"}, "not_found"),
        ):
            answer = await client.call(method, **params, dry_run=True)
            assert answer["error"]["data"]["code"] == code, answer
        answer = await client.call("faults.acknowledge", connector=1, code="contactor_welded", dry_run=True)
        assert answer["result"]["would"] == "acknowledge contactor_welded on connector 1"
        assert target.audited == []

    talk(tmp_path, conversation)
