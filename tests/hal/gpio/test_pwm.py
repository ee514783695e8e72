"""The pilot's PWM: found by its device, set up without a glitch, refused where it is not the pilot's alone."""

import errno
from pathlib import Path

import pytest

from hal.boards.gpio.pwm import SysfsPilotOutput
from hal.errors import DeviceUnavailable
from hal.iec61851 import F_NS, X1_NS
from tests.hal.gpio import trees
from tests.hal.gpio.trees import FakeKernel, Tree


def opened(tree: Tree, kernel: FakeKernel | None = None, pin: int = 18) -> SysfsPilotOutput:
    files = FakeKernel(tree) if kernel is None else kernel
    return SysfsPilotOutput.open(pin, root=tree.root, files=files, pause=lambda seconds: None)


def refusal(tree: Tree, kernel: FakeKernel | None = None, pin: int = 18) -> str:
    with pytest.raises(DeviceUnavailable) as refused:
        opened(tree, kernel, pin)
    return str(refused.value)


@pytest.mark.parametrize("model", trees.ALL)
def test_the_chip_is_found_by_its_device_on_every_model(model: str, tmp_path: Path):
    build, chip, channel = trees.ALL[model]
    output = opened(build(tmp_path))
    assert output.channel == tmp_path / f"sys/class/pwm/pwmchip{chip}/pwm{channel}"
    assert output.read_back() == (1_000_000, 1_000_000, True)


@pytest.mark.parametrize("model", ["5", "5, old kernel"])
def test_the_fan_is_left_alone(model: str, tmp_path: Path):
    build, header, _ = trees.ALL[model]
    tree = build(tmp_path)
    opened(tree)
    exported = {found.parent.name for found in tree.pwm.glob("pwmchip*/pwm[0-9]*")}
    assert exported == {f"pwmchip{header}"}


def test_the_period_is_there_before_the_duty_and_the_duty_before_the_first_pulse(tmp_path: Path):
    kernel = FakeKernel(trees.pi_4(tmp_path))
    opened(kernel.tree, kernel)
    assert kernel.written == [("export", 0), ("period", 1_000_000), ("duty_cycle", 1_000_000), ("enable", 1)]


def test_what_a_dead_guard_left_running_is_taken_over_without_a_moment_of_f(tmp_path: Path):
    tree = trees.pi_4(tmp_path)
    tree.export(tree.pwm / "pwmchip0", 0, period="1000000", duty_cycle="533333", enable="1")
    kernel = FakeKernel(tree)
    output = opened(tree, kernel)
    assert kernel.written == [("duty_cycle", 1_000_000)]
    assert output.high_ns == X1_NS


def test_what_another_program_set_up_otherwise_is_not_touched(tmp_path: Path):
    tree = trees.pi_4(tmp_path)
    channel = tree.export(tree.pwm / "pwmchip0", 0, period="40000", duty_cycle="20000", enable="1")
    said = refusal(tree)
    assert "another program uses it, with a period of 40000 ns and normal polarity" in said
    assert "echo 0 > " in said
    assert (channel / "duty_cycle").read_text() == "20000\n"


def test_a_running_inverted_output_is_not_touched(tmp_path: Path):
    tree = trees.pi_4(tmp_path)
    tree.export(tree.pwm / "pwmchip0", 0, period="1000000", polarity="inversed", enable="1")
    assert "inversed polarity" in refusal(tree)


def test_an_inverted_output_that_rests_is_set_upright_before_its_period(tmp_path: Path):
    tree = trees.pi_4(tmp_path)
    tree.export(tree.pwm / "pwmchip0", 0, polarity="inversed")
    kernel = FakeKernel(tree)
    opened(tree, kernel)
    assert [name for name, _ in kernel.written] == ["polarity", "period", "duty_cycle", "enable"]


@pytest.mark.parametrize("high_ns", [F_NS, 100_000, 266_666, 960_000, X1_NS])
def test_a_high_time_is_written_in_whole_nanoseconds(high_ns: int, tmp_path: Path):
    output = opened(trees.pi_4(tmp_path))
    output.drive(high_ns)
    assert output.read_back() == (1_000_000, high_ns, True)


@pytest.mark.parametrize("high_ns", [-1, 1_000_001])
def test_a_high_time_outside_of_the_period_is_a_mistake(high_ns: int, tmp_path: Path):
    with pytest.raises(ValueError, match="outside"):
        opened(trees.pi_4(tmp_path)).drive(high_ns)


def test_nothing_but_the_high_time_is_ever_written_again(tmp_path: Path):
    kernel = FakeKernel(trees.pi_4(tmp_path))
    output = opened(kernel.tree, kernel)
    kernel.written.clear()
    for high_ns in (500_000, F_NS, X1_NS, 100_000):
        output.drive(high_ns)
    output.close()
    assert {name for name, _ in kernel.written} == {"duty_cycle"}
    assert output.channel.exists()


