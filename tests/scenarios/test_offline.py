"""Sessions that the central system does not see live: kept, told in order, booked once, whatever it answers."""

import itertools
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.lab.csms.behaviour import Behaviour, Reaction, Tag
from cpd.ocpp.calls import MAX_LOSSES
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
ANYBODY = "AllowOfflineTxForUnknownId = true"
TRANSACTION_MESSAGES = ("StartTransaction", "MeterValues", "StopTransaction")


def journal(here: Site, since: int = 0) -> list[str]:
    """The transaction messages that came, in order."""
    return [one.action for one in here.log.calls[since:] if one.action in TRANSACTION_MESSAGES]


async def unplug(here: Site, number: int = 1) -> None:
    here.world.plug_out(number)
    await here.status("Available", number)


async def caught_up(here: Site) -> None:
    """Wait until all that was kept is delivered or given up."""
    while not here.daemon.csms.online or here.daemon.station.journal.queued:
        await here.clock.sleep(1)


@pytest.mark.parametrize("online_at_start", [True, False])
@pytest.mark.parametrize("online_at_stop", [True, False])
def test_a_session_is_booked_once_wherever_the_link_was_missing(
    tmp_path: Path, online_at_start: bool, online_at_stop: bool
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=ANYBODY) as here:
            await here.clock.sleep(5)
            if not online_at_start:
                here.network.cut()
            here.world.meter(1, energy_wh=1_000)
            began = here.clock.now()
            await here.charge(TAG)
            await here.clock.sleep(590)
            if online_at_stop:
                here.network.up = True
                await caught_up(here)
            else:
                here.network.cut()
            here.world.swipe(TAG)
            await here.status("Finishing")
            ended = here.clock.now()
            await unplug(here)
            here.network.up = True
            await caught_up(here)
            (booked,) = await here.stopped()
            assert (booked.starts, booked.stops, booked.reason, booked.stop_id_tag) == (1, 1, "Local", TAG)
            assert booked.meter_start_wh == 1_000
            assert abs(booked.started_at - began) < timedelta(seconds=2)
            assert booked.stopped_at is not None
            assert abs(booked.stopped_at - ended) < timedelta(seconds=2)
            assert booked.meter_values >= 9
            sent = journal(here)
            assert sent == ["StartTransaction"] + ["MeterValues"] * booked.meter_values + ["StopTransaction"]

    run_virtual(scenario())


def test_meter_values_go_in_order_with_the_number_that_is_known_when_they_are_sent(tmp_path: Path) -> None:
    async def scenario() -> None:
        ocpp = f"{ANYBODY}\nMeterValueSampleInterval = 30"
        behaviour = Behaviour(transaction_ids=(4_711, 815))
        async with site(tmp_path, behaviour=behaviour, ocpp=ocpp) as here:
            await here.clock.sleep(5)
            here.network.cut()
            for tag in ("ONE", "TWO"):
                await here.charge(tag)
                await here.clock.sleep(95)
                here.world.swipe(tag)
                await here.status("Finishing")
                await unplug(here)
            here.network.up = True
            await caught_up(here)
            values: list[Any] = here.log.messages(call.MeterValues)
            assert [one.transaction_id for one in values] == [4_711] * 3 + [815] * 3
            instants = [one.meter_value[0]["timestamp"] for one in values]
            assert instants == sorted(instants)
            one = ["StartTransaction"] + ["MeterValues"] * 3 + ["StopTransaction"]
            assert journal(here) == one + one

    run_virtual(scenario())


def test_two_connectors_keep_the_order_of_the_charge_point(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2, ocpp=ANYBODY) as here:
            await here.clock.sleep(5)
            here.network.cut()
            await here.charge("ONE", 1)
            await here.charge("TWO", 2)
            here.world.swipe("ONE")
            await here.status("Finishing", 1)
            here.world.swipe("TWO")
            await here.status("Finishing", 2)
            here.network.up = True
            await caught_up(here)
            assert journal(here) == ["StartTransaction"] * 2 + ["StopTransaction"] * 2
            assert [(one.connector, one.starts, one.stops) for one in here.log.ledger.transactions] == [
                (1, 1, 1),
                (2, 1, 1),
            ]

    run_virtual(scenario())


