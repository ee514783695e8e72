"""The client of the guard: an outlet behind a socket is an outlet, and one whose guard is lost says so."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hal.errors import GuardUnavailable
from hal.evse import FaultCleared, Offer, OutletEvent, PilotChanged
from hal.light import LightMeaning, LightSignal
from hal.serving import pause
from hal.values import FaultKind, PilotState, StopReason, UnlockResult
from hal.wire.client import RemoteHal, connect
from hal.wire.codec import encode_line
from hal.wire.messages import VERSION, FromGuard, Greeting, Hello, OutletTold
from hal.world_acts import PlugIn, Swipe
from tests.hal.wire.bench import CARD, guard, guard_process, raw_client, served
from tests.virtual_time import run_virtual

OFFER = Offer(current_ma=16_000, phases=3)


async def until(met: Callable[[], bool], *, within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not met():
            await pause(0.01)


async def charge(remote: RemoteHal, *, for_s: int = 5) -> None:
    """Offer, and renew each second."""
    for _ in range(for_s):
        remote.evses[1].offer(OFFER)
        await pause(1)


def test_an_outlet_behind_the_socket_charges_like_any_other(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path, connect(path) as remote:
            evse = remote.evses[1]
            await remote.perform(PlugIn(connector=1))
            await charge(remote)
            assert evse.snapshot().contactor == "closed"
            assert evse.snapshot().duty_ns == 266_666
            told, true = evse.snapshot().meter, hal.evses[1].snapshot().meter
            assert told is not None and true is not None
            assert true.at_s - told.at_s <= 0.26
            assert remote.contactor_cycles(1) == 1
            evse.stop(StopReason.NORMAL)
            await until(lambda: evse.snapshot().contactor == "open")
            assert evse.snapshot().meter.energy_wh == hal.evses[1].snapshot().meter.energy_wh  # type: ignore[union-attr]

    run_virtual(scenario())


def test_commands_reach_the_outlet_and_their_answers_come_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path, connect(path) as remote:
            evse = remote.evses[1]
            evse.set_available(False)
            await until(lambda: not evse.snapshot().available)
            evse.set_available(True)
            await until(lambda: evse.snapshot().available)
            await remote.perform(PlugIn(connector=1))
            await until(lambda: evse.snapshot().lock == "locked")
            assert await evse.unlock() is UnlockResult.UNLOCKED
            assert not await evse.acknowledge_fault(FaultKind.CONTACTOR_WELDED)
            assert [finding.part for finding in await remote.examine()] == [
                finding.part for finding in await hal.examine()
            ]
            shown = LightSignal(meaning=LightMeaning.READY, blinks=0, intensity_percent=40)
            remote.lights[1].show(shown)
            await until(lambda: hal.world.lights[1].shown[-1:] == [shown])  # type: ignore[union-attr]

    run_virtual(scenario())


def test_a_card_at_the_reader_comes_over_the_socket(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path, connect(path) as remote:
            cards = remote.cards()
            await remote.perform(Swipe(id_tag=CARD, connector=1))
            card = await anext(cards)
            assert (card.id_tag, card.connector) == (CARD, 1)

    run_virtual(scenario())


def test_what_the_mock_refuses_is_refused_in_its_words(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path, connect(path) as remote:
            with pytest.raises(ValueError, match="cable_a 7 is none of 13, 20, 32, 63"):
                await remote.perform(PlugIn(connector=1, cable_a=7))

    run_virtual(scenario())


def test_nothing_is_told_while_nothing_changes_but_the_age_of_the_meter(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            guard(tmp_path, outlets=3) as hal,
            served(hal, tmp_path) as path,
            raw_client(path) as client,
        ):
            loop, told = asyncio.get_running_loop(), 0
            end_s = loop.time() + 60
            while loop.time() < end_s:
                told += isinstance(await client.hears(object), OutletTold)
            assert told <= 3 * (1 + 60 / 4)

    run_virtual(scenario())


def test_a_charging_outlet_is_told_at_most_four_times_a_second(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path, connect(path) as remote:
            await remote.perform(PlugIn(connector=1))
            await charge(remote)
            seen = set()
            for _ in range(10):
                remote.evses[1].offer(OFFER)
                for _ in range(100):
                    await pause(0.01)
                    seen.add(remote.evses[1].snapshot())
            assert 30 <= len(seen) <= 41

    run_virtual(scenario())


def test_a_lost_guard_is_seen_at_once_and_told_as_events(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard_process(tmp_path) as process, connect(process.path) as remote:
            evse = remote.evses[1]
            await remote.perform(PlugIn(connector=1))
            await charge(remote)
            events = evse.events()
            await process.falls_silent()
            await pause(0.01)
            now = evse.snapshot()
            assert (now.pilot, now.contactor, now.contactor_commanded) == ("?", "unknown", "unknown")
            assert (now.offer_ma, now.duty_ns) == (0, None)
            assert now.opening_fault is not None and now.opening_fault.kind is FaultKind.GUARD_LOST
            assert now.opening_fault.since_s == pytest.approx(asyncio.get_running_loop().time(), abs=0.1)
            assert now.meter is not None, "what was read last keeps its age"
            assert (now.meter.power_w, now.meter.current_ma) == (None, None)
            assert await evse.unlock() is UnlockResult.FAILED
            assert not await evse.acknowledge_fault(FaultKind.GUARD_LOST)
            with pytest.raises(GuardUnavailable):
                await remote.perform(PlugIn(connector=1))
            assert [finding.part for finding in await remote.examine()] == ["guard"]
            evse.offer(OFFER)
            await process.speaks()
            await until(lambda: evse.snapshot().pilot == "C", within_s=6)
            await pause(0.01)
            seen = await drained(events)
            assert [type(event).__name__ for event in seen][:2] == ["FaultRaised", "PilotChanged"]
            assert FaultCleared(kind=FaultKind.GUARD_LOST) in seen
            assert PilotChanged(state=PilotState.C) in seen

    run_virtual(scenario())


async def drained(events: AsyncIterator[OutletEvent]) -> list[OutletEvent]:
    """What has come until now."""
    seen = []
    try:
        while True:
            async with asyncio.timeout(0.001):
                seen.append(await anext(events))
    except TimeoutError:
        return seen


def test_after_a_reconnect_the_present_wishes_are_sent_again_and_no_old_offer(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard_process(tmp_path) as process, connect(process.path) as remote:
            evse = remote.evses[1]
            evse.hold_plug(True)
            await remote.perform(PlugIn(connector=1))
            await charge(remote)
            await process.dies()
            await pause(0.1)
            evse.offer(OFFER)
            evse.set_available(False)
            evse.set_available(True)
            evse.set_available(False)
            await process.starts()
            await until(lambda: not evse.snapshot().faults, within_s=6)
            await pause(10)
            assert evse.snapshot().duty_ns is None, "an offer is never kept for later"
            assert not process.outlet.available
            assert process.world is not None
            process.world.plug_out(1)
            await pause(2)
            assert process.outlet.lock == "locked", "the plug is held"

    run_virtual(scenario())


def test_an_unplugging_that_nobody_saw_is_told_after_the_reconnect(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard_process(tmp_path) as process, connect(process.path) as remote:
            evse = remote.evses[1]
            process.world.plug_in(1)
            await until(lambda: evse.snapshot().pilot == "B")
            away = process.path.rename(tmp_path / "away.sock")
            async with raw_client(away):
                await until(lambda: evse.snapshot().pilot == "?")
                events = evse.events()
                process.world.plug_out(1)
                await pause(1)
                process.world.plug_in(1)
                await pause(1)
            away.rename(process.path)
            await until(lambda: evse.snapshot().pilot == "B", within_s=6)
            pilots = [event.state for event in await drained(events) if isinstance(event, PilotChanged)]
            assert pilots == [PilotState.A, PilotState.B]

    run_virtual(scenario())


def test_a_guard_that_is_not_there_is_waited_for_and_then_named(tmp_path: Path) -> None:
    async def scenario() -> None:
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(GuardUnavailable, match="systemctl status cpd-guard") as refused:
            async with connect(tmp_path / "guard.sock"):
                pass
        assert "No such file" in str(refused.value)
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(10)

    run_virtual(scenario())


def test_a_guard_that_comes_late_is_used(tmp_path: Path) -> None:
    async def scenario() -> None:
        async def late() -> None:
            await pause(6)
            async with guard(tmp_path) as hal, served(hal, tmp_path):
                await end.wait()

        end = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(late())
            async with connect(tmp_path / "guard.sock") as remote:
                assert remote.evses[1].snapshot().pilot is PilotState.A
            end.set()

    run_virtual(scenario())


def test_a_guard_with_other_connectors_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path, outlets=2) as hal, served(hal, tmp_path) as path:
            with pytest.raises(GuardUnavailable, match=r"connectors 1, 2, and cpd\.toml has connectors 1;"):
                async with connect(path, [1]):
                    pass

    run_virtual(scenario())


def test_a_guard_of_another_backend_is_refused_at_once_and_in_words(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path:
            async with connect(path, [1], "mock"):
                pass
            with pytest.raises(GuardUnavailable) as refused:
                async with connect(path, [1], "gpio"):
                    pass
            words = "it drives mock, and cpd.toml has gpio; systemctl restart cpd-guard cpd"
            assert str(refused.value).endswith(words)

    run_virtual(scenario())


class FakeGuard:
    """Says what a test wants, in the place of a guard; counts who comes."""

    def __init__(self, *lines: bytes) -> None:
        self._lines = lines
        self._writers: list[asyncio.StreamWriter] = []

    @property
    def visits(self) -> int:
        return len(self._writers)

    @asynccontextmanager
    async def at(self, path: Path) -> AsyncIterator[Path]:
        server = await asyncio.start_unix_server(self._greet, path)
        try:
            yield path
        finally:
            server.close()
            for writer in self._writers:
                writer.transport.abort()
            await pause(0)

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        await reader.readline()
        writer.writelines(self._lines)


async def failing(tmp_path: Path, fake: FakeGuard) -> str:
    """In which words the client refuses *fake*."""
    async with fake.at(tmp_path / "guard.sock") as path:
        with pytest.raises(GuardUnavailable) as refused:
            async with connect(path):
                pass
    return str(refused.value)


def test_a_guard_of_another_version_is_refused_at_once_and_in_words(tmp_path: Path) -> None:
    fake = FakeGuard(encode_line(Hello, Hello(version=VERSION + 1)), b'["Whatever", {}]\n')
    words = run_virtual(failing(tmp_path, fake))
    assert "version 2 of the wire, and cpd 1; update both" in words
    assert fake.visits == 1


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "silent for 3.0 s"),
        (b"garbage\n", "no JSON"),
        (b"x" * 70_000, "a line without an end"),
        (encode_line(Hello, Hello(version=VERSION)) + b'["Greeting",{}]\n', "Greeting has the fields"),
    ],
)
def test_a_guard_that_talks_nonsense_is_as_good_as_none(tmp_path: Path, said: bytes, words: str) -> None:
    assert words in run_virtual(failing(tmp_path, FakeGuard(said)))


def test_a_guard_that_comes_back_with_another_backend_is_lost_and_the_doctor_says_why(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with guard_process(tmp_path) as process, connect(process.path, [1], "mock") as remote:
            await process.falls_silent()
            gpio = Greeting(backend="gpio", connectors=(1,), lights=(), has_world=False)
            fake = FakeGuard(encode_line(Hello, Hello(version=VERSION)), encode_line(FromGuard, gpio))
            async with fake.at(process.path):
                await until(lambda: fake.visits > 1)
                (finding,) = await remote.examine()
                assert "it drives gpio, and cpd.toml has mock" in finding.evidence
                assert finding.next_step == "systemctl restart cpd-guard cpd"
                assert [fault.kind for fault in remote.evses[1].snapshot().faults] == ["guard_lost"]

    run_virtual(scenario())


def test_a_guard_that_became_another_is_waited_out_and_the_doctor_says_what_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An update of the guard alone; then that of cpd's own version is back."""

    async def scenario() -> None:
        async with guard_process(tmp_path) as process, connect(process.path) as remote:
            await process.falls_silent()
            fake = FakeGuard(encode_line(Hello, Hello(version=VERSION + 1)))
            async with fake.at(process.path):
                await until(lambda: fake.visits > 1)
                (finding,) = await remote.examine()
                assert "it speaks version 2 of the wire, and cpd 1" in finding.evidence
                assert finding.next_step == "update both, then systemctl restart cpd-guard cpd"
            await pause(6)
            (finding,) = await remote.examine()
            assert finding.next_step == "systemctl status cpd-guard"
            await process.speaks()
            await until(lambda: remote.evses[1].snapshot().pilot is PilotState.A, within_s=6)
            await pause(6)
            await remote.perform(PlugIn(connector=1))

    caplog.set_level(logging.INFO)
    run_virtual(scenario())
    assert "another cpd has taken over" not in caplog.text, "it connects once, whatever went wrong before"


