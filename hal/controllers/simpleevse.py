"""An EVSE-WB or EVSE-DIN (SimpleEVSE) behind Modbus RTU: holding registers, 9 600 Bd.

The controller makes the pilot and drives its relay itself. Of the rules that hold on a board of our own, kept here
are: the lease of the offer, the least of offer, cable and configuration rounded down, no offer below the minimum of
the controller, 5 s between increases and after a pause, the latched faults, and too much current by the meter. Its
own are: when the relay closes and opens, the debouncing of the pilot, the diode, the lock of its socket, and the test
of residual current. It tells nothing of its contacts: closed is what it says it charges. There is no wake-up pulse
and no change of phases.

Where this process or its line dies, the controller goes on with what it was allowed last, for ever: it knows no
silence of its master. An interlock in the contactor's supply must cover a dead Pi.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from hal.controllers.line import LinkedController, NoAnswer
from hal.controllers.modbus_link import ModbusLink
from hal.controllers.state import Order, Report
from hal.errors import DeviceUnavailable
from hal.examination import Finding, Health
from hal.iec61851 import MIN_CURRENT_MA
from hal.modbus_rtu import Request
from hal.outlet.config import OutletConfig
from hal.values import ContactorState, FaultKind, PilotState

log = logging.getLogger(__name__)

BAUDRATE = 9_600
FIRMWARE_MIN = 8
_HUNDREDTHS_FROM = 17

_ALLOWED = 1_000
_COMMANDS = 1_004
_AT_BOOT = 2_000
_RUNNING = 8
_SETTINGS = 6
"""How many registers are read from 1000 and from 2000: never as many, so that no answer fits the other request."""

_TURN_OFF = 0x0001
_HUNDREDTHS = 0x0080
_PWM = 2

_MOST_A = 80
"""The largest current in A; a register in hundredths of 1 A has no smaller value than 600."""

_PILOTS = {1: PilotState.A, 2: PilotState.B, 3: PilotState.C, 4: PilotState.D}
_FAILURE = 5
_CHARGING = (3, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    """Registers 1000 … 1007."""

    allowed: int
    advertised: int
    vehicle: int
    cable_a: int
    commands: int
    firmware: int
    pilot: int
    residual_current: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """What registers 2000 … 2005 say: the EEPROM of the controller."""

    at_boot: int
    minimum_ma: int
    hundredths: bool


class SimpleEvse(LinkedController):
    """A `hal.controllers.controlled_outlet.Controller`; it has no meter."""

    meter = None

    def __init__(
        self,
        config: OutletConfig,
        port: str,
        *,
        unit: int,
        hurried: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        self._config = config
        self._port = port
        self._unit = unit
        self._link = ModbusLink(hurried)
        super().__init__(self._link, changed)
        self._allowed: int | None = None
        self._settings: _Settings | None = None
        self._running: _Running | None = None
        self._firmware: int | None = None

    async def begin(self) -> None:
        """Take back what it was allowed before anything else, and see that it allows nothing after a boot.

        Raises DeviceUnavailable for firmware that is too old, where it is the first that is met here.
        """
        self._restarted = False
        await self._allow(0)
        running = await self._read_running()
        if running.firmware < FIRMWARE_MIN:
            too_old = f"firmware {running.firmware} is too old"
            if self._settings is not None:
                raise NoAnswer(too_old)
            raise DeviceUnavailable(self._port, too_old, f"use firmware {FIRMWARE_MIN} or newer")
        settings = await self._read_settings(running)
        if settings.at_boot != 0:
            # An EEPROM: written on a difference only.
            await self._write(_AT_BOOT, 0)
            settings = await self._read_settings(running)
        if (running.firmware, settings) != (self._firmware, self._settings):
            self._say(running, settings)
        self._firmware, self._settings = running.firmware, settings

    async def apply(self, order: Order) -> None:
        """Allow what *order* says, or nothing (0); "turn off now" where it is to open at once."""
        amperes = 0 if order.at_once else self._register_for(order.current_ma)
        running = self._running
        if running is None or running.allowed != amperes:
            await self._allow(amperes)
        wanted = _TURN_OFF if order.at_once else 0
        commands = 0 if running is None else running.commands
        if commands & _TURN_OFF != wanted and (order.at_once or order.current_ma):
            await self._write(_COMMANDS, commands & ~_TURN_OFF | wanted)

    async def poll(self) -> Report:
        """Its registers 1000 … 1007."""
        running = await self._read_running()
        booted = running.allowed == 0 and self._allowed not in (None, 0)
        if booted or (self._allowed is not None and running.allowed > self._allowed):
            log.warning("controller connector=%d allows %d by itself", self._config.id, running.allowed)
            self._restarted = True
        pwm = running.pilot == _PWM
        return Report(
            pilot=_PILOTS.get(running.vehicle, PilotState.UNKNOWN),
            contactor=_contactor(running, pwm=pwm),
            advertised_ma=_ma(running.advertised) if pwm else 0,
            cable_a=running.cable_a or None,
            faults=_faults(running),
            min_current_ma=MIN_CURRENT_MA if self._settings is None else self._settings.minimum_ma,
        )

    async def release(self) -> None:
        """Off now, and nothing allowed."""
        await self._allow(0)
        await self._write(_COMMANDS, _TURN_OFF)

    def examine(self) -> tuple[Finding, ...]:
        """Its firmware, what it allows after a boot, and that nothing in it notices a dead Pi."""
        if self._settings is None:
            return ()
        step = "0.01 A" if self._settings.hundredths else "1 A"
        rows = [
            self._finding(
                "controller", f"SimpleEVSE at {self._port}, firmware {self._firmware}, steps of {step}"
            ),
            self._finding(
                "interlock",
                "a silent master goes unnoticed: without the Pi it charges on",
                "see that the interlock relay opens the contactor",
            ),
        ]
        if self._settings.at_boot:
            rows.append(
                self._finding(
                    "start current", f"{self._settings.at_boot} after a boot", "set its register 2000 to 0"
                )
            )
        if self._settings.minimum_ma > MIN_CURRENT_MA:
            least_a = self._settings.minimum_ma // 1_000
            rows.append(
                self._finding(
                    "least current", f"{least_a} A; with less nothing charges", "set its register 2002 to 6"
                )
            )
        return tuple(rows)

    def _register_for(self, current_ma: int) -> int:
        """What register 1000 gets for *current_ma*: rounded down."""
        hundredths = self._settings is not None and self._settings.hundredths
        return current_ma // 10 if hundredths else current_ma // 1_000

    async def _read_running(self) -> _Running:
        values = await self._link.ask(Request.read(self._unit, _ALLOWED, _RUNNING))
        allowed, advertised, vehicle, cable_a, commands, firmware, pilot, residual_current = values
        self._running = _Running(
            allowed=allowed,
            advertised=advertised,
            vehicle=vehicle,
            cable_a=cable_a,
            commands=commands,
            firmware=firmware,
            pilot=pilot,
            residual_current=residual_current,
        )
        return self._running

    async def _read_settings(self, running: _Running) -> _Settings:
        values = await self._link.ask(Request.read(self._unit, _AT_BOOT, _SETTINGS))
        at_boot, _, minimum, _, _, bits = values
        return _Settings(
            at_boot=at_boot,
            minimum_ma=max(MIN_CURRENT_MA, minimum * 1_000),
            hundredths=running.firmware >= _HUNDREDTHS_FROM and bool(bits & _HUNDREDTHS),
        )

    async def _allow(self, value: int) -> None:
        self._allowed = None
        await self._write(_ALLOWED, value)
        self._allowed = value

    async def _write(self, register: int, value: int) -> None:
        # Taken or not, what was read before is not true any more.
        self._running = None
        await self._link.ask(Request.write(self._unit, register, value))

    def _say(self, running: _Running, settings: _Settings) -> None:
        log.info(
            "controller connector=%d SimpleEVSE at %s firmware=%d minimum_a=%d",
            self._config.id,
            self._port,
            running.firmware,
            settings.minimum_ma // 1_000,
        )
        log.warning(
            "controller connector=%d does not notice a silent master: the interlock relay must open the contactor "
            "where the Pi dies",
            self._config.id,
        )

    def _finding(self, part: str, evidence: str, next_step: str = "") -> Finding:
        return Finding(
            part=part,
            connector=self._config.id,
            health=Health.WARNING if next_step else Health.OK,
            evidence=evidence,
            next_step=next_step,
        )


def _ma(register: int) -> int:
    """A current register in mA: whole amperes, or hundredths where they cannot be that."""
    return register * 1_000 if register <= _MOST_A else register * 10


def _contactor(running: _Running, *, pwm: bool) -> ContactorState:
    """Closed while it charges; not known while a vehicle that asks on has its PWM taken away."""
    if running.vehicle not in _CHARGING:
        return ContactorState.OPEN
    return ContactorState.CLOSED if pwm else ContactorState.UNKNOWN


def _faults(running: _Running) -> frozenset[FaultKind]:
    """A residual current, or a failure of which the controller says no more.

    Register 1007 counts while the controller does not charge: newer firmware has the relay's own bit in it.
    """
    if running.residual_current and running.vehicle not in _CHARGING:
        return frozenset((FaultKind.GROUND_FAULT,))
    return frozenset((FaultKind.PILOT_FAULT,)) if running.vehicle == _FAILURE else frozenset()
