"""A reading counts as the present truth while it is fresh, and not a moment longer."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cpd.domain.metering import SampleContext
from cpd.station.readings import FRESH_S, Readings
from hal.evse import OutletSnapshot
from tests.hal.bench import virtual
from tests.station.bench import bench


class FrozenEvse:
    """An outlet whose meter says the same for ever, as one behind a dead line does."""

    def __init__(self, snapshot: OutletSnapshot) -> None:
        self._snapshot = snapshot

    def snapshot(self) -> OutletSnapshot:
        return self._snapshot


@pytest.mark.parametrize(
    ("age_s", "told"), [(0.0, True), (FRESH_S, True), (FRESH_S + 0.1, False), (600.0, False)]
)
@virtual
async def test_a_frozen_value_is_never_told_as_a_new_one(tmp_path: Path, age_s: float, told: bool) -> None:
    async with bench(tmp_path) as here:
        evse: Any = FrozenEvse(here.guard.evses[1].snapshot())
        readings = Readings({1: evse}, here.timebase, nominal_v={1: 230})
        await here.clock.sleep(age_s)
        assert (readings.sample(1, SampleContext.PERIODIC) is not None) is told


@virtual
async def test_what_the_meter_does_not_measure_is_left_out_and_not_zero(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        snapshot = here.guard.evses[1].snapshot()
        assert snapshot.meter is not None
        bare = replace(snapshot.meter, power_w=None, current_ma=None, voltage_mv=None)
        evse: Any = FrozenEvse(replace(snapshot, meter=bare))
        sample = Readings({1: evse}, here.timebase, nominal_v={1: 230}).sample(1, SampleContext.PERIODIC)
        assert sample is not None
        assert (sample.power_w, sample.current_ma, sample.voltage_mv) == (None, None, None)
        assert sample.energy_wh == 0


@virtual
async def test_a_connector_that_is_not_there_any_more_says_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        assert Readings({}, here.timebase, nominal_v={}).sample(1, SampleContext.END) is None
