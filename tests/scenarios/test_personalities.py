"""A session at each central system that the field knows, at its true lengths, and what must become of it."""

import asyncio
import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call
from ocpp.v16.enums import AuthorizationStatus

from cpd.clock import ClockSource
from cpd.lab.csms import acts, set_ups
from cpd.lab.csms.personalities import PERSONALITIES
from cpd.lab.csms.personality import ABOUT_LENGTH
from cpd.lab.csms.station_log import Event
from tests.scenarios.boots import actions, boots, gaps
from tests.scenarios.played import charge, cure, delivered, exact, in_transaction, site_with
from tests.scenarios.site import Site
from tests.virtual_time import run_virtual

HOUR_S = 3_600.0


def answers(here: Site, action: str) -> list[Any]:
    """What the charge point answered to each CALL of *action*: a payload, or the code of a CALLERROR."""
    return [one.answer or one.error for one in here.log.asked if one.action == action]


async def settled(here: Site, asked: int) -> None:
    """Wait until the central system has asked so often, and has all answers."""
    async with asyncio.timeout(60):
        while len(here.log.asked) < asked or any(one.answer is one.error for one in here.log.asked):
            await here.clock.sleep(0.1)


@pytest.mark.parametrize("name", PERSONALITIES)
def test_two_sessions_are_each_booked_once_and_every_wh_once(tmp_path: Path, name: str) -> None:
    async def scenario() -> None:
        personality = PERSONALITIES[name]
        async with site_with(tmp_path, personality) as here:
            for tag in ("ONE", "TWO"):
                await charge(here, personality, tag)
            if personality.refuses:
                cure(here)
            if name == "csms-stop-hater":
                await here.clock.sleep(HOUR_S)
                cure(here)
                for letter in (await here.control("queue.list", dead=True))["messages"]:
                    await here.control("queue.retry", id=letter["id"])
            await delivered(here)
            booked = exact(here, "ONE", "TWO")
            assert [one.stops for one in booked] == [1, 1]

    run_virtual(scenario())


def test_a_time_without_a_zone_is_utc(tmp_path: Path) -> None:
    async def scenario() -> None:
        personality = PERSONALITIES["csms-no-zone"]
        before = datetime(2026, 3, 1, tzinfo=UTC)
        async with site_with(tmp_path, personality, shown=before, source=ClockSource.NONE) as here:
            await here.clock.sleep(1)
            assert abs(here.daemon.station.snapshot().now - here.truth.now()) < timedelta(seconds=1)
            began = here.truth.now()
            await charge(here, personality, "ONE")
            (booked,) = exact(here, "ONE")
            assert abs(booked.started_at - began) < timedelta(seconds=5)

    run_virtual(scenario())


@pytest.mark.parametrize("status", [AuthorizationStatus.concurrent_tx, AuthorizationStatus.invalid])
def test_a_transaction_that_is_not_wanted_is_stopped_by_the_number_it_was_given(
    tmp_path: Path, status: AuthorizationStatus
) -> None:
    async def scenario() -> None:
        personality = PERSONALITIES["csms-tx0"]
        async with site_with(tmp_path, personality) as here:
            here.behave(start_status=status)
            for tag in ("ONE", "TWO"):
                await charge(here, personality, tag)
            stops = here.log.messages(call.StopTransaction)
            assert [(one.transaction_id, one.reason) for one in stops] == [
                (0, "DeAuthorized"),
                (-1, "DeAuthorized"),
            ]
            exact(here, "ONE", "TWO")

    run_virtual(scenario())


def test_a_numeric_id_gets_an_error_that_names_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site_with(tmp_path, PERSONALITIES["csms-int-id"]) as here:
            await settled(here, 3)
            errors = [json.loads(one.text) for one in here.log.entries if one.text.startswith("[4")]
            assert [error[1] for error in errors] == ["1524699488", "1524699489", "1524699490"]
            assert {error[2] for error in errors} == {"FormationViolation"}
            assert all(error[1] in error[3] and "string" in error[3] for error in errors)
            assert here.log.connections == 1

    run_virtual(scenario())


