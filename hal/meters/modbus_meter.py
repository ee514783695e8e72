"""An energy meter on a Modbus line: asked each second, whatever flows, and read from any thread without waiting.

A reading is only as good as it is young (`hal.board.Meter`: 3 s), also at rest: that is why nothing is asked more
rarely while nothing flows, and why the energy, which bills are made of, is as young as the current.
"""

import asyncio
import logging
from dataclasses import dataclass, replace

from hal.examination import Finding, Health
from hal.meters.bus import ModbusBus, ReadFailed, ReadRefused
from hal.meters.family import Family, family_of
from hal.meters.plausibility import EnergyRegister, Implausible, checked
from hal.meters.registers import Measurement, measurement
from hal.values import MeterReading

log = logging.getLogger(__name__)

MAX_AGE_S = 3.0
"""An older reading is none."""

PERIOD_S = 1.0
"""How often a meter is asked."""

RETRY_S = 0.3
RETRIES = 3
SLOWEST_S = 5.0
"""After a failure it is asked again in `RETRY_S`, `RETRIES` times, and then after waits that double up to
`SLOWEST_S`: a dead one takes little of the line from the others.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterConfig:
    """A meter of *connector*, whose *phases* are wired; *unit* is its address on the line, 1 … 247.

    *behind_contactor*: it has power only while the contactor is closed.
    """

    connector: int
    model: str
    port: str
    baudrate: int = 9_600
    parity: str = "N"
    unit: int = 1
    phases: int = 3
    behind_contactor: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What became of the requests so far; *failed_in_row* since the last reading."""

    readings: int = 0
    failures: int = 0
    failed_in_row: int = 0
    last_failure: str = ""
    begun_anew: int = 0


