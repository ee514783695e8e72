"""The books of the central system after power cuts: every session once, and nothing said twice in other words."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cpd.lab.csms.station_log import Event, StationLog
from tests.process.site import Site

TRANSACTION_MESSAGES = ("StartTransaction", "MeterValues", "StopTransaction")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One message about a transaction; *letter* is its frame without the unique id."""

    action: str
    letter: str
    payload: dict[str, Any]

    @property
    def at(self) -> datetime:
        """When it happened, by its own words."""
        values = self.payload.get("meterValue")
        return datetime.fromisoformat(values[0]["timestamp"] if values else self.payload["timestamp"])


async def check_books(here: Site, *, unsynced_lost: bool) -> None:
    """All is delivered: compare what the central system booked with what the charger says of itself.

    *unsynced_lost*: the disk has lost what no sync had confirmed, so meter values that were answered may be told
    again; else only the message that was in flight when a link ended.
    """
    once = _without_repeats(_links(here.log), unsynced_lost=unsynced_lost)
    booked = here.transactions
    starts = [one for one in once if one.action == "StartTransaction"]
    stops = [one for one in once if one.action == "StopTransaction"]
    ids = [one.id for one in booked]
    assert len(starts) == len(booked), f"{len(starts)} starts of {len(booked)} transactions"
    assert sorted(one.payload["transactionId"] for one in stops) == sorted(ids), "not one stop for each"
    assert [one.at for one in once] == sorted(one.at for one in once), "timestamps out of order"
    connector = await here.charger.connector()
    assert connector["meter"] is not None
    for one in booked:
        assert one.meter_stop_wh is not None
        assert one.last_meter_wh <= one.meter_stop_wh <= connector["meter"]["energy_wh"]
        assert one.meter_start_wh <= one.meter_stop_wh
    kept = (await here.charger.call("transactions.list"))["transactions"]
    assert sorted(one["id"] for one in kept) == sorted(ids), "the charger knows other transactions"
    assert all(one["delivered"] for one in kept)
    assert {one["id"]: one["meter_stop_wh"] for one in kept} == {one.id: one.meter_stop_wh for one in booked}


def _links(log: StationLog) -> list[list[Told]]:
    """What was told over each link."""
    links: list[list[Told]] = []
    for entry in log.entries:
        if entry.event is Event.CONNECTED:
            links.append([])
        elif entry.event is Event.RECEIVED:
            frame = json.loads(entry.text)
            if frame[0] == 2 and frame[2] in TRANSACTION_MESSAGES:
                letter = entry.text.replace(json.dumps(frame[1]), "", 1)
                links[-1].append(Told(action=frame[2], letter=letter, payload=frame[3]))
    return links


def _without_repeats(links: Sequence[Sequence[Told]], *, unsynced_lost: bool) -> list[Told]:
    """What was told, once; only the end of a link may come again, to the letter, as the start of the next."""
    once: list[Told] = []
    for link in links:
        again = next(
            (count for count in range(len(link), 0, -1) if _letters(once[-count:]) == _letters(link[:count])),
            0,
        )
        answered = link[: again - 1] if again else []
        assert not answered or unsynced_lost, f"{len(answered)} messages came again though they were answered"
        assert all(one.action == "MeterValues" for one in answered), _letters(answered)
        once += link[again:]
    letters = _letters(once)
    assert len(set(letters)) == len(letters), "a message came again later"
    return once


def _letters(told: Sequence[Told]) -> list[str]:
    return [one.letter for one in told]
