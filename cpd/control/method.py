"""What every method of the control interface is made of: its params, its answer, who calls, what it may ask for."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from cpd.control.api import DoneDocument
from cpd.control.params import Params
from cpd.control.target import ControlRefused, ControlTarget
from cpd.station.snapshot import ConnectorSnapshot

DONE: Final[DoneDocument] = {"schema": "cpd.done/1", "done": True}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, by the uid that the kernel vouches for."""

    uid: int

    @property
    def is_root(self) -> bool:
        return self.uid == 0

    @property
    def may_configure(self) -> bool:
        """Root, and the user whose daemon this is."""
        return self.uid in (0, os.geteuid())


@dataclass(frozen=True, slots=True)
class Method:
    """A method: its params, what answers it, and whether it changes something (then it is journalled)."""

    params: type[Params]
    answer: Callable[[ControlTarget, Any, Caller], Awaitable[object]]
    mutating: bool = False


def connector_of(target: ControlTarget, number: int) -> ConnectorSnapshot:
    """Connector *number*; raises `ControlRefused` where there is none."""
    connectors = target.snapshot().connectors
    for connector in connectors:
        if connector.id == number:
            return connector
    last = len(connectors)
    known = "there is only connector 1" if last == 1 else f"there are connectors 1 to {last}"
    raise ControlRefused("not_found", f"there is no connector {number}", known)
