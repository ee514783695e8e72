"""The frames of a PN532 (NXP UM0701-02 §6.2): bytes to frames, whole ones only, and commands to bytes.

00 00 FF, length, its complement, D4 (to the chip) or D5 (from it), data, complement of the sum of D4/D5 and the
data, 00. An ACK is 00 00 FF 00 FF 00.
"""

from enum import IntEnum
from typing import Final

ACK: Final = bytes.fromhex("0000FF00FF00")
"""From the chip: a command has arrived. To the chip: forget the command."""

WAKE_UP: Final = bytes.fromhex("5555") + bytes(14)
"""A chip that sleeps takes the first byte as a call, and needs a moment until it reads (§7.2.11)."""

_TO_CHIP = 0xD4
_FROM_CHIP = 0xD5
_START = b"\x00\xff"


class Command(IntEnum):
    """The commands that a reader of cards needs (§7); each is answered with its number plus one."""

    GET_FIRMWARE_VERSION = 0x02
    SAM_CONFIGURATION = 0x14
    RF_CONFIGURATION = 0x32
    IN_LIST_PASSIVE_TARGET = 0x4A


def encoded(command: Command, data: bytes = b"") -> bytes:
    """The frame of *command*."""
    return framed(bytes((_TO_CHIP, command)) + data)


def framed(content: bytes) -> bytes:
    """*content* (1 … 255 bytes, D4 or D5 first) as a normal information frame (§6.2.1.1)."""
    length = len(content)
    head = bytes((0x00, 0x00, 0xFF, length, -length & 0xFF))
    return head + content + bytes((-sum(content) & 0xFF, 0x00))


class Pn532Frames:
    """Finds the answers of the chip in a stream that may begin anywhere and carry anything between them."""

    def __init__(self) -> None:
        self._unread = b""

    def forget(self) -> None:
        """What has begun will not go on."""
        self._unread = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The answers that *data* completes: the number of the command plus one, and what follows.

        ACKs and what the chip says of its own errors are no answers.
        """
        answers: list[bytes] = []
        self._unread += data
        while (start := self._unread.find(_START)) >= 0:
            begun = self._unread[start:]
            if len(begun) < 4:
                self._unread = begun
                return answers
            length, complement = begun[2], begun[3]
            end = 4 + length + 1
            if length == 0 or (length + complement) & 0xFF:
                self._unread = begun[1:]
            elif len(begun) < end:
                self._unread = begun
                return answers
            elif sum(begun[4:end]) & 0xFF:
                self._unread = begun[1:]
            else:
                if begun[4] == _FROM_CHIP and length > 1:
                    answers.append(begun[5 : end - 1])
                self._unread = begun[end:]
        self._unread = self._unread[-1:] if self._unread.endswith(_START[:1]) else b""
        return answers


def uid_of_target(answer: bytes) -> bytes | None:
    """The bytes of the first card in an answer to InListPassiveTarget at 106 kbit/s type A (§7.3.5).

    None where there is no card, or the answer is none. ISO/IEC 14443-3 §6.5.4: a card has 4, 7 or 10 bytes; the
    cascade tags that some firmware leaves before the longer ones are none of them.
    """
    if len(answer) < 7 or answer[0] != Command.IN_LIST_PASSIVE_TARGET + 1 or answer[1] not in (1, 2):
        return None
    length = answer[6]
    uid = answer[7 : 7 + length]
    if len(uid) < length:
        return None
    if length == 8 and uid[0] == _CASCADE_TAG:
        uid = uid[1:]
    elif length == 12 and uid[0] == uid[4] == _CASCADE_TAG:
        uid = uid[1:4] + uid[5:]
    return uid if len(uid) in (4, 7, 10) else None


_CASCADE_TAG = 0x88