def test_a_link_that_drops_before_the_start_is_answered_books_it_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(reactions={"StartTransaction": Reaction(drops_link=True, times=1)})
        async with site(tmp_path, behaviour=behaviour) as here:
            await here.charge(TAG)
            await here.clock.sleep(65)
            here.world.swipe(TAG)
            (booked,) = await here.stopped()
            assert len(here.log.messages(call.StartTransaction)) == 2
            assert (booked.starts, booked.stops) == (1, 1)

    run_virtual(scenario())


def test_an_answer_that_is_lost_with_the_link_makes_the_same_start_come_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(reactions={"StartTransaction": Reaction(delay_s=20.0, times=1)})
        async with site(tmp_path, behaviour=behaviour) as here:
            await here.charge(TAG)
            await here.clock.sleep(10)
            here.network.swallows = True
            await here.clock.sleep(200)
            here.network.swallows = False
            await caught_up(here)
            (booked,) = here.log.ledger.transactions
            assert booked.starts == 2, "the same message is the same transaction"
            first, second = here.log.messages(call.StartTransaction)
            assert first == second
            here.world.swipe(TAG)
            (booked,) = await here.stopped()
            assert booked.stops == 1

    run_virtual(scenario())


def test_what_the_csms_keeps_refusing_is_laid_aside_and_the_next_transaction_goes_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        ocpp = "TransactionMessageAttempts = 3\nTransactionMessageRetryInterval = 20"
        async with site(tmp_path, connectors=2, ocpp=ocpp) as here:
            await here.charge("A", 1)
            await here.clock.sleep(5)
            here.behave(reactions={"StopTransaction": {"error": "InternalError", "times": 3}})
            here.world.swipe("A")
            await here.status("Finishing", 1)
            await here.charge("B", 2)
            here.world.swipe("B")
            await here.status("Finishing", 2)
            await here.stopped(1)
            stops = [one for one in here.log.calls if one.action == "StopTransaction"]
            first, second = here.log.ledger.transactions
            assert [one.message.transaction_id for one in stops] == [first.id] * 3 + [second.id]
            waits = [later.at_s - earlier.at_s for earlier, later in itertools.pairwise(stops)]
            assert waits[:2] == pytest.approx([20, 40], abs=0.5)
            assert waits[2] < 1
            assert (first.open, second.stops) == (True, 1)
            status = (await here.control("status"))["csms"]
            assert (status["queued"], status["dead"]) == (0, 1)

            (dead,) = (await here.control("queue.list", dead=True))["messages"]
            refused = ("StopTransaction", 3, True, first.id)
            assert (dead["action"], dead["attempts"], dead["dead"], dead["transaction_id"]) == refused
            assert dead["last_error"].startswith("InternalError")
            (again,) = (await here.control("queue.retry", id=dead["local_id"]))["messages"]
            assert (again["id"], again["dead"]) == (dead["id"], False)
            await here.stopped(2)
            assert (first.stops, first.reason, first.stop_id_tag) == (1, "Local", "A")
            assert (await here.control("queue.list"))["messages"] == []
            status = (await here.control("status"))["csms"]
            assert (status["queued"], status["dead"]) == (0, 0)

    run_virtual(scenario())


