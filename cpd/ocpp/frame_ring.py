"""The last OCPP frames in memory, as they were: recording one is an append, and touches no disk."""

from collections import deque
from typing import Final, Literal, NamedTuple

MAX_FRAMES: Final = 2_000
MAX_CHARACTERS: Final = 1 << 20
MAX_FRAME_CHARACTERS: Final = 1 << 16
"""Of a longer frame only the beginning is kept."""

Direction = Literal["<", ">"]


class Frame(NamedTuple):
    """A frame at an instant of the monotonic clock: ``<`` from the CSMS, ``>`` to it. It may hold secrets.

    *seq* counts frames from 1.
    """

    seq: int
    at_s: float
    direction: Direction
    text: str


class FrameRing:
    """Keeps the newest frames, at most `MAX_FRAMES` and `MAX_CHARACTERS` of them."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._characters = 0
        self._recorded = 0

    def record(self, at_s: float, direction: Direction, frame: str | bytes) -> None:
        """Keep a frame."""
        if not isinstance(frame, str):
            frame = frame.decode("utf-8", errors="replace")
        if len(frame) > MAX_FRAME_CHARACTERS:
            frame = frame[:MAX_FRAME_CHARACTERS] + "…"
        self._recorded += 1
        self._frames.append(Frame(self._recorded, at_s, direction, frame))
        self._characters += len(frame)
        while len(self._frames) > MAX_FRAMES or self._characters > MAX_CHARACTERS:
            self._characters -= len(self._frames.popleft().text)

    def frames(self) -> list[Frame]:
        """What is kept, oldest first."""
        return list(self._frames)
