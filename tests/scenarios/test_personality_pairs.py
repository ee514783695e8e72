"""Each vehicle of the field at a good central system, and at any other: the ledger is exact behind every session."""

import itertools
import random
from pathlib import Path

import pytest

from cpd.lab.csms.personalities import PERSONALITIES
from cpd.lab.csms.personality import Personality
from cpd.lab.vehicles import VEHICLES, LabVehicle
from tests.scenarios.played import charge, cure, delivered, exact, site_with
from tests.virtual_time import run_virtual

SAMPLE = 8
SEED = 16

PAIRS = [
    (ev, csms)
    for csms, ev in itertools.product(PERSONALITIES, VEHICLES)
    if csms != "csms-plain" and ev != "ev-plain"
]


async def one_session(folder: Path, personality: Personality, vehicle: LabVehicle) -> None:
    """Charge, mend whatever refuses, and look at the books."""
    async with site_with(folder, personality) as here:
        await charge(here, personality, "ONE", vehicle=vehicle)
        if personality.refuses or personality.name == "csms-stop-hater":
            cure(here)
        await delivered(here)
        # A meter that hides energy may cost all of it, and never invents any.
        hidden_wh = here.world.delivered_wh(1) if vehicle.ending.meter_hides else 0
        exact(here, "ONE", hidden_wh=hidden_wh)


@pytest.mark.parametrize("name", VEHICLES)
def test_each_vehicle_is_booked_exactly(tmp_path: Path, name: str) -> None:
    run_virtual(one_session(tmp_path, PERSONALITIES["csms-plain"], VEHICLES[name]))


@pytest.mark.parametrize("name", ["meter-reset", "meter-backwards"])
def test_a_meter_that_starts_again_costs_what_flows_until_the_next_reading(tmp_path: Path, name: str) -> None:
    async def scenario() -> None:
        plain = PERSONALITIES["csms-plain"]
        async with site_with(tmp_path, plain, ocpp="MeterValueSampleInterval = 30") as here:
            await charge(here, plain, "ONE", vehicle=VEHICLES[name], for_s=600)
            await delivered(here)
            most_w = 3 * 32 * 230
            exact(here, "ONE", hidden_wh=most_w * 35 // 3_600)

    run_virtual(scenario())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All pairs under torture, else a sample that is always the same."""
    if "pair" in metafunc.fixturenames:
        torture = metafunc.config.getoption("torture")
        pairs = PAIRS if torture else random.Random(SEED).sample(PAIRS, SAMPLE)
        metafunc.parametrize("pair", pairs, ids=" at ".join)


def test_any_vehicle_is_booked_exactly_at_any_central_system(tmp_path: Path, pair: tuple[str, str]) -> None:
    ev, csms = pair
    run_virtual(one_session(tmp_path, PERSONALITIES[csms], VEHICLES[ev]))
