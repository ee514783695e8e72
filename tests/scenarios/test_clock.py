"""Wall clocks that are stepped while a vehicle charges: it does not notice, and the books have the right times."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.clock import RELEASED, ClockSource
from cpd.lab.csms.behaviour import Behaviour
from cpd.lab.csms.ledger import BookedTransaction
from cpd.lab.csms.station_log import Event
from hal.evse import ContactorChanged, DutyChanged, OutletEvent
from tests.dates import dates_in
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
HOUR_S = 3_600
YEAR_S = 365 * 86_400
STEPS_S = [HOUR_S, -HOUR_S, 20 * YEAR_S, -3 * YEAR_S]
SOURCES = [ClockSource.NTP, ClockSource.CSMS]

RELATIVE: dict[str, Any] = {
    "charging_profile_id": 7,
    "stack_level": 0,
    "charging_profile_purpose": "TxProfile",
    "charging_profile_kind": "Relative",
    "charging_schedule": {
        "charging_rate_unit": "A",
        "charging_schedule_period": [{"start_period": 0, "limit": 16}, {"start_period": 600, "limit": 8}],
    },
}
ABSOLUTE = RELATIVE | {
    "charging_profile_kind": "Absolute",
    "charging_profile_purpose": "TxDefaultProfile",
    "charging_schedule": {
        "charging_rate_unit": "A",
        "start_schedule": "2026-03-02T09:00:00Z",
        "charging_schedule_period": [
            {"start_period": 0, "limit": 16},
            {"start_period": 3_600, "limit": 13},
            {"start_period": 7_200, "limit": 10},
        ],
    },
}


@asynccontextmanager
async def stepping(folder: Path, source: ClockSource, **config: Any) -> AsyncIterator[Site]:
    """A site whose clock has the right time from *source*; Heartbeats and samples are each minute."""
    ocpp = "HeartbeatInterval = 60\nMeterValueSampleInterval = 60"
    trusts_csms = source is ClockSource.CSMS
    shown = RELEASED - timedelta(days=20_000) if trusts_csms else None
    own = ClockSource.NONE if trusts_csms else source
    behaviour = Behaviour(interval_s=60)
    async with site(folder, behaviour=behaviour, shown=shown, source=own, ocpp=ocpp, **config) as here:
        assert here.clock.source is source
        yield here
        assert min(dates_in(frames(here))) >= RELEASED


def frames(here: Site) -> Iterator[str]:
    return (entry.text for entry in here.log.entries if entry.event is Event.RECEIVED)


async def step(here: Site, by_s: int) -> None:
    """Step what the charge point takes for the right time; the CSMS is heard with its next answer."""
    if here.clock.source is ClockSource.NTP:
        here.clock.step(by_s)
    else:
        here.behave(clock_error_s=by_s)
        seen = len(here.log.calls)
        await here.call(trigger("Heartbeat"))
        await here.log.message(call.Heartbeat, since=seen)
        await here.clock.sleep(0.1)


def trigger(message: str) -> Any:
    return call.TriggerMessage(requested_message=message)


async def charge(here: Site) -> datetime:
    """Charge; returns when the card was presented, which began the transaction."""
    here.world.plug_in(1)
    await here.status("Preparing")
    began = here.truth.now()
    here.world.swipe(TAG)
    await here.status("Charging")
    return began


async def finish(here: Site) -> tuple[BookedTransaction, datetime]:
    """Stop with the card; returns what is booked, and when the card was presented."""
    ended = here.truth.now()
    here.world.swipe(TAG)
    (booked,) = await here.stopped()
    return booked, ended


async def outlet_events(here: Site, duration_s: float) -> list[OutletEvent]:
    """What changes on the pilot and at the contactor in *duration_s*; every change, however short."""
    seen = []
    events = here.daemon.guard.evses[1].events()
    try:
        async with asyncio.timeout(duration_s):
            async for event in events:
                if isinstance(event, DutyChanged | ContactorChanged):
                    seen.append(event)
    except TimeoutError:
        return seen
    raise AssertionError("the outlet ended")


def instants(here: Site, action: str) -> list[float]:
    return [received.at_s for received in here.log.calls if received.action == action]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("step_s", STEPS_S)
def test_a_step_of_the_clock_changes_nothing_on_the_pilot(
    tmp_path: Path, source: ClockSource, step_s: int
) -> None:
    async def scenario() -> None:
        async with stepping(tmp_path, source) as here:
            await charge(here)
            await here.clock.sleep(20)
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(outlet_events(here, 60))
                await here.clock.sleep(1)
                await step(here, step_s)
                await here.clock.sleep(20)
                await step(here, 0)
            assert watching.result() == []
            assert here.connector().status == "Charging"

    run_virtual(scenario())


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("step_s", STEPS_S)
def test_a_session_over_a_step_is_booked_as_it_was(tmp_path: Path, source: ClockSource, step_s: int) -> None:
    async def scenario() -> None:
        async with stepping(tmp_path, source) as here:
            began = await charge(here)
            await here.clock.sleep(310)
            await step(here, step_s)
            await here.clock.sleep(300)
            booked, ended = await finish(here)
            assert (booked.starts, booked.stops, booked.reason) == (1, 1, "Local")
            assert booked.stopped_at is not None
            assert abs(booked.started_at - began) < timedelta(seconds=2)
            assert abs(booked.stopped_at - ended) < timedelta(seconds=2)
            samples = [one.meter_value[0]["timestamp"] for one in here.log.messages(call.MeterValues)]
            assert [at - booked.started_at for at in dates_in([f'["{at}"]' for at in samples])] == [
                timedelta(minutes=minute) for minute in range(1, 11)
            ]

    run_virtual(scenario())


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("step_s", STEPS_S)
def test_heartbeats_and_samples_keep_their_pace_over_a_step(
    tmp_path: Path, source: ClockSource, step_s: int
) -> None:
    async def scenario() -> None:
        async with stepping(tmp_path, source) as here:
            await charge(here)
            await here.clock.sleep(150)
            asked = len(instants(here, "Heartbeat"))
            await step(here, step_s)
            await here.clock.sleep(300)
            beats, samples = instants(here, "Heartbeat"), instants(here, "MeterValues")
            if source is ClockSource.CSMS:
                # The one that brought the step was asked for.
                del beats[asked]
            for instants_s in (beats, samples):
                assert len(instants_s) >= 7
                gaps = [later - earlier for earlier, later in pairwise(instants_s)]
                assert gaps == pytest.approx([60.0] * len(gaps), abs=0.1)

    run_virtual(scenario())


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("step_s", STEPS_S)
def test_a_relative_profile_keeps_its_run_over_a_step(
    tmp_path: Path, source: ClockSource, step_s: int
) -> None:
    async def scenario() -> None:
        async with stepping(tmp_path, source) as here:
            await charge(here)
            transaction = here.connector().transaction
            assert transaction is not None
            began_s = transaction.started.monotonic_s
            assert await here.set_profile(1, **RELATIVE) == "Accepted"
            await here.clock.sleep(300)
            await step(here, step_s)
            await here.clock.sleep_until(began_s + 598)
            assert here.connector().offer_ma == 16_000
            await here.clock.sleep_until(began_s + 602)
            assert here.connector().offer_ma == 8_000

    run_virtual(scenario())


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("step_s", "offer_ma"),
    [(HOUR_S, 10_000), (-HOUR_S, 16_000), (20 * YEAR_S, 10_000), (-3 * YEAR_S, 13_000)],
)
def test_an_absolute_profile_follows_the_wall_clock_at_once_and_only_once(
    tmp_path: Path, source: ClockSource, step_s: int, offer_ma: int
) -> None:
    async def scenario() -> None:
        async with stepping(tmp_path, source) as here:
            assert await here.set_profile(0, **ABSOLUTE) == "Accepted"
            await charge(here)
            await here.clock.sleep(20)
            assert here.connector().offer_ma == 13_000
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(outlet_events(here, 60))
                await here.clock.sleep(1)
                await step(here, step_s)
                await here.clock.sleep(1)
                assert here.connector().offer_ma == offer_ma
            assert len(watching.result()) == (0 if offer_ma == 13_000 else 1)

    run_virtual(scenario())


def test_a_local_step_is_no_matter_to_a_clock_that_the_csms_has_set(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stepping(tmp_path, ClockSource.CSMS) as here:
            assert await here.set_profile(0, **ABSOLUTE) == "Accepted"
            await charge(here)
            await here.clock.sleep(20)
            for step_s in STEPS_S:
                here.clock.step(step_s)
                await here.clock.sleep(1)
                assert here.connector().offer_ma == 13_000
                assert abs(here.clock.now() - here.truth.now()) < timedelta(seconds=1)

    run_virtual(scenario())


def test_ntp_that_comes_while_charging_corrects_the_schedule_and_not_the_session(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(clock_error_s=-HOUR_S)
        async with site(tmp_path, behaviour=behaviour, source=ClockSource.NONE) as here:
            assert await here.set_profile(0, **ABSOLUTE) == "Accepted"
            began = await charge(here)
            await here.clock.sleep(20)
            assert here.connector().offer_ma == 16_000
            here.clock.machine.ntp = True
            here.clock.look()
            await here.clock.sleep(1)
            assert (here.clock.source, here.clock.now()) == (ClockSource.NTP, here.truth.now())
            assert here.connector().offer_ma == 13_000
            await here.clock.sleep(580)
            booked, ended = await finish(here)
            assert booked.stopped_at is not None
            assert abs((booked.stopped_at - booked.started_at) - (ended - began)) < timedelta(seconds=2)

    run_virtual(scenario())


def test_the_csms_corrects_its_own_clock_while_charging(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(clock_error_s=-1_800, interval_s=60)
        async with site(tmp_path, behaviour=behaviour, source=ClockSource.NONE) as here:
            began = await charge(here)
            assert await here.set_profile(1, **RELATIVE) == "Accepted"
            await here.clock.sleep(120)
            here.behave(clock_error_s=0)
            await here.clock.sleep(120)
            assert here.clock.now() == here.truth.now()
            assert here.connector().offer_ma == 16_000
            booked, ended = await finish(here)
            assert booked.stopped_at is not None
            assert abs((booked.stopped_at - booked.started_at) - (ended - began)) < timedelta(seconds=2)

    run_virtual(scenario())


@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S])
def test_a_sample_that_the_csms_asks_for_is_on_the_clock_of_its_session(tmp_path: Path, step_s: int) -> None:
    async def scenario() -> None:
        async with stepping(tmp_path, ClockSource.NTP) as here:
            await charge(here)
            await here.clock.sleep(30)
            await step(here, step_s)
            await here.call(trigger("MeterValues"))
            told = await here.log.message(call.MeterValues)
            taken = datetime.fromisoformat(told.meter_value[0]["timestamp"])
            assert told.transaction_id is not None
            assert abs(taken - here.truth.now()) < timedelta(seconds=2)

    run_virtual(scenario())
