"""What systemd is told while the daemon runs, on virtual time; its end of the socket is real."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from cpd.station.pulse import Pulse
from cpd.station.signal import Signal
from cpd.station.snapshot import StationSnapshot
from cpd.supervision import RESTART_S, STUCK_S, Supervision
from hal.systemd import Notifier
from tests.control.fake_target import a_snapshot, an_idle_connector
from tests.hal.bench import virtual
from tests.hal.notified import Heard, heard
from tests.virtual_time import VirtualClock

IDLE = a_snapshot(an_idle_connector(1))
WATCHDOG_S = 30.0


@dataclass
class Charger:
    """A station and its store, as far as they are watched; *works*: its only task goes round when it is asked to."""

    works: bool = True
    waits_s: float = 0.0
    shows: StationSnapshot = IDLE
    changed: Signal = field(default_factory=Signal)
    session: Pulse = field(default_factory=Pulse)

    @property
    def pulses(self) -> Mapping[str, Pulse]:
        return {"session of connector 1": self.session}

    def prove_alive(self, now_s: float) -> None:
        self.session.ask(now_s)
        if self.works:
            self.session.beat()

    def snapshot(self) -> StationSnapshot:
        return self.shows

    def silent_s(self, now_s: float) -> float:
        return self.waits_s

    def show(self, queued: int) -> None:
        self.shows = replace(IDLE, queued=queued)
        self.changed.fire()


@asynccontextmanager
async def supervised(
    systemd: Heard, clock: VirtualClock, watchdog_s: float | None = WATCHDOG_S
) -> AsyncIterator[Supervision]:
    supervision = Supervision(Notifier(str(systemd.path)), clock, watchdog_s=watchdog_s)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(supervision.run())
        yield supervision
        task.cancel()


def fed(systemd: Heard) -> int:
    return systemd.now().count("WATCHDOG=1")


@virtual
async def test_a_daemon_that_works_feeds_the_watchdog_several_times_in_its_time(tmp_path: Path) -> None:
    clock = VirtualClock()
    with heard(tmp_path) as systemd:
        async with supervised(systemd, clock) as supervision:
            with supervision.of(charger := Charger(), charger):
                await clock.sleep(59)
                assert fed(systemd) == 8


@virtual
async def test_a_session_that_does_not_answer_ends_the_feeding(tmp_path: Path) -> None:
    clock = VirtualClock()
    with heard(tmp_path) as systemd:
        async with supervised(systemd, clock) as supervision:
            with supervision.of(charger := Charger(works=False), charger):
                await clock.sleep(STUCK_S + 20)
                assert fed(systemd) > 0
                await clock.sleep(3_600)
                assert fed(systemd) == 0


@virtual
async def test_a_session_that_answers_late_is_no_reason_to_end(tmp_path: Path) -> None:
    clock = VirtualClock()
    with heard(tmp_path) as systemd:
        async with supervised(systemd, clock) as supervision:
            with supervision.of(charger := Charger(works=False), charger):
                for _ in range(10):
                    await clock.sleep(STUCK_S - 20)
                    charger.session.beat()
                    assert fed(systemd) >= 6


@virtual
async def test_a_store_that_keeps_everybody_waiting_ends_the_feeding(tmp_path: Path) -> None:
    clock = VirtualClock()
    with heard(tmp_path) as systemd:
        async with supervised(systemd, clock) as supervision:
            with supervision.of(charger := Charger(waits_s=STUCK_S), charger):
                await clock.sleep(31)
                assert fed(systemd) == 5
                charger.waits_s = STUCK_S + 1
                await clock.sleep(60)
                assert fed(systemd) == 0


@virtual
async def test_between_two_lives_the_watchdog_is_fed(tmp_path: Path) -> None:
    clock = VirtualClock()
    with heard(tmp_path) as systemd:
        async with supervised(systemd, clock) as supervision:
            with supervision.of(charger := Charger(works=False), charger):
                await clock.sleep(20)
            for _ in range(5):
                await clock.sleep(STUCK_S - 20)
                assert fed(systemd) >= 6


@virtual
async def test_a_restart_that_comes_to_no_end_ends_the_feeding_and_one_that_does_begins_it(
    tmp_path: Path,
) -> None:
    clock = VirtualClock()
    with heard(tmp_path) as systemd:
        async with supervised(systemd, clock) as supervision:
            for _ in range(2):
                with supervision.of(charger := Charger(), charger):
                    await clock.sleep(3_600)
                    assert fed(systemd) > 0
                await clock.sleep(RESTART_S + 20)
                assert fed(systemd) > 0
                await clock.sleep(3_600)
                assert fed(systemd) == 0


@virtual
async def test_where_systemd_wants_no_sign_of_life_there_is_none(tmp_path: Path) -> None:
    clock = VirtualClock()
    with heard(tmp_path) as systemd:
        async with supervised(systemd, clock, watchdog_s=None) as supervision:
            with supervision.of(charger := Charger(), charger):
                await clock.sleep(3_600)
                assert systemd.now() == ["STATUS=1 Available; CSMS online"]


@virtual
async def test_the_status_is_told_on_change_and_once_a_second_at_most(tmp_path: Path) -> None:
    clock = VirtualClock()
    with heard(tmp_path) as systemd:
        async with supervised(systemd, clock, watchdog_s=None) as supervision:
            with supervision.of(charger := Charger(), charger):
                for tenth in range(1, 41):
                    charger.show(queued=tenth)
                    await clock.sleep(0.1)
                await clock.sleep(60)
                told = systemd.now()
                assert 4 <= len(told) <= 6
                assert told[-1] == "STATUS=1 Available; CSMS online; 40 queued"
                charger.changed.fire()
                await clock.sleep(60)
                assert systemd.now() == []


@virtual
async def test_the_next_life_is_told_of_as_the_first_one_was(tmp_path: Path) -> None:
    clock = VirtualClock()
    with heard(tmp_path) as systemd:
        async with supervised(systemd, clock, watchdog_s=None) as supervision:
            for queued in (1, 2):
                charger = Charger(shows=replace(IDLE, queued=queued))
                with supervision.of(charger, charger):
                    await clock.sleep(10)
            told = systemd.now()
            assert told == [f"STATUS=1 Available; CSMS online; {queued} queued" for queued in (1, 2)]


@virtual
async def test_a_reload_is_told_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    clock = VirtualClock()
    with heard(tmp_path) as systemd:
        supervision = Supervision(Notifier(str(systemd.path)), clock, watchdog_s=None)
        now_us = int(clock.monotonic_s() * 1_000_000)
        with supervision.reloading():
            assert systemd.now() == [f"RELOADING=1\nMONOTONIC_USEC={now_us}"]
        assert systemd.now() == ["READY=1"]


@virtual
async def test_nobody_is_told_where_nobody_listens() -> None:
    async with asyncio.timeout(1):
        await Supervision(Notifier(""), VirtualClock(), watchdog_s=WATCHDOG_S).run()
