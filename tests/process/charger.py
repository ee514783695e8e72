"""A real charger for black-box tests: `cpd run` as a process, driven as a technician and a driver would.

Nothing here sleeps or polls: the daemon's log and its `watch` notifications wake whoever waits.
"""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpd.control.api import ConnectorDocument, StatusDocument
from tests.process.program import PATIENCE_S, PROGRAM, Program
from tests.process.program import environment as surroundings

STATION = "CP-0042"
CARD = "04A31F02B16180"

_LONGEST_LINE_BYTES = 1 << 20


class ControlFailed(Exception):
    """The daemon answered with an error; *code* is its `data.code`."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(error["message"])
        self.code: str = error["data"]["code"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A command that has run."""

    status: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """What --json printed: exactly one document."""
        return json.loads(self.stdout)


async def run_cpd(
    *arguments: str | Path, columns: int = 80, program: Sequence[str] = PROGRAM, **environment: str
) -> Finished:
    """Run ``cpd``, or what stands for it, to its end."""
    process = await asyncio.create_subprocess_exec(
        *program,
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=surroundings(COLUMNS=str(columns), **environment),
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            stdout, stderr = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Finished(status=process.returncode, stdout=stdout.decode(), stderr=stderr.decode())


class Control:
    """One connection to the control socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._calls = 0
        self.notified = False
        """A notification came before the answer to a call."""

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """The result of *method*; raises `ControlFailed`."""
        self._calls += 1
        request = {"jsonrpc": "2.0", "id": self._calls, "method": method, "params": params or {}}
        self._writer.write(json.dumps(request).encode() + b"\n")
        while (message := await self.message()).get("id") != self._calls:
            self.notified = True
        if "error" in message:
            raise ControlFailed(message["error"])
        return message["result"]

    async def message(self) -> Any:
        """What the daemon says next."""
        line = await self._reader.readline()
        if not line:
            raise ConnectionResetError("the daemon hung up")
        return json.loads(line)


@asynccontextmanager
async def control(socket: Path) -> AsyncIterator[Control]:
    """A connection for the length of a `with`."""
    reader, writer = await asyncio.open_unix_connection(socket, limit=_LONGEST_LINE_BYTES)
    try:
        yield Control(reader, writer)
    finally:
        writer.transport.abort()


class Operated(ABC):
    """A running daemon, wherever it runs, as it is known and driven at its control socket."""

    patience_s = PATIENCE_S

    @property
    @abstractmethod
    def socket(self) -> Path:
        """The control socket."""

    @property
    @abstractmethod
    def log(self) -> str:
        """What is shown of it where something never comes."""

    async def call(self, method: str, **params: Any) -> Any:
        """One call over the control socket; raises `ControlFailed`."""
        async with control(self.socket) as connection:
            return await connection.call(method, params)

    async def status(self) -> StatusDocument:
        """The status document."""
        document: StatusDocument = await self.call("status")
        return document

    async def connector(self, number: int = 1) -> ConnectorDocument:
        """One connector of the status document."""
        return (await self.status())["connectors"][number - 1]

    async def until(self, holds: Callable[[StatusDocument], bool]) -> StatusDocument:
        """The first status that *holds*, looked at on each change."""
        document: StatusDocument | None = None
        try:
            async with asyncio.timeout(self.patience_s):
                while True:
                    # A fresh subscription hears of its first change at once, the next only a second later.
                    async with control(self.socket) as connection:
                        await connection.call("watch")
                        document = await connection.call("status")
                        assert document is not None
                        if holds(document):
                            return document
                        if not connection.notified:
                            await connection.message()
        except TimeoutError:
            raise AssertionError(f"never came: {json.dumps(document, indent=1)}\n{self.log}") from None

    async def until_connector(
        self, holds: Callable[[ConnectorDocument], bool], number: int = 1
    ) -> ConnectorDocument:
        """The first state of a connector that *holds*."""
        document = await self.until(lambda status: holds(status["connectors"][number - 1]))
        return document["connectors"][number - 1]

    async def until_status(self, ocpp_status: str, number: int = 1) -> ConnectorDocument:
        """Wait until a connector has this OCPP status."""
        return await self.until_connector(lambda one: one["ocpp_status"] == ocpp_status, number)

    async def until_online(self) -> StatusDocument:
        """Wait until the central system has accepted the boot."""
        return await self.until(
            lambda status: status["csms"]["connected"] and status["csms"]["registration"] == "Accepted"
        )

    async def charge(self, number: int = 1, id_tag: str = CARD) -> ConnectorDocument:
        """Plug in, present a card, and wait until current flows."""
        await self.call("mock.plug_in", connector=number)
        await self.call("mock.swipe", id_tag=id_tag, connector=number)
        return await self.until_status("Charging", number)


class Charger(Program, Operated):
    """``cpd run`` with one configuration file, started any number of times."""

    def __init__(self, folder: Path, config: Path) -> None:
        super().__init__((*PROGRAM, "run", "--config", str(config)), ready="daemon ready")
        self.folder = folder
        self.config = config

    @property
    def socket(self) -> Path:
        return self.folder / "cpd.sock"

    async def cpd(self, *arguments: str, columns: int = 80, **environment: str) -> Finished:
        """Run a client command against this daemon."""
        return await run_cpd(*arguments, columns=columns, CPD_SOCKET=str(self.socket), **environment)


def configuration(
    folder: Path,
    *,
    url: str | None = None,
    csms: str = "",
    connectors: int = 1,
    connector: str = "",
    station: str = "",
    ocpp: str = "",
    hal: str = "",
    store: str = "cpd.db",
    more: str = "",
) -> Path:
    """A configuration file in *folder*; but for *url*, *connectors* and the path *store* all are TOML lines."""
    tables = [
        f'[station]\nid = "{STATION}"\n{station}',
        f'[store]\npath = "{store}"\n[control]\nsocket = "cpd.sock"\n[hal]\nstate_dir = "hal"\n{hal}',
        *(f"[[connector]]\nid = {number + 1}\n{connector}" for number in range(connectors)),
        f"[ocpp]\n{ocpp}",
        more,
    ]
    if url is not None:
        waits = "reconnect_min_s = 0.1\nreconnect_max_s = 0.1\nreconnect_jitter_s = 0"
        tables.append(f'[csms]\nurl = "{url}"\n{waits}\n{csms}')
    folder.mkdir(exist_ok=True)
    path = folder / "cpd.toml"
    path.write_text("\n".join(tables), encoding="utf-8")
    return path


@asynccontextmanager
async def charger(
    folder: Path, *, start: bool = True, environment: Mapping[str, str] | None = None, **config: Any
) -> AsyncIterator[Charger]:
    """A charger for the length of a `with`; *config* as for `configuration`, *environment* for the daemon alone."""
    here = Charger(folder, configuration(folder, **config))
    here.environment.update(environment or {})
    try:
        if start:
            await here.start()
        yield here
    finally:
        await here.close()
