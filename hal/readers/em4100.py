"""What an RDM6300, ID-12 or ID-20 says of a 125 kHz card: frames out of bytes, and nothing but whole ones.

02, ten hexadecimal digits (the maker's byte and four of the card's number), two of the XOR of those five bytes, on
some readers CR LF, 03.
"""

import re

_FRAME = re.compile(rb"\x02([0-9A-F]{10})([0-9A-F]{2})(?:\r\n)?\x03")
_PARTLY = re.compile(rb"\x02[0-9A-F]{0,12}|\x02[0-9A-F]{12}\r\n?")
"""What a frame can begin with."""

_BEGIN = b"\x02"


class Em4100Frames:
    """Finds frames in a stream that may begin anywhere and carry anything between them."""

    def __init__(self) -> None:
        self._unread = b""
        self.garbled = 0
        """How often a frame began and was none, since the last whole one."""

    def forget(self) -> None:
        """What has begun will not go on: a pause is never within a frame."""
        self._unread = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The five bytes of each card whose frame *data* completes."""
        cards: list[bytes] = []
        self._unread += data
        while (begin := self._unread.find(_BEGIN)) >= 0:
            self._unread = self._unread[begin:]
            frame = _FRAME.match(self._unread)
            if frame is None and _PARTLY.fullmatch(self._unread):
                return cards
            card = None if frame is None else _card_of(frame)
            if frame is None or card is None:
                self.garbled += 1
                self._unread = self._unread[1:]
            else:
                cards.append(card)
                self.garbled = 0
                self._unread = self._unread[frame.end() :]
        self._unread = b""
        return cards


def _card_of(frame: re.Match[bytes]) -> bytes | None:
    card = bytes.fromhex(frame[1].decode())
    checksum = 0
    for byte in card:
        checksum ^= byte
    return card if checksum == int(frame[2], 16) else None