def test_a_stop_for_which_the_csms_closes_each_link_is_laid_aside_and_the_next_session_flows(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            await here.charge("A", 1)
            await here.clock.sleep(5)
            here.behave(reactions={"StopTransaction": {"drops_link": True}})
            here.world.swipe("A")
            await here.status("Finishing", 1)
            while not here.daemon.station.journal.dead:
                await here.clock.sleep(1)
            stops = here.log.messages(call.StopTransaction)
            assert len(stops) == MAX_LOSSES and all(stop == stops[0] for stop in stops)
            (dead,) = (await here.control("queue.list"))["messages"]
            assert (dead["action"], dead["dead"]) == ("StopTransaction", True)
            assert dead["last_error"].startswith("10 times in a row the link")

            here.behave(reactions={})
            # The links that were closed made the waits long.
            await here.clock.sleep(310)
            await here.charge("B", 2)
            here.world.swipe("B")
            await here.stopped(1)
            first, second = here.log.ledger.transactions
            assert (first.open, second.stops) == (True, 1)
            await here.control("queue.retry", id=dead["local_id"])
            await here.stopped(2)
            assert (first.stops, first.stop_id_tag) == (1, "A")

    run_virtual(scenario())


def test_the_stop_of_a_start_that_was_given_up_is_still_sent(tmp_path: Path) -> None:
    async def scenario() -> None:
        ocpp = "TransactionMessageAttempts = 2\nTransactionMessageRetryInterval = 10"
        behaviour = Behaviour(
            reactions={
                "StartTransaction": Reaction(error="InternalError"),
                # The ledger of the lab knows no such transaction, so the answers are scripted.
                "StopTransaction": Reaction(answer={}),
                "MeterValues": Reaction(answer={}),
            }
        )
        async with site(tmp_path, behaviour=behaviour, ocpp=ocpp) as here:
            await here.charge(TAG)
            await here.clock.sleep(90)
            here.world.swipe(TAG)
            await here.log.message(call.StopTransaction)
            assert journal(here) == ["StartTransaction"] * 2 + ["MeterValues", "StopTransaction"]
            (stop,) = here.log.messages(call.StopTransaction)
            assert (stop.transaction_id, stop.reason) == (-1, "Local")
            await caught_up(here)
            assert here.log.ledger.transactions == []

            here.behave(reactions={})
            (dead,) = (await here.control("queue.list"))["messages"]
            await here.control("queue.retry", id=dead["id"])
            (booked,) = await here.stopped()
            assert (booked.starts, booked.stops, booked.reason) == (1, 1, "Local")

    run_virtual(scenario())


def test_what_is_kept_survives_a_restart_in_its_order(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=ANYBODY) as first:
            await first.clock.sleep(5)
            first.network.cut()
            await first.charge(TAG)
            await first.clock.sleep(130)
            first.world.swipe(TAG)
            await first.status("Finishing")
            await first.daemon.station.shut_down()
        seen = len(first.log.calls)
        async with site(tmp_path, after=first, ocpp=ANYBODY) as second:
            await caught_up(second)
            assert journal(second, seen) == ["StartTransaction"] + ["MeterValues"] * 2 + ["StopTransaction"]
            (booked,) = second.log.ledger.transactions
            assert (booked.starts, booked.stops, booked.reason) == (1, 1, "Local")

    run_virtual(scenario())


def test_a_planned_restart_ends_the_session_by_its_own_reason(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as first:
            await first.charge(TAG)
            await first.clock.sleep(65)
            await first.daemon.station.shut_down()
            (booked,) = await first.stopped()
            assert (booked.reason, booked.stops) == ("Reboot", 1)

    run_virtual(scenario())


async def charge_alone(here: Site) -> None:
    """A whole session of a charger that has no central system."""
    await here.charge(TAG)
    await here.clock.sleep(130)
    here.world.swipe(TAG)
    await here.until(lambda one: one.transaction is None)
    await unplug(here)


def test_a_charger_without_a_csms_books_its_sessions_and_tells_nobody_later(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, online=False, csms="", ocpp=ANYBODY) as alone:
            await charge_alone(alone)
            status = (await alone.control("status"))["csms"]
            assert (status["url"], status["queued"], status["dead"]) == (None, 0, 0)
            assert (await alone.control("queue.list"))["messages"] == []
            (booked,) = (await alone.control("transactions.list"))["transactions"]
            assert (booked["reason"], booked["delivered"], booked["energy_wh"] > 0) == ("Local", False, True)
        async with site(tmp_path, after=alone, ocpp=ANYBODY) as here:
            await here.clock.sleep(60)
            assert journal(here) == []

    run_virtual(scenario())


def test_a_session_that_a_csms_knows_of_is_told_to_its_end_though_it_ended_without_one(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=ANYBODY) as first:
            await first.charge(TAG)
            await first.clock.sleep(10)
            first.network.cut()
            first.world.swipe(TAG)
            await first.until(
                lambda one: one.transaction is not None and one.transaction.stop_reason is not None
            )
            # The intent is shown before it is kept, and the vehicle takes longer than that to stop drawing.
            await first.clock.sleep(0.05)
        async with site(tmp_path, after=first, online=False, csms="", ocpp=ANYBODY) as alone:
            await charge_alone(alone)
            messages = (await alone.control("queue.list"))["messages"]
            assert [one["action"] for one in messages] == ["StopTransaction"]
        async with site(tmp_path, after=first, ocpp=ANYBODY) as last:
            (booked,) = await last.stopped()
            assert (booked.starts, booked.stops, booked.reason) == (1, 1, "Local")

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("rules", "known", "refusal"),
    [
        ("", None, "CARD_UNKNOWN_OFFLINE"),
        ("", "Accepted", None),
        ("", "Blocked", "CARD_REFUSED"),
        ("LocalAuthorizeOffline = false", "Accepted", "CARD_UNKNOWN_OFFLINE"),
        ("AuthorizationCacheEnabled = false", "Accepted", "CARD_UNKNOWN_OFFLINE"),
        ("AllowOfflineTxForUnknownId = true", None, None),
        ("AllowOfflineTxForUnknownId = true", "Blocked", "CARD_REFUSED"),
        ("AllowOfflineTxForUnknownId = true\nAuthorizationCacheEnabled = false", "Accepted", None),
        (
            "AllowOfflineTxForUnknownId = true\nLocalAuthorizeOffline = false",
            "Accepted",
            "CARD_UNKNOWN_OFFLINE",
        ),
    ],
)
def test_offline_a_card_is_judged_by_what_is_known_of_it(
    tmp_path: Path, rules: str, known: str | None, refusal: str | None
) -> None:
    async def scenario() -> None:
        tags = {} if known is None else {TAG: Tag(status=known)}  # type: ignore[arg-type]
        async with site(tmp_path, behaviour=Behaviour(tags=tags), ocpp=rules) as here:
            if known is not None:
                here.world.swipe(TAG)
                await here.log.message(call.Authorize)
                await here.clock.sleep(90)
            here.network.cut()
            here.world.plug_in(1)
            await here.status("Preparing")
            here.world.swipe(TAG.lower())
            await here.clock.sleep(10)
            now = here.connector()
            assert now.status == ("Charging" if refusal is None else "Preparing")
            assert [blocker.code for blocker in now.blockers] == ([] if refusal is None else [refusal])
            await unplug(here)
            here.network.up = True
            await caught_up(here)

    run_virtual(scenario())


def test_online_a_card_is_asked_about_again_and_the_answer_replaces_what_was_known(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge(TAG)
            await unplug(here)
            here.behave(tags={TAG: {"status": "Blocked"}})
            here.world.plug_in(1)
            await here.status("Preparing")
            here.world.swipe(TAG)
            await here.until(lambda one: one.blockers[0].code == "CARD_REFUSED")
            here.network.cut()
            here.world.swipe(TAG)
            await here.clock.sleep(10)
            assert here.connector().transaction is None
            assert here.connector().blockers[0].code == "CARD_REFUSED"

    run_virtual(scenario())


def test_a_card_that_started_offline_and_is_refused_later_ends_its_session(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(tags={TAG: Tag(status="Blocked")})  # type: ignore[arg-type]
        async with site(tmp_path, behaviour=behaviour, ocpp=ANYBODY) as here:
            await here.clock.sleep(5)
            here.network.cut()
            await here.charge(TAG)
            await here.clock.sleep(100)
            here.network.up = True
            (booked,) = await here.stopped()
            assert (booked.reason, booked.stops) == ("DeAuthorized", 1)
            await here.status("Finishing")

    run_virtual(scenario())


def test_beyond_the_quota_samples_are_thinned_and_start_and_stop_are_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=f"MeterValueSampleInterval = 2\n{ANYBODY}") as here:
            here.daemon.station.journal.quota_bytes = 200_000
            here.network.cut()
            await here.charge(TAG)
            await here.clock.sleep(600)
            here.world.swipe(TAG)
            await here.until(lambda one: one.transaction is None)
            waiting = here.daemon.station.journal.queued
            assert 50 < waiting < 200
            here.network.up = True
            await caught_up(here)
            told = [one for one in here.log.calls if one.action in TRANSACTION_MESSAGES]
            assert len(told) == waiting
            (booked,) = here.log.ledger.transactions
            assert (booked.starts, booked.stops) == (1, 1)
            at = [
                datetime.fromisoformat(one.message.meter_value[0]["timestamp"])
                for one in told
                if one.action == "MeterValues"
            ]
            assert booked.started_at is not None and booked.stopped_at is not None
            assert at == sorted(at)
            assert at[0] - booked.started_at < timedelta(seconds=4)
            assert booked.stopped_at - at[-1] < timedelta(seconds=15)

    run_virtual(scenario())
