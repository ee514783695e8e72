"""What is believed of a meter, and what of its energy register."""

from dataclasses import replace

import pytest

from hal.meters.plausibility import EnergyRegister, Implausible, checked
from hal.meters.registers import Measurement

TRUE = Measurement(
    energy_wh=12_345_678,
    power_w=11_040,
    current_ma=(16_000, 16_000, 16_000),
    voltage_mv=(230_000, 230_000, 230_000),
    phase_power_w=(3_680, 3_680, 3_680),
    reactive_var=0,
    power_factor_permille=1_000,
    frequency_mhz=50_000,
)


def shown(*readings: tuple[int, float]) -> EnergyRegister:
    """The register after these (Wh, s)."""
    register = EnergyRegister()
    for energy_wh, at_s in readings:
        register = register.read(energy_wh, at_s)
    return register


def test_what_can_be_true_stays_as_it_is() -> None:
    assert checked(TRUE) == TRUE


@pytest.mark.parametrize(
    "said",
    [
        {"energy_wh": None},
        {"energy_wh": -1},
        {"energy_wh": 2**60},
        {"voltage_mv": (0, 230_000, 230_000)},
        {"voltage_mv": (230_000, -1, 230_000)},
        {"voltage_mv": (16_000_000, 230_000, 230_000)},
        {"current_ma": (230_000_000, 0, 0)},
        {"power_w": 230_000_000},
        {"power_w": -230_000_000},
        {"phase_power_w": (230_000_000, 0, 0)},
    ],
)
def test_what_cannot_be_true_is_no_measurement(said: dict[str, object]) -> None:
    with pytest.raises(Implausible):
        checked(replace(TRUE, **said))


def test_phases_without_voltage_are_true_where_one_is_connected() -> None:
    single = replace(TRUE, voltage_mv=(230_000, 0, 0))
    assert checked(single) == single


def test_a_meter_without_voltages_is_believed() -> None:
    total = replace(TRUE, voltage_mv=None, current_ma=None, phase_power_w=None)
    assert checked(total) == total


@pytest.mark.parametrize(
    ("told_mhz", "believed_mhz"),
    [(49_980, 49_980), (499_800, 49_980), (60_000, 60_000), (0, None), (None, None)],
)
def test_a_frequency_told_tenfold_is_the_mains_all_the_same(
    told_mhz: int | None, believed_mhz: int | None
) -> None:
    assert checked(replace(TRUE, frequency_mhz=told_mhz)).frequency_mhz == believed_mhz


def test_a_power_factor_above_one_is_none() -> None:
    assert checked(replace(TRUE, power_factor_permille=1_200)).power_factor_permille is None


def test_the_first_reading_is_believed_when_the_second_agrees() -> None:
    assert shown((5_000, 0)).energy_wh(0) is None
    assert shown((5_000, 0), (5_003, 1)).energy_wh(1) == 5_003


def test_a_wrong_first_reading_is_never_told() -> None:
    assert shown((9_000_000, 0), (5_000, 1)).energy_wh(1) is None
    assert shown((9_000_000, 0), (5_000, 1), (5_003, 2)).energy_wh(2) == 5_003


def test_what_an_outlet_can_deliver_is_believed_at_once() -> None:
    assert shown((5_000, 0), (5_003, 1), (5_006, 2)).energy_wh(2) == 5_006


def test_a_coarse_register_may_take_its_step_at_any_moment() -> None:
    assert shown((5_000, 0), (5_000, 1), (5_100, 2)).energy_wh(2) == 5_100


def test_after_a_long_silence_more_may_have_flowed() -> None:
    assert shown((5_000, 0), (5_000, 1), (15_000, 3_600)).energy_wh(3_600) == 15_000


@pytest.mark.parametrize("wrong_wh", [0, 4_990, 8_000_000])
def test_one_reading_that_runs_back_or_jumps_is_not_told(wrong_wh: int) -> None:
    assert shown((5_000, 0), (5_000, 1), (wrong_wh, 2)).energy_wh(2) == 5_000
    assert shown((5_000, 0), (5_000, 1), (wrong_wh, 2), (5_004, 3)).energy_wh(3) == 5_004


@pytest.mark.parametrize("new_wh", [0, 4_990, 8_000_000])
def test_a_second_one_that_agrees_is_a_new_beginning(new_wh: int) -> None:
    before = shown((5_000, 0), (5_000, 1), (new_wh, 2))
    after = before.read(new_wh + 3, 3)
    assert after.energy_wh(3) == new_wh + 3
    assert after.has_begun_anew_since(before)
    assert not after.read(new_wh + 6, 4).has_begun_anew_since(after)


def test_readings_that_agree_with_nothing_end_what_was_believed() -> None:
    register = shown((5_000, 0), (5_000, 1))
    for second in range(2, 30):
        register = register.read(1_000_000 * (second % 2), second)
        assert register.energy_wh(second) == (5_000 if second <= 16 else None)
