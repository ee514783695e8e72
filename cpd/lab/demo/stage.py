"""The stage of the demo: a folder, a configuration, both processes, the control socket, and a screen.

It knows how to look and how to wait for a sight; what is to be seen is the story's.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import click

from cpd.cli.terminal import Terminal
from cpd.clock import SystemClock
from cpd.control.api import StatusDocument
from cpd.control.client import ClientError, ControlClient, DaemonNotRunning
from cpd.lab.demo.checklist import Checklist, render_check
from cpd.lab.demo.picture import Picture, live_heads, live_line
from cpd.lab.demo.processes import CsmsProcess, CsmsRefused, LoggedProcess, ProcessEnded, csms_running

STATION = "CP-DEMO"
SOCKET = "cpd.sock"

_LOOK_S = 0.05
_LINE_S = 1.0

_CONFIG = """\
[station]
id = "{station}"
on_power_loss = "{on_power_loss}"

[csms]
url = "ws://127.0.0.1:{port}/ocpp/"
reconnect_jitter_s = 0
answer_timeout_s = {answer_timeout_s}

[store]
path = {store}

[control]
socket = {socket}

[hal]
backend = "mock"
process = "{process}"
guard_socket = {guard_socket}
state_dir = {folder}

[[connector]]
id = 1
max_current_a = {max_current_a}

[ocpp]
{ocpp}
"""


class Unexpected(Exception):
    """Something was not as expected, so that the story makes no sense from here on; it is in the checklist."""


FAILURES = (Unexpected, ProcessEnded, CsmsRefused, ClientError)
"""What can end the story early."""


class Stage:
    """Both sides at hand, and the screen that shows them."""

    def __init__(
        self,
        csms: CsmsProcess,
        daemon: LoggedProcess,
        guard: LoggedProcess | None,
        control: ControlClient,
        *,
        station: str,
        checklist: Checklist,
        terminal: Terminal,
    ) -> None:
        self._station = station
        self.csms = csms
        self.daemon = daemon
        self.guard = guard
        self.terminal = terminal
        self._checklist = checklist
        self._control = control
        self._clock = SystemClock()
        self._shown_at_s = float("-inf")
        self._shown: object = None

    async def charger(self, method: str, **params: object) -> dict[str, Any]:
        """Ask the charger, over its control socket."""
        return await asyncio.to_thread(self._control.call, method, params)

    async def call(self, action: str, payload: dict[str, Any]) -> Any:
        """Let the central system send a CALL; returns the payload of the answer."""
        return await self.csms.ask("call", station=self._station, action=action, payload=payload)

    async def received(self, action: str) -> list[dict[str, Any]]:
        """The payloads of all CALLs of the charger of one action."""
        payloads: list[dict[str, Any]] = await self.csms.ask("received", station=self._station, action=action)
        return payloads

    async def report(self) -> dict[str, Any]:
        """What the central system knows of the charger (`cpd.lab.csms.console.report`)."""
        report: dict[str, Any] = await self.csms.ask("report", station=self._station)
        return report

    async def look(self) -> Picture:
        """Both sides now; a line is printed each second, and when the limit or the contactor changed."""
        self.daemon.check()
        status = cast(StatusDocument, await self.charger("status"))
        picture = Picture(status=status, report=await self.report())
        connector = picture.connector
        shown = (connector["limit"], connector["contactor"]["confirmed"])
        now_s = self._clock.monotonic_s()
        if shown != self._shown or now_s >= self._shown_at_s + _LINE_S:
            self._shown, self._shown_at_s = shown, now_s
            self.say(live_line(picture, self.terminal))
        return picture

    async def linger(self, duration_s: float) -> None:
        """Only look, for a while."""
        end_s = self._clock.monotonic_s() + duration_s
        while self._clock.monotonic_s() < end_s:
            await self.look()
            await self._clock.sleep(_LOOK_S)

    async def expect(
        self,
        expectation: str,
        holds: Callable[[Picture], bool],
        shows: Callable[[Picture], str],
        *,
        within_s: float = 5.0,
    ) -> Picture:
        """Look until *holds*, and check it off with what *shows* then; raises Unexpected after *within_s*."""
        end_s = self._clock.monotonic_s() + within_s
        while True:
            picture = await self.look()
            right = holds(picture)
            if right or self._clock.monotonic_s() >= end_s:
                self.check(expectation, shows(picture), right=right)
                return picture
            await self._clock.sleep(_LOOK_S)

    def check(self, expectation: str, seen: str, *, right: bool) -> None:
        """Check something off; raises Unexpected where it is not *right*."""
        check = self._checklist.add(expectation, seen, right=right)
        if not right:
            self.say(*render_check(check, self.terminal))
            raise Unexpected(expectation)

    async def guard_says(self, words: str, *, since: int, within_s: float) -> float:
        """How long it takes until the guard has logged *words* behind *since* characters; inf for too long."""
        assert self.guard is not None
        began_s = self._clock.monotonic_s()
        while words not in self.guard.log[since:]:
            self.guard.check()
            if self._clock.monotonic_s() > began_s + within_s:
                return float("inf")
            await self._clock.sleep(_LOOK_S)
        return self._clock.monotonic_s() - began_s

    async def until_up(self) -> None:
        """Return once the control socket answers; ProcessEnded or a ClientError where it never does."""
        for _ in range(200):
            self.daemon.check()
            try:
                await self.charger("status")
                return
            except DaemonNotRunning:
                await self._clock.sleep(_LOOK_S)
        raise ClientError("the daemon's control socket did not appear within 10 s")

    def hang_up(self) -> None:
        """Forget the connection to a daemon that is gone."""
        self._control.close()

    def tell(self, words: str) -> None:
        """Say what is being done."""
        arrow = self.terminal.glyph("→")
        first, *more = self.terminal.wrap(words, len(arrow) + 1)
        self.say(f"{self.terminal.paint('bold', arrow)} {first.lstrip()}", *more)

    def say(self, *lines: str) -> None:
        """Print lines as they are."""
        for line in lines:
            click.echo(line)

    def say_heads(self) -> None:
        """The heads of the live line's columns."""
        heads = live_heads(self.terminal)
        if heads:
            self.say(self.terminal.paint("dim", heads))