def test_a_capital_letter_is_named_and_members_of_its_own_are_ignored(tmp_path: Path) -> None:
    async def scenario() -> None:
        personality = PERSONALITIES["csms-capitals"]
        async with site_with(tmp_path, personality) as here:
            await settled(here, 2)
            (error,) = [json.loads(one.text) for one in here.log.entries if one.text.startswith("[4")]
            assert "chargingSchedulePeriod" in error[3]
            assert answers(here, "SetChargingProfile")[1] == {"status": "Accepted"}
            here.world.plug_in(1)
            here.world.swipe("ONE")
            await here.status("Charging")
            assert here.connector().offer_ma == acts.CAPITALS_LIMIT_A * 1_000

    run_virtual(scenario())


def test_an_absolute_profile_without_a_start_counts_from_the_transaction(tmp_path: Path) -> None:
    async def scenario() -> None:
        personality = PERSONALITIES["csms-no-start"]
        first_a, then_a = acts.NO_START_LIMITS_A
        async with site_with(tmp_path, personality) as here:
            # Neither the boot nor the minute of the clock is what it counts from.
            await here.clock.sleep(1_017)
            here.world.plug_in(1)
            here.world.swipe("ONE")
            await here.until(in_transaction)
            started_s = here.clock.monotonic_s()
            await here.status("Charging")
            await settled(here, 1)
            assert answers(here, "SetChargingProfile") == [{"status": "Accepted"}]
            await here.clock.sleep(started_s + 59 - here.clock.monotonic_s())
            assert here.connector().offer_ma == first_a * 1_000
            await here.clock.sleep(2)
            assert here.connector().offer_ma == then_a * 1_000

    run_virtual(scenario())


def test_home_assistant_starts_with_an_id_tag_that_is_in_no_list(tmp_path: Path) -> None:
    async def scenario() -> None:
        personality = PERSONALITIES["csms-ha"]
        async with site_with(tmp_path, personality) as here:
            await charge(here, personality, "")
            here.csms.drop("CP-0042")
            await here.log.until_connected(times=2)
            await here.clock.sleep(60)
            await charge(here, personality, "")
            first, second = exact(here)
            assert first.id_tag != second.id_tag, "it forgets its idTag with the link"
            assert here.log.messages(call.Authorize) == []
            assert here.connector().limit.current_ma == set_ups.HOME_ASSISTANT_LIMIT_A * 1_000

    run_virtual(scenario())


def test_a_link_that_is_closed_every_two_hours_is_felt_by_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        personality = PERSONALITIES["csms-aws-2h"]
        async with site_with(tmp_path, personality) as here:
            here.world.plug_in(1)
            here.world.swipe("ONE")
            await here.status("Charging")
            limit = {
                "chargingProfileId": 7,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Relative",
                "chargingSchedule": {
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11}],
                },
            }
            request = {"connectorId": 1, "csChargingProfiles": limit}
            assert (await here.csms.call_raw("CP-0042", "SetChargingProfile", request))[
                "status"
            ] == "Accepted"
            await here.clock.sleep(10)
            for _ in range(25):
                await here.clock.sleep(300)
                assert (here.connector().offer_ma, here.connector().status) == (11_000, "Charging")
            assert here.log.connections == 2
            assert len(here.log.messages(call.BootNotification)) == 1
            here.world.swipe("ONE")
            await here.until(lambda one: not in_transaction(one))
            await here.clock.sleep(10)
            (booked,) = exact(here, "ONE")
            assert booked.meter_values >= 125

    run_virtual(scenario())


