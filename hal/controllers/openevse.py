"""An OpenEVSE behind its serial console: RAPI, 115 200 Bd as a rule.

The controller makes the pilot, the contactor, the tests of ground and relay and the thermal derating itself. Of the
rules that hold on a board of our own, kept here are: the lease of the offer, the least of offer, cable and
configuration in whole amperes rounded down, no offer below 6 A, 5 s between increases and after a pause, and the
latched faults. Its own are: when the contactor closes (no 500 ms of C first), how long a vehicle may take to let go
(3 s, or 1 A), the debouncing of the pilot, and the tests of residual current and relay. There is no wake-up pulse, no
plug lock and no change of phases. It cannot read a cable unless it was built for it: only a fixed cable is served.

Where this process or its line dies, the controller goes on with what it was allowed last. Its heartbeat supervision,
where it is compiled in, only lowers that to 6 A. An interlock in the contactor's supply must cover a dead Pi.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto

from hal.controllers import openevse_answers as answers
from hal.controllers import rapi
from hal.controllers.line import LinkedController, NoAnswer
from hal.controllers.openevse_abilities import Abilities, findings, say
from hal.controllers.openevse_heartbeat import Heartbeat
from hal.controllers.openevse_meter import SessionMeter
from hal.controllers.rapi_link import RapiLink
from hal.controllers.state import Order, Report
from hal.errors import DeviceUnavailable
from hal.examination import Finding
from hal.outlet.config import OutletConfig
from hal.values import FAULT_RULES, Clearing, ContactorState, FaultKind, PilotState

log = logging.getLogger(__name__)

TEMPERATURE_S = 30.0
RESTORES_BELOW_MC = 62_000
"""Below this the controller takes back its own thermal derating."""

DISABLED_S = 0.4
"""State F lasts at least this long (300 ms are asked for)."""


class _Mode(Enum):
    """What the controller has confirmed that it does."""

    HELD = auto()
    ENABLED = auto()
    DISABLED = auto()


class OpenEvse(LinkedController):
    """A `hal.controllers.controlled_outlet.Controller`; *changed* is called when the controller says so unasked."""

    def __init__(
        self, config: OutletConfig, port: str, *, hurried: Callable[[], bool], changed: Callable[[], None]
    ) -> None:
        if config.lock:
            raise DeviceUnavailable(
                port,
                f"connector {config.id} is a socket, and an OpenEVSE reads no cable",
                "give it a fixed cable and set lock = false",
            )
        self._config = config
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._link = RapiLink(self._noticed, hurried)
        self._heartbeat = Heartbeat(self._link, config.id)
        super().__init__(self._link, changed)
        self._abilities: Abilities | None = None
        self._mode: _Mode | None = None
        self._disabled_s = 0.0
        self._has_lock = False
        self._locked: bool | None = None
        self._allowed_a: int | None = None
        self._taken_a = 0
        self._pilot_a = 0
        self._derated_a: int | None = None
        self._refuses = False
        self._state: answers.State | None = None
        self._pilot = PilotState.UNKNOWN
        self._decided_s = self._loop.time()
        self._temperature_mc: int | None = None
        self._has_thermometer = False
        self._temperature_due_s = self._loop.time()
        self.meter = SessionMeter(config)

    async def begin(self) -> None:
        """Lock and hold it before anything else, then find out what it can.

        One that shows a fault holds by itself, and would show it no more once it was told to sleep.
        """
        self._link.reset()
        self._restarted = False
        self._mode, self._allowed_a, self._state = None, None, None
        await self._lock()
        self._has_lock = bool(self._locked)
        with suppress(NoAnswer):
            await self._read_state()
        if not self._is_in_fault:
            await self._hold()
        version = (await self._link.ask("GV")).params
        boot_lock = (await self._link.ask("SB")).accepted
        heartbeat = await self._heartbeat.begin()
        switched_off = answers.switched_off_in(await self._link.ask("GE"))
        abilities = Abilities(
            firmware=version[0] if version else "unknown",
            auth_lock=self._has_lock,
            boot_lock=boot_lock,
            heartbeat=heartbeat,
            switched_off=switched_off,
        )
        if abilities != self._abilities:
            self._abilities = abilities
            say(self.examine())

    async def apply(self, order: Order) -> None:
        """Allow what *order* says, or hold; what is not confirmed is asked again in the next round."""
        if order.at_once:
            await self._disable()
        elif order.current_ma == 0:
            await self._withhold(order)
        else:
            await self._allow(order.current_ma // 1_000)

    async def poll(self) -> Report:
        """Its state, its pilot and its meter."""
        state = await self._read_state()
        self._compare_state(state)
        if state.advertises:
            await self._look_at_pilot()
        if self._loop.time() >= self._temperature_due_s:
            await self._read_temperature()
        await self._heartbeat.keep()
        if self._pilot is PilotState.A:
            self._refuses = False
        # Last, as another vehicle is seen only once, and what fails after it would lose it.
        replugged = self.meter.take(await self._link.ask("GG"), await self._link.ask("GU"))
        return Report(
            pilot=self._pilot,
            contactor=ContactorState.CLOSED if state.is_closed else ContactorState.OPEN,
            advertised_ma=self._pilot_a * 1_000 if state.advertises else 0,
            cable_a=self._config.fixed_cable_a,
            faults=self._faults(state),
            temperature_mc=self._temperature_mc,
            thermal_limit_ma=None if self._derated_a is None else self._derated_a * 1_000,
            replugged=replugged,
        )

    async def release(self) -> None:
        """Disabled and locked: open at once, and the pilot at −12 V says that nobody is there."""
        await self._disable()
        if self._has_lock and not self._locked:
            await self._lock()

    def examine(self) -> tuple[Finding, ...]:
        """Its firmware, the locks that it lacks, and the protections that are switched off."""
        if self._abilities is None:
            return ()
        return findings(self._abilities, port=self._port, connector=self._config.id)

    async def _disable(self) -> None:
        if self._mode is not _Mode.DISABLED:
            await self._command("FD", _Mode.DISABLED)
            self._disabled_s = self._loop.time()

    async def _withhold(self, order: Order) -> None:
        """Asleep with the pilot at +12 V; out of service and free, disabled with the pilot at −12 V."""
        if self._mode is _Mode.DISABLED:
            if order.in_service and self._loop.time() >= self._disabled_s + DISABLED_S:
                await self._hold()
        elif self._is_in_fault and not self._retries_by_itself:
            # It holds by itself; asleep it would not show its fault any more.
            pass
        elif not order.in_service and self._pilot is PilotState.A:
            await self._disable()
        elif self._mode is not _Mode.HELD:
            await self._hold()
        is_open = self._state is not None and not self._state.is_closed
        if self._has_lock and not self._locked and is_open:
            # Only now: a lock under load would not let the vehicle stop drawing first.
            await self._lock()

    async def _allow(self, amperes: int) -> None:
        """Enabled with at most *amperes* on the pilot, which is read back before anything can flow."""
        if self._allowed_a is not None and amperes > self._allowed_a:
            # It may have lowered its pilot for heat since it was looked at, and would be told to raise it.
            await self._look_at_pilot()
        if self._derated_a is not None:
            amperes = min(amperes, self._derated_a)
        if self._allowed_a != amperes:
            self._allowed_a = None
            # Volatile, to spare its EEPROM. NK only says that it took its own minimum or maximum instead.
            await self._link.ask(f"SC {amperes} V")
            await self._read_pilot()
            if self._pilot_a > amperes:
                log.error(
                    "controller connector=%d offers %d A, not %d A", self._config.id, self._pilot_a, amperes
                )
                self._refuses = True
                await self._hold()
                return
            self._allowed_a, self._taken_a = amperes, self._pilot_a
        if self._has_lock and self._locked is not False:
            self._locked = None
            self._locked = not (await self._link.ask("S4 0")).accepted
        if self._mode is not _Mode.ENABLED:
            await self._command("FE", _Mode.ENABLED)

    async def _hold(self) -> None:
        await self._command("FS", _Mode.HELD)

    async def _lock(self) -> None:
        self._locked = None
        self._locked = (await self._link.ask("S4 1")).accepted

    async def _command(self, command: str, mode: _Mode) -> None:
        self._mode = None
        if not (await self._link.ask(command)).accepted:
            raise NoAnswer(f"${command} is refused")
        self._mode = mode

    async def _read_state(self) -> answers.State:
        """The answer to $GS, and the pilot in it."""
        state = answers.state_in(await self._link.ask("GS"))
        if state is None:
            raise NoAnswer("$GS is answered with nonsense")
        now_s = self._loop.time()
        if not state.is_undecided:
            self._pilot, self._decided_s = state.pilot, now_s
        elif now_s >= self._decided_s + self._config.timings.pilot_fault_after_s:
            self._pilot = PilotState.UNKNOWN
        was_in_fault, self._state = self._is_in_fault, state
        if was_in_fault and not self._is_in_fault:
            # What it does of itself once its fault is over may not wait for the next second.
            self._changed()
        return state

    async def _read_pilot(self) -> None:
        amperes = answers.pilot_a_in(await self._link.ask("GC"))
        if amperes is None:
            raise NoAnswer("$GC is answered with nonsense")
        self._pilot_a = amperes

    def _noticed(self, notice: rapi.Notice) -> None:
        """A reason to ask, and never a fact: a line that somebody repeats must not look like a vehicle."""
        if notice.kind == "AB":
            log.warning("controller connector=%d restarted", self._config.id)
            self._restarted = True
            self.meter.forget_session()
            self._link.interrupt()
        self._changed()

    def _compare_state(self, state: answers.State) -> None:
        """Notice one that is enabled or at rest against its orders: it booted unheard, or has a button."""
        against_orders = state.is_resting if self._mode is _Mode.ENABLED else state.is_enabled
        if self._mode is not None and against_orders:
            log.warning(
                "controller connector=%d state=%02X is not what it was told", self._config.id, state.code
            )
            self._restarted = True

    async def _look_at_pilot(self) -> None:
        """Notice a pilot that is not what was taken for certain: more after a boot, less after heat or a miss."""
        await self._read_pilot()
        if self._mode is not _Mode.ENABLED or self._allowed_a is None:
            return
        if self._pilot_a > self._allowed_a:
            log.warning("controller connector=%d offers %d A by itself", self._config.id, self._pilot_a)
            self._restarted = True
        elif self._pilot_a < self._taken_a:
            await self._read_temperature()
            if self._may_be_hot:
                # Not to be raised again while it is warm: whatever is offered, this is what it bears.
                self._derated_a = self._taken_a = self._pilot_a
            else:
                self._allowed_a = None

    async def _read_temperature(self) -> None:
        self._temperature_mc = answers.temperature_mc_in(await self._link.ask("GP"))
        self._temperature_due_s = self._loop.time() + TEMPERATURE_S
        if self._temperature_mc is not None:
            self._has_thermometer = True
        if not self._may_be_hot:
            self._derated_a = None

    @property
    def _may_be_hot(self) -> bool:
        """Also while a thermometer that has been read cannot be; without one its firmware derates nothing."""
        if self._temperature_mc is None:
            return self._has_thermometer
        return self._temperature_mc >= RESTORES_BELOW_MC

    @property
    def _is_in_fault(self) -> bool:
        return self._state is not None and self._state.fault is not None

    @property
    def _retries_by_itself(self) -> bool:
        """Without a lock it closes anew once its fault is over, which is latched here and needs not to be shown."""
        fault = None if self._state is None else self._state.fault
        latched = fault is not None and FAULT_RULES[fault].clearing in (Clearing.UNPLUG, Clearing.ACKNOWLEDGE)
        return latched and not self._has_lock

    def _faults(self, state: answers.State) -> frozenset[FaultKind]:
        told = () if state.fault is None else (state.fault,)
        return frozenset((*told, FaultKind.PILOT_FAULT) if self._refuses else told)
