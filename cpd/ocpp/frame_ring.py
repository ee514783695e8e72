"""The last OCPP frames in memory, as they were: recording one is an append, and touches no disk."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

MAX_FRAMES: Final = 2_000
MAX_CHARACTERS: Final = 1 << 20
MAX_FRAME_CHARACTERS: Final = 1 << 16
"""Of a longer frame only the beginning is kept."""

Direction = Literal["<", ">"]


class Frame(NamedTuple):
    """A frame at an instant of the monotonic clock: ``<`` from the CSMS, ``>`` to it. It may hold secrets.

    *seq* counts frames from 1; those of an earlier life of the daemon have 0 and less.
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
        self.last = 0
        """The number of the newest frame; 0 where there was none in this life."""
        self.on_record: Callable[[], None] | None = None
        """Told of each frame; it must not wait."""

    def record(self, at_s: float, direction: Direction, frame: str | bytes) -> None:
        """Keep a frame."""
        if not isinstance(frame, str):
            frame = frame.decode("utf-8", errors="replace")
        if len(frame) > MAX_FRAME_CHARACTERS:
            frame = frame[:MAX_FRAME_CHARACTERS] + "…"
        self.last += 1
        self._frames.append(Frame(self.last, at_s, direction, frame))
        self._characters += len(frame)
        while len(self._frames) > MAX_FRAMES or self._characters > MAX_CHARACTERS:
            self._characters -= len(self._frames.popleft().text)
        if self.on_record is not None:
            self.on_record()

    def restore(self, earlier: Sequence[tuple[float, Direction, str]]) -> None:
        """Begin with frames of an earlier life, oldest first; before anything is recorded."""
        for at_s, direction, text in earlier:
            self.record(at_s, direction, text)
        before = self.last
        self._frames = deque(frame._replace(seq=frame.seq - before) for frame in self._frames)
        self.last = 0

    def frames(self) -> list[Frame]:
        """What is kept, oldest first."""
        return list(self._frames)

    def behind(self, seq: int) -> list[Frame]:
        """What is kept of the frames behind number *seq*, oldest first."""
        return [frame for frame in self._frames if frame.seq > seq]
