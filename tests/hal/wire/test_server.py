"""The guard's side of the socket: what clients say wrong, late, twice or not at all changes nothing for an outlet."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from hal.evse import Offer
from hal.guard import Guard
from hal.serving import pause
from hal.values import FaultKind, StopReason
from hal.wire.client import connect
from hal.wire.codec import encode_line
from hal.wire.messages import (
    Acknowledge,
    Acknowledged,
    Farewell,
    GiveOffer,
    Greeting,
    Hello,
    HoldPlug,
    OutletTold,
    Perform,
    Refused,
    SetAvailable,
    Stop,
    Unlock,
    Wake,
)
from hal.wire.peers import Admitted, Peer, peer_of
from hal.world_acts import PlugIn, WorldAct
from tests.hal.wire.bench import RawClient, guard, raw_client, served
from tests.virtual_time import run_virtual

OFFER = Offer(current_ma=16_000, phases=3)
LESS = Offer(current_ma=6_000, phases=3)

GIVE = GiveOffer(connector=1, offer=OFFER)


def duty_ns(hal: Guard) -> int | None:
    return hal.evses[1].snapshot().duty_ns


def plug_in(hal: Guard) -> None:
    assert hal.world is not None
    hal.world.plug_in(1)


async def commands(client: RawClient, hal: Guard) -> None:
    """Wait until *client* commands and a vehicle is there."""
    await client.hears(OutletTold)
    plug_in(hal)
    await pause(0.1)


def test_a_lease_counts_from_the_sending_of_its_offer(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path, raw_client(path) as client:
            await commands(client, hal)
            client.order(GIVE, age_s=2.5)
            await pause(0.4)
            assert duty_ns(hal) is not None
            await pause(0.2)
            assert duty_ns(hal) is None

    run_virtual(scenario())


def test_an_offer_that_lay_in_a_buffer_for_its_whole_lease_is_late_and_not_new(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path, raw_client(path) as client:
            await commands(client, hal)
            for age_s in (60, 5, 3.001):
                client.order(GIVE, age_s=age_s)
                await pause(0.1)
                assert duty_ns(hal) is None

    run_virtual(scenario())


def test_an_offer_from_the_future_ends_its_client(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path, raw_client(path) as client:
            await commands(client, hal)
            client.order(GIVE, age_s=-5)
            await client.last_words()
            assert duty_ns(hal) is None

    run_virtual(scenario())


def test_a_repeated_order_never_overrides_a_newer_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path, raw_client(path) as client:
            assert hal.world is not None
            # One that does not charge yet may be offered more at any time.
            hal.world.ev(1, ready=False)
            await commands(client, hal)
            client.order(GIVE, number=7)
            client.order(GiveOffer(connector=1, offer=LESS), number=8)
            client.order(GIVE, number=7)
            client.order(GIVE, number=8)
            await pause(0.1)
            assert duty_ns(hal) == 100_000
            client.order(GIVE, number=9)
            await pause(0.1)
            assert duty_ns(hal) == 266_666

    run_virtual(scenario())


def test_a_newer_client_takes_over_and_nothing_of_the_older_one_is_obeyed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path, raw_client(path) as older:
            await commands(older, hal)
            older.order(GIVE)
            await pause(0.1)
            async with raw_client(path) as newer:
                # Both speak in the same instant: the Hello of the newer one was read before.
                newer.order(GiveOffer(connector=1, offer=LESS))
                older.order(SetAvailable(connector=1, available=False))
                older.order(GiveOffer(connector=1, offer=OFFER))
                await pause(1)
                assert (duty_ns(hal), hal.evses[1].snapshot().available) == (100_000, True)

    run_virtual(scenario())


def test_a_client_hears_why_it_is_sent_away(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            guard(tmp_path) as hal,
            served(hal, tmp_path) as path,
            raw_client(path) as older,
            raw_client(path),
        ):
            assert (await older.hears(Farewell)).reason == "another cpd has taken over"
            assert await older.last_words() == []

    run_virtual(scenario())


def test_a_client_without_a_greeting_takes_nothing_over_and_is_dropped(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path, connect(path) as remote:
            began_s = asyncio.get_running_loop().time()
            async with raw_client(path, version=None) as silent:
                assert await silent.last_words() == []
            assert asyncio.get_running_loop().time() - began_s == pytest.approx(2)
            async with raw_client(path, version=None) as impolite:
                impolite.order(GIVE)
                assert await impolite.last_words() == []
            assert not remote.evses[1].snapshot().faults

    run_virtual(scenario())


def test_a_client_of_another_version_is_refused_in_words(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path, connect(path) as remote:
            async with raw_client(path, version=2) as foreign:
                farewell = await foreign.hears(Farewell)
                assert farewell.reason == "it speaks version 2 of the wire, this guard 1"
            assert not remote.evses[1].snapshot().faults

    run_virtual(scenario())


HELLO = encode_line(Hello, Hello(version=1))


@pytest.mark.parametrize(
    "said",
    [
        b"garbage\n",
        HELLO + b"garbage\n",
        HELLO + HELLO,
        HELLO + b"[" * 60_000 + b"\n",
        HELLO + b"x" * 70_000,
        HELLO + b"x" * 70_000 + b"\n",
        HELLO + b"\n",
        HELLO + b'{"number":1,"sent_at_s":1,"content":["Wake",{"connector":9}]}\n',
        HELLO + b'{"number":1,"sent_at_s":1,"content":["Unlock",{"connector":0}]}\n',
        HELLO + b'{"number":1,"sent_at_s":1,"content":["Greeting",{}]}\n',
        b"\0" * 100_000,
    ],
)
def test_garbage_ends_its_client_and_nothing_else(
    tmp_path: Path, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path:
            async with raw_client(path, version=None) as client:
                client.say(said)
                await client.last_words()
            async with connect(path) as remote:
                await remote.perform(PlugIn(connector=1))
                remote.evses[1].offer(OFFER)
                await pause(0.1)
                assert duty_ns(hal) is not None

    run_virtual(scenario())
    assert [record for record in caplog.records if record.name == "asyncio"] == [], "the loop heard of it"


def test_a_line_may_come_in_pieces_and_many_in_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            guard(tmp_path) as hal,
            served(hal, tmp_path) as path,
            raw_client(path, version=None) as client,
        ):
            for byte in HELLO:
                client.say(bytes([byte]))
                await pause(0.001)
            await client.reader.readline()
            await commands(client, hal)
            for number in range(1, 500):
                client.order(SetAvailable(connector=1, available=number % 2 == 0))
            await pause(0.5)
            assert not hal.evses[1].snapshot().available

    run_virtual(scenario())


def test_the_outlets_have_their_turn_while_a_client_floods(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path, raw_client(path) as client:
            await commands(client, hal)
            turns = 0

            def turn() -> None:
                nonlocal turns
                turns += 1
                asyncio.get_running_loop().call_soon(turn) if turns < 10_000 else None

            for _ in range(1_000):
                client.order(Wake(connector=1))
            turn()
            client.order(Acknowledge(connector=1, kind=FaultKind.OVER_CURRENT))
            await client.hears(Acknowledged)
            assert turns >= 1_000 / 32

    run_virtual(scenario())


def test_a_client_that_does_not_read_is_dropped_and_never_waited_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path:
            deaf = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            deaf.connect(str(path))
            deaf.sendall(HELLO)
            deaf.settimeout(0)
            await pause(0.1)
            plug_in(hal)
            sent = 0
            try:
                while sent < 50_000:
                    sent += 1
                    hal.evses[1].set_available(sent % 2 == 0)
                    await pause(0.5)
                    deaf.send(b"")
                    if sent % 50 == 0:
                        os.write(
                            deaf.fileno(), b'{"number":%d,"sent_at_s":0,"content":["Examine",{}]}\n' % sent
                        )
            except BrokenPipeError:
                pass
            assert sent < 50_000
            deaf.close()

    run_virtual(scenario())


def test_a_client_that_goes_changes_nothing_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path:
            async with raw_client(path) as client:
                await commands(client, hal)
                client.order(HoldPlug(connector=1, held=True))
                client.order(GIVE)
                await pause(0.01)
                given_s = asyncio.get_running_loop().time()
            await pause(2.5)
            assert duty_ns(hal) is not None
            await pause(given_s + 3.01 - asyncio.get_running_loop().time())
            assert duty_ns(hal) is None, "the lease has lapsed by itself"
            assert hal.evses[1].snapshot().available

    run_virtual(scenario())


def test_an_emergency_opens_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path, raw_client(path) as client:
            await commands(client, hal)
            for _ in range(5):
                client.order(GIVE)
                await pause(1)
            assert hal.evses[1].snapshot().contactor == "closed"
            client.order(Stop(connector=1, reason=StopReason.EMERGENCY))
            await pause(0.05)
            assert hal.evses[1].snapshot().contactor == "open"

    run_virtual(scenario())


def test_too_many_questions_at_once_are_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path, raw_client(path) as client:
            await commands(client, hal)
            for _ in range(30):
                client.order(Unlock(connector=1))
            assert (await client.hears(Refused)).reason == "too much is asked at once"

    run_virtual(scenario())


class RealHardware:
    """A guard as it is on a charger: without a world."""

    has_world = False

    def __init__(self, hal: Guard) -> None:
        self.evses, self.lights = hal.evses, hal.lights
        self.cards, self.examine, self.contactor_cycles = hal.cards, hal.examine, hal.contactor_cycles

    async def perform(self, act: WorldAct) -> None:
        raise ValueError("this is real hardware")


def test_real_hardware_has_no_world_to_act_upon(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            guard(tmp_path) as hal,
            served(RealHardware(hal), tmp_path) as path,
            raw_client(path) as client,
        ):
            assert not (await client.hears(Greeting)).has_world
            client.order(Perform(act=PlugIn(connector=1)))
            assert (await client.hears(Refused)).reason == "this is real hardware"

    run_virtual(scenario())


def test_root_the_own_user_and_the_members_of_the_group_are_admitted_and_nobody_else() -> None:
    admitted = Admitted(uids=frozenset({0, 100}), group=7)
    assert admitted.admits(Peer(pid=1, uid=0, groups=frozenset()))
    assert admitted.admits(Peer(pid=1, uid=100, groups=frozenset()))
    assert admitted.admits(Peer(pid=1, uid=200, groups=frozenset({1, 7})))
    assert not admitted.admits(Peer(pid=1, uid=200, groups=frozenset({1})))
    assert not Admitted(uids=frozenset({0}), group=None).admits(Peer(pid=1, uid=200, groups=frozenset({0})))


@pytest.mark.parametrize(("mode", "admits"), [(0o660, True), (0o600, False)])
def test_the_group_of_the_socket_counts_where_its_mode_lets_it_write(
    tmp_path: Path, mode: int, admits: bool
) -> None:
    path = tmp_path / "guard.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        os.chown(path, -1, os.getgid())
        path.chmod(mode)
        assert Admitted.at(listener).group == (os.getgid() if admits else None)


def test_the_kernel_vouches_for_a_peer() -> None:
    here, there = socket.socketpair()
    with here, there:
        peer = peer_of(here)
    assert (peer.pid, peer.uid) == (os.getpid(), os.getuid())
    assert {os.getgid(), *os.getgroups()} <= peer.groups
