"""What the light and the buzzer tell a driver, tick by tick, and that the pins show it."""

import threading

import pytest
from gpiozero import GPIOZeroError
from gpiozero.pins.mock import MockFactory, MockPWMPin

from hal.boards.gpio.chip import GpioChip
from hal.boards.gpio.light import LOOKS, GpioLight, shown_at
from hal.boards.gpio.side_thread import SideThread
from hal.light import LightMeaning, LightSignal

RED, GREEN, BLUE = (100, 0, 0), (0, 100, 0), (0, 0, 100)
CYAN, YELLOW, MAGENTA, WHITE, DARK = (0, 100, 100), (100, 100, 0), (100, 0, 100), (100,) * 3, (0, 0, 0)


def signal(meaning: LightMeaning, *, blinks: int = 0, intensity_percent: int = 100) -> LightSignal:
    return LightSignal(meaning=meaning, blinks=blinks, intensity_percent=intensity_percent)


def colours(meaning: LightMeaning, *, blinks: int = 0, ticks: int = 60) -> list[tuple[int, int, int]]:
    """Each colour that is seen in the first *ticks* tenths of a second, one entry per change."""
    seen: list[tuple[int, int, int]] = []
    for tick in range(ticks):
        percent = shown_at(signal(meaning, blinks=blinks), tick).percent
        if not seen or seen[-1] != percent:
            seen.append(percent)
    return seen


def test_every_meaning_has_a_look() -> None:
    assert set(LOOKS) == set(LightMeaning)


@pytest.mark.parametrize(
    ("meaning", "colour"),
    [
        (LightMeaning.READY, GREEN),
        (LightMeaning.PREPARING, CYAN),
        (LightMeaning.CHARGING, BLUE),
        (LightMeaning.RESERVED, YELLOW),
        (LightMeaning.OUT_OF_SERVICE, RED),
    ],
)
def test_what_asks_for_nothing_stays_lit(meaning: LightMeaning, colour: tuple[int, int, int]) -> None:
    assert colours(meaning) == [colour]


@pytest.mark.parametrize(
    ("meaning", "colour", "changes"),
    [
        (LightMeaning.PAUSED, BLUE, 6),
        (LightMeaning.FINISHED, GREEN, 6),
        (LightMeaning.UPDATING, MAGENTA, 6),
        (LightMeaning.FAULT, RED, 30),
    ],
)
def test_what_goes_on_goes_on_and_off(
    meaning: LightMeaning, colour: tuple[int, int, int], changes: int
) -> None:
    assert colours(meaning) == [colour, DARK] * (changes // 2)


def test_what_a_driver_is_to_act_on_blinks_as_often_as_it_is_told_and_stays_lit() -> None:
    assert colours(LightMeaning.PRESENT_CARD, blinks=3) == [WHITE, DARK] * 3 + [WHITE]
    assert colours(LightMeaning.CARD_REFUSED, blinks=2) == [RED, DARK] * 2 + [RED]


@pytest.mark.parametrize(
    ("meaning", "sound"),
    [
        (LightMeaning.READY, ""),
        (LightMeaning.PRESENT_CARD, "-"),
        (LightMeaning.CARD_REFUSED, "-..-..-"),
        (LightMeaning.PREPARING, "-"),
        (LightMeaning.CHARGING, ""),
        (LightMeaning.FINISHED, "-..-"),
        (LightMeaning.FAULT, "----------"),
    ],
)
def test_the_buzzer_sounds_as_a_meaning_begins(meaning: LightMeaning, sound: str) -> None:
    heard = "".join("-" if shown_at(signal(meaning), tick).buzzes else "." for tick in range(60))
    assert heard.rstrip(".") == sound


def test_the_brightness_is_that_of_the_signal() -> None:
    assert shown_at(signal(LightMeaning.READY, intensity_percent=40), 0).percent == (0, 40, 0)


def light_on(factory: MockFactory) -> GpioLight:
    chip = GpioChip(factory=factory, errors=(GPIOZeroError,), user_of=lambda pin: None)
    leds = [chip.led("red LED", 1, 19), None, chip.led("blue LED", 1, 21)]
    return GpioLight(leds, chip.output("buzzer", 1, 12))


def test_the_pins_show_it_and_a_led_that_is_not_fitted_is_left_out() -> None:
    factory = MockFactory(pin_class=MockPWMPin)
    light = light_on(factory)
    light.tick()
    assert [factory.pin(number).state for number in (19, 21, 12)] == [0, 0, 0]
    light.show(signal(LightMeaning.CARD_REFUSED, blinks=1, intensity_percent=40))
    levels = []
    for _ in range(5):
        light.tick()
        levels.append(tuple(factory.pin(number).state for number in (19, 21, 12)))
    assert levels == [(0.4, 0, 1), (0.4, 0, 0), (0, 0, 0), (0, 0, 1), (0.4, 0, 0)]
    factory.close()


def test_the_same_meaning_in_another_brightness_neither_sounds_nor_blinks_anew() -> None:
    factory = MockFactory(pin_class=MockPWMPin)
    light = light_on(factory)
    light.show(signal(LightMeaning.PRESENT_CARD, blinks=1))
    for _ in range(12):
        light.tick()
    light.show(signal(LightMeaning.PRESENT_CARD, blinks=1, intensity_percent=10))
    light.tick()
    assert [factory.pin(number).state for number in (19, 21, 12)] == [0.1, 0.1, 0]
    factory.close()


def test_a_side_thread_does_its_job_again_and_again_until_it_is_closed() -> None:
    done = threading.Semaphore(0)
    thread = SideThread("light-1", 0.001, done.release)
    thread.start()
    for _ in range(5):
        assert done.acquire(timeout=10)
    thread.close()
    while done.acquire(blocking=False):
        pass
    assert not any(one.name == "light-1" for one in threading.enumerate())
