"""Reset of a real daemon: Soft begins anew in the same process, Hard ends it, by a command where there is one."""

from pathlib import Path

from ocpp.v16 import call

from tests.process.site import Site, site


async def reset(here: Site, kind: str) -> str:
    return str((await here.call(call.Reset(type=kind))).status)  # type: ignore[arg-type]


async def test_soft_begins_anew_in_the_same_process_and_the_session_is_booked(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        await here.charger.charge()
        pid, mark, frames = here.charger.pid, len(here.charger.log), len(here.log.entries)
        assert await reset(here, "Soft") == "Accepted"
        await here.charger.logged("daemon ready", since=mark)
        await here.received('"BootNotification"', frames)
        assert here.charger.pid == pid
        (booked,) = await here.booked()
        assert (booked.starts, booked.stops, booked.reason) == (1, 1, "SoftReset")
        connector = await here.charger.connector()
        assert (connector["transaction"], connector["contactor"]["confirmed"]) == (None, "open")
        assert await here.charger.terminate() == 0


async def test_hard_without_a_command_ends_with_the_status_that_asks_for_a_reboot(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        await here.charger.charge()
        assert await reset(here, "Hard") == "Accepted"
        assert await here.charger.ended() == 64
        (booked,) = await here.booked()
        assert (booked.stops, booked.reason) == (1, "HardReset")


async def test_hard_runs_the_installers_command_when_everything_is_safe(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    command = f"""["sh", "-c", "test ! -e '{tmp_path}/cpd.sock' && echo on >> '{ran}'"]"""
    async with site(tmp_path, station=f"hard_reset_command = {command}") as here:
        assert await reset(here, "Hard") == "Accepted"
        assert await here.charger.ended() == 0
    assert ran.read_text() == "on\n", "the daemon had ended before, its socket was gone"


async def test_a_command_that_fails_is_tried_again_and_then_the_status_asks(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    command = f"""["sh", "-c", "echo on >> '{ran}'; exit 3"]"""
    config = {"station": f"hard_reset_command = {command}", "ocpp": "ResetRetries = 2"}
    async with site(tmp_path, **config) as here:
        assert await reset(here, "Hard") == "Accepted"
        assert await here.charger.ended() == 64
        assert "hard reset command sh failed: exit status 3" in here.charger.log
    assert ran.read_text() == "on\n" * 3


async def test_a_command_that_is_not_there_is_told_and_the_process_ends_all_the_same(tmp_path: Path) -> None:
    async with site(tmp_path, station='hard_reset_command = ["/nonexistent/reboot"]') as here:
        assert await reset(here, "Hard") == "Accepted"
        assert await here.charger.ended() == 64
        assert "hard reset command /nonexistent/reboot failed" in here.charger.log