class ModbusMeter:
    """A `hal.board.Meter` on *bus*. `poll` belongs to the loop of its line; the rest to any thread."""

    def __init__(self, config: MeterConfig, bus: ModbusBus) -> None:
        """Raises DeviceUnavailable where no meter of that model is known."""
        self.config = config
        self._bus = bus
        self._family = family_of(config.model)
        self._model = self._family.model(config.model.lower())
        self._loop = asyncio.get_running_loop()
        self._register = EnergyRegister()
        self._latest: MeterReading | None = None
        self._standing = Standing()
        self._due_s = self._loop.time()

    @property
    def due_in_s(self) -> float:
        """When it is to be asked next; 0 or less: now."""
        return self._due_s - self._loop.time()

    @property
    def fails(self) -> bool:
        """True where it was asked last without success."""
        return self._standing.failed_in_row > 0

    def read(self) -> MeterReading | None:
        """The latest reading; None when there is none younger than 3 s."""
        latest = self._latest
        return None if latest is None or self._age_s(latest) > MAX_AGE_S else latest

    def examine(self) -> tuple[Finding, ...]:
        """Model, line, what it said last and how long ago, and how often it failed."""
        latest, standing = self._latest, self._standing
        told = "never read"
        if latest is not None:
            told = f"{latest.energy_wh / 1_000:.2f} kWh {self._age_s(latest):.1f} s ago"
        where = f"{self._model.title}, unit {self.config.unit} at {self.config.port}"
        asked = standing.failures + standing.readings
        health, trouble, step = self._health(self.read())
        evidence = [where, told, f"{standing.failures} of {asked} requests failed", *trouble]
        if standing.begun_anew:
            evidence.append(f"its register began anew {standing.begun_anew} times")
        return (
            Finding(
                part=f"meter {self._model.name}",
                connector=self.config.connector,
                health=health,
                evidence=", ".join(evidence),
                next_step=step,
            ),
        )

    async def poll(self) -> None:
        """Ask once for everything, publish it where it can be believed, and set when to ask again."""
        asked_s = self._loop.time()
        try:
            replies = {
                block: await self._bus.read(
                    unit=self.config.unit,
                    function=self._family.function,
                    address=block.address,
                    count=block.count,
                )
                for block in self._family.blocks
            }
            self._take(checked(measurement(self._family, replies, self.config.phases)), asked_s)
        except (ReadFailed, Implausible) as error:
            self._fail(str(error))
            if isinstance(error, ReadRefused) and self._family.alternative and self._latest is None:
                self._become(family_of(self._family.alternative), self._family.alternative)

    def _take(self, measured: Measurement, asked_s: float) -> None:
        """Believe *measured*, as old as the request for it. Raises Implausible where its energy is not believed."""
        energy_wh = measured.energy_wh
        assert energy_wh is not None, "what has none is not plausible"
        before, self._register = self._register, self._register.read(energy_wh, asked_s)
        believed_wh = self._register.energy_wh(asked_s)
        if before == EnergyRegister():
            # The first one of all: whether it is right, the second one says.
            self._due_s = asked_s
            return
        if believed_wh is None:
            raise Implausible(f"energy of {energy_wh} Wh is not confirmed yet")
        if self._register.has_begun_anew_since(before):
            self._standing = replace(self._standing, begun_anew=self._standing.begun_anew + 1)
            log.warning("meter connector=%d begins anew at %d Wh", self.config.connector, energy_wh)
        if self._standing.failed_in_row > RETRIES:
            log.info("meter back connector=%d", self.config.connector)
        self._standing = replace(self._standing, readings=self._standing.readings + 1, failed_in_row=0)
        self._latest = MeterReading(
            at_s=asked_s,
            energy_wh=believed_wh,
            power_w=measured.power_w,
            current_ma=measured.current_ma,
            voltage_mv=measured.voltage_mv,
            phase_power_w=measured.phase_power_w,
            reactive_var=measured.reactive_var,
            power_factor_permille=measured.power_factor_permille,
            frequency_mhz=measured.frequency_mhz,
        )
        self._due_s = asked_s + PERIOD_S

    def _fail(self, reason: str) -> None:
        standing = self._standing
        failed_in_row = standing.failed_in_row + 1
        if failed_in_row == RETRIES + 1:
            level = logging.DEBUG if self.config.behind_contactor else logging.WARNING
            log.log(level, "meter lost connector=%d reason=%s", self.config.connector, reason)
        self._standing = replace(
            standing, failures=standing.failures + 1, failed_in_row=failed_in_row, last_failure=reason
        )
        doublings = max(0, failed_in_row - RETRIES)
        wait_s = min(SLOWEST_S, RETRY_S * 2 ** min(doublings, 10))
        self._due_s = self._loop.time() + wait_s

    def _become(self, family: Family, name: str) -> None:
        log.warning(
            "meter connector=%d refuses the registers of %s: it is read as %s",
            self.config.connector,
            self._model.name,
            name,
        )
        self._family, self._model = family, family.model(name)
        self._due_s = self._loop.time()

    def _health(self, reading: MeterReading | None) -> tuple[Health, tuple[str, ...], str]:
        """How it is, what of its line or of its last *reading* says so, and what to do."""
        if (lost := self._bus.trouble) is not None:
            return Health.FAILED, (f"the line is not open: {lost.reason}",), lost.next_step
        if reading is None and self.config.behind_contactor:
            return Health.OK, ("has power only while charging",), ""
        if reading is None and self._latest is None:
            step = f"check A and B, unit, baudrate (ex works {self._model.baudrate}) and parity"
            return Health.FAILED, (self._standing.last_failure or "not asked yet",), step
        if reading is None:
            return Health.FAILED, (self._standing.last_failure,), "check its supply and the line"
        if reading.power_w is not None and reading.power_w < 0:
            return Health.WARNING, (f"power of {reading.power_w} W",), "turn its current transformers"
        if self._family.phases < self.config.phases:
            counts = f"counts {self._family.phases} of {self.config.phases} phases"
            return Health.WARNING, (counts,), f"fit a meter for {self.config.phases} phases"
        return Health.OK, (), ""

    def _age_s(self, reading: MeterReading) -> float:
        return self._loop.time() - reading.at_s
