"""Which board this is, and which PWM its header has."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hal.boards.gpio.pi_models import pi_model, pwm_pins
from hal.errors import DeviceUnavailable
from hal.safe_outputs import HEADER_PWM
from tests.hal.gpio import trees
from tests.hal.gpio.trees import Tree


@pytest.mark.parametrize(
    ("build", "name", "device"),
    [
        (trees.pi_zero_2, "Raspberry Pi Zero 2 W Rev 1.0", "3f20c000.pwm"),
        (trees.pi_3, "Raspberry Pi 3 Model B Plus Rev 1.3", "3f20c000.pwm"),
        (trees.pi_4, "Raspberry Pi 4 Model B Rev 1.5", "fe20c000.pwm"),
        (trees.pi_5, "Raspberry Pi 5 Model B Rev 1.0", "1f00098000.pwm"),
    ],
)
def test_a_board_is_known_by_its_device_tree(
    build: Callable[[Path], Tree], name: str, device: str, tmp_path: Path
):
    build(tmp_path)
    model = pi_model(tmp_path)
    assert (model.name, model.pwm.device) == (name, device)


@pytest.mark.parametrize(
    "compatible",
    ["3-model-b", "3-model-a-plus", "4-compute-module", "5-compute-module"],
)
def test_its_siblings_are_known_as_well(compatible: str, tmp_path: Path):
    Tree(root=tmp_path).say_model("Raspberry Pi", f"raspberrypi,{compatible}", "brcm,something")
    assert pi_model(tmp_path).name == "Raspberry Pi"


def test_the_device_tree_is_found_where_proc_has_none(tmp_path: Path):
    trees.pi_4(tmp_path)
    (tmp_path / "sys/firmware/devicetree").mkdir(parents=True)
    (tmp_path / "proc/device-tree").rename(tmp_path / "sys/firmware/devicetree/base")
    assert pi_model(tmp_path).pwm.device == "fe20c000.pwm"
    assert pwm_pins(tmp_path) == {18, 19}


@pytest.mark.parametrize(("pin", "two_channels", "rp1"), [(12, 0, 0), (13, 1, 1), (18, 0, 2), (19, 1, 3)])
def test_each_pin_has_its_channel(pin: int, two_channels: int, rp1: int, tmp_path: Path):
    trees.pi_4(tmp_path / "4")
    trees.pi_5(tmp_path / "5")
    assert pi_model(tmp_path / "4").pwm.channels[pin] == two_channels
    assert pi_model(tmp_path / "5").pwm.channels[pin] == rp1


@pytest.mark.parametrize("build", [trees.pi_zero_2, trees.pi_3, trees.pi_4, trees.pi_5])
def test_what_sets_safe_outputs_without_the_guard_knows_the_same_pwm(
    build: Callable[[Path], Tree], tmp_path: Path
):
    build(tmp_path)
    pwm = pi_model(tmp_path).pwm
    assert HEADER_PWM[pwm.device] == dict(pwm.channels)


def test_another_board_is_refused_by_its_name(tmp_path: Path):
    Tree(root=tmp_path).say_model("Radxa ROCK 4C+", "radxa,rock-4c-plus", "rockchip,rk3399")
    with pytest.raises(
        DeviceUnavailable, match=r"the board Radxa ROCK 4C\+ is not known; use a Raspberry Pi"
    ):
        pi_model(tmp_path)


def test_an_old_raspberry_pi_is_refused_by_its_name(tmp_path: Path):
    Tree(root=tmp_path).say_model("Raspberry Pi Model B Rev 2", "raspberrypi,model-b-rev2", "brcm,bcm2835")
    with pytest.raises(DeviceUnavailable, match="Raspberry Pi Model B Rev 2 is not known"):
        pi_model(tmp_path)


def test_a_laptop_is_sent_to_the_mock(tmp_path: Path):
    with pytest.raises(DeviceUnavailable, match=r'no device tree; elsewhere, set \[hal\] backend = "mock"'):
        pi_model(tmp_path)
