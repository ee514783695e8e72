"""A 1-wire sensor: both of its files, what its line loses, and what it shows before its first conversion."""

import asyncio
from pathlib import Path

import pytest

from hal.boards.gpio.thermometer import OneWireThermometer, check_sensor, temperature_mc
from hal.errors import DeviceUnavailable
from tests.hal.bench import virtual

GOOD = "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"


@pytest.mark.parametrize(
    ("text", "measured_mc"),
    [
        (GOOD, 23_125),
        (GOOD.replace("23125", "-1062"), -1_062),
        (GOOD.replace("YES", "NO"), None),
        (GOOD.splitlines()[0], None),
        ("23125\n", 23_125),
        ("", None),
        ("warm\n", None),
        ("126000", None),
        ("-127000", None),
    ],
)
def test_the_sensors_file_is_read_in_both_forms(text: str, measured_mc: int | None) -> None:
    assert temperature_mc(text) == measured_mc


@virtual
async def test_a_sensor_that_falls_silent_is_believed_for_a_minute(tmp_path: Path) -> None:
    file, told = tmp_path / "temperature", []
    sensor = OneWireThermometer(file, changed=lambda: told.append(sensor.temperature_mc()))
    assert sensor.temperature_mc() is None
    for text in ("25000", "25000", "26000"):
        file.write_text(text)
        sensor.measure()
    assert told == [25_000, 26_000]
    file.unlink()
    sensor.measure()
    await asyncio.sleep(59)
    assert sensor.temperature_mc() == 26_000
    await asyncio.sleep(2)
    assert sensor.temperature_mc() is None
    file.write_text("27000")
    sensor.measure()
    assert sensor.temperature_mc() == 27_000


@virtual
async def test_85_degrees_out_of_nowhere_is_a_sensor_that_has_just_got_its_power(tmp_path: Path) -> None:
    file = tmp_path / "temperature"
    sensor = OneWireThermometer(file, changed=lambda: None)
    for text, shown_mc in (
        ("85000", None),
        ("25000", 25_000),
        ("85000", 25_000),
        ("84900", 84_900),
        ("85000", 85_000),
    ):
        file.write_text(text)
        sensor.measure()
        assert sensor.temperature_mc() == shown_mc


def test_a_sensor_that_is_not_there_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "devices/28-0000/w1_slave"
    with pytest.raises(DeviceUnavailable, match=r"there is no 1-wire bus.*dtoverlay=w1-gpio"):
        check_sensor(file, 1)
    file.parent.parent.mkdir()
    with pytest.raises(DeviceUnavailable, match=f"thermometer of connector 1: {file} does not exist.*ls "):
        check_sensor(file, 1)
    file.parent.mkdir()
    file.write_text(GOOD)
    check_sensor(file, 1)
