"""Which measurands this charge point has, and how a configuration key names them (OCPP 1.6 §7.31, §9.1.17)."""

MEASURANDS = (
    "Current.Import",
    "Current.Offered",
    "Energy.Active.Import.Interval",
    "Energy.Active.Import.Register",
    "Frequency",
    "Power.Active.Import",
    "Power.Factor",
    "Power.Offered",
    "Power.Reactive.Import",
    "Temperature",
    "Voltage",
)
"""What the hardware can measure or knows."""

_ELSEWHERE = frozenset(
    {
        "Current.Export",
        "Energy.Active.Export.Interval",
        "Energy.Active.Export.Register",
        "Energy.Reactive.Export.Interval",
        "Energy.Reactive.Export.Register",
        "Energy.Reactive.Import.Interval",
        "Energy.Reactive.Import.Register",
        "Power.Active.Export",
        "Power.Reactive.Export",
        "RPM",
        "SoC",
    }
)
"""What other charge points can measure."""

_ALL_PHASES = ("L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1")

_PHASES = {
    "Current.Import": ("L1", "L2", "L3"),
    "Power.Active.Import": ("L1", "L2", "L3"),
    "Voltage": ("L1-N", "L2-N", "L3-N", "L1", "L2", "L3"),
}


def measurand_of(name: str) -> str | None:
    """The measurand of an entry such as ``Voltage.L1`` or ``Current.Import``; None where it cannot be measured.

    OCPP 1.6 §9.1.17: "where applicable, the Measurand is combined with the optional phase".
    """
    if name in MEASURANDS:
        return name
    measurand, _, phase = name.rpartition(".")
    return measurand if phase in _PHASES.get(measurand, ()) else None


def is_standard(name: str) -> bool:
    """True for a measurand of OCPP 1.6, with a phase or without, whether it can be measured here or not."""
    measurand, _, phase = name.rpartition(".")
    every = _ELSEWHERE.union(MEASURANDS)
    return name in every or (measurand in every and phase in _ALL_PHASES)
