"""A kernel that keeps the contactor closed for a dead process is refused; how it is set is read in three places."""

from pathlib import Path

import pytest

from hal.boards.gpio.firmware import check_outputs_let_go
from hal.errors import DeviceUnavailable

CONFIG = "boot/firmware/config.txt"
OLD_CONFIG = "boot/config.txt"
CMDLINE = "proc/cmdline"
BCM2835 = "sys/module/pinctrl_bcm2835/parameters/persist_gpio_outputs"
RP1 = "sys/module/pinctrl_rp1/parameters/persist_gpio_outputs"


def lets_go(root: Path, files: dict[str, str], *, is_rp1: bool = False) -> bool:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    try:
        check_outputs_let_go(root, is_rp1=is_rp1)
    except DeviceUnavailable as refused:
        assert "dtparam=strict_gpiod" in refused.next_step
        return False
    return True


@pytest.mark.parametrize(
    "files",
    [
        {CONFIG: "dtparam=strict_gpiod\n"},
        {CONFIG: "[pi4]\narm_boost=1\n[all]\n dtparam=audio=off,strict_gpiod=on \n"},
        {OLD_CONFIG: "dtparam=strict_gpiod\n"},
        {CMDLINE: "console=tty1 pinctrl_bcm2835.persist_gpio_outputs=n root=/dev/mmcblk0p2\n"},
        {BCM2835: "N\n", CONFIG: ""},
    ],
)
def test_a_kernel_that_lets_go_is_accepted(tmp_path: Path, files: dict[str, str]) -> None:
    assert lets_go(tmp_path, files)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {CONFIG: "#dtparam=strict_gpiod\ndtparam=spi=on\n"},
        {CONFIG: "dtparam=strict_gpiod=off\n"},
        {CONFIG: "dtparam=strict_gpiod\n[all]\ndtparam=strict_gpiod=off\n"},
        {CONFIG: "[pi5]\ndtparam=strict_gpiod\n"},
        {CMDLINE: "pinctrl_bcm2835.persist_gpio_outputs=y", CONFIG: "dtparam=strict_gpiod\n"},
    ],
)
def test_a_kernel_that_keeps_the_level_is_refused(tmp_path: Path, files: dict[str, str]) -> None:
    assert not lets_go(tmp_path, files)


def test_what_the_kernel_says_counts_before_what_was_written_for_its_next_start(tmp_path: Path) -> None:
    assert not lets_go(tmp_path, {BCM2835: "Y\n", CONFIG: "dtparam=strict_gpiod\n"})


def test_on_a_pi_5_the_driver_of_its_own_chip_counts(tmp_path: Path) -> None:
    assert not lets_go(tmp_path, {BCM2835: "N\n", RP1: "Y\n"}, is_rp1=True)
    assert lets_go(tmp_path, {BCM2835: "Y\n", RP1: "N\n"}, is_rp1=True)


def test_the_refusal_names_the_file_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "boot").mkdir()
    (tmp_path / OLD_CONFIG).write_text("")
    with pytest.raises(DeviceUnavailable, match=f"{tmp_path}/boot/config.txt and reboot"):
        check_outputs_let_go(tmp_path, is_rp1=False)
