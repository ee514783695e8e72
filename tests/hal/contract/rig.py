"""What the contract suite asks of a simulator, so that every device passes the same tests.

A new device is one driver and one simulator; the suite finds both by their names and nothing is registered:

=====================  ===============================  ==========================================
driver                 simulator in tests.hal.simulators  its factory
=====================  ===============================  ==========================================
hal/boards/X/          X                                ``evse_rig(tmp_path)`` -> EvseRig
hal/controllers/X.py   X (X is a backend)               ``evse_rig(tmp_path)`` -> EvseRig
hal/meters/families/X  modbus_meter (one for all)       ``meter_rig(tmp_path, "X")`` -> MeterRig
hal/readers/X.py       X (X is a kind of reader)        ``reader_rig(tmp_path)`` -> ReaderRig
=====================  ===============================  ==========================================

A factory is an ``asynccontextmanager``: inside it the driver runs against its simulator, after it both are closed,
and the rig still tells what is physically true. The module has ``run`` as well, which runs one test to its end:
`tests.virtual_time.run_virtual` where the simulator lives on the loop's time (do so wherever it can be done: the
suite waits for leases and back-offs), `asyncio.run` where it needs real time; and, for an outlet, ``CAUSES``, the
faults that can be brought about. A driver without a simulator fails
the suite by its name.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from hal.board import CardReader, Meter
from hal.evse import CardRead, Evse
from hal.examination import Finding
from hal.values import FaultKind


class EvseRig(Protocol):
    """One outlet, wired for 3 × 32 A, with a driver's hands on its cable and a meter on its poles.

    The vehicle wants energy, takes three phases, closes S2 within 1 s of a valid PWM and opens it within 3 s of its
    end. *causes* are the faults that can be brought about.
    *seen_within_s* is how late the driver may tell of what happened: the period of its polling.
    """

    evse: Evse
    causes: Collection[FaultKind]
    seen_within_s: float

    def examine(self) -> tuple[Finding, ...]:
        """What the parts say of themselves."""

    def plug_in(self) -> None:
        """A vehicle that wants energy, with a cable for 32 A."""

    def plug_out(self) -> None:
        """The cable is pulled, whatever flows."""

    def ready(self, ready: bool) -> None:
        """The vehicle wants energy, or wants no more and opens S2."""

    def cause(self, kind: FaultKind, active: bool) -> None:
        """Bring about one of *causes*, or mend it."""

    def link(self, up: bool) -> None:
        """The serial line of a controller breaks, or is whole again."""

    @property
    def live(self) -> bool:
        """The physical truth, whatever the driver believes: the poles of the outlet are energised."""

    @property
    def advertised_ma(self) -> int:
        """What the vehicle reads from the pilot, per phase; 0 while it is offered nothing."""


class MeterRig(Protocol):
    """One meter on three phases, or on one where it has but one.

    *step_wh* is the step in which its register counts; *shows* names the fields of `MeterReading` that it measures.
    """

    meter: Meter
    phases: int
    step_wh: int
    shows: Collection[str]

    def examine(self) -> tuple[Finding, ...]:
        """What the meter says of itself."""

    def measure(self, *, energy_wh: int, voltage_mv: Sequence[int], current_ma: Sequence[int]) -> None:
        """From now on the simulated meter measures this, one entry per phase; power is the product."""

    def answer(self, answers: bool) -> None:
        """The meter falls silent, or answers again."""


class ReaderRig(Protocol):
    """One reader that belongs to no connector, and two cards.

    *tags* are the idTags of the cards, as the default format sends them; *presented* is what the driver has told.
    *seen_within_s* is how late it may tell.
    """

    reader: CardReader
    tags: tuple[str, str]
    presented: list[CardRead]
    seen_within_s: float

    def examine(self) -> tuple[Finding, ...]:
        """What the reader says of itself."""

    def hold(self, card: int) -> None:
        """Card 0 or 1 is held to the reader and stays there, in the place of another."""

    def take_away(self) -> None:
        """No card is at the reader any more."""

    def babble(self) -> None:
        """The line carries noise for a moment: broken frames, half ones, ones with a wrong checksum."""

    def plugged(self, plugged: bool) -> None:
        """The reader is unplugged from the machine, or is back."""


async def until(met: Callable[[], bool], *, within_s: float, looks_s: float = 0.005) -> float:
    """Wait until *met*; the time that it took in s. Fails after *within_s*."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    while not met():
        assert loop.time() < began_s + within_s, f"not met within {within_s} s"
        await asyncio.sleep(looks_s)
    return loop.time() - began_s