def test_who_asks_too_much_at_once_hears_that_and_not_that_the_guard_is_lost(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path, connect(path) as remote:
            answers = await asyncio.gather(*(remote.examine() for _ in range(20)))
            (refused,) = {found[0] for found in answers if found[0].part == "guard"}
            assert refused.evidence == "too much is asked at once"
            assert refused.next_step == "cpd doctor again in some seconds"

    run_virtual(scenario())


def test_a_guard_that_falls_silent_is_lost_after_three_seconds(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path, raw_client(path) as client:
            greeting, told = await client.hears(Greeting), await client.hears(OutletTold)
        fake = FakeGuard(
            encode_line(Hello, Hello(version=VERSION)),
            *(encode_line(FromGuard, message) for message in (greeting, told)),
        )
        async with fake.at(tmp_path / "silent.sock") as silent, connect(silent) as remote:
            evse = remote.evses[1]
            await pause(2.9)
            assert not evse.snapshot().faults
            await pause(0.2)
            assert [fault.kind for fault in evse.snapshot().faults] == ["guard_lost"]

    run_virtual(scenario())


def test_the_end_of_the_client_withdraws_its_offers(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guard(tmp_path) as hal, served(hal, tmp_path) as path:
            async with connect(path) as remote:
                await remote.perform(PlugIn(connector=1))
                await charge(remote)
                assert hal.evses[1].snapshot().contactor == "closed"
            await pause(0.1)
            assert hal.evses[1].snapshot().duty_ns is None

    run_virtual(scenario())
