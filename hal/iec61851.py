"""The numbers of the IEC 61851-1 control pilot and of the proximity contact, in integers.

Pure maths: what a pilot says and how it is read. It must not know when, why or on which board.
"""

from hal.values import PilotState

PERIOD_NS = 1_000_000
"""Period of the 1 kHz pilot."""

X1_NS = PERIOD_NS
"""High time of the steady +12 V pilot: present, nothing offered."""

F_NS = 0
"""High time of the steady −12 V pilot: not available (state F)."""

MIN_CURRENT_MA = 6_000
MAX_CURRENT_MA = 80_000

DIODE_LOW_MV = -10_000
"""The low level of the PWM stays below this while the vehicle's diode blocks."""

_LINEAR_END_MA = 51_000
_STEEP_START_MA = 52_500
_STEEP_START_NS = 850_000

# Accepted voltage of the high level, widest reading of Table A.1; between two windows nothing is decided.
_WINDOWS_MV: tuple[tuple[int, int, PilotState], ...] = (
    (11_000, 13_000, PilotState.A),
    (8_000, 10_000, PilotState.B),
    (5_000, 7_000, PilotState.C),
    (2_000, 4_000, PilotState.D),
    (-1_000, 1_500, PilotState.E),
    (-13_000, -11_000, PilotState.F),
)

# Cable coding resistor (IEC 61851-1 Annex B): lower bound in ohm, ampacity in A. A shared bound takes the smaller.
_CABLES: tuple[tuple[int, int], ...] = ((1_000, 13), (330, 20), (150, 32), (75, 63))
_CABLE_MAX_OHM = 2_200


class PilotRangeError(ValueError):
    """A current that the pilot cannot advertise."""


def duty_ns_for(current_ma: int) -> int:
    """High time of the 1 kHz pilot that advertises *current_ma*, never more.

    6 000 … 80 000 mA per phase → 100 000 … 960 000 ns. The curve has a hole from 51 to 52.5 A, where 51 A is
    offered. Raises PilotRangeError outside. IEC 61851-1 Annex A.
    """
    if not MIN_CURRENT_MA <= current_ma <= MAX_CURRENT_MA:
        raise PilotRangeError(
            f"current {current_ma} mA is outside {MIN_CURRENT_MA} … {MAX_CURRENT_MA} mA; "
            "below it, withdraw the offer"
        )
    if current_ma <= _LINEAR_END_MA:
        return current_ma * 1_000 // 60
    if current_ma < _STEEP_START_MA:
        return _STEEP_START_NS
    return 640_000 + 4 * current_ma


def current_ma_for(duty_ns: int) -> int:
    """Current in mA that a vehicle reads from a high time of *duty_ns*, and may draw; 0 for none.

    Rounded up, so that it undoes `duty_ns_for` exactly. 8 to 10 % count as 6 A and 96 to 97 % as 80 A; everything
    else outside 10 … 96 % allows nothing without digital communication. IEC 61851-1 Table A.8.
    """
    if 80_000 <= duty_ns < 100_000:
        return MIN_CURRENT_MA
    if 100_000 <= duty_ns <= _STEEP_START_NS:
        return -(-duty_ns * 6 // 100)
    if _STEEP_START_NS < duty_ns <= 960_000:
        return duty_ns // 4 - 160_000
    if 960_000 < duty_ns <= 970_000:
        return MAX_CURRENT_MA
    return 0


def is_pwm(duty_ns: int) -> bool:
    """True where *duty_ns* is a duty that offers current: 10 … 96 %."""
    return 100_000 <= duty_ns <= 960_000


def state_for_voltage(high_mv: int, previous: PilotState) -> PilotState:
    """The state that a high level of *high_mv* shows.

    Between two windows *previous* is kept (the hysteresis; `is_undecided` tells). What is outside of all of
    them, above +13 V, below −13 V or between E and F, is UNKNOWN.
    """
    for low_mv, up_to_mv, state in _WINDOWS_MV:
        if low_mv <= high_mv <= up_to_mv:
            return state
    return previous if is_undecided(high_mv) else PilotState.UNKNOWN


def is_undecided(high_mv: int) -> bool:
    """True where *high_mv* lies between the windows of two vehicle states."""
    return any(
        upper < high_mv < lower
        for upper, lower in ((10_000, 11_000), (7_000, 8_000), (4_000, 5_000), (1_500, 2_000))
    )


def cable_a_for(resistance_ohm: int) -> int | None:
    """Ampacity in A that the resistor between PP and PE codes; None for a short or for no valid code.

    None means that the cable's rating is not known, and never that there is no limit.
    """
    if resistance_ohm > _CABLE_MAX_OHM:
        return None
    return next((ampacity_a for lower_ohm, ampacity_a in _CABLES if resistance_ohm >= lower_ohm), None)
