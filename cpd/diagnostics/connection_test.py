"""Dial the central system as the daemon would, step by step, as far as a first BootNotification.

The steps are the link's own (`cpd.ocpp.websocket`): what works here works there, and fails for the same reasons.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final

from cpd.control.api import ConnectionStepDocument, ConnectionTestDocument, CsmsDocument
from cpd.ocpp import rpc
from cpd.ocpp.errors import CallError
from cpd.ocpp.transport import (
    SUBPROTOCOL,
    TELL_OPERATOR,
    Connection,
    ConnectionLost,
    DialCause,
    DialFailed,
    DialStep,
    Endpoint,
    silent,
    unselected,
)
from cpd.ocpp.v16.translate import boot_notification
from cpd.ocpp.validation import check_inbound
from cpd.ocpp.websocket import dial, reach
from cpd.parts import identity_of, link_settings
from cpd.settings.tables import Csms, Station

PATIENCE_S: Final = 10.0
"""How long a step is waited for."""

_CLOSED: Final = f"is it an OCPP 1.6 address, and is this id known there? else {TELL_OPERATOR}"
_FAULTY: Final = "tell its operator these words, and the time"


async def connection_test(
    station: Station, csms: Csms, *, link: CsmsDocument | None = None, patience_s: float = PATIENCE_S
) -> ConnectionTestDocument:
    """Dial as *station* would, and boot; no further than TLS beside a cpd that runs, which has *link*.

    A second session of one identity makes many central systems drop the first one, which charges. What the CSMS asks
    for meanwhile stays unanswered: nobody is here to do it.
    """
    endpoint = link_settings(station.id, csms, None).endpoint
    walk = _Walk(endpoint, patience_s)
    try:
        if link is not None:
            await walk.in_time(reach(endpoint, passed=walk.passed))
        else:
            await walk.in_time(_booted(walk, boot_notification(identity_of(station))))
    except DialFailed as failure:
        walk.failed(failure)
    return {
        "schema": "cpd.connection/1",
        "url": endpoint.url,
        "station": station.id,
        "link": link,
        "steps": walk.document(),
    }


class _Walk:
    """How far it went."""

    def __init__(self, endpoint: Endpoint, patience_s: float) -> None:
        self.endpoint = endpoint
        self.patience_s = patience_s
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._tried: dict[DialStep, ConnectionStepDocument] = {}
        self._patience: asyncio.Timeout | None = None
        secure = endpoint.url.startswith("wss:")
        self._steps = [step for step in DialStep if secure or step is not DialStep.TLS]

    async def in_time(self, work: Awaitable[None]) -> None:
        """Do *work*, whose every step may take as long as the first. Raises DialFailed."""
        try:
            async with asyncio.timeout(self.patience_s) as self._patience:
                await work
        except TimeoutError as error:
            at = next(step for step in self._steps if step not in self._tried)
            raise silent(self.endpoint.url, at, self.patience_s) from error

    def passed(self, step: DialStep, seen: str) -> None:
        """*step* went well."""
        self._note(step, seen, None)
        self._wait_until(self._loop.time() + self.patience_s)

    def ended(self) -> None:
        """How it went is known; hanging up, which has a limit of its own, must not undo that."""
        self._wait_until(None)

    def failed(self, failure: DialFailed) -> None:
        """It ends at the step of *failure*."""
        # In the place of what went well: a client is through TLS 1.3 before the server has judged its certificate.
        self._note(failure.step, str(failure), failure)

    def document(self) -> list[ConnectionStepDocument]:
        """Every step in order, those that were not tried as well."""
        return [self._tried.get(step, _untried(step)) for step in self._steps]

    def _wait_until(self, at_s: float | None) -> None:
        if self._patience is not None and not self._patience.expired():
            self._patience.reschedule(at_s)

    def _note(self, step: DialStep, seen: str, failure: DialFailed | None) -> None:
        now_s = self._loop.time()
        self._tried[step] = {
            "step": step.value,
            "outcome": "ok" if failure is None else "failed",
            "ms": round((now_s - self._began_s) * 1_000, 1),
            "evidence": seen,
            "cause": None if failure is None else failure.cause.value,
            "next_step": "" if failure is None else failure.next_step,
        }
        self._began_s = now_s


def _untried(step: DialStep) -> ConnectionStepDocument:
    return {
        "step": step.value,
        "outcome": "skipped",
        "ms": None,
        "evidence": "not tried",
        "cause": None,
        "next_step": "",
    }


async def _booted(walk: _Walk, payload: dict[str, Any]) -> None:
    """Raises DialFailed, also where the CSMS does not accept the boot."""
    async with dial(walk.endpoint, passed=walk.passed) as connection:
        try:
            await _boot(connection, walk, payload)
        except DialFailed:
            walk.ended()
            raise
        walk.ended()


async def _boot(connection: Connection, walk: _Walk, payload: dict[str, Any]) -> None:
    """Raises DialFailed."""
    if connection.subprotocol != SUBPROTOCOL:
        raise unselected(walk.endpoint.url)
    try:
        answer = await _answered(connection, walk, payload)
    except ConnectionLost as lost:
        raise _unbooted(DialCause.CLOSED, str(lost), _CLOSED) from lost
    status = answer["status"]
    if status == "Rejected":
        raise _unbooted(
            DialCause.BOOT_REJECTED,
            "the central system answers, but rejects this charge point",
            "have this id registered, or unlocked, at the CSMS",
        )
    if status == "Pending":
        raise _unbooted(
            DialCause.BOOT_PENDING,
            "the central system knows this charge point, and has not let it in yet",
            "have it released at the CSMS; cpd asks again by itself",
        )
    walk.passed(DialStep.BOOT, f"accepted, heartbeat every {answer['interval']} s")


async def _answered(connection: Connection, walk: _Walk, payload: dict[str, Any]) -> dict[str, Any]:
    """The valid answer to BootNotification. Raises ConnectionLost, DialFailed."""
    session, now_s = rpc.Session(id_prefix="connect-test"), asyncio.get_running_loop().time
    await connection.send(session.call("BootNotification", payload, now_s=now_s(), timeout_s=walk.patience_s))
    while True:
        match session.receive(await connection.recv(), now_s()):
            case rpc.Answer(payload=answer):
                try:
                    check_inbound("BootNotification", answer, kind="result")
                except CallError as error:
                    problem = f"the answer to BootNotification is invalid: {error.description}"
                    raise _unbooted(DialCause.BOOT_REFUSED, problem, _FAULTY) from error
                assert isinstance(answer, dict)
                return answer
            case rpc.BrokenAnswer(reason=reason):
                problem = f"the answer to BootNotification cannot be read: {reason}"
                raise _unbooted(DialCause.BOOT_REFUSED, problem, _FAULTY)
            case rpc.Refusal(code=code, description=description):
                words = f"{code}: {description}" if description else code
                problem = f"the central system answers BootNotification with an error, {words}"
                raise _unbooted(DialCause.BOOT_REFUSED, problem, _FAULTY)


def _unbooted(cause: DialCause, sentence: str, next_step: str) -> DialFailed:
    return DialFailed(sentence, step=DialStep.BOOT, cause=cause, next_step=next_step)
