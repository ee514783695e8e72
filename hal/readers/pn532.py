"""The reader PN532 on a serial line (its switches on HSU): it is asked five times a second which card is there.

NXP UM0701-02. One command is under way at a time; an answer that nobody waits for is dropped.
"""

import asyncio
import logging
from contextlib import suppress

from hal.errors import DeviceUnavailable
from hal.examination import Finding
from hal.readers.findings import lost, working
from hal.readers.pn532_frames import ACK, WAKE_UP, Command, Pn532Frames, encoded, uid_of_target
from hal.readers.presenting import CardPresenter
from hal.serial_line import OpenPort, SerialLine, open_port
from hal.serving import pause

log = logging.getLogger(__name__)

BAUDRATE = 115_200

POLL_S = 0.2
ANSWER_S = 0.5
"""The chip looks for a card for less than 0.1 s, with the attempts that are set here."""

MISSES = 3
"""So many answers in succession are missed by a reader that is gone, and by no other."""

RETRY_MIN_S, RETRY_MAX_S = 0.1, 5.0
"""The wait before a silent reader is set up again doubles from the one to the other."""

_NORMAL_MODE = bytes((0x01, 0x00, 0x01))
_FEW_ATTEMPTS = bytes((0x05, 0xFF, 0x01, 0x02))
"""RFConfiguration item 5: by itself the chip would look for a card for ever, and not answer (§7.3.1)."""

_ONE_TYPE_A = bytes((0x01, 0x00))
_PN532_IC = 0x32


class _NoAnswer(Exception):
    """The chip said nothing of a command in time."""


class Pn532:
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
        self._frames = Pn532Frames()
        self._line = SerialLine(
            port, baudrate=baudrate, received=self._receive, changed=self._change, open_port=open_port
        )
        self._asked: tuple[Command, asyncio.Future[bytes]] | None = None
        self._opened = asyncio.Event()
        self._version = ""
        self._silent: DeviceUnavailable | None = None

    @property
    def connector(self) -> int | None:
        """Whose reader this is; None: everybody's."""
        return self._presenter.connector

    async def open(self) -> None:
        """Open the line and set the chip up. Raises DeviceUnavailable, also where it does not answer as one."""
        self._line.open()
        for _ in range(MISSES):
            with suppress(_NoAnswer):
                await self._set_up()
                return
        raise self._gone()

    async def run(self) -> None:
        """Read cards for ever; a chip that falls silent is set up again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._line.run())
            tasks.create_task(self._poll())

    def close(self) -> None:
        """Close the line."""
        self._line.close()

    def online(self) -> bool:
        """True while the chip answers."""
        return self._line.is_open and self._silent is None

    def examine(self) -> tuple[Finding, ...]:
        """The chip's version, or why it does not answer."""
        trouble = self._line.trouble or self._silent
        if trouble is not None:
            return (lost(self.connector, trouble),)
        return (working(self.connector, f"{self._version}, {self._presenter.seen_ago}"),)

    async def _poll(self) -> None:
        wait_s = RETRY_MIN_S
        misses = 0
        while True:
            await self._opened.wait()
            try:
                if self._silent is not None:
                    await self._set_up()
                    log.info("reader back port=%s", self._line.port)
                self._see(await self._ask(Command.IN_LIST_PASSIVE_TARGET, _ONE_TYPE_A))
            except _NoAnswer:
                misses += 1
                if misses >= MISSES and self._silent is None:
                    self._silent = self._gone()
                    log.warning("reader silent port=%s", self._line.port)
                await pause(POLL_S if self._silent is None else wait_s)
                wait_s = wait_s if self._silent is None else min(RETRY_MAX_S, 2 * wait_s)
            else:
                misses, wait_s = 0, RETRY_MIN_S
                await pause(POLL_S)

    async def _set_up(self) -> None:
        """Wake the chip, ask what it is, and have it answer whether or not there is a card."""
        self._line.write(WAKE_UP)
        await self._ask(Command.SAM_CONFIGURATION, _NORMAL_MODE)
        version = await self._ask(Command.GET_FIRMWARE_VERSION)
        if len(version) < 4 or version[1] != _PN532_IC:
            raise _NoAnswer
        await self._ask(Command.RF_CONFIGURATION, _FEW_ATTEMPTS)
        self._version = f"PN532 {version[2]}.{version[3]}"
        self._silent = None

    async def _ask(self, command: Command, data: bytes = b"") -> bytes:
        """The answer to *command*; raises _NoAnswer, and the chip has forgotten the command then."""
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._frames.forget()
        self._asked = (command, answered)
        self._line.write(encoded(command, data))
        try:
            async with asyncio.timeout(ANSWER_S):
                return await answered
        except TimeoutError:
            self._line.write(ACK)
            raise _NoAnswer from None
        finally:
            self._asked = None

    def _see(self, answer: bytes) -> None:
        uid = uid_of_target(answer)
        if uid is not None:
            self._presenter.see(uid)

    def _receive(self, data: bytes) -> None:
        for answer in self._frames.feed(data):
            if self._asked is not None and answer[0] == self._asked[0] + 1 and not self._asked[1].done():
                self._asked[1].set_result(answer)

    def _change(self, is_open: bool) -> None:
        self._frames.forget()
        if is_open:
            self._opened.set()
        else:
            self._opened.clear()
            # The chip may have lost its power, and with it all that was set.
            self._silent = self._gone()

    def _gone(self) -> DeviceUnavailable:
        return DeviceUnavailable(
            self._line.port, "no PN532 answers", "check its wiring, and its switches: HSU (0 0)"
        )
