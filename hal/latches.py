"""Keep what must outlive the guard: faults that wait for service, and how often each contactor closed.

One small JSON file, written on a change only, on a thread, complete or not at all.
"""

import asyncio
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hal.errors import HalStateError
from hal.values import FAULT_RULES, FaultKind

log = logging.getLogger(__name__)

_SCHEMA = "hal.latches/1"

RETRY_S = 10.0
"""A write that the disk refused is tried again this long after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletLatch:
    """What is kept of one outlet: its faults, how often its contactor closed, how often it opened under load."""

    faults: tuple[FaultKind, ...] = ()
    contactor_cycles: int = 0
    opened_under_load: int = 0


@dataclass(slots=True)
class Latches:
    """The file. Of several changes during one write only the last is written; what the disk refuses is tried anew."""

    path: Path
    _kept: Mapping[int, OutletLatch] = field(default_factory=dict)
    _writing: asyncio.Future[None] | None = None
    _retrying: asyncio.TimerHandle | None = None
    _refused: bool = False

    @classmethod
    def load(cls, state_dir: Path) -> "Latches":
        """Read the file in *state_dir*, which is made where it is missing. Blocks on the disk.

        Raises HalStateError where the directory cannot be used or the file cannot be understood.
        """
        path = state_dir / "latches.json"
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            content = path.read_bytes()
        except FileNotFoundError:
            return cls(path)
        except OSError as error:
            raise HalStateError(
                f"state_dir {state_dir}: {error.strerror}; make it a directory of this user"
            ) from error
        try:
            return cls(path, _decoded(json.loads(content)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise HalStateError(
                f"{path}: not readable as {_SCHEMA} ({error}); check the contactors, then delete the file"
            ) from error

    def kept(self, connector: int) -> OutletLatch:
        """What is kept of *connector*."""
        return self._kept.get(connector, OutletLatch())

    def keep(self, connector: int, latch: OutletLatch) -> None:
        """Keep *latch* of *connector*; the file follows on a thread."""
        if latch == self.kept(connector):
            return
        self._kept = {**self._kept, connector: latch}
        if self._writing is None:
            self._start()

    async def flush(self) -> None:
        """Return once the file holds what is kept, or the disk has refused it for the last time."""
        if self._retrying is not None:
            self._start()
        while self._writing is not None:
            await asyncio.wait((self._writing,))
        self._end_retrying()

    def _start(self) -> None:
        self._end_retrying()
        written = self._kept
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(None, _write, self.path, _encoded(written))
        self._writing.add_done_callback(lambda future: self._finished(future, written))

    def _finished(self, future: asyncio.Future[None], written: Mapping[int, OutletLatch]) -> None:
        self._writing = None
        error = None if future.cancelled() else future.exception()
        was_refused, self._refused = self._refused, error is not None
        if error is not None and not was_refused:
            log.error("latches are not kept file=%s error=%s", self.path, error)
        elif error is None and was_refused:
            log.info("latches are kept again file=%s", self.path)
        if self._kept is not written:
            self._start()
        elif error is not None:
            self._retrying = asyncio.get_running_loop().call_later(RETRY_S, self._start)

    def _end_retrying(self) -> None:
        if self._retrying is not None:
            self._retrying.cancel()
            self._retrying = None


def _write(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _encoded(kept: Mapping[int, OutletLatch]) -> str:
    outlets = {
        str(connector): {
            "faults": [str(kind) for kind in latch.faults],
            "contactor_cycles": latch.contactor_cycles,
            "opened_under_load": latch.opened_under_load,
        }
        for connector, latch in kept.items()
    }
    return json.dumps({"schema": _SCHEMA, "outlets": outlets}, indent=1) + "\n"


def _decoded(document: dict[str, Any]) -> dict[int, OutletLatch]:
    if document["schema"] != _SCHEMA:
        raise ValueError(f"schema is {document['schema']!r}")
    return {int(connector): _latch(entry) for connector, entry in document["outlets"].items()}


def _latch(entry: dict[str, object]) -> OutletLatch:
    names, cycles = entry["faults"], entry["contactor_cycles"]
    # Who wrote the file before did not count these.
    under_load = entry.get("opened_under_load", 0)
    if not isinstance(names, list) or not isinstance(cycles, int) or not isinstance(under_load, int):
        raise TypeError("an outlet needs faults and contactor_cycles")
    kinds = tuple(FaultKind(name) for name in names)
    if not all(FAULT_RULES[kind].survives_restart for kind in kinds):
        raise ValueError("a fault is listed that does not survive a restart")
    return OutletLatch(faults=kinds, contactor_cycles=cycles, opened_under_load=under_load)
