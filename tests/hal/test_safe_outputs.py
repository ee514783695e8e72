"""The outputs of a guard that has died are made safe, each on its own, whatever else is broken."""

import errno
import os
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hal.output_record import keep_outputs
from hal.safe_outputs import (
    CHIP_INFO,
    GET_CHIP_INFO,
    GET_LINE,
    LINE_REQUEST,
    OUTPUT,
    RECORD,
    USUAL_SOCKET,
    main,
    with_crc,
)
from hal.settings import load_guard_settings
from hal.settings.tables import Hal

ROOT = Path(__file__).parents[2]

PINS = """\
[hal]
backend = "gpio"
[[connector]]
id = 1
lock = false
[connector.gpio]
contactor = 23
feedback = 24
heartbeat = 25
phase_relay = 26
"""


def configured(folder: Path, text: str) -> list[str]:
    file = folder / "cpd.toml"
    file.write_text(text)
    return ["--config", str(file)]


def exported_pwm(root: Path, device: str, channel: int) -> Path:
    """A PWM channel that still runs, on a chip whose device is called *device*; beside it a fan's."""
    fan = root / "sys/devices/platform/axi/1f0009c000.pwm/pwm/pwmchip0"
    chip = root / f"sys/devices/platform/soc/{device}/pwm/pwmchip2"
    classes = root / "sys/class/pwm"
    classes.mkdir(parents=True)
    for one in (fan, chip):
        (one / f"pwm{channel}").mkdir(parents=True)
        (one / f"pwm{channel}" / "duty_cycle").write_text("266666\n")
        (classes / one.name).symlink_to(one)
    return chip / f"pwm{channel}" / "duty_cycle"


class Kernel:
    """The GPIO character devices of a Raspberry Pi: what is asked of which line."""

    def __init__(self, root: Path, *, label: bytes = b"pinctrl-bcm2711", busy: int | None = None) -> None:
        (root / "dev").mkdir()
        for name in ("gpiochip0", "gpiochip4"):
            (root / "dev" / name).touch()
        self._labels = {b"gpiochip0": b"raspberrypi-exp-gpio", b"gpiochip4": label}
        self.busy = busy
        self.lows: list[int] = []
        self.closed: list[int] = []

    def ioctl(self, descriptor: int, request: int, argument: bytearray) -> int:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name.encode()
        if request == GET_CHIP_INFO:
            argument[:] = CHIP_INFO.pack(name, self._labels[name], 54)
            return 0
        assert (request, name) == (GET_LINE, b"gpiochip4")
        offsets, _, flags, attributes, _, lines, _, _ = LINE_REQUEST.unpack(argument)
        (pin,) = struct.unpack_from("=I", offsets)
        if pin == self.busy:
            raise OSError(errno.EBUSY, "Device or resource busy")
        assert (flags, attributes, lines) == (OUTPUT, 0, 1), "an output without an attribute is low"
        self.lows.append(pin)
        argument[-4:] = struct.pack("=i", os.open(os.devnull, os.O_RDONLY))
        return 0


@pytest.mark.parametrize(
    ("device", "pin", "channel"),
    [("3f20c000.pwm", 18, 0), ("fe20c000.pwm", 13, 1), ("1f00098000.pwm", 18, 2), ("1f00098000.pwm", 13, 1)],
)
def test_the_pilot_goes_to_state_f_on_the_pwm_of_the_header(
    tmp_path: Path, device: str, pin: int, channel: int
) -> None:
    duty, kernel = exported_pwm(tmp_path, device, channel), Kernel(tmp_path)
    arguments = configured(tmp_path, f"{PINS}pilot_pwm = {pin}\n")
    assert main(arguments, root=tmp_path, ioctl=kernel.ioctl) == 0
    assert duty.read_text().strip() == "0"
    fan = tmp_path / f"sys/class/pwm/pwmchip0/pwm{channel}/duty_cycle"
    assert fan.read_text().strip() == "266666"


