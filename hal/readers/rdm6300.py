"""The readers RDM6300, ID-12 and ID-20 for 125 kHz cards: a line that only listens.

They say nothing while there is no card, so such a reader counts as there while its line is.
"""

import asyncio

from hal.examination import Finding
from hal.readers.em4100 import Em4100Frames
from hal.readers.findings import doubtful, lost, working
from hal.readers.presenting import CardPresenter
from hal.serial_line import OpenPort, SerialLine, open_port

BAUDRATE = 9_600

PAUSE_S = 0.1
"""A frame takes 17 ms: halves with such a pause between them are of two frames."""

_GARBLED_MOST = 20
"""More broken frames since the last whole one than cards make that are taken away early."""


class Rdm6300:
    """A `hal.board.CardReader` at the serial line *port*."""

    def __init__(
        self,
        port: str,
        presenter: CardPresenter,
        *,
        baudrate: int = BAUDRATE,
        open_port: OpenPort = open_port,
    ) -> None:
        self._presenter = presenter
        self._frames = Em4100Frames()
        self._heard_s = 0.0
        self._line = SerialLine(
            port, baudrate=baudrate, received=self._receive, changed=self._change, open_port=open_port
        )

    @property
    def connector(self) -> int | None:
        """Whose reader this is; None: everybody's."""
        return self._presenter.connector

    async def open(self) -> None:
        """Open the line. Raises DeviceUnavailable."""
        self._line.open()

    async def run(self) -> None:
        """Read cards for ever, and open the line again where it is lost."""
        await self._line.run()

    def close(self) -> None:
        """Close the line."""
        self._line.close()

    def online(self) -> bool:
        """True while the line is open."""
        return self._line.is_open

    def examine(self) -> tuple[Finding, ...]:
        """Whether the line is open, and what is heard on it."""
        if self._line.trouble is not None:
            return (lost(self.connector, self._line.trouble),)
        if self._frames.garbled > _GARBLED_MOST:
            evidence = f"{self._frames.garbled} broken frames, {self._presenter.seen_ago}"
            return (doubtful(self.connector, evidence, "check its 5 V, its cable and the baudrate"),)
        return (working(self.connector, f"listening, {self._presenter.seen_ago}"),)

    def _receive(self, data: bytes) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._heard_s > PAUSE_S:
            self._frames.forget()
        self._heard_s = now_s
        for uid in self._frames.feed(data):
            self._presenter.see(uid)

    def _change(self, is_open: bool) -> None:
        self._frames.forget()
