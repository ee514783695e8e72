"""Answers that come late, twice, to nothing, broken or of the wrong type: nobody waits, and nothing is lost."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.lab.csms.behaviour import Behaviour, Reaction
from tests.scenarios.site import STATION, Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
INFO = {"status": "Accepted"}

BROKEN: dict[str, str] = {
    "to nothing": '[3, "nobody", {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}]',
    "no payload": '[3, "<id>"]',
    "text as payload": '[3, "<id>", "Accepted"]',
    "null as payload": '[3, "<id>", null]',
    "a list as payload": '[3, "<id>", [{}]]',
    "a number as text": '[3, "<id>", {"transactionId": "5", "idTagInfo": {"status": "Accepted"}}]',
    "a status nobody knows": '[3, "<id>", {"transactionId": 5, "idTagInfo": {"status": "Perhaps"}}]',
    "null in it": '[3, "<id>", {"transactionId": null, "idTagInfo": null}]',
    "an error without a code": '[4, "<id>"]',
    "an error of numbers": '[4, "<id>", 1, 2, 3]',
    "no JSON": '[3, "<id>", {"transactionId":',
    "no list": '{"transactionId": 5}',
    "another kind": '[7, "<id>", {}]',
}
ENOUGH_FOR_A_STOP = {"no payload", "null as payload", "a number as text"}
"""StopTransaction.conf demands no member: what is missing is not missed, what is too much is ignored."""

CASES = [
    (action, answer)
    for action in ("StartTransaction", "StopTransaction")
    for answer in BROKEN
    if action == "StartTransaction" or answer not in ENOUGH_FOR_A_STOP
]


async def answered_at_once(here: Site) -> None:
    """The charge point answers what it is asked within a second."""
    async with asyncio.timeout(1):
        answer = await here.call(call.GetConfiguration(key=["HeartbeatInterval"]))
    assert answer.configuration_key[0]["value"] == "300"


async def newest(here: Site, action: str, count: int) -> Any:
    """The *count*-th CALL of *action*, waited for."""
    async with asyncio.timeout(120):
        while True:
            sent = [one for one in here.log.calls if one.action == action]
            if len(sent) >= count:
                return sent[count - 1]
            await here.clock.sleep(0.25)


@pytest.mark.parametrize(("action", "answer"), CASES)
def test_a_broken_answer_is_none_and_the_message_comes_again(
    tmp_path: Path, action: str, answer: str
) -> None:
    async def scenario() -> None:
        keys = "TransactionMessageAttempts = 3\nTransactionMessageRetryInterval = 5\nMeterValueSampleInterval = 0"
        behaviour = Behaviour(reactions={action: Reaction(silent=True, times=1)})
        async with site(tmp_path, ocpp=keys, behaviour=behaviour) as here:
            await here.charge(TAG)
            if action == "StopTransaction":
                await here.clock.sleep(5)
                here.world.swipe(TAG)
            asked = await newest(here, action, 1)
            await here.csms.send_raw(STATION, BROKEN[answer].replace("<id>", asked.message_id))
            await answered_at_once(here)
            again = await newest(here, action, 2)
            assert again.message == asked.message, "to the letter"
            if action == "StartTransaction":
                here.world.swipe(TAG)
            (booked,) = await here.stopped()
            assert (booked.starts, booked.stops) == (1, 1)
            await here.clock.sleep(1)
            status = await here.control("status")
            assert (status["csms"]["queued"], status["csms"]["dead"]) == (0, 0)
            assert here.log.connections == 1

    run_virtual(scenario())


def test_answers_that_come_twice_late_and_for_another_call_are_taken_by_nobody(tmp_path: Path) -> None:
    """Each CALL of two sessions is answered, and after each answer come three more that nobody asked for."""

    async def scenario() -> None:
        async with site(tmp_path, ocpp="MeterValueSampleInterval = 20") as here:
            heard = len(here.log.calls)

            async def pester() -> None:
                nonlocal heard
                while True:
                    await here.clock.sleep(0.5)
                    for one in here.log.calls[heard:]:
                        for payload in ({"transactionId": 99, "idTagInfo": INFO}, {}):
                            await here.csms.send_raw(STATION, json.dumps([3, one.message_id, payload]))
                        error = [4, one.message_id, "InternalError", "", {}]
                        await here.csms.send_raw(STATION, json.dumps(error))
                    heard = len(here.log.calls)

            async with asyncio.TaskGroup() as group:
                pestering = group.create_task(pester())
                for _ in range(2):
                    await here.charge(TAG)
                    await here.clock.sleep(90)
                    await answered_at_once(here)
                    here.world.swipe(TAG)
                    await here.status("Finishing")
                    here.world.plug_out(1)
                    await here.status("Available")
                booked = await here.stopped(2)
                await here.clock.sleep(5)
                pestering.cancel()
            assert [(one.id, one.starts, one.stops) for one in booked] == [(1, 1, 1), (2, 1, 1)]
            assert here.daemon.station.journal.queued == 0
            assert here.log.connections == 1

    run_virtual(scenario())