@asynccontextmanager
async def on_stage(
    terminal: Terminal,
    checklist: Checklist,
    *,
    max_current_a: int,
    csms: Sequence[str],
    keys: Mapping[str, str | int | bool],
    answer_timeout_s: float = 30.0,
    guarded: bool = False,
) -> AsyncIterator[Stage]:
    """A stage for the length of a `with`; whatever happens, nothing of it is left behind.

    *csms* are the arguments of the central system's process, *keys* the charger's initial OCPP configuration.
    *guarded*: the outlet is in a process of its own, and a session outlives the daemon.
    """

    def write(folder: Path, port: int) -> Path:
        config = folder / "cpd.toml"
        config.write_text(
            _CONFIG.format(
                station=STATION,
                port=port,
                max_current_a=max_current_a,
                answer_timeout_s=answer_timeout_s,
                # A TOML string, number or boolean is written as in JSON.
                ocpp="\n".join(f"{key} = {json.dumps(value)}" for key, value in keys.items()),
                folder=json.dumps(str(folder)),
                process="guard" if guarded else "inside",
                guard_socket=json.dumps(str(folder / "guard.sock")),
                on_power_loss="resume" if guarded else "stop",
                store=json.dumps(str(folder / "cpd.db")),
                socket=json.dumps(str(folder / SOCKET)),
            )
        )
        return config

    async with staged(terminal, checklist, station=STATION, csms=csms, write=write, guarded=guarded) as stage:
        yield stage


@asynccontextmanager
async def staged(
    terminal: Terminal,
    checklist: Checklist,
    *,
    station: str,
    csms: Sequence[str],
    write: Callable[[Path, int], Path],
    guarded: bool = False,
) -> AsyncIterator[Stage]:
    """A stage as `on_stage`, for the charger *station* with a configuration of its own.

    *write* puts that into a directory, for a central system on a port of this machine, and returns its file; the
    control socket is `SOCKET` there.
    """
    with TemporaryDirectory(prefix="cpd-demo-") as name:
        folder = Path(name)
        async with csms_running(*csms) as central_system:
            config = write(folder, central_system.port)
            daemon = _program("the daemon", "cpd.cli.main", "run", config=config)
            guard = _program("the guard", "hal", config=config) if guarded else None
            control = ControlClient(str(folder / SOCKET))
            stage = Stage(
                central_system,
                daemon,
                guard,
                control,
                station=station,
                checklist=checklist,
                terminal=terminal,
            )
            try:
                if guard is not None:
                    await guard.start()
                await daemon.start()
                yield stage
            except FAILURES:
                stage.say("", "the charger's last words:")
                stage.say(*(line for words in daemon.last_words() for line in terminal.wrap(words)))
                raise
            finally:
                stage.hang_up()
                await daemon.stop()
                if guard is not None:
                    await guard.stop()


def _program(name: str, module: str, *arguments: str, config: Path) -> LoggedProcess:
    log = config.with_name(f"{module}.log")
    return LoggedProcess(name, "-m", module, *arguments, "--config", str(config), log=log)