def test_contactor_heartbeat_and_phase_relay_are_driven_low(tmp_path: Path) -> None:
    exported_pwm(tmp_path, "fe20c000.pwm", 0)
    kernel = Kernel(tmp_path)
    assert main(configured(tmp_path, PINS), root=tmp_path, ioctl=kernel.ioctl) == 0
    assert sorted(kernel.lows) == [23, 25, 26]


def test_a_pwm_that_nobody_exported_drives_nothing_and_is_no_failure(tmp_path: Path) -> None:
    duty = exported_pwm(tmp_path, "fe20c000.pwm", 0)
    duty.unlink()
    kernel = Kernel(tmp_path)
    assert main(configured(tmp_path, PINS), root=tmp_path, ioctl=kernel.ioctl) == 0


def test_what_cannot_be_set_is_named_and_the_rest_is_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = Kernel(tmp_path, busy=23)
    assert main(configured(tmp_path, PINS), root=tmp_path, ioctl=kernel.ioctl) == 1
    told = capsys.readouterr().err
    assert "contactor of connector 1 could not be set: [Errno 16]" in told
    assert "pilot of connector 1 could not be set: the header has no hardware PWM here" in told
    assert "heartbeat" not in told
    assert sorted(kernel.lows) == [25, 26]


def test_every_outlet_is_set_though_the_values_of_another_are_nonsense(tmp_path: Path) -> None:
    exported_pwm(tmp_path, "fe20c000.pwm", 0)
    kernel = Kernel(tmp_path)
    text = PINS.replace("contactor = 23", 'contactor = "x"').replace("heartbeat = 25", "heartbeat = -1")
    second = "[[connector]]\nid = 2\n[connector.gpio]\ncontactor = 16\nheartbeat = 20\n"
    assert main(configured(tmp_path, text + second), root=tmp_path, ioctl=kernel.ioctl) == 1
    assert sorted(kernel.lows) == [16, 20, 26]


def test_a_chip_that_is_not_the_headers_is_left_alone(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, label=b"gpio-fan")
    assert main(configured(tmp_path, PINS), root=tmp_path, ioctl=kernel.ioctl) == 1
    assert kernel.lows == []


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    exported_pwm(tmp_path, "fe20c000.pwm", 0)
    kernel = Kernel(tmp_path, busy=23)
    before = len(list(Path("/proc/self/fd").iterdir()))
    main(configured(tmp_path, PINS), root=tmp_path, ioctl=kernel.ioctl)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_mock_has_nothing_to_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(configured(tmp_path, "[[connector]]\nid = 1\n")) == 0
    assert "nothing to set" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["[hal", "connector = 3\n", "hal = 1\n"])
