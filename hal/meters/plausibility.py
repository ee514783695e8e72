"""Whether what a meter says can be true: a number that cannot is no measurement, however well it was transmitted."""

from dataclasses import dataclass, replace

from hal.meters.registers import Measurement

MAX_POWER_W = 80 * 3 * 253
"""More than any outlet delivers: 80 A in three phases at the highest voltage that is not a fault."""

STEP_WH = 100
"""The coarsest step in which a register counts: it may come at any moment."""

ENERGY_MAX_AGE_S = 15.0
"""For so long the last energy that was believed stands for one that is not."""

_MAX_VOLTAGE_MV = 500_000
_MAX_CURRENT_MA = 1_000_000
_MAX_METERED_W = 3 * 500 * 1_000
_MAX_ENERGY_WH = 2**48
_MAINS_MHZ = range(40_000, 70_001)
_WS_PER_WH = 3_600


class Implausible(Exception):
    """The meter said what cannot be; the text says what, for a technician."""


def checked(measured: Measurement) -> Measurement:
    """*measured*, without what its meter only seems to measure. Raises Implausible.

    Phase L1 feeds the meter: at 0 V it could not speak. The others may have none where one phase is connected.
    """
    if measured.energy_wh is None:
        raise Implausible("it gives no energy")
    if not 0 <= measured.energy_wh <= _MAX_ENERGY_WH:
        raise Implausible(f"energy of {measured.energy_wh} Wh")
    if measured.voltage_mv is not None:
        if measured.voltage_mv[0] == 0:
            raise Implausible("no voltage on L1")
        if not all(0 <= voltage_mv <= _MAX_VOLTAGE_MV for voltage_mv in measured.voltage_mv):
            raise Implausible(f"voltages of {measured.voltage_mv} mV")
    if any(current_ma > _MAX_CURRENT_MA for current_ma in measured.current_ma or ()):
        raise Implausible(f"currents of {measured.current_ma} mA")
    if any(
        abs(power_w) > _MAX_METERED_W for power_w in (measured.power_w or 0, *(measured.phase_power_w or ()))
    ):
        raise Implausible(f"a power of {measured.power_w} W")
    return replace(
        measured,
        frequency_mhz=_mains_mhz(measured.frequency_mhz),
        power_factor_permille=_at_most_one(measured.power_factor_permille),
    )


def _mains_mhz(frequency_mhz: int | None) -> int | None:
    """The frequency; that of meters which tell it tenfold, too."""
    for told_mhz in () if frequency_mhz is None else (frequency_mhz, round(frequency_mhz / 10)):
        if told_mhz in _MAINS_MHZ:
            return told_mhz
    return None


def _at_most_one(permille: int | None) -> int | None:
    return permille if permille is None or permille <= 1_000 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The register showed *energy_wh* at *at_s* (monotonic)."""

    energy_wh: int
    at_s: float

    def leads_to(self, energy_wh: int, at_s: float) -> bool:
        """True where an outlet can have brought the register to *energy_wh* until *at_s*."""
        most_wh = MAX_POWER_W * 1.5 * (at_s - self.at_s) / _WS_PER_WH + STEP_WH
        return 0 <= energy_wh - self.energy_wh <= most_wh


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyRegister:
    """What is believed of a meter's register: *believed*, and the *doubted* reading that contradicts it.

    A register that runs back or jumps is not believed at once. Where the next reading agrees with the doubted one,
    the meter was reset or replaced, and counting begins anew from there. So it is with the very first reading.
    """

    believed: Seen | None = None
    doubted: Seen | None = None

    def read(self, energy_wh: int, at_s: float) -> "EnergyRegister":
        """The register after the meter showed *energy_wh* at *at_s*."""
        seen = Seen(energy_wh=energy_wh, at_s=at_s)
        if self.believed is not None and self.believed.leads_to(energy_wh, at_s):
            return EnergyRegister(believed=seen)
        if self.doubted is not None and self.doubted.leads_to(energy_wh, at_s):
            return EnergyRegister(believed=seen)
        return replace(self, doubted=seen)

    def energy_wh(self, at_s: float) -> int | None:
        """What the register says at *at_s*; None where nothing is believed, or for too long."""
        if self.believed is None or at_s - self.believed.at_s > ENERGY_MAX_AGE_S:
            return None
        return self.believed.energy_wh

    def has_begun_anew_since(self, earlier: "EnergyRegister") -> bool:
        """True where this register, read after *earlier*, is not that one's continuation."""
        return (
            self.believed is not None
            and earlier.believed is not None
            and not earlier.believed.leads_to(self.believed.energy_wh, self.believed.at_s)
        )