def test_a_link_that_is_closed_after_the_handshake_is_dialled_steadily(tmp_path: Path) -> None:
    async def scenario() -> None:
        personality = PERSONALITIES["csms-hangs-up"]
        async with site_with(tmp_path, personality) as here:
            booted = len(here.log.messages(call.BootNotification))
            await here.clock.sleep(HOUR_S)
            opened = [one.at_s for one in here.log.entries if one.event is Event.CONNECTED]
            assert len(opened) >= 3 * 3
            assert all(gap_s <= 15 or 900 <= gap_s <= 915 for gap_s in gaps(opened))
            assert len(here.log.messages(call.BootNotification)) == booted, "none once it is accepted"
            await charge(here, personality, "ONE", for_s=1_200)
            await delivered(here)
            exact(here, "ONE")

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("csms-404", "HTTP 404"),
        ("csms-401", "HTTP 401"),
        ("csms-500", "HTTP 500"),
        ("csms-no-subprotocol", "does not select ocpp1.6"),
    ],
)
def test_a_refused_link_is_told_dialled_less_and_less_and_the_sessions_are_kept(
    tmp_path: Path, name: str, sentence: str
) -> None:
    async def scenario() -> None:
        personality = PERSONALITIES[name]
        async with site_with(tmp_path, personality) as here:
            dialled: list[float] = []
            while len(dialled) < 12:
                await here.clock.sleep(0.25)
                if here.network.dials > len(dialled):
                    dialled.append(here.clock.monotonic_s())
            for number, gap_s in enumerate(gaps(dialled[1:])):
                least_s = min(300, 2 ** (number + 1))
                assert least_s - 0.5 <= gap_s <= least_s + 5.5
            await charge(here, personality, "ONE")
            status = await here.control("status")
            assert sentence in status["csms"]["last_error"]
            assert (status["csms"]["connected"], status["csms"]["queued"] > 0) == (False, True)
            assert actions(here) == []
            cure(here)
            await delivered(here)
            exact(here, "ONE")

    run_virtual(scenario())


def test_a_silent_central_system_is_redialled_within_three_minutes_and_never_online(tmp_path: Path) -> None:
    async def scenario() -> None:
        personality = PERSONALITIES["csms-silent"]
        async with site_with(tmp_path, personality) as here:
            opened_s: dict[int, float] = {}
            async with asyncio.TaskGroup() as group:
                session = group.create_task(charge(here, personality, "ONE", for_s=1_200))
                while not session.done():
                    await here.clock.sleep(1)
                    link = here.daemon.station.snapshot().link
                    assert not link.online
                    now_s = here.clock.monotonic_s()
                    if link.connected:
                        assert now_s - opened_s.setdefault(here.log.connections, now_s) <= 180
            assert len(opened_s) > 5
            cure(here)
            await delivered(here)
            exact(here, "ONE")

    run_virtual(scenario())


def test_a_stop_that_is_hated_is_laid_aside_and_the_next_session_flows(tmp_path: Path) -> None:
    async def scenario() -> None:
        personality = PERSONALITIES["csms-stop-hater"]
        async with site_with(tmp_path, personality) as here:
            await charge(here, personality, "ONE")
            await charge(here, personality, "TWO")
            await here.clock.sleep(HOUR_S)
            tries = [one.transaction_id for one in here.log.messages(call.StopTransaction)]
            assert tries == [1, 1, 1, 2, 2, 2]
            assert [one.id_tag for one in here.log.ledger.transactions] == ["ONE", "TWO"]
            letters = (await here.control("queue.list", dead=True))["messages"]
            assert [one["action"] for one in letters] == ["StopTransaction"] * 2
            assert all("InternalError" in one["last_error"] for one in letters)
            cure(here)
            for letter in letters:
                await here.control("queue.retry", id=letter["id"])
            await delivered(here)
            exact(here, "ONE", "TWO")

    run_virtual(scenario())


def test_a_stop_of_more_than_16_kb_comes_thinner_with_its_first_and_last_samples(tmp_path: Path) -> None:
    async def scenario() -> None:
        personality = PERSONALITIES["csms-16k"]
        async with site_with(tmp_path, personality) as here:
            await charge(here, personality, "ONE", for_s=900)
            await delivered(here)
            exact(here, "ONE")
            sent = [one.text for one in here.log.entries if '"StopTransaction"' in one.text]
            assert len(sent[0]) > 16_384
            assert 8_000 < len(sent[-1]) <= 16_384
            values = json.loads(sent[-1])[3]["transactionData"]
            contexts = [value["sampledValue"][0]["context"] for value in values]
            assert (contexts[0], contexts[-1]) == ("Transaction.Begin", "Transaction.End")
            assert here.log.connections > 1

    run_virtual(scenario())


