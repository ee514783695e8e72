"""Whoever changes something through the control socket is journalled first, whatever the method."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cpd.control.methods import METHODS
from hal.values import Fault, FaultKind
from tests.control.fake_target import FakeTarget, FakeWorld, a_snapshot, an_idle_connector
from tests.control.served import connected, served
from tests.virtual_time import run_virtual

READING = {
    "status",
    "why",
    "schedule",
    "profiles.list",
    "transactions.list",
    "queue.list",
    "configuration.get",
    "configuration.diff",
    "auth.explain",
    "bundle",
    "trace",
    "doctor",
    "rfid.cards",
}
"""Whoever adds a method here says that it changes nothing."""

CHANGING: dict[str, dict[str, Any]] = {
    "profiles.clear": {},
    "queue.retry": {"id": 7},
    "limit": {"connector": 1, "current_a": 10, "for_s": 60},
    "delay.skip": {"connector": 1},
    "machine.accept": {},
    "start": {"connector": 2, "id_tag": "TAG"},
    "stop": {"connector": 1},
    "unlock": {"connector": 1},
    "availability": {"connector": 1, "operative": False},
    "faults.acknowledge": {"connector": 3, "code": "contactor_welded"},
    "reset": {"type": "Soft"},
    "reload": {},
    "configuration.set": {"key": "HeartbeatInterval", "value": "60"},
    "configuration.reset": {"key": "HeartbeatInterval"},
    "rfid.watch": {},
    "authorize": {"id_tag": "TAG"},
    "csms.disconnect": {},
    "csms.connect": {},
    "mock.plug_in": {"connector": 1},
    "mock.plug_out": {"connector": 1},
    "mock.ev": {"connector": 1, "ready": True},
    "mock.swipe": {"id_tag": "TAG"},
    "mock.stop_button": {"connector": 1},
    "mock.fault": {"connector": 1, "kind": "ground_fault", "active": True},
    "mock.deceive": {"connector": 1, "defect": "stuck", "active": True},
    "mock.meter": {"connector": 1, "energy_wh": 5},
}


class Watched(FakeTarget):
    """Remembers how it was when each call was journalled."""

    def __init__(self) -> None:
        welded = Fault(kind=FaultKind.CONTACTOR_WELDED, since_s=0.0)
        idle = an_idle_connector(3)
        super().__init__(a_snapshot(*FakeTarget().state.connectors, _with_fault(idle, welded)))
        self.before = self.image

    @property
    def image(self) -> tuple[object, ...]:
        world = self.mock
        assert isinstance(world, FakeWorld)
        return (
            tuple(self.acts),
            tuple(world.acts),
            dict(self.values),
            tuple(self.installed),
            tuple(entry.dead for entry in self.entries),
        )

    async def audit(self, uid: int, method: str, params: str) -> None:
        assert self.image == self.before, f"{method} took effect before it was journalled"
        await super().audit(uid, method, params)


def _with_fault(connector: Any, fault: Fault) -> Any:
    return replace(connector, outlet=replace(connector.outlet, faults=(fault,)))


def test_every_method_is_said_to_change_something_or_not() -> None:
    assert set(METHODS) == READING | set(CHANGING)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_that_changes_something_is_journalled_before_it_does(tmp_path: Path, name: str) -> None:
    async def main() -> None:
        target, path = Watched(), tmp_path / "cpd.sock"
        params = CHANGING.get(name, {})
        async with served(path, target), connected(path) as client:
            answer = await client.call(name, **params)
            if name in CHANGING:
                assert "error" not in answer, answer
        assert [method for _, method, _ in target.audited] == ([name] if name in CHANGING else [])

    run_virtual(main())


@pytest.mark.parametrize("key", ["AuthorizationKey", "authorizationkey"])
def test_a_secret_is_not_journalled(tmp_path: Path, key: str) -> None:
    async def main() -> None:
        target, path = FakeTarget(), tmp_path / "cpd.sock"
        async with served(path, target), connected(path) as client:
            await client.call("configuration.set", key=key, value="swordfish-and-chips")
        assert "swordfish" not in target.audited[0][2]

    run_virtual(main())
