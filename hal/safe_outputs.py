"""``python -m hal safe-outputs``: set the outputs of a guard that has died, whatever else is broken.

A dead process leaves its hardware PWM running and, on a Raspberry Pi, its pins as they were: the vehicle still sees
an offer, and the contactor stays closed. systemd runs this after every end of the guard (ExecStopPost). It needs
nothing but the standard library and this file, sets each output on its own, and takes less than a second. What it
sets is what the guard has kept of its own start; the configuration may be another one by now, or a broken one.
"""

import fcntl
import json
import os
import select
import struct
import sys
import termios
import threading
import tomllib
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

DEFAULT_CONFIG = "/etc/cpd/cpd.toml"

RECORD = "outputs.json"
"""What `record_path` ends with: the outputs of a guard that has begun, gone again once they are set."""

USUAL_SOCKET = "run/cpd-guard/guard.sock"
"""Below the root: where a guard listens that is not told otherwise."""

SET, NOT_SET = 0, 1
"""The exit statuses: every output is set, or some could not be, which are named."""

Ioctl = Callable[[int, int, bytearray], int]
"""`fcntl.ioctl`, as far as it is used: descriptor, request, argument."""

HEADER_PWM = {
    "1f00098000.pwm": {12: 0, 13: 1, 18: 2, 19: 3},
    "fe20c000.pwm": {12: 0, 13: 1, 18: 0, 19: 1},
    "3f20c000.pwm": {12: 0, 13: 1, 18: 0, 19: 1},
}
"""By the name of the device that serves the header's PWM (Pi 5, Pi 4, Pi 3 and Zero 2): the channel of each pin."""

HEADER_LABELS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")
"""What the kernel calls the GPIO chip of the header."""

GET_CHIP_INFO = 0x8044_B401
CHIP_INFO = struct.Struct("=32s32sI")
"""struct gpiochip_info: name, label, lines."""

GET_LINE = 0xC250_B407
LINE_REQUEST = struct.Struct("=256s32sQI20x240sII20xi")
"""struct gpio_v2_line_request: offsets, consumer, flags, attributes, lines, events, and the line's descriptor."""

OUTPUT = 1 << 3
"""GPIO_V2_LINE_FLAG_OUTPUT: without an attribute that says otherwise, such a line is low from then on."""

PINS = ("contactor", "heartbeat", "phase_relay")
"""The pins whose level lets current flow."""

ANSWER_S = 0.2
"""How long a controller may be silent. OpenEVSE answers in some ms, a SimpleEVSE in some tens."""

ALL_S = 0.8
"""How long all of it may take; an output that is not set by then is told as one that hangs."""

_RUNNING = """\
safe-outputs: the guard is running, and
sets them itself; to end it, run
  sudo systemctl stop cpd-guard"""

_ATTEMPTS = 2
_PIECES = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Output:
    """Something that can be made safe: *name* for a person, and *set*, which raises where it cannot."""

    name: str
    set: Callable[[], None]


class Silent(Exception):
    """A controller did not confirm what it was told."""


def main(arguments: Sequence[str], *, root: Path = Path("/"), ioctl: Ioctl = fcntl.ioctl) -> int:
    """Set every output of a dead guard; returns the exit status. A living one's are not touched.

    What systemd runs after the guard's end (SERVICE_RESULT is in the environment, systemd.exec(5)) takes it for dead,
    even where a process that cannot be killed still has its lock.
    """
    path = Path(os.environ.get("CPD_CONFIG") or DEFAULT_CONFIG)
    if len(arguments) == 2 and arguments[0] == "--config":
        path = Path(arguments[1])
    elif arguments:
        print("usage: python -m hal safe-outputs\n                     [--config FILE]", file=sys.stderr)
        return NOT_SET
    return make_safe(path, root=root, ioctl=ioctl, is_dead="SERVICE_RESULT" in os.environ)


def make_safe(path: Path, *, root: Path = Path("/"), ioctl: Ioctl = fcntl.ioctl, is_dead: bool = True) -> int:
    """Set every output that the guard of the configuration *path* had; returns the exit status.

    Not where it lives, unless it *is_dead* for certain.
    """
    try:
        config, record = _driven(path, root)
        if not is_dead and _is_locked(guard_socket_of(config, path, root)):
            print(_RUNNING, file=sys.stderr)
            return NOT_SET
        outputs = tuple(outputs_of(config, root, ioctl))
    # The boundary of a program that must not fail half-way: whatever a file may hold, it is told, not raised.
    except Exception as error:
        print(f"safe-outputs: {path} cannot be used, so no output is known: {error}", file=sys.stderr)
        return NOT_SET
    if not outputs:
        print("safe-outputs: there is nothing to set, the hardware is simulated")
    status = _set_all(outputs) if outputs else SET
    if status == SET and record is not None:
        with suppress(OSError):
            record.unlink()
    return status


