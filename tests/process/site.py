"""A real charger with the lab's central system on a real socket, in the event loop of the test."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocpp.v16 import call

from cpd.clock import SystemClock
from cpd.lab.csms.behaviour import Behaviour
from cpd.lab.csms.central_system import CentralSystem
from cpd.lab.csms.ledger import BookedTransaction
from cpd.lab.csms.station_log import Event, StationLog
from cpd.lab.csms.websocket import listening
from cpd.station.signal import Signal
from tests.process.charger import STATION, Charger, charger


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOffice:
    """The central system of one charger: what it saw and booked, and what it asks."""

    csms: CentralSystem
    grown: Signal
    """Fires with each entry of the central system's log."""

    @property
    def log(self) -> StationLog:
        """What the central system saw of the charger."""
        return self.csms.log(STATION)

    @property
    def transactions(self) -> list[BookedTransaction]:
        """What the central system has booked."""
        return self.log.ledger.transactions

    async def call(self, message: Any) -> Any:
        """The central system asks the charger."""
        return await self.csms.call(STATION, message)

    async def set_profile(self, profile: Mapping[str, Any], connector: int = 0) -> str:
        """SetChargingProfile; returns the status of the answer."""
        request = call.SetChargingProfile(connector_id=connector, cs_charging_profiles=dict(profile))
        return str((await self.call(request)).status)

    async def booked(self, count: int = 1) -> list[BookedTransaction]:
        """All transactions, once *count* of them are booked with start and stop."""
        while sum(not one.open for one in self.transactions) < count:
            await self.grown.wait()
        return self.transactions

    def frames(self, event: Event, since: int = 0) -> list[str]:
        """The frames sent or received, behind *since* entries of the log."""
        return [entry.text for entry in self.log.entries[since:] if entry.event is event]

    async def received(self, text: str, since: int = 0) -> str:
        """The first frame from the charger that has *text* in it, behind *since* entries of the log."""
        while True:
            for frame in self.frames(Event.RECEIVED, since):
                if text in frame:
                    return frame
            await self.grown.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Site(BackOffice):
    """A charger and its central system."""

    charger: Charger
    port: int


@asynccontextmanager
async def site(
    folder: Path,
    *,
    behaviour: Behaviour | None = None,
    passwords: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    boots: bool = True,
    tolerates: str | None = None,
    **config: Any,
) -> AsyncIterator[Site]:
    """The site, booted unless *boots* is False; at its end the charger did nothing that OCPP 1.6 forbids.

    *tolerates* is in the words of those violations that the test provokes. *config* as for `configuration`.
    """
    grown = Signal()
    csms = CentralSystem(SystemClock(), behaviour or Behaviour(), journal=lambda _entry: grown.fire())
    scheme = "ws" if tls is None else "wss"
    async with listening(csms, passwords=passwords, tls=tls) as port:
        async with charger(folder, url=f"{scheme}://127.0.0.1:{port}/ocpp", **config) as here:
            if boots:
                last = config.get("connectors", 1)
                await csms.log(STATION).message(
                    call.StatusNotification, lambda told: told.connector_id == last
                )
            yield Site(charger=here, csms=csms, port=port, grown=grown)
        unprovoked = [words for words in csms.violations if tolerates is None or tolerates not in words]
        assert unprovoked == [], unprovoked


def profile(
    profile_id: int, purpose: str, limit_a: float, *, stack_level: int = 0, **more: Any
) -> dict[str, Any]:
    """A charging profile of one endless period, as `SetChargingProfile` of the `ocpp` package wants it."""
    return {
        "charging_profile_id": profile_id,
        "stack_level": stack_level,
        "charging_profile_purpose": purpose,
        "charging_profile_kind": "Relative",
        "charging_schedule": {
            "charging_rate_unit": "A",
            "charging_schedule_period": [{"start_period": 0, "limit": limit_a}],
        },
        **more,
    }
