"""Energy meters at the far end of a serial line, byte for byte, that misbehave when they are told to.

Where each family keeps what is written down here a second time, from the tables of the manuals and not from the
data files of the product: an address that is wrong there is found here.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from hal.examination import Finding
from hal.meters.modbus_meter import MeterConfig, ModbusMeter
from hal.meters.opening import open_meters
from tests.hal.simulators.virtual_device import PORT, VirtualDevice, virtual_device
from tests.virtual_time import run_virtual

run = run_virtual

THINKS_S = 0.03
"""How long a meter takes to answer."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The registers of a family: addresses, `struct` format, and what one V, A, W or kWh is there.

    *most* is how many registers it gives at once, *only* the addresses where a request may begin and end, if it
    answers to no others.
    """

    model: str
    function: int
    low_word_first: bool = False
    volts: tuple[Sequence[int], str, int] | None
    amperes: tuple[Sequence[int], str, int] | None
    watts: tuple[Sequence[int], str, Fraction | int]
    total: tuple[int, str, Fraction | int] | None
    energy: tuple[int, str, int]
    hertz: tuple[int, str, int] | None = None
    most: int = 125
    only: Collection[range] = (range(0x10000),)

    @property
    def phases(self) -> int:
        return 3 if self.volts is None else len(self.volts[0])


KILO = Fraction(1, 1000)

LAYOUTS: Mapping[str, Layout] = {
    "eastron_single_phase": Layout(
        model="sdm120",
        function=4,
        volts=([0x00], "f", 1),
        amperes=([0x06], "f", 1),
        watts=([], "f", 1),
        total=(0x0C, "f", 1),
        energy=(0x48, "f", 1),
        hertz=(0x46, "f", 1),
    ),
    "eastron_sdm630": Layout(
        model="sdm630",
        function=4,
        volts=([0, 2, 4], "f", 1),
        amperes=([6, 8, 0xA], "f", 1),
        watts=([0xC, 0xE, 0x10], "f", 1),
        total=(0x34, "f", 1),
        energy=(0x48, "f", 1),
        hertz=(0x46, "f", 1),
    ),
    "eastron_sdm72dm_v2": Layout(
        model="sdm72dm_v2",
        function=4,
        volts=([0, 2, 4], "f", 1),
        amperes=([6, 8, 0xA], "f", 1),
        watts=([0xC, 0xE, 0x10], "f", 1),
        total=(0x34, "f", 1),
        energy=(0x48, "f", 1),
        hertz=(0x46, "f", 10),
        most=10,
    ),
    "eastron_sdm72": Layout(
        model="sdm72",
        function=4,
        volts=None,
        amperes=None,
        watts=([], "f", 1),
        total=(0x34, "f", 1),
        energy=(0x48, "f", 1),
        most=10,
        only=(range(0x34, 0x36), range(0x48, 0x4C), range(0x156, 0x158)),
    ),
    "abb_b2x": Layout(
        model="abb_b23",
        function=3,
        volts=([0x5B00, 0x5B02, 0x5B04], "I", 10),
        amperes=([0x5B0C, 0x5B0E, 0x5B10], "I", 100),
        watts=([0x5B16, 0x5B18, 0x5B1A], "i", 100),
        total=(0x5B14, "i", 100),
        energy=(0x5000, "Q", 100),
        hertz=(0x5B2C, "H", 100),
    ),
    "carlo_gavazzi": Layout(
        model="em340",
        function=4,
        low_word_first=True,
        volts=([0, 2, 4], "i", 10),
        amperes=([0xC, 0xE, 0x10], "i", 1000),
        watts=([0x12, 0x14, 0x16], "i", 10),
        total=(0x28, "i", 10),
        energy=(0x34, "i", 10),
        hertz=(0x33, "h", 10),
        most=11,
    ),
    "orno_three_phase": Layout(
        model="we516",
        function=3,
        volts=([0xE, 0x10, 0x12], "f", 1),
        amperes=([0x16, 0x18, 0x1A], "f", 1),
        watts=([0x1E, 0x20, 0x22], "f", KILO),
        total=(0x1C, "f", KILO),
        energy=(0x108, "f", 1),
    ),
    "orno_we514": Layout(
        model="we514",
        function=3,
        volts=([0x131], "H", 100),
        amperes=([0x139], "I", 1000),
        watts=([], "I", 1),
        total=(0x140, "I", 1),
        energy=(0xA000, "I", 100),
    ),
    "orno_we504": Layout(
        model="we504",
        function=3,
        volts=([0], "H", 10),
        amperes=([1], "H", 10),
        watts=([], "H", 1),
        total=(3, "H", 1),
        energy=(7, "I", 1000),
    ),
    "inepro_pro380": Layout(
        model="pro380",
        function=3,
        volts=([0x5002, 0x5004, 0x5006], "f", 1),
        amperes=([0x500C, 0x500E, 0x5010], "f", 1),
        watts=([0x5014, 0x5016, 0x5018], "f", KILO),
        total=(0x5012, "f", KILO),
        energy=(0x600C, "f", 1),
    ),
    "inepro_pro1": Layout(
        model="pro1",
        function=3,
        volts=([0x5002], "f", 1),
        amperes=([0x500C], "f", 1),
        watts=([], "f", KILO),
        total=(0x5012, "f", KILO),
        energy=(0x600C, "f", 1),
    ),
    "schneider_iem3x55": Layout(
        model="iem3155",
        function=3,
        volts=([0x0BD3, 0x0BD5, 0x0BD7], "f", 1),
        amperes=([0x0BB7, 0x0BB9, 0x0BBB], "f", 1),
        watts=([0x0BED, 0x0BEF, 0x0BF1], "f", KILO),
        total=(0x0BF3, "f", KILO),
        energy=(0x0C83, "q", 1000),
    ),
    "chint_dtsu666": Layout(
        model="dtsu666",
        function=3,
        volts=([0x2006, 0x2008, 0x200A], "f", 10),
        amperes=([0x200C, 0x200E, 0x2010], "f", 1000),
        watts=([0x2014, 0x2016, 0x2018], "f", 10),
        total=(0x2012, "f", 10),
        energy=(0x101E, "f", 1),
    ),
    "phoenix_eem350": Layout(
        model="eem350",
        function=4,
        low_word_first=True,
        volts=([0, 2, 4], "i", 10),
        amperes=([0xC, 0xE, 0x10], "i", 1000),
        watts=([], "i", 10),
        total=(0x28, "i", 10),
        energy=(0x3E, "i", 10),
        most=11,
    ),
    "mpm3pm": Layout(
        model="mpm3pm",
        function=4,
        volts=([8, 0xA, 0xC], "I", 10),
        amperes=([0xE, 0x10, 0x12], "I", 100),
        watts=([0x14, 0x16, 0x18], "i", 100),
        total=(0x26, "i", 100),
        energy=(2, "I", 100),
    ),
}


@dataclass(kw_only=True)
class SimulatedMeter:
    """One meter. *overwritten* stands at its addresses whatever is measured."""

    layout: Layout
    unit: int = 1
    energy_wh: int = 0
    voltage_mv: Sequence[int] = (230_000, 230_000, 230_000)
    current_ma: Sequence[int] = (0, 0, 0)
    hertz: int = 50
    dark: bool = False
    refuses: int | None = None
    overwritten: dict[int, bytes] = field(default_factory=dict)

    def measure(self, *, energy_wh: int, voltage_mv: Sequence[int], current_ma: Sequence[int]) -> None:
        """From now on this is so; power is the product."""
        self.energy_wh, self.voltage_mv, self.current_ma = energy_wh, voltage_mv, current_ma

    def reply(self, function: int, address: int, count: int) -> bytes:
        """Function and data of the reply, without unit and CRC."""
        layout = self.layout
        if self.refuses is not None:
            return bytes([function | 0x80, self.refuses])
        if function != layout.function:
            return bytes([function | 0x80, 1])
        if not any(address in only and address + count - 1 in only for only in layout.only):
            return bytes([function | 0x80, 2])
        if count > layout.most:
            return bytes([function | 0x80, 3])
        words = self._registers()
        content = b"".join(words.get(one, b"\0\0") for one in range(address, address + count))
        return bytes([function, 2 * count]) + content

    def _registers(self) -> dict[int, bytes]:
        words: dict[int, bytes] = {}
        layout = self.layout
        phases = range(layout.phases)
        watts = [self.voltage_mv[phase] * self.current_ma[phase] // 1_000_000 for phase in phases]
        rows: list[tuple[int, str, Fraction]] = [
            (layout.energy[0], layout.energy[1], Fraction(self.energy_wh, 1000) * layout.energy[2])
        ]
        for row, values in (
            (layout.volts, [Fraction(one, 1000) for one in self.voltage_mv]),
            (layout.amperes, [Fraction(one, 1000) for one in self.current_ma]),
            (layout.watts, [Fraction(one) for one in watts]),
        ):
            if row is not None:
                rows += [(at, row[1], value * row[2]) for at, value in zip(row[0], values, strict=False)]
        if layout.total is not None:
            rows.append((layout.total[0], layout.total[1], sum(watts) * Fraction(layout.total[2])))
        if layout.hertz is not None:
            rows.append((layout.hertz[0], layout.hertz[1], Fraction(self.hertz * layout.hertz[2])))
        for address, format_, value in rows:
            packed = struct.pack(f">{format_}", float(value) if format_ == "f" else int(value))
            pairs = [packed[at : at + 2] for at in range(0, len(packed), 2)]
            for offset, pair in enumerate(reversed(pairs) if layout.low_word_first else pairs):
                words[address + offset] = pair
        for address, packed in self.overwritten.items():
            for offset in range(0, len(packed), 2):
                words[address + offset // 2] = packed[offset : offset + 2]
        return words


class SimulatedBus:
    """Meters on one line, and what goes wrong there. *mangle* turns each reply into what comes over the line.

    A reply is sent *late_s* after its time where that is set; *asked* keeps each request as (unit, function,
    address, count).
    """

    def __init__(self, meters: Sequence[SimulatedMeter], send: Callable[[bytes], None]) -> None:
        self.meters = {meter.unit: meter for meter in meters}
        self.send = send
        self.mangle: Callable[[bytes], Sequence[bytes]] = lambda reply: [reply]
        self.late_s = 0.0
        self.asked: list[tuple[int, int, int, int]] = []
        self._heard = b""

    def receive(self, data: bytes) -> None:
        """Bytes that the master sent."""
        self._heard += data
        while len(self._heard) >= 8:
            request, self._heard = self._heard[:8], self._heard[8:]
            assert crc(request[:6]) == request[6:], f"a request without its CRC: {request.hex(' ')}"
            unit, function, address, count = struct.unpack(">BBHH", request[:6])
            self.asked.append((unit, function, address, count))
            meter = self.meters.get(unit)
            if meter is not None and not meter.dark:
                frame = bytes([unit]) + meter.reply(function, address, count)
                self._answer(self.mangle(frame + crc(frame)))

    def _answer(self, pieces: Sequence[bytes]) -> None:
        loop = asyncio.get_running_loop()
        for number, piece in enumerate(pieces):
            loop.call_later(THINKS_S + self.late_s + 0.005 * number, self.send, piece)


def crc(frame: bytes) -> bytes:
    """CRC-16/MODBUS of *frame*, as it follows it on the line."""
    register = 0xFFFF
    for bit in (byte >> shift & 1 for byte in frame for shift in range(8)):
        carry = register & 1 ^ bit
        register >>= 1
        if carry:
            register ^= 0xA001
    return bytes([register & 0xFF, register >> 8])


def plugged_bus(*meters: SimulatedMeter) -> tuple[SimulatedBus, VirtualDevice]:
    """*meters* on a line that can be pulled out, on virtual time."""
    bus = SimulatedBus(meters, lambda data: device.send(data))
    device = VirtualDevice(bus.receive)
    device.plug_in()
    return bus, device


class MeterRig:
    """A `tests.hal.contract.rig.MeterRig`."""

    def __init__(self, meter: ModbusMeter, simulated: SimulatedMeter) -> None:
        self.meter = meter
        self._simulated = simulated
        layout = simulated.layout
        self.phases = layout.phases
        self.step_wh = 1 if layout.energy[1] == "f" else 1000 // layout.energy[2]
        self.shows: Collection[str] = {"energy_wh", "power_w"} | (
            set() if layout.volts is None else {"voltage_mv", "current_ma"}
        )

    def examine(self) -> tuple[Finding, ...]:
        return self.meter.examine()

    def measure(self, *, energy_wh: int, voltage_mv: Sequence[int], current_ma: Sequence[int]) -> None:
        self._simulated.measure(energy_wh=energy_wh, voltage_mv=voltage_mv, current_ma=current_ma)

    def answer(self, answers: bool) -> None:
        self._simulated.dark = not answers


@asynccontextmanager
async def meter_rig(tmp_path: Path, family: str) -> AsyncIterator[MeterRig]:
    """A meter of *family* with its driver, on virtual time."""
    assert family in LAYOUTS, f"write down the registers of {family} in {__name__}"
    simulated = SimulatedMeter(layout=LAYOUTS[family])
    bus = SimulatedBus([simulated], lambda data: device.send(data))
    with virtual_device(bus.receive) as device:
        config = MeterConfig(connector=1, model=simulated.layout.model, port=PORT)
        async with open_meters([config], port_with=lambda parity: device.open_port) as meters:
            yield MeterRig(meters[1], simulated)