def record_path(guard_socket: Path) -> Path:
    """The record of the guard that listens at *guard_socket*: in its RuntimeDirectory=, or else beside the socket."""
    runtime = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(runtime, RECORD) if runtime else guard_socket.with_name(RECORD)


def guard_socket_of(config: dict[str, Any], path: Path, root: Path) -> Path:
    """Where the guard of *config*, the file *path*, listens; a relative name is beside the file."""
    hal = config.get("hal")
    told = hal.get("guard_socket") if isinstance(hal, dict) else None
    return path.absolute().parent / told if isinstance(told, str) else root / USUAL_SOCKET


def _driven(path: Path, root: Path) -> tuple[dict[str, Any], Path | None]:
    """The tables that the guard of *path* has run on, with its record of them; without one, *path* as it is now."""
    unusable: Exception | None = None
    config: dict[str, Any] = {}
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        unusable = error
    record = record_path(guard_socket_of(config, path, root))
    with suppress(OSError, ValueError):
        kept = json.loads(record.read_text(encoding="utf-8"))
        if isinstance(kept, dict) and kept.get("config") == str(path.absolute()):
            return kept, record
    if unusable is not None:
        raise unusable
    return config, None


def _is_locked(guard_socket: Path) -> bool:
    """Whether somebody holds the lock of the guard that listens at *guard_socket*, which dies with it."""
    try:
        lock = os.open(guard_socket.with_name(f"{guard_socket.name}.lock"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def outputs_of(config: dict[str, Any], root: Path, ioctl: Ioctl) -> Iterator[Output]:
    """What has to be made safe according to *config*; none for the mock."""
    common = config.get("hal", {}).get("backend", "mock")
    for connector in config.get("connector", ()):
        backend = connector.get("backend", common)
        where = f"connector {connector.get('id')}"
        gpio, serial = connector.get("gpio", {}), connector.get("serial", {})
        if backend == "gpio":
            yield Output(name=f"pilot of {where}", set=partial(_stop_pilot, root, gpio.get("pilot_pwm", 18)))
            for key in PINS:
                if key in gpio:
                    name = f"{key.replace('_', ' ')} of {where}"
                    yield Output(name=name, set=partial(_set_low, root, gpio[key], ioctl))
        elif backend == "openevse":
            line = partial(_open_line, serial.get("port"), serial.get("baudrate", 115_200))
            yield Output(name=f"openevse of {where}", set=partial(_hold_openevse, line))
        elif backend == "simpleevse":
            line = partial(_open_line, serial.get("port"), serial.get("baudrate", 9_600))
            hold = partial(_hold_simpleevse, line, serial.get("unit", 1))
            yield Output(name=f"simpleevse of {where}", set=hold)


def _set_all(outputs: Sequence[Output]) -> int:
    """Set all of *outputs* at once; one that hangs keeps no other from being set."""
    failures = dict.fromkeys(outputs, "it hangs")
    waiting, none_left = set(outputs), threading.Event()

    def attempt(output: Output) -> None:
        try:
            output.set()
        # Whatever a driver or a wrong value raises is the failure of this output, and of no other.
        except Exception as error:
            failures[output] = str(error) or type(error).__name__
        else:
            failures.pop(output)
        waiting.discard(output)
        if not waiting:
            none_left.set()

    for output in outputs:
        threading.Thread(target=attempt, args=(output,), daemon=True).start()
    none_left.wait(ALL_S)
    for output, reason in failures.copy().items():
        print(f"safe-outputs: {output.name} could not be set: {reason}", file=sys.stderr)
    return NOT_SET if failures else SET


def _stop_pilot(root: Path, pin: int) -> None:
    """Duty 0, state F. A channel that nobody has exported drives nothing."""
    chips = sorted((root / "sys/class/pwm").glob("pwmchip*"))
    served = [(chip, channels) for chip in chips for channels in _header_channels(chip)]
    if not served:
        raise FileNotFoundError("the header has no hardware PWM here")
    for chip, channels in served:
        duty = chip / f"pwm{channels[pin]}" / "duty_cycle"
        if duty.exists():
            duty.write_text("0\n", encoding="ascii")


def _header_channels(chip: Path) -> Iterator[dict[int, int]]:
    """The channels of the PWM *chip* by pin, where it is one that serves the header."""
    device = chip / "device"
    parts = {*device.resolve().parts, *chip.resolve().parts}
    yield from (channels for name, channels in HEADER_PWM.items() if name in parts)


def _set_low(root: Path, pin: int, ioctl: Ioctl) -> None:
    """Drive *pin* low. Where the kernel keeps the level of a line that is let go, it stays so, else it is pulled."""
    chip = _header_chip(root, ioctl)
    try:
        offsets = struct.pack("=I", pin)
        request = bytearray(LINE_REQUEST.pack(offsets, b"cpd-safe-outputs", OUTPUT, 0, b"", 1, 0, 0))
        ioctl(chip, GET_LINE, request)
        line: int = LINE_REQUEST.unpack(request)[-1]
        os.close(line)
    finally:
        os.close(chip)


def _header_chip(root: Path, ioctl: Ioctl) -> int:
    """The open GPIO chip of the header; its number changes with the kernel."""
    for path in sorted((root / "dev").glob("gpiochip*")):
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        info = bytearray(CHIP_INFO.size)
        try:
            ioctl(descriptor, GET_CHIP_INFO, info)
        except OSError:
            os.close(descriptor)
            continue
        if CHIP_INFO.unpack(info)[1].rstrip(b"\0").decode(errors="replace") in HEADER_LABELS:
            return descriptor
        os.close(descriptor)
    raise FileNotFoundError("there is no GPIO chip of a header here")


def _hold_openevse(open_line: Callable[[], int]) -> None:
    """$FS: no PWM, and open once the vehicle has stopped drawing, 3 s later at most; $FD opens at once."""
    line = open_line()
    try:
        for command in ("$FS", "$FD"):
            frame = f"{command}^{rapi_checksum(command):02X}\r".encode()
            if _confirmed(line, frame, b"$OK^20"):
                return
    finally:
        os.close(line)
    raise Silent("no controller confirms $FS or $FD")


def _hold_simpleevse(open_line: Callable[[], int], unit: int) -> None:
    """Register 1000 = 0: no PWM, and the controller opens."""
    request = with_crc(struct.pack(">BBHHBH", unit, 16, 1000, 1, 2, 0))
    answer = with_crc(struct.pack(">BBHH", unit, 16, 1000, 1))
    line = open_line()
    try:
        if any(_confirmed(line, request, answer) for _ in range(_ATTEMPTS)):
            return
    finally:
        os.close(line)
    raise Silent(f"no controller with unit {unit} confirms that it offers nothing")


def rapi_checksum(text: str) -> int:
    """The XOR of every character of *text*, which begins with its $ (RAPI)."""
    checksum = 0
    for byte in text.encode():
        checksum ^= byte
    return checksum


def with_crc(body: bytes) -> bytes:
    """*body* with the CRC-16 of Modbus RTU, low byte first."""
    crc = 0xFFFF
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return body + struct.pack("<H", crc)


def _open_line(port: str, baudrate: int) -> int:
    """The serial line, raw, 8N1; a controller whose line nobody can open cannot be told anything."""
    line = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        tty.setraw(line, termios.TCSANOW)
        attributes = termios.tcgetattr(line)
        attributes[2] = termios.CS8 | termios.CREAD | termios.CLOCAL
        attributes[4] = attributes[5] = _speed(baudrate)
        termios.tcsetattr(line, termios.TCSANOW, attributes)
        termios.tcflush(line, termios.TCIOFLUSH)
    except BaseException:
        os.close(line)
        raise
    return line


def _speed(baudrate: int) -> int:
    """The constant of termios for *baudrate*; raises ValueError where the standard library has none."""
    speed: int | None = getattr(termios, f"B{baudrate}", None)
    if speed is None:
        raise ValueError(f"{baudrate} baud cannot be set here; take a usual one, such as 9600")
    return speed


def _confirmed(line: int, request: bytes, confirmation: bytes) -> bool:
    """Send *request*; whether *confirmation* came in time."""
    os.write(line, request)
    answer = b""
    for _ in range(_PIECES):
        if not select.select((line,), (), (), ANSWER_S)[0]:
            return False
        answer += os.read(line, 256)
        if confirmation in answer:
            return True
    return False
