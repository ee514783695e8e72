"""A real charger for black-box tests: `cpd run` as a process, driven as a technician and a driver would.

Nothing here sleeps or polls: the daemon's log and its `watch` notifications wake whoever waits.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpd.control.api import ConnectorDocument, StatusDocument
from cpd.station.signal import Signal

STATION = "CP-0042"
CARD = "04A31F02B16180"

PATIENCE_S = 20.0
"""How long anything may take before the test says what it waited for."""

PROGRAM: Sequence[str] = (sys.executable, "-m", "cpd.cli.main")
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
        env=_environment(COLUMNS=str(columns), **environment),
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


class _Process(asyncio.SubprocessProtocol):
    """What the event loop tells of a running daemon."""

    def __init__(self) -> None:
        self.output = bytearray()
        self.news = Signal()
        self.ended = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.output += data
        self.news.fire()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()
        self.news.fire()


class Charger:
    """``cpd run`` with one configuration file, started any number of times."""

    def __init__(self, folder: Path, config: Path) -> None:
        self.folder = folder
        self.config = config
        self.environment: dict[str, str] = {}
        """More variables of the environment, for the next starts."""
        self.patience_s = PATIENCE_S
        self.socket = folder / "cpd.sock"
        self._earlier = ""
        self._process: _Process | None = None
        self._transport: asyncio.SubprocessTransport | None = None

    @property
    def log(self) -> str:
        """What the daemon logged since the first start."""
        now = "" if self._process is None else self._process.output.decode(errors="replace")
        return self._earlier + now

    @property
    def pid(self) -> int:
        """The process id of the running daemon."""
        assert self._transport is not None
        return self._transport.get_pid()

    @property
    def dead(self) -> bool:
        """True where the process that was started last has ended."""
        return self._process is not None and self._process.ended.is_set()

    @property
    def cpu_s(self) -> float:
        """What the running daemon has worked, in seconds of CPU."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def launch(self) -> None:
        """Start the process; it is not up yet when this returns."""
        self._earlier = self.log
        if self._transport is not None:
            self._transport.close()
        transport, self._process = await asyncio.get_running_loop().subprocess_exec(
            _Process,
            *PROGRAM,
            "run",
            "--config",
            str(self.config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=None,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(**self.environment),
        )
        self._transport = transport

    async def start(self) -> None:
        """Start the process and wait until it is up."""
        mark = len(self.log)
        await self.launch()
        await self.logged("daemon ready", since=mark)

    async def logged(self, text: str, *, since: int = 0) -> str:
        """The first line with *text* in the log behind *since* characters, waited for."""
        process = self._process
        assert process is not None
        try:
            async with asyncio.timeout(self.patience_s):
                while True:
                    lines = self.log[since:].splitlines(keepends=True)
                    for line in lines:
                        if text in line and line.endswith("\n"):
                            return line
                    assert not process.ended.is_set(), f"ended without {text!r}:\n{self.log}"
                    await process.news.wait()
        except TimeoutError:
            raise AssertionError(f"never logged {text!r}:\n{self.log}") from None

    async def ended(self) -> int:
        """The exit status, waited for; negative where a signal ended it."""
        assert self._process is not None and self._transport is not None
        async with asyncio.timeout(self.patience_s):
            await self._process.ended.wait()
        self._transport.close()
        status = self._transport.get_returncode()
        assert status is not None
        return status

    async def dies(self) -> bool:
        """Wait for an end that comes by itself; False where the process lives on."""
        assert self._process is not None
        try:
            async with asyncio.timeout(self.patience_s):
                await self._process.ended.wait()
        except TimeoutError:
            return False
        return True

    async def power_cut(self) -> None:
        """SIGKILL: nothing is said, nothing is tidied up."""
        assert self._transport is not None
        self._transport.kill()
        await self.ended()

    async def terminate(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it as systemd would; returns the exit status."""
        assert self._transport is not None
        self._transport.send_signal(number)
        return await self.ended()

    async def close(self) -> None:
        """Leave nothing behind; what must never be logged was not."""
        if self._transport is not None:
            if self._transport.get_returncode() is None:
                self._transport.kill()
            await self.ended()
        assert "Traceback" not in self.log, self.log
        assert "unsafe outlet" not in self.log, self.log

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


def _environment(**given: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CPD_")}
    return kept | {"LC_ALL": "C.UTF-8", "TZ": "UTC"} | given
