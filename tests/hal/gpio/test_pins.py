"""Pins that cannot do what they are to do are refused by number, part and connector, before any is opened."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hal.boards.gpio.pins import GpioOutletConfig, check_pins
from hal.errors import DeviceUnavailable

BOARDS = Path(__file__).parents[3] / "config/boards"
LEAST = GpioOutletConfig(contactor=17, feedback=27, heartbeat=22)


def test_the_least_outlet_is_accepted_and_so_are_two_with_pins_of_their_own() -> None:
    other = GpioOutletConfig(
        pilot_pwm=19, pilot_channel=1, contactor=23, feedback=24, heartbeat=25, emergency_stop=3
    )
    check_pins({1: LEAST, 2: other})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"contactor": 4}, r"GPIO4 \(contactor of connector 1\): it is pulled up while the Pi boots"),
        ({"heartbeat": 8}, r"GPIO8 \(heartbeat of connector 1\): the ADC on /dev/spidev0.0 needs GPIO7 … 11"),
        ({"phase_relay": 6}, "pulled up while the Pi boots"),
        ({"buzzer": 2}, r"GPIO2 \(buzzer of connector 1\): it has a pull-up resistor"),
        ({"feedback": 28}, "the header has GPIO0 … 27"),
        ({"pilot_pwm": 17}, "the hardware PWM reaches GPIO 12, 13, 18, 19 only"),
        ({"feedback": 17}, "the pin is used twice"),
        ({"emergency_stop": 18}, "the pin is used twice"),
        ({"lock_in": 5, "lock_out": 6}, "it needs lock_in, lock_out and lock_feedback"),
        ({"ground_fault_test": 5}, "its test is wired, its output is not"),
        ({"proximity_channel": 0}, "the channel is used twice"),
        ({"spi": Path("spidev0.0")}, "spi of connector 1: spidev0.0 does not begin with /"),
        ({"thermometer": Path("w1_slave")}, "thermometer of connector 1: w1_slave does not begin with /"),
    ],
)
def test_a_pin_that_cannot_be_what_it_is_to_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DeviceUnavailable, match=message) as refused:
        check_pins({1: replace(LEAST, **changes)})
    assert refused.value.next_step


def test_a_pin_of_another_outlet_is_refused() -> None:
    other = GpioOutletConfig(pilot_pwm=19, pilot_channel=1, contactor=23, feedback=24, heartbeat=22)
    with pytest.raises(DeviceUnavailable, match=r"GPIO22 .* used twice"):
        check_pins({1: LEAST, 2: other})


def test_pins_of_the_first_spi_are_free_where_the_adc_is_on_the_second() -> None:
    check_pins({1: replace(LEAST, contactor=9, spi=Path("/dev/spidev1.0"))})


@pytest.mark.parametrize("section", sorted(BOARDS.glob("raspberry-pi-*.toml")), ids=lambda file: file.stem)
def test_the_ready_sections_wire_every_part_to_a_pin_that_can_be_it(section: Path) -> None:
    for connector in tomllib.loads(section.read_text())["connector"]:
        keys = {
            key: Path(value) if key in ("spi", "thermometer") else value
            for key, value in connector["gpio"].items()
        }
        check_pins({connector["id"]: GpioOutletConfig(**keys)})
