"""When the supply is too low or too high to charge on, with the hysteresis of either."""

from hal.outlet.config import OutletConfig

_LOW_PERCENT = 85
_HIGH_PERCENT = 115
_HYSTERESIS_MV = 3_000


def is_low(voltages_mv: tuple[int, ...], config: OutletConfig, *, stands: bool) -> bool:
    """True where one of *voltages_mv* is below 85 % of nominal; *stands*: it was before, and 3 V more are needed."""
    if stands and not voltages_mv:
        return _is_unseen_while_it_stands(config)
    limit_mv = config.voltage_v * 10 * _LOW_PERCENT + (_HYSTERESIS_MV if stands else 0)
    return any(voltage_mv < limit_mv for voltage_mv in voltages_mv)


def is_high(voltages_mv: tuple[int, ...], config: OutletConfig, *, stands: bool) -> bool:
    """True where one of *voltages_mv* is above 115 % of nominal; *stands*: it was before, and must be 3 V less."""
    if stands and not voltages_mv:
        return _is_unseen_while_it_stands(config)
    limit_mv = config.voltage_v * 10 * _HIGH_PERCENT - (_HYSTERESIS_MV if stands else 0)
    return any(voltage_mv > limit_mv for voltage_mv in voltages_mv)


def _is_unseen_while_it_stands(config: OutletConfig) -> bool:
    """A voltage that nobody measures has not come back; unless only closing the contactor can measure it."""
    return not config.meter_behind_contactor
