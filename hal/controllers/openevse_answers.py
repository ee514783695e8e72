"""What the answers of an OpenEVSE mean: its states, its flags, its temperatures and its ammeter.

Pure. An answer of another shape than the documented one means nothing, and is None.
"""

from dataclasses import dataclass

from hal.controllers.rapi import Reply, decimal, hexadecimal
from hal.values import FaultKind, MeterReading, PilotState

_UNDECIDED = 0x00
_VENTILATION_REQUIRED = 0x04
_ASLEEP = 0xFE
_DISABLED = 0xFF

_PILOTS = {0x01: PilotState.A, 0x02: PilotState.B, 0x03: PilotState.C, 0x04: PilotState.D}

_FAULTS = {
    0x05: FaultKind.DIODE_MISSING,
    0x06: FaultKind.GROUND_FAULT,
    0x07: FaultKind.GROUND_FAULT,
    0x08: FaultKind.CONTACTOR_WELDED,
    0x09: FaultKind.GROUND_FAULT,
    0x0A: FaultKind.OVER_TEMPERATURE,
    0x0B: FaultKind.OVER_CURRENT,
    0x0E: FaultKind.CONTACTOR_STUCK_OPEN,
}
"""Diode, residual current, no protective earth, stuck relay, failed self-test of residual current, heat, overload
and a relay that does not close."""

_AUTH_LOCKED = 0x0008
_RELAY_CLOSED = 0x0040
_BOOT_LOCKED = 0x4000

_SWITCHED_OFF = {
    0x0002: "diode check",
    0x0008: "ground check",
    0x0010: "stuck relay check",
    0x0200: "residual current self-test",
}
"""Flags of $GE that switch a protection off."""

_NO_SENSOR = -2_560


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The answer to $GS: *code* is what the controller does, *pilot_code* what it reads of the vehicle."""

    code: int
    pilot_code: int
    flags: int

    @property
    def is_undecided(self) -> bool:
        """True for a moment after it was enabled or has booted."""
        return self.code == _UNDECIDED

    @property
    def is_enabled(self) -> bool:
        """True where a vehicle may charge."""
        return _UNDECIDED < self.code <= _VENTILATION_REQUIRED

    @property
    def is_resting(self) -> bool:
        """True while it is asleep or disabled."""
        return self.code in (_ASLEEP, _DISABLED)

    @property
    def is_disabled(self) -> bool:
        """True while its pilot stands at −12 V."""
        return self.code == _DISABLED

    @property
    def advertises(self) -> bool:
        """True while the pilot carries a PWM."""
        locked = self.flags & (_AUTH_LOCKED | _BOOT_LOCKED)
        return self.is_enabled and self.pilot is not PilotState.A and not locked

    @property
    def is_closed(self) -> bool:
        """True while the relay is closed."""
        return bool(self.flags & _RELAY_CLOSED)

    @property
    def pilot(self) -> PilotState:
        """The state of the vehicle; nothing of it can be seen while the controller is disabled."""
        return PilotState.F if self.is_disabled else _PILOTS.get(self.pilot_code, PilotState.UNKNOWN)

    @property
    def fault(self) -> FaultKind | None:
        """What the controller has tripped on; PILOT_FAULT for a state that nobody has documented."""
        if not _VENTILATION_REQUIRED < self.code < _ASLEEP:
            return None
        return _FAULTS.get(self.code, FaultKind.PILOT_FAULT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """The answer to $GU: *session_ws* since the vehicle was plugged in, *total_wh* of all sessions."""

    session_ws: int
    total_wh: int


def state_in(reply: Reply) -> State | None:
    """The answer to $GS: state, seconds, state of the pilot, flags."""
    if not reply.accepted or len(reply.params) != 4:
        return None
    code, _, pilot_code, flags = reply.params
    numbers = hexadecimal(code, digits=2), hexadecimal(pilot_code, digits=2), hexadecimal(flags, digits=4)
    if numbers[0] is None or numbers[1] is None or numbers[2] is None:
        return None
    return State(code=numbers[0], pilot_code=numbers[1], flags=numbers[2])


def pilot_a_in(reply: Reply) -> int | None:
    """The answer to $GC: what the pilot advertises in A, between a minimum and two maxima."""
    if not reply.accepted or len(reply.params) != 4:
        return None
    amperes = decimal(reply.params[2])
    return amperes if amperes is not None and amperes >= 0 else None


def switched_off_in(reply: Reply) -> tuple[str, ...]:
    """The answer to $GE: the protections that somebody has switched off."""
    flags = hexadecimal(reply.params[1], digits=4) if len(reply.params) == 2 else None
    return tuple(words for flag, words in _SWITCHED_OFF.items() if (flags or 0) & flag)


def temperature_mc_in(reply: Reply) -> int | None:
    """The answer to $GP: the hottest of the sensors that are fitted, in thousandths of a degree Celsius."""
    tenths = [value for text in reply.params if (value := decimal(text)) not in (None, _NO_SENSOR)]
    return max((value * 100 for value in tenths if value is not None), default=None)


def counters_in(counted: Reply) -> Counters | None:
    """The answer to $GU: the energy of this plug-in in Ws, and of all in Wh."""
    pair = _pair(counted)
    return None if pair is None or min(pair) < 0 else Counters(session_ws=pair[0], total_wh=pair[1])


def reading_in(measured: Reply, *, energy_wh: int, phases: int, at_s: float) -> MeterReading | None:
    """The answer to $GG of an ammeter; None where none is fitted, which also leaves the energy at 0.

    It has one current transformer: what three phases carry it does not measure. Its voltage is as a rule a constant
    of the firmware, 120 or 240 V: good enough for the power, and not measured.
    """
    flowing = _pair(measured)
    if flowing is None or phases != 1:
        return None
    current_ma, voltage_mv = flowing
    if current_ma < 0:
        return None
    return MeterReading(
        at_s=at_s,
        energy_wh=energy_wh,
        power_w=current_ma * voltage_mv // 1_000_000 if voltage_mv > 0 else None,
        current_ma=(current_ma,),
        voltage_mv=None,
    )


def _pair(reply: Reply) -> tuple[int, int] | None:
    if not reply.accepted or len(reply.params) != 2:
        return None
    first, second = (decimal(text) for text in reply.params)
    return None if first is None or second is None else (first, second)