def test_a_file_that_is_no_configuration_is_told_not_raised(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(configured(tmp_path, text)) == 1
    assert "no output is known" in capsys.readouterr().err


EDITED = [
    "[hal",
    PINS.replace("23", "16").replace("25", "20").replace("26", "21"),
    '[hal]\nbackend = "mock"\n',
]


@pytest.mark.parametrize("edited", EDITED, ids=["broken", "other pins", "another backend"])
def test_what_a_guard_has_begun_with_is_set_whatever_became_of_its_configuration(
    tmp_path: Path, edited: str
) -> None:
    duty, kernel = exported_pwm(tmp_path, "fe20c000.pwm", 1), Kernel(tmp_path)
    begun_with(tmp_path, f"{PINS}pilot_pwm = 13\n")
    assert main(configured(tmp_path, edited), root=tmp_path, ioctl=kernel.ioctl) == 0
    assert sorted(kernel.lows) == [23, 25, 26]
    assert duty.read_text().strip() == "0"


def test_once_they_are_set_the_outputs_of_a_guard_are_nobodys(tmp_path: Path) -> None:
    exported_pwm(tmp_path, "fe20c000.pwm", 0)
    kernel, second = Kernel(tmp_path, busy=23), PINS.replace("25", "16")
    begun_with(tmp_path, PINS)
    for busy, status in ((23, 1), (None, 0), (None, 0)):
        kernel.busy = busy
        assert main(configured(tmp_path, second), root=tmp_path, ioctl=kernel.ioctl) == status
    assert sorted(kernel.lows) == [16, 23, 23, 25, 25, 26, 26, 26]


def test_what_could_not_be_set_is_tried_again_after_the_next_guard_whatever_that_one_drives(
    tmp_path: Path,
) -> None:
    exported_pwm(tmp_path, "fe20c000.pwm", 0)
    kernel = Kernel(tmp_path, busy=23)
    begun_with(tmp_path, PINS)
    assert main(configured(tmp_path, PINS), root=tmp_path, ioctl=kernel.ioctl) == 1
    kernel.busy = None
    kernel.lows.clear()
    for _ in range(2):
        begun_with(tmp_path, PINS.replace("23", "16"))
    assert main(configured(tmp_path, "[hal"), root=tmp_path, ioctl=kernel.ioctl) == 0
    assert sorted(kernel.lows) == [16, 23, 25, 25, 26, 26]
    begun_with(tmp_path, PINS)
    kernel.lows.clear()
    assert main(configured(tmp_path, "[hal"), root=tmp_path, ioctl=kernel.ioctl) == 0
    assert sorted(kernel.lows) == [23, 25, 26]


def test_a_record_of_another_guard_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    exported_pwm(tmp_path, "fe20c000.pwm", 0)
    kernel, folder = Kernel(tmp_path), tmp_path / "other"
    folder.mkdir()
    begun_with(tmp_path, PINS)
    assert main(configured(folder, PINS.replace("23", "16")), root=tmp_path, ioctl=kernel.ioctl) == 0
    assert sorted(kernel.lows) == [16, 25, 26]


def test_a_record_that_cannot_be_read_leaves_the_configuration(tmp_path: Path) -> None:
    exported_pwm(tmp_path, "fe20c000.pwm", 0)
    kernel = Kernel(tmp_path)
    begun_with(tmp_path, PINS)
    for nonsense in ("", "[1]", '{"config": 3}'):
        (tmp_path / "run/cpd-guard" / RECORD).write_text(nonsense)
        assert main(configured(tmp_path, PINS), root=tmp_path, ioctl=kernel.ioctl) == 0
    assert sorted(kernel.lows) == [23, 23, 23, 25, 25, 25, 26, 26, 26]


def test_a_controller_is_found_on_the_line_that_the_guard_had(tmp_path: Path) -> None:
    write, confirmation = bytes.fromhex("071003E80001020000F808"), bytes.fromhex("071003E80001811F")
    with controller({with_crc(write[:-2]): with_crc(confirmation[:-2])}) as (port, heard):
        begun_with(tmp_path, f"{on_line('simpleevse', port)}unit = 7\nbaudrate = 19200\n")
        assert main(configured(tmp_path, "[hal"), root=tmp_path) == 0
        assert len(heard) == 1


def begun_with(root: Path, text: str) -> None:
    """A guard has begun with the configuration *text*."""
    (root / "run/cpd-guard").mkdir(parents=True, exist_ok=True)
    head, _, tables = text.partition("\n")
    assert head == "[hal]"
    process = f'process = "guard"\nguard_socket = "{root}/run/cpd-guard/guard.sock"'
    config = Path(configured(root, f"{head}\n{process}\n{tables}")[1])
    keep_outputs(load_guard_settings(config), config)


@contextmanager
def controller(answers: dict[bytes, bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """A controller on a pseudo terminal that has an answer to each frame, and what it was sent."""
    master, slave = os.openpty()
    heard: list[bytes] = []

    def serve() -> None:
        received = b""
        while True:
            try:
                received += os.read(master, 256)
            except OSError:
                return
            for frame, answer in answers.items():
                if frame in received:
                    heard.append(frame)
                    received = b""
                    os.write(master, answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave), heard
    finally:
        os.close(slave)
        thread.join(5)
        os.close(master)


def on_line(backend: str, port: str) -> str:
    return f'[hal]\nbackend = "{backend}"\n[[connector]]\nid = 1\n[connector.serial]\nport = "{port}"\n'


def test_an_openevse_is_put_to_sleep(tmp_path: Path) -> None:
    with controller({b"$FS^31\r": b"$OK^20\r"}) as (port, heard):
        assert main(configured(tmp_path, on_line("openevse", port))) == 0
        assert heard == [b"$FS^31\r"]


def test_an_openevse_that_refuses_to_sleep_is_disabled(tmp_path: Path) -> None:
    answers = {b"$FS^31\r": b"$NK^21\r", b"$FD^26\r": b"$AT FF FF 16 0000^3B\r$OK^20\r"}
    with controller(answers) as (port, heard):
        assert main(configured(tmp_path, on_line("openevse", port))) == 0
        assert heard == [b"$FS^31\r", b"$FD^26\r"]


def test_a_simpleevse_is_told_to_offer_nothing(tmp_path: Path) -> None:
    write, confirmation = bytes.fromhex("011003E800010200008278"), bytes.fromhex("011003E8000181B9")
    with controller({write: confirmation}) as (port, heard):
        assert main(configured(tmp_path, on_line("simpleevse", port))) == 0
        assert heard == [write]


ANSWERS = {
    "openevse": {b"$FS^31\r": b"$OK^20\r"},
    "simpleevse": {bytes.fromhex("011003E800010200008278"): bytes.fromhex("011003E8000181B9")},
}


@pytest.mark.parametrize(
    ("backend", "baudrate", "speed"),
    [
        ("openevse", None, termios.B115200),
        ("openevse", 57_600, termios.B57600),
        ("simpleevse", None, termios.B9600),
        ("simpleevse", 19_200, termios.B19200),
    ],
)
def test_the_line_has_the_speed_of_its_controller_where_no_other_is_configured(
    tmp_path: Path, backend: str, baudrate: int | None, speed: int
) -> None:
    with controller(ANSWERS[backend]) as (port, _):
        configured_speed = "" if baudrate is None else f"baudrate = {baudrate}\n"
        assert main(configured(tmp_path, on_line(backend, port) + configured_speed)) == 0
        line = os.open(port, os.O_RDWR | os.O_NOCTTY)
        try:
            assert termios.tcgetattr(line)[4:6] == [speed, speed]
        finally:
            os.close(line)


def test_a_speed_that_no_line_has_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with controller({}) as (port, _):
        assert main(configured(tmp_path, f"{on_line('openevse', port)}baudrate = 12345\n")) == 1
    assert "12345 baud cannot be set here; take a usual one" in capsys.readouterr().err


@pytest.mark.parametrize("backend", ["openevse", "simpleevse"])
def test_a_controller_that_says_nothing_or_nonsense_is_named(
    tmp_path: Path, backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with controller({b"\r": b"$OK^21\r", b"\x03\xe8": b"\x01\x10\x03\xe8\x00\x01\x00\x00"}) as (port, _):
        assert main(configured(tmp_path, on_line(backend, port))) == 1
    assert f"{backend} of connector 1 could not be set: no controller" in capsys.readouterr().err


def test_a_line_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(configured(tmp_path, on_line("openevse", str(tmp_path / "none")))) == 1
    assert "No such file" in capsys.readouterr().err


def test_it_needs_the_standard_library_and_its_own_file_only() -> None:
    script = (
        "import sys; before = set(sys.modules); import hal.safe_outputs; "
        "print(*{name.partition('.')[0] for name in sys.modules.keys() - before} - set(sys.stdlib_module_names)); "
        "print(*sorted(name for name in sys.modules if name.startswith('hal')))"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines() == ["hal", "hal hal.safe_outputs"]


def test_the_program_brings_nothing_of_the_guard_with_it(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-S", "-m", "hal", "safe-outputs", *configured(tmp_path, "[[connector]]\nid = 1\n")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_it_looks_for_a_guard_where_one_listens_that_is_not_told_otherwise() -> None:
    assert Path("/", USUAL_SOCKET) == Hal().guard_socket
