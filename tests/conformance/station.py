"""A charge point under test as its central system and its driver meet it: frames, plug, cards, meter.

The charger is the real daemon as a process, the frames go over a real socket, and members are spelled as on the
wire. Every frame of the charger is held against the OCPP 1.6 schemas, its answers here and the rest by the lab;
at the end of a `with` no violation may have been seen.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ocpp.messages import CallResult, validate_payload

from cpd.lab.csms.behaviour import Behaviour
from cpd.lab.csms.requests import CallRefused
from cpd.lab.csms.station_log import Event
from tests.process.charger import STATION, Charger
from tests.process.site import Site, site

CARD = "04A31F02B16180"

PATIENCE_S = 20.0
"""How long a frame may take before the test says that it never came."""

_OWN_HEARTBEAT = Behaviour(interval_s=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A CALL of the charge point; *at_s* is monotonic."""

    message_id: str
    action: str
    payload: dict[str, Any]
    at_s: float

    def has(self, members: Mapping[str, Any]) -> bool:
        """True where the payload has all of *members*; None stands for a member that is absent."""
        return all(self.payload.get(name) == value for name, value in members.items())


class Station:
    """The charge point, its central system, and what was waited for of it."""

    def __init__(self, here: Site, since: int = 0) -> None:
        """What stands in the log before *since* is not looked at."""
        self.site = here
        self._calls: list[Sent] = []
        self._read = since
        self._seen: dict[tuple[str, object], int] = {}
        self._first = len(self.calls)

    @property
    def charger(self) -> Charger:
        """The process."""
        return self.site.charger

    @property
    def calls(self) -> list[Sent]:
        """Every CALL of the charge point that is looked at, across its links and restarts."""
        entries = self.site.log.entries
        for entry in entries[self._read :]:
            frame = _call_in(entry.text) if entry.event is Event.RECEIVED else None
            if frame is not None:
                _, message_id, action, payload = frame
                one = Sent(message_id=message_id, action=action, payload=payload, at_s=entry.at_s)
                self._calls.append(one)
        self._read = len(entries)
        return self._calls

    def sent(self, action: str, since: int = 0, **members: Any) -> list[Sent]:
        """The CALLs of *action* with these *members*, behind *since* CALLs."""
        return [one for one in self.calls[since:] if one.action == action and one.has(members)]

    async def ask(self, action: str, payload: Mapping[str, Any] | None = None, **members: Any) -> Any:
        """What the charge point answers, valid after its schema; raises `CallRefused`."""
        whole = {**(payload or {}), **members}
        answer = await self.site.csms.call_raw(STATION, action, whole)
        await validate_payload(CallResult("", answer, action=action), "1.6")
        return answer

    async def refusal(self, action: str, payload: object = None, **members: Any) -> str:
        """The code of the CALLERROR that the request gets."""
        whole = {**payload, **members} if isinstance(payload, Mapping) else members
        with pytest.raises(CallRefused) as refused:
            await self.site.csms.call_raw(STATION, action, whole if payload is None or whole else payload)
        return refused.value.code

    async def change(self, key: str, value: str) -> str:
        """The status of a ChangeConfiguration."""
        return str((await self.ask("ChangeConfiguration", key=key, value=value))["status"])

    async def value_of(self, key: str) -> str:
        """The value of one configuration key."""
        (entry,) = (await self.ask("GetConfiguration", key=[key]))["configurationKey"]
        return str(entry["value"])

    def behave(self, **changes: Any) -> None:
        """Change some fields of the central system's behaviour, as JSON spells them."""
        self.site.csms.behaviour = self.site.csms.behaviour.changed(changes)

    async def sends(self, action: str, **members: Any) -> Sent:
        """The next CALL of *action* with these *members*, behind the one that was waited for last.

        The status of each connector is waited for apart.
        """
        place = (action, members.get("connectorId") if action == "StatusNotification" else None)
        start = self._seen.get(place, self._first)

        async def found() -> Sent | None:
            for index, one in enumerate(self.calls[start:], start):
                if one.action == action and one.has(members):
                    self._seen[place] = index + 1
                    return one
            return None

        return await self._until(found, f"{action} {members}")

    async def status(self, status: str, connector: int = 1, **members: Any) -> Sent:
        """The next StatusNotification of a connector with this status."""
        return await self.sends("StatusNotification", connectorId=connector, status=status, **members)

    async def frame(self, text: str, since: int) -> Any:
        """The first frame of the charge point with *text* in it, behind *since* entries of the log."""

        async def found() -> str | None:
            return next((one for one in self.site.frames(Event.RECEIVED, since) if text in one), None)

        return json.loads(await self._until(found, text))

    async def sent_until_now(self, since: int) -> list[Sent]:
        """Every CALL behind *since* CALLs, up to the Heartbeat that the charge point is asked for now."""
        heard = len(self.calls)
        assert await self.ask("TriggerMessage", requestedMessage="Heartbeat") == {"status": "Accepted"}

        async def found() -> Sent | None:
            return next(iter(self.sent("Heartbeat", heard)), None)

        beat = await self._until(found, "the triggered Heartbeat")
        return self.calls[since : self.calls.index(beat)]

    async def connected_again(self, times: int) -> None:
        """Wait until there is a link, and it is at least the *times*-th."""
        async with asyncio.timeout(PATIENCE_S):
            await self.site.log.until_connected(times=times)

    async def stopped(self, count: int = 1) -> list[dict[str, Any]]:
        """The payloads of StopTransaction, once *count* of them came."""

        async def found() -> list[dict[str, Any]] | None:
            stops = [one.payload for one in self.sent("StopTransaction")]
            return stops if len(stops) >= count else None

        return await self._until(found, f"{count} StopTransaction")

    async def plug_in(self, connector: int = 1) -> None:
        """A vehicle is plugged in."""
        await self.charger.call("mock.plug_in", connector=connector)

    async def plug_out(self, connector: int = 1) -> None:
        """The vehicle is unplugged."""
        await self.charger.call("mock.plug_out", connector=connector)

    async def swipe(self, id_tag: str = CARD, connector: int | None = None) -> None:
        """A card is presented; the same one again, however soon, was taken away between."""
        await self.charger.call("authorize", id_tag=id_tag, connector=connector)

    async def begin(self, connector: int = 1, id_tag: str = CARD) -> Sent:
        """Plug in, present a card, and return the StartTransaction, answered; the vehicle takes another second."""
        await self.plug_in(connector)
        await self.swipe(id_tag, connector)
        return await self.started(connector)

    async def started(self, connector: int = 1) -> Sent:
        """The next StartTransaction of a connector, once it is answered."""
        start = await self.sends("StartTransaction", connectorId=connector)
        await self.answered(start)
        return start

    async def answered(self, call: Sent) -> None:
        """Wait until the central system has answered *call*."""

        async def found() -> str | None:
            return next((one for one in self.site.frames(Event.SENT) if f'"{call.message_id}"' in one), None)

        await self._until(found, f"the answer to {call.action}")

    async def charge(self, connector: int = 1, id_tag: str = CARD) -> None:
        """Plug in, present a card, and wait until the central system is told that it charges."""
        await self.plug_in(connector)
        await self.swipe(id_tag, connector)
        await self.status("Charging", connector)

    async def charges_offline(self, id_tag: str = CARD) -> bool:
        """Plug in and present a card where nobody can be asked; whether it starts, or is turned away."""
        await self.plug_in()
        await self.charger.until_status("Preparing")
        await self.swipe(id_tag)
        codes = ("CARD_REFUSED", "CARD_UNKNOWN_OFFLINE")
        connector = await self.charger.until_connector(
            lambda one: (
                one["transaction"] is not None or any(each["code"] in codes for each in one["blockers"])
            )
        )
        return connector["transaction"] is not None

    async def _until(self, found: Callable[[], Awaitable[Any]], what: str) -> Any:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while (result := await found()) is None:
                    await self.site.grown.wait()
        except TimeoutError:
            frames = "\n".join(entry.text for entry in self.site.log.entries[-30:])
            raise AssertionError(f"never came: {what}\n{frames}") from None
        return result


@asynccontextmanager
async def station(
    folder: Path, *, behaviour: Behaviour = _OWN_HEARTBEAT, **config: Any
) -> AsyncIterator[Station]:
    """A charge point of its own, booted; *config* as for `tests.process.site.site`.

    The central system leaves the interval of the heartbeat to the charge point, if *behaviour* does not say else.
    """
    async with site(folder, behaviour=behaviour, **config) as here:
        yield Station(here)


def _call_in(text: str) -> list[Any] | None:
    try:
        frame = json.loads(text)
    except ValueError:
        return None
    return frame if isinstance(frame, list) and len(frame) == 4 and frame[0] == 2 else None
