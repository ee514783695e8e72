"""A charger that does not know the time: it charges, and whatever it books is dated right once somebody tells."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.clock import RELEASED, RETIRED, ClockSource
from cpd.lab.csms.behaviour import Behaviour, Reaction
from cpd.lab.csms.ledger import BookedTransaction
from cpd.lab.csms.station_log import Event
from tests.dates import dates_in
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
NEVER_SET = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
THREE_YEARS_BEHIND = datetime(2023, 3, 2, 10, tzinfo=UTC)
OCPP = "AllowOfflineTxForUnknownId = true\nMeterValueSampleInterval = 120"
LITTLE = timedelta(seconds=2)

Times = tuple[datetime, datetime]


@asynccontextmanager
async def unset(folder: Path, *, shown: datetime = NEVER_SET, **config: Any) -> AsyncIterator[Site]:
    """A site without network, whose clock shows *shown*; at its end no frame names a time before the release."""
    config = {"ocpp": OCPP, "source": ClockSource.NONE, "shown": shown, "online": False} | config
    async with site(folder, **config) as here:
        yield here
        sent = [entry.text for entry in here.log.entries if entry.event is Event.RECEIVED]
        assert all(RELEASED <= at < RETIRED for at in dates_in(sent))


async def session(here: Site, minutes: float, number: int = 1) -> Times:
    """One charging session; returns when it really began and ended."""
    here.world.plug_in(number)
    await here.status("Preparing", number)
    began = here.truth.now()
    here.world.swipe(TAG, number)
    await here.status("Charging", number)
    await here.clock.sleep(minutes * 60)
    ended = here.truth.now()
    here.world.swipe(TAG, number)
    await here.status("Finishing", number)
    here.world.plug_out(number)
    await here.status("Available", number)
    return began, ended


async def told(here: Site) -> list[BookedTransaction]:
    """The network comes up; returns what is booked once all is told."""
    here.network.up = True
    async with asyncio.timeout(3_600):
        while not here.daemon.csms.online or here.daemon.station.journal.queued:
            await here.clock.sleep(1)
    return here.log.ledger.transactions


def lasted(booked: BookedTransaction, times: Times) -> bool:
    """Its duration is right, whatever its dates are."""
    assert booked.stopped_at is not None
    return abs((booked.stopped_at - booked.started_at) - (times[1] - times[0])) < LITTLE


def is_right(booked: BookedTransaction, times: Times) -> bool:
    began, ended = times
    assert booked.stopped_at is not None
    return abs(booked.started_at - began) < LITTLE and abs(booked.stopped_at - ended) < LITTLE


@pytest.mark.parametrize("shown", [NEVER_SET, THREE_YEARS_BEHIND, RETIRED])
def test_sessions_from_before_the_time_was_known_have_the_right_times(
    tmp_path: Path, shown: datetime
) -> None:
    async def scenario() -> None:
        async with unset(tmp_path, shown=shown, connectors=2) as here:
            real = []
            for number, minutes in ((1, 10), (2, 3), (1, 5)):
                real.append(await session(here, minutes, number))
                await here.clock.sleep(500)
            booked = await told(here)
            assert [is_right(one, times) for one, times in zip(booked, real, strict=True)] == [True] * 3
            for one, (began, _) in zip(booked, real, strict=True):
                samples = [
                    at
                    for message in here.log.messages(call.MeterValues)
                    if message.transaction_id == one.id
                    for at in dates_in([f'["{message.meter_value[0]["timestamp"]}"]'])
                ]
                assert len(samples) == one.meter_values
                due = [began + timedelta(minutes=2 * (index + 1)) for index in range(len(samples))]
                assert all(abs(at - right) < LITTLE for at, right in zip(samples, due, strict=True))

    run_virtual(scenario())


def test_a_session_in_which_the_time_becomes_known_has_the_right_times(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with unset(tmp_path) as here:
            here.world.plug_in(1)
            await here.status("Preparing")
            began = here.truth.now()
            here.world.swipe(TAG)
            await here.status("Charging")
            await here.clock.sleep(300)
            await told(here)
            await here.clock.sleep(300)
            ended = here.truth.now()
            here.world.swipe(TAG)
            (booked,) = await here.stopped()
            assert is_right(booked, (began, ended))

    run_virtual(scenario())


def test_what_was_held_in_memory_as_the_time_became_known_is_dated_in_the_store(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with unset(tmp_path) as here:
            here.world.plug_in(1)
            await here.status("Preparing")
            here.world.swipe(TAG)
            await here.status("Charging")
            await here.clock.sleep(200)
            here.clock.machine.set(here.truth.now())
            here.clock.machine.ntp = True
            here.clock.look()
            await here.clock.sleep(600)
            with closing(sqlite3.connect(tmp_path / "cpd.db")) as store:
                found = store.execute("SELECT taken_at_us FROM journal WHERE sample IS NOT NULL").fetchall()
            assert len(found) > 1
            assert None not in {at for (at,) in found}

    run_virtual(scenario())


def test_a_restarted_daemon_dates_what_the_one_before_it_could_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with unset(tmp_path) as first:
            real = [await session(first, 10)]
            await first.clock.sleep(100)
        first.clock.restart()
        await first.clock.sleep(100)
        async with unset(tmp_path, after=first) as second:
            real.append(await session(second, 5))
            booked = await told(second)
            assert [is_right(one, times) for one, times in zip(booked, real, strict=True)] == [True] * 2

    run_virtual(scenario())


def test_sessions_of_boots_that_never_knew_the_time_keep_their_order_and_durations(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with unset(tmp_path) as first:
            real = [await session(first, 10), await session(first, 5)]
        first.clock.forget(NEVER_SET)
        await first.clock.sleep(60)
        async with unset(tmp_path, after=first) as second:
            real.append(await session(second, 3))
            await second.clock.sleep(30)
        second.clock.forget(NEVER_SET)
        await second.clock.sleep(40)
        booted = second.truth.now()
        async with unset(tmp_path, after=second) as third:
            real.append(await session(third, 2))
            booked = await told(third)
            assert [lasted(one, times) for one, times in zip(booked, real, strict=True)] == [True] * 4
            # Between two boots nobody counted: what the charger was off for is all that is not known.
            late = [one.started_at - began for one, (began, _) in zip(booked, real, strict=True)]
            assert all(timedelta(seconds=-2) < by < timedelta(seconds=180) for by in late)
            ends = [one.stopped_at or one.started_at for one in booked]
            assert all(before <= one.started_at for before, one in zip(ends, booked[1:], strict=False))
            assert ends[2] <= booted + LITTLE
            assert is_right(booked[3], real[3])

    run_virtual(scenario())


def test_a_session_that_a_power_cut_ends_before_the_time_is_known_is_booked_in_order(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with unset(tmp_path) as first:
            real = await session(first, 10)
            await first.charge(TAG)
            await first.clock.sleep(300)
        first.clock.forget(NEVER_SET)
        await first.clock.sleep(60)
        booted = first.truth.now()
        async with unset(tmp_path, after=first) as second:
            await second.clock.sleep(500)
            before, cut = await told(second)
            assert (cut.reason, lasted(before, real)) == ("PowerLoss", True)
            assert before.stopped_at is not None and cut.stopped_at is not None
            assert before.stopped_at <= cut.started_at <= cut.stopped_at <= booted + LITTLE

    run_virtual(scenario())


def test_what_was_dated_once_keeps_its_date_over_later_restarts(tmp_path: Path) -> None:
    async def scenario() -> None:
        silent = Behaviour(reactions={"StatusNotification": Reaction(silent=True)})
        async with unset(tmp_path, behaviour=silent) as first:
            real = [await session(first, 10), await session(first, 5)]
            first.network.up = True
            while not first.daemon.csms.online:
                await first.clock.sleep(1)
            first.network.cut()
            await first.clock.sleep(50)
        first.csms.behaviour = Behaviour()
        first.clock.forget(NEVER_SET)
        await first.clock.sleep(600)
        async with unset(tmp_path, after=first) as second:
            booked = await told(second)
            assert [is_right(one, times) for one, times in zip(booked, real, strict=True)] == [True] * 2

    run_virtual(scenario())


def test_until_the_time_is_known_a_schedule_is_held_at_its_lowest(tmp_path: Path) -> None:
    profile = {
        "charging_profile_id": 7,
        "stack_level": 0,
        "charging_profile_purpose": "TxDefaultProfile",
        "charging_profile_kind": "Absolute",
        "charging_schedule": {
            "charging_rate_unit": "A",
            "start_schedule": "2026-03-02T10:00:00Z",
            "charging_schedule_period": [
                {"start_period": 0, "limit": 13},
                {"start_period": 3_600, "limit": 7},
                {"start_period": 7_200, "limit": 20},
            ],
        },
    }

    async def scenario() -> None:
        async with site(tmp_path, ocpp=OCPP) as first:
            assert await first.set_profile(0, **profile) == "Accepted"
        first.clock.forget(NEVER_SET)
        async with unset(tmp_path, after=first) as second:
            await second.charge(TAG)
            await second.clock.sleep(600)
            assert second.connector().offer_ma == 7_000
            assert (await second.control("why", connector=1))["blockers"] == []
            await told(second)
            await second.clock.sleep(6)
            assert second.connector().offer_ma == 13_000
            assert (await second.control("status"))["station"]["clock"]["trusted"]

    run_virtual(scenario())


@pytest.mark.parametrize("text", ["soon", "1970-01-01T00:00:00Z", "2150-01-01T00:00:00Z"])
def test_with_a_csms_that_does_not_know_the_time_either_sessions_keep_order_and_durations(
    tmp_path: Path, text: str
) -> None:
    async def scenario() -> None:
        boot = {"currentTime": text, "interval": 300, "status": "Accepted"}
        reactions = {
            "BootNotification": Reaction(answer=boot),
            "Heartbeat": Reaction(answer={"currentTime": text}),
        }
        async with site(tmp_path, ocpp=OCPP) as first:
            dated = await session(first, 10)
        first.csms.behaviour = Behaviour(reactions=reactions)
        first.clock.forget(NEVER_SET)
        seen = len(first.log.calls)
        async with unset(tmp_path, after=first) as second:
            undated = await session(second, 5)
            before, after = await told(second)
            assert not second.clock.trusted
            assert is_right(before, dated)
            assert lasted(after, undated)
            assert before.stopped_at is not None and before.stopped_at <= after.started_at
            statuses = [one.message for one in second.log.calls[seen:] if one.action == "StatusNotification"]
            assert statuses and all(one.timestamp is None for one in statuses)

    run_virtual(scenario())


def test_a_session_that_was_told_before_the_time_was_known_is_told_from_there(tmp_path: Path) -> None:
    async def scenario() -> None:
        boot = {"currentTime": "soon", "interval": 300, "status": "Accepted"}
        reactions = {
            "BootNotification": Reaction(answer=boot),
            "Heartbeat": Reaction(answer={"currentTime": "soon"}, times=1),
            "StartTransaction": Reaction(silent=True, times=1),
        }
        lenient = f"{OCPP}\nTransactionMessageRetryInterval = 1"
        async with unset(tmp_path, behaviour=Behaviour(reactions=reactions), ocpp=lenient) as here:
            here.network.up = True
            real = await session(here, 10)
            assert here.clock.trusted
            (booked,) = await told(here)
            starts = [one.message for one in here.log.calls if one.action == "StartTransaction"]
            assert len(starts) == 2 and starts[0] == starts[1]
            assert lasted(booked, real)
            dates = [message.meter_value[0]["timestamp"] for message in here.log.messages(call.MeterValues)]
            taken = [datetime.fromisoformat(at) - booked.started_at for at in dates]
            assert [round(at.total_seconds()) for at in taken] == [120, 240, 360, 480, 600]

    run_virtual(scenario())
