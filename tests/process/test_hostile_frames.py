"""Frames that no central system should send, over the real socket: answered or logged, and the link lives on."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from ocpp.v16 import call

from cpd.lab.csms.station_log import Event
from tests.process.charger import STATION
from tests.process.site import Site, site

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEEP = 20_000
LONG = 1_000_000
MIB = 1 << 20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    # The answers to frames of ours are nothing that the lab waits for.
    async with site(tmp_path_factory.mktemp("hostile"), tolerates="no CALL that waits") as running:
        yield running


async def lives(here: Site) -> None:
    """The charger answers, and speaks, over the link that stood before."""
    calls = len(here.log.calls)
    answer = await here.call(call.TriggerMessage(requested_message="Heartbeat"))
    assert answer.status == "Accepted"
    await here.log.message(call.Heartbeat, since=calls)
    assert here.log.connections == 1


def memory_bytes(pid: int) -> int:
    """What the process has in RAM."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def limit_of(value: object) -> str:
    """A SetChargingProfile with this limit, as text: JSON has no word for some of them."""
    schedule = f'{{"chargingRateUnit":"A","chargingSchedulePeriod":[{{"startPeriod":0,"limit":{value}}}]}}'
    return (
        '[2,"limit","SetChargingProfile",{"connectorId":0,"csChargingProfiles":{"chargingProfileId":1,'
        '"stackLevel":0,"chargingProfilePurpose":"ChargePointMaxProfile","chargingProfileKind":"Relative",'
        f'"chargingSchedule":{schedule}}}}}]'
    )


ANSWERED = [
    # name, frame, message id of the answer, what the answer is
    ("cut off", '[2,"cut","Heartbeat",{', "cut", "FormationViolation"),
    ("deep", f'[2,"deep","DataTransfer",{"[" * DEEP}{"]" * DEEP}]', "deep", "FormationViolation"),
    ("numeric id", '[2,7,"ClearChargingProfile",{}]', "7", "FormationViolation"),
    ("type as text", '["2","typed","ClearChargingProfile",{}]', "typed", "FormationViolation"),
    ("no payload", '[2,"short","ClearChargingProfile"]', "short", "FormationViolation"),
    ("payload is a list", '[2,"list","ClearChargingProfile",[]]', "list", "FormationViolation"),
    ("action is a number", '[2,"action",5,{}]', "action", "FormationViolation"),
    ("unknown action", '[2,"unknown","MakeCoffee",{}]', "unknown", "NotImplemented"),
    ("not served", '[2,"a log","GetLog",{}]', "a log", "NotSupported"),
    ("long", f'[2,"long","DataTransfer",{{"vendorId":"v","data":"{"x" * LONG}"}}]', "long", '"Unknown'),
    (
        "wrong type",
        '[2,"wrong","RemoteStopTransaction",{"transactionId":"1"}]',
        "wrong",
        "TypeConstraintViolation",
    ),
    (
        "missing member",
        '[2,"missing","RemoteStartTransaction",{}]',
        "missing",
        "FormationViolation",
    ),
    (
        "overlong",
        json.dumps([2, "idtag", "RemoteStartTransaction", {"idTag": "X" * 21}]),
        "idtag",
        "Violation",
    ),
    ("NaN", limit_of("NaN"), "limit", "FormationViolation"),
    ("endless number", limit_of("1e400"), "limit", "FormationViolation"),
    ("negative limit", limit_of(-1), "limit", '"Rejected"|Violation'),
    (
        "lone surrogate",
        '[2,"half","RemoteStartTransaction",{"idTag":"\\ud800"}]',
        "half",
        "FormationViolation",
    ),
    (
        "connector 0",
        '[2,"zero","RemoteStartTransaction",{"idTag":"X","connectorId":0}]',
        "zero",
        '"Rejected"|Violation',
    ),
    ("unknown member", '[2,"extra","ClearChargingProfile",{"colour":"red","id":5}]', "extra", '"Unknown"'),
    ("small letters", '[2,"small","getconfiguration",{}]', "small", "NotImplemented"),
]


@pytest.mark.parametrize(
    ("frame", "message_id", "expected"), [case[1:] for case in ANSWERED], ids=[case[0] for case in ANSWERED]
)
async def test_what_can_be_answered_is(here: Site, frame: str, message_id: str, expected: str) -> None:
    entries = len(here.log.entries)
    await here.csms.send_raw(STATION, frame)
    answer: Any = json.loads(await here.received(f',"{message_id}",', entries))
    assert answer[0] == (3 if expected.startswith('"') and "Violation" not in json.dumps(answer) else 4)
    assert re.search(expected, json.dumps(answer)), answer
    await lives(here)


@pytest.mark.parametrize(
    ("frame", "logged"),
    [
        ("this is not JSON", "frame is not JSON"),
        ("", "frame is not JSON"),
        ("null", "frame is no OCPP-J message"),
        ("[]", "frame is no OCPP-J message"),
        ('{"2":"x"}', "frame is no OCPP-J message"),
        ("[" * DEEP + "]" * DEEP, "frame is nested too deeply"),
        ('[9,"x",{}]', "message type 9 is not used"),
        ('[2,null,"Heartbeat",{}]', "CALL without a message id"),
        (json.dumps([2, "i" * 300, "Heartbeat", {}]), "whose message id has 300 characters"),
        ('[3,"nobody-asked",{}]', "'nobody-asked', which is no CALL of ours"),
        ('[4,"nobody-asked","GenericError","",{}]', "'nobody-asked', which is no CALL of ours"),
        ("[3]", "answer to None, which is no CALL of ours"),
    ],
    ids=lambda value: value[:20],
)
async def test_what_cannot_be_answered_is_logged(here: Site, frame: str, logged: str) -> None:
    entries, mark = len(here.log.entries), len(here.charger.log)
    await here.csms.send_raw(STATION, frame)
    line = await here.charger.logged("frame ignored", since=mark)
    assert logged in line
    await lives(here)
    sent = here.frames(Event.RECEIVED, entries)
    assert len(sent) == 2, "the answer to the trigger, and the Heartbeat"


async def test_the_same_id_again_is_another_question(here: Site) -> None:
    entries = len(here.log.entries)
    for key in ("HeartbeatInterval", "LocalPreAuthorize"):
        await here.csms.send_raw(STATION, json.dumps([2, "1", "GetConfiguration", {"key": [key]}]))
    await lives(here)
    answers = [frame for frame in here.frames(Event.RECEIVED, entries) if frame.startswith('[3,"1",')]
    assert ["HeartbeatInterval" in answers[0], "LocalPreAuthorize" in answers[1]] == [True, True]


async def test_a_flood_of_long_frames_does_not_fill_the_memory(here: Site) -> None:
    frame = f'[2,"flood","DataTransfer",{{"vendorId":"v","data":"{"x" * LONG}"}}]'
    await here.csms.send_raw(STATION, frame)
    await lives(here)
    before = memory_bytes(here.charger.pid)
    entries = len(here.log.entries)
    for _ in range(40):
        await here.csms.send_raw(STATION, frame)
        await here.csms.send_raw(STATION, "[" * DEEP)
    await lives(here)
    answers = [text for text in here.frames(Event.RECEIVED, entries) if '"flood"' in text]
    assert len(answers) == 40
    assert memory_bytes(here.charger.pid) - before < 16 * MIB


async def test_a_frame_beyond_all_measure_costs_the_link_and_no_more(here: Site) -> None:
    await lives(here)
    await here.csms.send_raw(STATION, "x" * (MIB + 1))
    await here.log.until_connected(times=2)
    status = await here.charger.until_online()
    assert status["csms"]["connected"]