def test_a_pending_charge_point_asks_again_after_a_minute_of_its_own_and_sends_nothing_else(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        personality = PERSONALITIES["csms-pending0"]
        async with site_with(tmp_path, personality) as here:
            await charge(here, personality, "ONE", for_s=600)
            instants = await boots(here, 5)
            assert min(gaps(instants)) == pytest.approx(60)
            assert set(actions(here)) == {"BootNotification"}
            cure(here)
            await delivered(here)
            exact(here, "ONE")

    run_virtual(scenario())


def test_a_cleared_cache_takes_no_transaction_with_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        personality = PERSONALITIES["csms-clearcache"]
        async with site_with(tmp_path, personality) as here:
            for tag in ("ONE", "TWO", "THREE"):
                await charge(here, personality, tag)
            queued = here.daemon.station.journal.queued
            assert queued >= 3 * 2
            cure(here)
            await delivered(here)
            assert answers(here, "ClearCache") == [{"status": "Accepted"}] * 4
            cleared_s, *_ = [one.at_s for one in here.log.asked]
            sent = [one for one in here.log.calls if one.action in ("StartTransaction", "StopTransaction")]
            assert all(one.at_s >= cleared_s for one in sent), "it came first"
            exact(here, "ONE", "TWO", "THREE")

    run_virtual(scenario())


def test_diagnostics_to_nowhere_fail_once_each(tmp_path: Path) -> None:
    async def scenario() -> None:
        personality = PERSONALITIES["csms-diag-any"]
        async with site_with(tmp_path, personality) as here:
            await charge(here, personality, "ONE", for_s=300)
            answered = answers(here, "GetDiagnostics")
            assert len(answered) == len(acts.NOWHERE)
            assert all(answer["fileName"] for answer in answered)
            told = [one.status for one in here.log.messages(call.DiagnosticsStatusNotification)]
            assert told == ["Uploading", "UploadFailed"] * len(acts.NOWHERE)
            exact(here, "ONE")

    run_virtual(scenario())


def test_two_calls_at_once_are_both_answered_while_ours_waits(tmp_path: Path) -> None:
    async def scenario() -> None:
        personality = PERSONALITIES["csms-double"]
        async with site_with(tmp_path, personality) as here:
            await charge(here, personality, "ONE")
            await delivered(here)
            (booked,) = exact(here, "ONE")
            assert (booked.starts, booked.stops) == (1, 1)
            assert [one.action for one in here.log.asked] == ["GetConfiguration", "GetCompositeSchedule"] * 2
            assert all(one.answer is not None for one in here.log.asked)
            ours = [
                (one.event, json.loads(one.text)[0:2])
                for one in here.log.entries
                if one.event in (Event.RECEIVED, Event.SENT)
            ]
            (start,) = [one for one in here.log.calls if one.action == "StartTransaction"]
            asked = ours.index((Event.RECEIVED, [2, start.message_id]))
            answered = ours.index((Event.SENT, [3, start.message_id]))
            between = [event for event, (kind, _) in ours[asked + 1 : answered] if kind in (2, 3)]
            assert between.count(Event.SENT) >= 2, "theirs went out while ours waited"
            assert between.count(Event.RECEIVED) >= 2, "and were answered"

    run_virtual(scenario())


def test_calls_that_cross_in_one_slot_come_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        personality = PERSONALITIES["csms-one-slot"]
        async with site_with(tmp_path, personality) as here:
            await charge(here, personality, "ONE", for_s=600)
            await delivered(here)
            (booked,) = exact(here, "ONE")
            assert len(here.log.messages(call.StartTransaction)) == 2
            assert len(here.log.messages(call.StopTransaction)) == 2
            assert (booked.starts, booked.stops) == (1, 1), "the first of each was forgotten"
            assert all(one.answer is not None for one in here.log.asked)
            await here.clock.sleep(300)
            replied = {json.loads(one.text)[1] for one in here.log.entries if one.event is Event.SENT}
            told = [
                (one.message.connector_id, str(one.message.status))
                for one in here.log.calls
                if one.action == "StatusNotification" and one.message_id in replied
            ]
            assert (0, "Available") in told, "the first of all was forgotten as well"
            assert (1, "Charging") in told
            assert [status for connector, status in told if connector == 1][-1] == "Available"
            assert here.log.connections == 1

    run_virtual(scenario())


def test_every_personality_says_in_a_line_what_it_does() -> None:
    for name, personality in PERSONALITIES.items():
        assert name == personality.name
        assert name.startswith("csms-")
        assert len(personality.about) <= ABOUT_LENGTH, name
        assert personality.seen_in, name
    pairs = itertools.combinations(PERSONALITIES.values(), 2)
    assert all(one.about != other.about for one, other in pairs)
