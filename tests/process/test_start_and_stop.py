"""The daemon's life as systemd and a technician see it: up within a second, alone on its socket, down in order."""

import signal
from pathlib import Path

import pytest

from cpd.clock import SystemClock
from tests.process.charger import CARD, Charger, charger
from tests.process.site import site

NOBODY_THERE = "ws://127.0.0.1:9/ocpp"
"""The discard port, on which nothing listens."""


async def test_the_control_socket_is_there_within_a_second_before_any_csms(tmp_path: Path) -> None:
    """A second of its own work: a machine with more to do than this takes longer by the clock."""
    clock = SystemClock()
    worked_s, took_s = [], []
    async with charger(tmp_path, start=False, url=NOBODY_THERE) as here:
        here.fresh = True
        for _ in range(3):
            started_s = clock.monotonic_s()
            await here.launch()
            await here.logged("daemon ready", since=len(here.log))
            status = await here.status()
            took_s.append(clock.monotonic_s() - started_s)
            worked_s.append(here.cpu_s)
            assert not status["csms"]["connected"]
            assert await here.terminate() == 0
    assert min(worked_s) < 1.0, worked_s
    assert min(took_s) < 5.0, took_s


async def test_a_charger_without_a_csms_works_alone(tmp_path: Path) -> None:
    async with charger(tmp_path, ocpp="AllowOfflineTxForUnknownId = true") as here:
        assert (await here.status())["csms"]["url"] is None
        connector = await here.charge()
        assert (connector["limit"]["current_a"], connector["pilot"]["duty_percent"]) == (32.0, 53.3)


async def refused(first: Charger, *shared: str) -> str:
    """What a second daemon says that has *shared* files in common with the first one."""
    text = first.config.read_text()
    for name in {"cpd.sock", "cpd.db", "hal"}.difference(shared):
        text = text.replace(f'"{name}"', f'"second-{name}"')
    config = first.folder / "second.toml"
    config.write_text(text)
    second = Charger(first.folder, config)
    try:
        await second.launch()
        assert await second.ended() == 1
    finally:
        await second.close()
    return second.log


async def test_a_second_daemon_is_refused_in_words_and_touches_nothing_of_the_first_ones(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as here:
        await here.charger.charge()
        same_socket = "another cpd is running with the control socket"
        assert same_socket in await refused(here.charger, "cpd.sock")
        assert "cpd.db: another cpd uses it; stop that one" in await refused(here.charger, "cpd.db")
        assert same_socket in await refused(here.charger, "cpd.sock", "cpd.db", "hal")

        connector = await here.charger.connector()
        assert (connector["ocpp_status"], connector["contactor"]["confirmed"]) == ("Charging", "closed")
        await here.charger.call("mock.plug_out", connector=1)
        (booked,) = await here.booked()
        assert (booked.starts, booked.stops, booked.reason) == (1, 1, "EVDisconnected")


async def test_the_socket_of_a_killed_daemon_is_replaced(tmp_path: Path) -> None:
    async with charger(tmp_path) as here:
        before = here.socket.stat().st_ino
        await here.power_cut()
        assert here.socket.stat().st_ino == before, "a killed daemon cannot remove its socket"
        await here.start()
        assert (await here.status())["station"]["uptime_s"] < 10


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_daemon_ends_at_once_and_takes_its_socket_along(
    tmp_path: Path, number: signal.Signals
) -> None:
    clock = SystemClock()
    async with site(tmp_path) as here:
        told_s = clock.monotonic_s()
        assert await here.charger.terminate(number) == 0
        assert clock.monotonic_s() - told_s < 2.0
        assert not here.charger.socket.exists()


async def test_a_planned_stop_ends_the_session_in_order(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        await here.charger.charge()
        mark = len(here.charger.log)
        assert await here.charger.terminate() == 0
        (booked,) = await here.booked()
        assert (booked.starts, booked.stops, booked.reason) == (1, 1, "Reboot")
        told = [line for line in here.charger.log[mark:].splitlines() if "contactor connector=1" in line]
        assert told[-1].endswith("state=open")

        await here.charger.start()
        connector = await here.charger.connector()
        assert (connector["transaction"], connector["contactor"]["confirmed"]) == (None, "open")
        assert len(here.transactions) == 1


async def test_a_planned_stop_without_the_csms_is_told_later(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        await here.charger.charge()
        await here.charger.call("csms.disconnect")
        await here.charger.until(lambda status: not status["csms"]["connected"])
        assert await here.charger.terminate() == 0
        assert here.transactions[0].open

        await here.charger.start()
        (booked,) = await here.booked()
        assert (booked.stops, booked.reason, booked.id_tag) == (1, "Reboot", CARD)
