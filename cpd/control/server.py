"""JSON-RPC 2.0 over the control socket, one object per line: framing, errors, journalling, watching.

What a method means is in `methods`. Clients are never waited for by anybody but themselves.
"""

import asyncio
import logging
import re
import socket
import struct
from typing import Any

import msgspec

from cpd.clock import Clock
from cpd.control.api import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    MAX_LINE_BYTES,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    REFUSAL,
    ErrorCode,
    ErrorData,
    ErrorObject,
    StatusDocument,
    WatchDocument,
)
from cpd.control.documents import status_document
from cpd.control.method import Caller
from cpd.control.methods import METHODS, require_full_allowed
from cpd.control.params import DangerousParams, Params, StatusParams, described
from cpd.control.target import ControlRefused, ControlTarget
from cpd.domain.variables import SECRET_KEYS
from cpd.errors import CpdError

log = logging.getLogger(__name__)

MAX_CLIENTS = 128

_TEXT_LENGTH = re.compile(r"Expected `str` of length ([<>])= (\d+)")

WATCH_INTERVAL_S = 1.0
"""A watcher hears at most this often."""


class ControlServer:
    """Serves the control interface of *target* on *listener* for as long as `run` runs."""

    def __init__(self, listener: socket.socket, target: ControlTarget, clock: Clock) -> None:
        self._listener = listener
        self._target = target
        self._clock = clock
        self._clients = 0
        self.started = asyncio.Event()
        """Set once clients can connect."""

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as connections:

            def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                connections.create_task(self._serve(reader, writer), name="control-client")

            server = await asyncio.start_unix_server(accept, sock=self._listener, limit=MAX_LINE_BYTES)
            try:
                self.started.set()
                await asyncio.Event().wait()
            finally:
                server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            connection = _Connection(reader, writer, self._target, self._clock)
            if self._clients > MAX_CLIENTS:
                await connection.turn_away(f"{MAX_CLIENTS} clients are connected already")
            else:
                await connection.serve()
        finally:
            self._clients -= 1
            # What was answered has left the buffer; what a client would not read is dropped.
            writer.transport.abort()


class _Refused(Exception):
    """A request that gets an error for an answer."""

    def __init__(self, number: int, code: ErrorCode, message: str, next_step: str) -> None:
        super().__init__(message)
        data: ErrorData = {"code": code, "next_step": next_step}
        self.error: ErrorObject = {"code": number, "message": message, "data": data}


class _Connection:
    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        target: ControlTarget,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._target = target
        self._clock = clock
        self._caller = Caller(_peer_uid(writer))
        self._sending = asyncio.Lock()
        self._watch: _Watch | None = None
        writer.transport.set_write_buffer_limits(high=0)

    async def serve(self) -> None:
        """Answer requests until the client goes."""
        async with asyncio.TaskGroup() as tasks:
            watcher: asyncio.Task[None] | None = None
            try:
                while (line := await self._next_line()) is not None:
                    answer = await self._answer(line)
                    if answer is not None:
                        await self._send(answer)
                    if self._watch is not None and watcher is None:
                        watcher = tasks.create_task(self._notify(self._watch), name="control-watch")
            except OSError as error:
                log.debug("control client gone: %s", error)
            finally:
                if watcher is not None:
                    watcher.cancel()

    async def turn_away(self, reason: str) -> None:
        """Tell the client why it is not served."""
        refused = _Refused(REFUSAL, "refused", reason, "close one of them, and connect again")
        try:
            await self._send(_error(None, refused))
        except OSError as error:
            log.debug("control client gone: %s", error)

    async def _next_line(self) -> bytes | None:
        while True:
            try:
                line = await self._reader.readline()
            except ValueError:
                refused = _Refused(
                    INVALID_REQUEST,
                    "invalid_params",
                    f"the request is longer than {MAX_LINE_BYTES} bytes",
                    "send one request per line",
                )
                await self._send(_error(None, refused))
                return None
            if not line:
                return None
            if line.strip():
                return line

    async def _answer(self, line: bytes) -> dict[str, object] | None:
        """The answer to one request, None where it wants none (a JSON-RPC notification)."""
        request_id: object = None
        wanted = True
        try:
            request = _decoded(line)
            request_id, wanted = _id_of(request)
            result = await self._call(request)
        except _Refused as refused:
            return _error(request_id, refused) if wanted else None
        return {"jsonrpc": "2.0", "id": request_id, "result": result} if wanted else None

    async def _call(self, request: dict[str, Any]) -> object:
        name = request.get("method")
        if request.get("jsonrpc") != "2.0" or not isinstance(name, str):
            raise _Refused(
                INVALID_REQUEST,
                "invalid_params",
                'a request has "jsonrpc": "2.0" and a "method"',
                "see the control interface's description",
            )
        given = request.get("params", {})
        try:
            if name == "watch":
                return self._subscribe(_params(name, StatusParams, given))
            return await self._result(name, given)
        except _Refused:
            raise
        except ControlRefused as refused:
            raise _Refused(REFUSAL, refused.code, str(refused), refused.next_step) from refused
        except CpdError as error:
            raise _Refused(REFUSAL, "refused", str(error), "journalctl -u cpd tells more") from error
        except Exception as error:
            # The boundary: a bug in an answer to a technician must not end the charging of a car.
            log.exception("control method=%s failed", name)
            raise _Refused(
                INTERNAL_ERROR, "refused", f"{name} failed inside cpd", "journalctl -u cpd shows the failure"
            ) from error

    async def _result(self, name: str, given: object) -> object:
        method = METHODS.get(name)
        if method is None:
            raise _Refused(
                METHOD_NOT_FOUND,
                "not_supported",
                f"there is no method {name[:60]!r}",
                "use one of: watch, " + ", ".join(METHODS),
            )
        params = _params(name, method.params, given)
        if method.mutating and not (isinstance(params, DangerousParams) and params.dry_run):
            await self._journal(name, params)
        return await method.answer(self._target, params, self._caller)

    async def _journal(self, name: str, params: Params) -> None:
        log.info("control uid=%d method=%s", self._caller.uid, name)
        try:
            await self._target.audit(self._caller.uid, name, _without_secrets(params))
        except CpdError as error:
            # A full disk must not keep a technician from acting; the log line above remains.
            log.error("control audit lost method=%s: %s", name, error)

    def _subscribe(self, params: StatusParams) -> WatchDocument:
        require_full_allowed(params, self._caller)
        if self._watch is None:
            self._watch = _Watch(self._target, full=params.full)
        return {"schema": "cpd.watch/1", "subscribed": True}

    async def _notify(self, watch: "_Watch") -> None:
        """Tell the client of changes, the latest state each time it is ready for one."""
        try:
            while True:
                document = watch.news()
                if document is None:
                    await self._target.changed()
                else:
                    await self._send({"jsonrpc": "2.0", "method": "status", "params": document})
                    await self._clock.sleep(WATCH_INTERVAL_S)
        except OSError as error:
            log.debug("control watcher gone: %s", error)
        except Exception:
            # As in `_call`; the client finds the connection closed, and may watch again.
            log.exception("control watch failed")
            self._writer.close()

    async def _send(self, message: dict[str, object]) -> None:
        async with self._sending:
            self._writer.write(msgspec.json.encode(message) + b"\n")
            await self._writer.drain()