def test_plain_files_do_as_well_where_the_channel_is_there(tmp_path: Path):
    tree = trees.pi_4(tmp_path)
    channel = tree.export(tree.pwm / "pwmchip0", 0)
    output = SysfsPilotOutput.open(18, root=tmp_path)
    for high_ns in (266_666, F_NS, 960_000):
        output.drive(high_ns)
        assert output.read_back() == (1_000_000, high_ns, True)
    assert (channel / "duty_cycle").read_text().split()[0] == "960000"


def test_a_write_that_the_kernel_refuses_later_is_told(tmp_path: Path):
    kernel = FakeKernel(trees.pi_4(tmp_path))
    output = opened(kernel.tree, kernel)
    kernel.broken = errno.EIO
    with pytest.raises(OSError, match="Input/output error"):
        output.drive(500_000)
    assert output.high_ns == X1_NS


def test_permissions_may_come_two_seconds_late(tmp_path: Path):
    tree = trees.pi_4(tmp_path)
    waits: list[float] = []
    kernel = FakeKernel(tree, permitted_after=20)
    SysfsPilotOutput.open(18, root=tmp_path, files=kernel, pause=waits.append)
    assert len(waits) == 20


def test_permissions_that_do_not_come_are_asked_for(tmp_path: Path):
    tree = trees.pi_4(tmp_path)
    waits: list[float] = []
    kernel = FakeKernel(tree, permitted_after=10_000)
    with pytest.raises(DeviceUnavailable, match=r"pwm0/duty_cycle may not be written; .* group gpio"):
        SysfsPilotOutput.open(18, root=tmp_path, files=kernel, pause=waits.append)
    assert 1.9 < sum(waits) < 2.2


def test_a_chip_that_may_not_be_used_asks_for_the_group(tmp_path: Path):
    tree = trees.pi_4(tmp_path)
    said = refusal(tree, FakeKernel(tree, may_export=False))
    assert "export may not be written" in said
    assert "group gpio" in said


def test_a_channel_that_a_driver_has_is_busy(tmp_path: Path):
    tree = trees.pi_4(tmp_path)
    said = refusal(tree, FakeKernel(tree, busy=True))
    assert "channel 0 of pwmchip0 is busy: a driver of the kernel has it" in said
    assert "remove the other overlay" in said


@pytest.mark.parametrize("attribute", ["period", "duty_cycle", "enable"])
def test_what_does_not_read_back_as_it_was_written_is_refused(attribute: str, tmp_path: Path):
    tree = trees.pi_4(tmp_path)
    said = refusal(tree, FakeKernel(tree, deaf=frozenset({attribute})))
    assert "was not taken" in said


def test_files_are_let_go_after_a_refusal(tmp_path: Path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    tree = trees.pi_4(tmp_path)
    refusal(tree, FakeKernel(tree, deaf=frozenset({"enable"})))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("model", "pin", "line"),
    [
        ("zero 2", 18, "dtoverlay=pwm-2chan to"),
        ("3", 19, "dtoverlay=pwm-2chan to"),
        ("4", 12, "dtoverlay=pwm-2chan,pin=12,func=4,pin2=13,func2=4 to"),
        ("5", 13, "dtoverlay=pwm-2chan,pin=12,func=4,pin2=13,func2=4 to"),
        ("5, old kernel", 18, "dtoverlay=pwm-2chan to"),
    ],
)
def test_a_header_without_pwm_is_told_its_line_of_config_txt(model: str, pin: int, line: str, tmp_path: Path):
    build, chip, _ = trees.ALL[model]
    tree = trees.without_overlay(build(tmp_path), chip)
    if model in ("zero 2", "3", "4"):
        tree.route(pin)
    said = refusal(tree, pin=pin)
    assert f"add {line} config.txt, then restart" in said


def test_the_chip_of_the_fan_is_no_fallback(tmp_path: Path):
    said = refusal(trees.without_overlay(trees.pi_5(tmp_path), 0))
    assert "shows no 1f00098000.pwm, only pwmchip1" in said


@pytest.mark.parametrize("model", ["zero 2", "3", "4"])
def test_analogue_audio_on_the_pwm_is_refused(model: str, tmp_path: Path):
    tree = trees.ALL[model][0](tmp_path)
    tree.sound(trees.ANALOGUE_AUDIO)
    said = refusal(tree)
    assert "analogue audio plays on the same PWM" in said
    assert "dtparam=audio=off" in said


def test_sound_does_not_share_the_pwm_of_a_pi_5(tmp_path: Path):
    tree = trees.pi_5(tmp_path)
    tree.sound(trees.ANALOGUE_AUDIO)
    opened(tree)


def test_an_overlay_for_other_pins_is_refused(tmp_path: Path):
    said = refusal(trees.pi_4(tmp_path), pin=12)
    assert "config.txt has the PWM on GPIO 18, 19" in said
    assert "write dtoverlay=pwm-2chan,pin=12,func=4,pin2=13,func2=4 there instead" in said


def test_a_pin_without_hardware_pwm_is_refused_and_never_made_by_software(tmp_path: Path):
    assert "set pilot_pwm to one of 12, 13, 18, 19" in refusal(trees.pi_4(tmp_path), pin=17)
