"""The habits of central systems of the field, each seen from the charge point's end of the link."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from ocpp.v16 import call
from ocpp.v16.enums import AuthorizationStatus

from cpd.lab.csms.behaviour import Behaviour, Reaction
from cpd.lab.csms.central_system import CentralSystem
from cpd.lab.csms.memory import memory_network
from cpd.lab.csms.requests import NotConnected
from cpd.lab.csms.session import Acts, Session
from cpd.ocpp.transport import Connection, ConnectionLost, Endpoint, MessageTooBig
from tests.lab.charge_points import STATION, URL, Bench, on_bench
from tests.virtual_time import VirtualClock, run_virtual

HEARTBEAT = '[2,"1","Heartbeat",{}]'


@asynccontextmanager
async def link(acts: Acts | None = None, **behaviour: Any) -> AsyncIterator[tuple[Connection, CentralSystem]]:
    """A link that nobody reads, to a central system that acts by itself."""
    central_system = CentralSystem(VirtualClock(), Behaviour(**behaviour), acts=acts, answer_timeout_s=5)
    async with memory_network(central_system) as network, network.connect(Endpoint(url=URL)) as connection:
        yield connection, central_system


def test_the_time_is_written_as_wanted() -> None:
    async def story() -> None:
        async with link(clock_format="%Y-%m-%dT%H:%M:%S.%f") as (connection, _):
            await connection.send(HEARTBEAT)
            told = json.loads(await connection.recv())[2]["currentTime"]
            assert told == "2026-03-02T10:00:00.000000"

    run_virtual(story())


def test_id_tags_that_nobody_named_have_the_status_of_the_unknown() -> None:
    behaviour = Behaviour(unknown_tags=AuthorizationStatus.invalid)
    assert behaviour.tag("ANY").status == "Invalid"


def test_ids_are_numbers_where_that_is_the_habit() -> None:
    async def act(session: Session) -> None:
        await session.try_to_ask("ClearCache", {})

    async def story() -> None:
        async with link(act, numeric_ids=True) as (connection, central_system):
            kind, message_id, action, _ = json.loads(await connection.recv())
            assert (kind, type(message_id), action) == (2, int, "ClearCache")
            await connection.send(f'[4,"{message_id}","FormationViolation","a number",{{}}]')
            await connection.send(HEARTBEAT)
            await connection.recv()
            (asked,) = central_system.log(STATION).asked
            assert (asked.answer, asked.error) == (None, "FormationViolation")
            assert central_system.violations == []

    run_virtual(story())


def test_a_frame_that_is_too_long_closes_the_link_with_1009() -> None:
    async def story() -> None:
        async with link(most_characters=len(HEARTBEAT)) as (connection, central_system):
            await connection.send(HEARTBEAT)
            await connection.recv()
            await connection.send(HEARTBEAT + " ")
            with pytest.raises(MessageTooBig, match="1009"):
                await connection.recv()
            assert central_system.log(STATION).calls[1:] == []

    run_virtual(story())


def test_links_are_closed_in_turn_and_over_and_over() -> None:
    async def story(bench: Bench) -> None:
        for keeps_s in (0, 40, 0, 40):
            async with bench.connection() as connection:
                began = bench.clock.now()
                with pytest.raises(ConnectionLost, match="1001"):
                    await connection.recv()
                assert bench.clock.now() - began == timedelta(seconds=keeps_s)

    on_bench(story, Behaviour(closes_after_s=(0.0, 40.0), close_code=1001))


def test_a_call_that_is_crossed_before_its_answer_meets_its_reaction() -> None:
    async def act(session: Session) -> None:
        await session.log.message(call.Heartbeat)
        await session.try_to_ask("ClearCache", {})

    async def story() -> None:
        thinks = {"Heartbeat": Reaction(delay_s=1.0)}
        async with link(act, reactions=thinks, crossed=Reaction(error="GenericError")) as (connection, _):
            await connection.send(HEARTBEAT)
            theirs = json.loads(await connection.recv())
            assert theirs[2] == "ClearCache"
            await connection.send(json.dumps([3, theirs[1], {"status": "Accepted"}]))
            assert json.loads(await connection.recv())[:3] == [4, "1", "GenericError"]
            await connection.send(HEARTBEAT.replace("1", "2"))
            assert json.loads(await connection.recv())[:2] == [3, "2"], "nothing crossed this one"

    run_virtual(story())


def test_calls_that_go_together_wait_for_no_answer_in_between() -> None:
    async def act(session: Session) -> None:
        await session.requests.ask_together([("ClearCache", {}), ("GetConfiguration", {})])

    async def story() -> None:
        async with link(act) as (connection, central_system):
            first, second = [json.loads(await connection.recv()) for _ in range(2)]
            await connection.send(json.dumps([4, second[1], "NotSupported", "", {}]))
            await connection.send(json.dumps([3, first[1], {"status": "Accepted"}]))
            await connection.send(HEARTBEAT)
            await connection.recv()
            asked = [(one.action, one.answer, one.error) for one in central_system.log(STATION).asked]
            assert asked == [
                ("ClearCache", {"status": "Accepted"}, None),
                ("GetConfiguration", None, "NotSupported"),
            ]

    run_virtual(story())


def test_what_it_does_by_itself_ends_with_the_link_and_begins_with_the_next() -> None:
    began = 0

    async def act(session: Session) -> None:
        nonlocal began
        began += 1
        await session.try_to_ask("ClearCache", {})
        raise AssertionError("nobody answered")

    async def story() -> None:
        central_system = CentralSystem(VirtualClock(), acts=act)
        async with memory_network(central_system) as network:
            for number in (1, 2):
                async with network.connect(Endpoint(url=URL)) as connection:
                    await connection.recv()
                    assert began == number

    run_virtual(story())


def test_a_question_that_nobody_answers_is_given_up_and_a_lost_link_ends_the_asking() -> None:
    ends: list[str] = []

    async def act(session: Session) -> None:
        assert await session.try_to_ask("ClearCache", {}) is None
        ends.append("given up")
        try:
            await session.requests.ask_together([("ClearCache", {})])
        except* NotConnected:
            ends.append("lost")

    async def story() -> None:
        async with link(act) as (connection, _):
            clock_s = asyncio.get_running_loop().time()
            await connection.recv()
            await connection.recv()
            assert asyncio.get_running_loop().time() - clock_s == 5
        assert ends == ["given up"], "the end of the link is the end of what it does"

    run_virtual(story())