class _Watch:
    """What a watcher has been told, from the state at its subscription on."""

    def __init__(self, target: ControlTarget, *, full: bool) -> None:
        self._target = target
        self._full = full
        self._told = _lasting(self._status())

    def news(self) -> StatusDocument | None:
        """The status, where it differs in more than ages from what was told last."""
        document = self._status()
        lasting = _lasting(document)
        if lasting == self._told:
            return None
        self._told = lasting
        return document

    def _status(self) -> StatusDocument:
        return status_document(self._target.snapshot(), self._target.dated, full=self._full)


def _lasting(document: StatusDocument) -> dict[str, object]:
    """*document* without what changes by itself: ages, uptime and the time of day."""
    station = {
        **document["station"],
        "uptime_s": None,
        "clock": {**document["station"]["clock"], "now": None},
    }
    connectors = [
        {**connector, "meter": connector["meter"] and {**connector["meter"], "age_s": None}}
        for connector in document["connectors"]
    ]
    csms = {**document["csms"], "last_answer_at": None}
    return {**document, "station": station, "csms": csms, "connectors": connectors}


def _decoded(line: bytes) -> dict[str, Any]:
    try:
        request = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _Refused(
            PARSE_ERROR, "invalid_params", f"not JSON: {error}", "send one JSON object per line"
        ) from error
    if not isinstance(request, dict):
        raise _Refused(
            INVALID_REQUEST, "invalid_params", "a request is one JSON object", "send batches line by line"
        )
    return request


def _id_of(request: dict[str, Any]) -> tuple[object, bool]:
    """The id to answer with, and whether an answer is wanted."""
    request_id = request.get("id")
    if isinstance(request_id, bool) or not isinstance(request_id, str | int | float | None):
        raise _Refused(INVALID_REQUEST, "invalid_params", "an id is a string or a number", "count requests")
    return request_id, "id" in request


def _params(name: str, expected: type[Params], given: object) -> Any:
    try:
        if not isinstance(given, dict):
            raise msgspec.ValidationError("params are an object, passed by name")
        return msgspec.convert(given, expected)
    except msgspec.ValidationError as error:
        raise _Refused(
            INVALID_PARAMS,
            "invalid_params",
            f"{name}: {_in_words(error)}",
            f"{name} takes {described(expected)}",
        ) from error


def _in_words(error: msgspec.ValidationError) -> str:
    """Where, then what was expected there: msgspec says "Expected `str` of length <= 20 - at `$.id_tag`"."""
    what, _, path = str(error).rpartition(" - at ")
    where = path.strip("`$.")
    if found := _TEXT_LENGTH.fullmatch(what):
        bound = "most" if found[1] == "<" else "least"
        return f"{where}: expected text of at {bound} {found[2]} character{'s' if found[2] != '1' else ''}"
    return f"{where}: {what}".replace("`", "") if where else str(error).replace("`", "")


def _without_secrets(params: Params) -> str:
    document = msgspec.to_builtins(params)
    if str(document.get("key", "")).casefold() in SECRET_KEYS and "value" in document:
        document["value"] = "(secret)"
    return msgspec.json.encode(document).decode()


def _peer_uid(writer: asyncio.StreamWriter) -> int:
    """The peer's uid as the kernel recorded it at connect (man 7 unix, SO_PEERCRED: pid, uid, gid)."""
    peer = writer.get_extra_info("socket")
    size = struct.calcsize("3i")
    _pid, uid, _gid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(uid)


def _error(request_id: object, refused: _Refused) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": request_id, "error": refused.error}
