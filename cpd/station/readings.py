"""What the meter of a connector says now, as a sample; what is too old to be the present truth is left out."""

from collections.abc import Mapping

from cpd.domain.metering import MeterSample, SampleContext
from cpd.station.intervals import Intervals
from cpd.station.timebase import Timebase
from hal.evse import Evse
from hal.values import MeterReading

FRESH_S = 10.0
"""A reading older than this is not reported as the present truth."""


class Readings:
    """The meters of *evses*; *nominal_v* gives the voltage by which an offered current becomes a power."""

    def __init__(
        self, evses: Mapping[int, Evse], timebase: Timebase, *, nominal_v: Mapping[int, int]
    ) -> None:
        self._evses = evses
        self._timebase = timebase
        self._nominal_v = nominal_v
        self.intervals = Intervals()
        for connector, evse in evses.items():
            meter = evse.snapshot().meter
            if meter is not None:
                # The first interval of the clock's grid begins with the daemon.
                self.intervals.energy_wh(connector, SampleContext.CLOCK, meter.energy_wh)

    def sample(self, connector: int, context: SampleContext) -> MeterSample | None:
        """What the meter of *connector* says now; None where it says nothing, or nothing new for `FRESH_S`."""
        evse = self._evses.get(connector)
        if evse is None:
            return None
        snapshot = evse.snapshot()
        reading = snapshot.meter
        if reading is None or not self._is_fresh(reading):
            return None
        return MeterSample(
            taken=self._timebase.moment(),
            context=context,
            energy_wh=reading.energy_wh,
            interval_wh=self.intervals.energy_wh(connector, context, reading.energy_wh),
            power_w=reading.power_w,
            current_ma=reading.current_ma,
            voltage_mv=reading.voltage_mv,
            offered_ma=snapshot.offer_ma,
            offered_w=snapshot.offer_ma * snapshot.phases * self._nominal_v[connector] // 1_000,
            phase_power_w=reading.phase_power_w,
            reactive_var=reading.reactive_var,
            power_factor_permille=reading.power_factor_permille,
            frequency_mhz=reading.frequency_mhz,
            temperature_mc=snapshot.temperature_mc,
        )

    def speaks(self, connector: int) -> bool:
        """True where the meter of *connector* has something to say now."""
        evse = self._evses.get(connector)
        reading = None if evse is None else evse.snapshot().meter
        return reading is not None and self._is_fresh(reading)

    def _is_fresh(self, reading: MeterReading) -> bool:
        return self._timebase.clock.monotonic_s() - reading.at_s <= FRESH_S
