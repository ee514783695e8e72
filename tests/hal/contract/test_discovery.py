"""That the suite misses no device: what can be configured has a driver, and each driver has a simulator."""

import pytest

from tests.hal.contract.discovery import (
    METER_SIMULATOR,
    backends,
    boards,
    controllers,
    meter_families,
    reader_kinds,
    readers,
    simulator,
)


def test_every_backend_that_can_be_configured_is_tested() -> None:
    assert {*boards(), *controllers()} == set(backends())


def test_every_kind_of_reader_that_can_be_configured_is_tested() -> None:
    assert set(readers()) == set(reader_kinds())


def test_there_are_families_of_meters() -> None:
    assert meter_families()


@pytest.mark.parametrize("device", [*boards(), *controllers()])
def test_every_outlet_has_a_simulator(device: str) -> None:
    assert {"evse_rig", "run", "CAUSES"} <= set(dir(simulator(device)))


@pytest.mark.parametrize("device", readers())
def test_every_reader_has_a_simulator(device: str) -> None:
    assert {"reader_rig", "run"} <= set(dir(simulator(device)))


def test_the_meters_have_a_simulator() -> None:
    assert {"meter_rig", "run"} <= set(dir(simulator(METER_SIMULATOR)))
