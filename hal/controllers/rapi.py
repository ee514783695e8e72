"""The lines of OpenEVSE's RAPI: commands in bytes, and what the controller says out of them.

Pure. What has no right checksum is no message: neither half a line, nor noise, nor the echo of a command.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import xor

LINE_MAX = 32
"""A line, without its CR, is shorter than this."""

TOKENS_MAX = 10

SEQUENCES = 255
"""Sequence ids are 1 … 255; 0 is none."""

_NOTICES = ("AB", "AN", "AT", "WF")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to a command: *accepted* ($OK) or not ($NK); *sequence* None where the controller echoes none."""

    accepted: bool
    params: tuple[str, ...] = ()
    sequence: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What the controller says unasked: AB after a boot, AT on a change of state, AN for its button, WF."""

    kind: str
    params: tuple[str, ...] = ()


def encode(command: str, sequence: int | None = None) -> bytes:
    """The line of *command*, its parameters in it, with the checksum and CR.

    *sequence* 1 … 255 is echoed by the controller. Raises ValueError for what is no line.
    """
    if sequence is not None and not 1 <= sequence <= SEQUENCES:
        raise ValueError(f"sequence id {sequence} is outside 1 … {SEQUENCES}")
    body = f"${command}" if sequence is None else f"${command} :{sequence:02X}"
    line = f"{body}^{_xor(body):02X}"
    if not body.isascii() or len(line) >= LINE_MAX or len(body.split(" ")) > TOKENS_MAX:
        raise ValueError(f"RAPI has no command {command!r}")
    return f"{line}\r".encode("ascii")


def decode(line: bytes) -> Reply | Notice | None:
    """What *line* (without its CR) says; None for everything that the controller cannot have sent.

    The checksum is an XOR behind `^`, or the sum behind `*` of old firmware. A line without one is no message.
    """
    text = line.decode("ascii", errors="replace")
    if len(text) >= LINE_MAX or not text.isprintable():
        return None
    body = _checked(text)
    if body is None or not body.startswith("$"):
        return None
    word, *params = body.removeprefix("$").split(" ")
    if len(params) >= TOKENS_MAX or "" in params:
        return None
    if word in _NOTICES:
        return Notice(kind=word, params=tuple(params))
    if word not in ("OK", "NK"):
        return None
    sequence = None
    if params and params[-1].startswith(":"):
        sequence = hexadecimal(params.pop()[1:], digits=2)
        if not sequence:
            return None
    return Reply(accepted=word == "OK", params=tuple(params), sequence=sequence)


def hexadecimal(text: str, *, digits: int) -> int | None:
    """*text* as a hexadecimal number of exactly *digits* digits, else None."""
    plain = len(text) == digits and all(char in "0123456789abcdefABCDEF" for char in text)
    return int(text, 16) if plain else None


def decimal(text: str) -> int | None:
    """*text* as a decimal number, negative ones with a minus, else None."""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() else None


class Lines:
    """Cuts a stream of bytes into lines; a `$` begins a new one, whatever came before it."""

    def __init__(self) -> None:
        self._line: bytearray | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that *data* completes, without their CR."""
        for byte in data:
            if byte == ord("$"):
                self._line = bytearray((byte,))
            elif self._line is None:
                continue
            elif byte == ord("\r"):
                line, self._line = bytes(self._line), None
                yield line
            elif len(self._line) < LINE_MAX - 1:
                self._line.append(byte)
            else:
                self._line = None

    def forget(self) -> None:
        """The line was interrupted: what comes next belongs to nothing before."""
        self._line = None


def _checked(text: str) -> str | None:
    """*text* without its checksum; None where there is none, or a wrong one."""
    body, mark, check = text[:-3], text[-3:-2], hexadecimal(text[-2:], digits=2)
    if mark == "^":
        return body if check == _xor(body) else None
    if mark == "*":
        return body if check == sum(body.encode("ascii", errors="replace")) % 256 else None
    return None


def _xor(text: str) -> int:
    return reduce(xor, text.encode("ascii", errors="replace"), 0)
