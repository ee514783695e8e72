"""The whole board in real time, threads and all: PWM files, bursts of the ADC, pins, and a vehicle behind them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hal.boards.gpio.adc import AdcModel
from hal.boards.gpio.board import BoardParts
from hal.boards.gpio.pilot import open_pilot
from hal.boards.gpio.pins import GpioOutletConfig
from hal.boards.gpio.side_thread import SideThread
from hal.boards.mock.pilot_circuit import Load as Wanted
from hal.evse import Offer
from hal.values import FaultKind
from tests.hal.gpio.fake_spi import FakeSpi
from tests.hal.gpio.pilot_line import Load, PilotLine, raw_of
from tests.hal.gpio.trees import BCM2711_PWM, FakeKernel, Tree
from tests.hal.simulators.gpio import Bench, WiredOutlet, bench

LOADS = {
    Wanted.NOTHING: Load.A,
    Wanted.WAITING: Load.B,
    Wanted.READY: Load.C,
    Wanted.READY_WITH_VENTILATION: Load.D,
}
LATE_S = 1.0
"""What is measured at some 30 ms takes longer on a machine that does much else."""


class WiredKernel(FakeKernel):
    """Its PWM is the vehicle's pilot."""

    driven: Callable[[int], None]

    def write(self, descriptor: int, value: str) -> None:
        super().write(descriptor, value)
        if self._paths[descriptor].name == "duty_cycle":
            self.driven(int(value))


def real_pilot(tmp_path: Path) -> Callable[[BoardParts, WiredOutlet], BoardParts]:
    """The real pilot in the place of the simulated one; kernel and converter under it are wired to the vehicle."""

    def changed(parts: BoardParts, wired: WiredOutlet) -> BoardParts:
        tree = Tree(root=tmp_path / "root")
        tree.add_chip(0, BCM2711_PWM, channels=2)
        (tree.root / "dev/spidev0.0").touch()
        kernel = WiredKernel(tree=tree)
        kernel.driven = wired.circuit.drive
        line = PilotLine()

        def raw(channel: int, at_ns: int) -> int:
            line.wire_ns, line.load = wired.circuit.high_ns, LOADS[wired.circuit.load]
            line.shorted = wired.circuit.shorted
            return raw_of(line.seen_mv(at_ns))

        def pilot(connector: int, config: GpioOutletConfig, root: Path) -> Any:
            spi = FakeSpi(model=AdcModel.MCP3208, raw=raw)
            return open_pilot(connector, config, root=root, files=kernel, ioctl=spi)

        return replace(parts, pilot=pilot, beside=SideThread)

    return changed


async def until(
    b: Bench, met: Callable[[], bool], *, offer_ma: int | None = None, within_s: float = 20
) -> None:
    """Wait until *met*, renewing an offer of *offer_ma* all the while."""
    async with asyncio.timeout(within_s):
        while not met():
            if offer_ma is not None:
                b.evse.offer(Offer(current_ma=offer_ma, phases=3))
            await asyncio.sleep(0.005)


async def test_a_vehicle_charges_over_real_files_bursts_and_threads_and_is_unplugged(tmp_path: Path) -> None:
    async with bench(tmp_path, changed=real_pilot(tmp_path)) as b:
        await until(b, lambda: b.evse.snapshot().pilot == "A")
        b.wired.plug_in()
        await until(b, lambda: b.wired.closed, offer_ma=16_000)
        seen = b.evse.snapshot()
        assert (seen.pilot, seen.duty_ns, seen.cable_a, b.faults) == ("C", 266_666, 32, [])
        b.wired.plug_out()
        await until(b, lambda: not b.wired.coil, within_s=LATE_S)
        await until(b, lambda: not b.wired.closed, within_s=LATE_S)
        assert b.faults == []
    assert b.wired.circuit.high_ns == 0


async def test_a_pilot_that_is_shorted_while_charging_opens_the_contactor_and_is_told(tmp_path: Path) -> None:
    async with bench(tmp_path, changed=real_pilot(tmp_path)) as b:
        await until(b, lambda: b.evse.snapshot().pilot == "A")
        b.wired.plug_in()
        await until(b, lambda: b.wired.closed, offer_ma=16_000)
        b.wired.circuit.shorted = True
        await until(b, lambda: not b.wired.coil, within_s=LATE_S)
        await until(b, lambda: FaultKind.PILOT_SHORT in b.faults, within_s=3 + LATE_S)
