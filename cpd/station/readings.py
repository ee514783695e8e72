"""What the meter of a connector says now, as a sample; what is too old to be the present truth is left out."""

from collections.abc import Mapping

from cpd.domain.metering import MeterSample, SampleContext
from cpd.station.timebase import Timebase
from hal.evse import Evse

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

    def sample(self, connector: int, context: SampleContext) -> MeterSample | None:
        """What the meter of *connector* says now; None where it says nothing, or nothing new for `FRESH_S`."""
        evse = self._evses.get(connector)
        if evse is None:
            return None
        snapshot = evse.snapshot()
        reading = snapshot.meter
        if reading is None or self._timebase.clock.monotonic_s() - reading.at_s > FRESH_S:
            return None
        return MeterSample(
            taken=self._timebase.moment(),
            context=context,
            energy_wh=reading.energy_wh,
            power_w=reading.power_w,
            current_ma=reading.current_ma,
            voltage_mv=reading.voltage_mv,
            offered_ma=snapshot.offer_ma,
            offered_w=snapshot.offer_ma * snapshot.phases * self._nominal_v[connector] // 1_000,
        )
