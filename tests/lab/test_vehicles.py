import pytest

from cpd.lab.vehicles import ABOUT_LENGTH, VEHICLES, LabVehicle
from hal.boards.mock.outlet import Defect
from hal.boards.mock.personalities import PERSONALITIES
from hal.values import FaultKind

KINDS = {"mock.fault": ("kind", set(FaultKind)), "mock.deceive": ("defect", set(Defect))}


@pytest.mark.parametrize("vehicle", VEHICLES.values(), ids=lambda vehicle: vehicle.name)
def test_a_vehicle_is_known_to_the_mock_and_told_in_one_line(vehicle: LabVehicle) -> None:
    assert 0 < len(vehicle.about) <= ABOUT_LENGTH
    assert vehicle.wishes.get("personality", "default") in PERSONALITIES
    for act in vehicle.acts:
        if act.method in KINDS:
            name, kinds = KINDS[act.method]
            assert act.params[name] in kinds
    assert vehicle.ending.fault is None or vehicle.ending.fault in set(FaultKind)


def test_every_vehicle_that_the_field_names_is_there() -> None:
    assert {
        *("ev-sleeper", "ev-zoe", "ev-mach-e", "ev-slow", "ev-stuck-c", "ev-2phase", "ev-plain", "ev-full"),
        *("hw-weld", "hw-nopower", "hw-diode", "meter-frozen", "meter-reset", "meter-backwards"),
        "rfid-bounce",
    } == set(VEHICLES)
