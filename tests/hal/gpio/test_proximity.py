"""The resistor in the plug: its value from the ADC, agreed on twice, and not believed when nobody measures."""

import asyncio
from collections.abc import Sequence

import pytest

from hal.boards.gpio.proximity import ProximitySensor, resistance_ohm
from hal.iec61851 import cable_a_for
from tests.hal.bench import virtual

FULL_SCALE = 4095


def raw_of(ohm: int, pull_up_ohm: int = 1_000) -> int:
    return FULL_SCALE * ohm // (ohm + pull_up_ohm)


@pytest.mark.parametrize("pull_up_ohm", [330, 1_000])
@pytest.mark.parametrize(("ohm", "ampacity_a"), [(1_500, 13), (680, 20), (220, 32), (100, 63)])
@pytest.mark.parametrize("full_scale", [1023, 4095])
@pytest.mark.parametrize("percent", [92, 100, 108])
def test_each_coding_resistor_with_its_tolerance_gives_its_rating(
    ohm: int, ampacity_a: int, pull_up_ohm: int, full_scale: int, percent: int
) -> None:
    real_ohm = ohm * percent // 100
    raw = full_scale * real_ohm // (real_ohm + pull_up_ohm)
    measured_ohm = resistance_ohm(raw, full_scale=full_scale, pull_up_ohm=pull_up_ohm)
    assert measured_ohm is not None
    assert cable_a_for(measured_ohm) == ampacity_a


@pytest.mark.parametrize("raw", [FULL_SCALE, FULL_SCALE - 1, 3_900])
def test_an_open_contact_is_no_cable(raw: int) -> None:
    assert resistance_ohm(raw, full_scale=FULL_SCALE, pull_up_ohm=1_000) is None


def test_a_short_is_no_rating() -> None:
    shorted_ohm = resistance_ohm(0, full_scale=FULL_SCALE, pull_up_ohm=1_000)
    assert shorted_ohm == 0
    assert cable_a_for(shorted_ohm) is None


class Adc:
    def __init__(self) -> None:
        self.raws: Sequence[int] | None = [FULL_SCALE] * 3

    def convert(self) -> Sequence[int] | None:
        return self.raws


def sensor_on(adc: Adc, told: list[int | None]) -> ProximitySensor:
    sensor = ProximitySensor(
        adc.convert,
        full_scale=FULL_SCALE,
        pull_up_ohm=1_000,
        changed=lambda: told.append(sensor.resistance_ohm()),
    )
    return sensor


@virtual
async def test_a_resistor_counts_once_two_measurements_agree_and_is_told_once() -> None:
    adc, told = Adc(), []
    sensor = sensor_on(adc, told)
    sensor.measure()
    adc.raws = [raw_of(220), 4_095, raw_of(220)]
    sensor.measure()
    assert sensor.resistance_ohm() is None
    for ohm in (221, 219, 222):
        adc.raws = [raw_of(ohm)] * 3
        sensor.measure()
    assert told == [220]


@virtual
async def test_one_disturbed_measurement_changes_nothing() -> None:
    adc, told = Adc(), []
    sensor = sensor_on(adc, told)
    for raws in ([raw_of(220)], [raw_of(220)], [raw_of(1_500)], [raw_of(220)], None, [raw_of(220)]):
        adc.raws = raws
        sensor.measure()
        await asyncio.sleep(0.1)
    assert told == [219]


@virtual
async def test_an_adc_that_does_not_answer_is_no_cable() -> None:
    adc, told = Adc(), []
    sensor = sensor_on(adc, told)
    for raws in ([raw_of(220)], [raw_of(220)], None, None):
        adc.raws = raws
        sensor.measure()
    assert told == [219, None]


@virtual
async def test_what_nobody_has_measured_for_a_second_is_not_known() -> None:
    adc = Adc()
    sensor = sensor_on(adc, [])
    adc.raws = [raw_of(220)]
    sensor.measure()
    sensor.measure()
    assert sensor.resistance_ohm() == 219
    await asyncio.sleep(1)
    assert sensor.resistance_ohm() is None
