"""`cpd reload` and SIGHUP at a real charger; `cpd config check` beside it, with no daemon at all."""

import os
import signal
from pathlib import Path

from ocpp.v16 import call

from tests.process.charger import charger, configuration, run_cpd
from tests.process.site import site


async def test_a_technician_lowers_the_maximum_of_a_session_that_runs(tmp_path: Path) -> None:
    async with charger(tmp_path, ocpp="AllowOfflineTxForUnknownId = true") as here:
        await here.charge()
        configuration(tmp_path, connector="max_current_a = 16\nlock = false")
        told = await here.cpd("reload", columns=40)
        assert told.status == 0, told
        assert told.stdout.splitlines() == [
            "changed, in force now",
            "  connector[1].max_current_a = 16",
            "  (was 32)",
            "  ocpp.AllowOfflineTxForUnknownId",
            "  removed",
            "  (was true)",
            "needs a restart",
            "  connector[1].lock = false  (was true)",
            "  sudo systemctl restart cpd",
            told.stdout.splitlines()[-1],
        ]
        assert (await here.connector())["offer_a"] == 16.0
        again = (await here.cpd("reload", "--json")).document
        assert (again["schema"], again["changed"]) == ("cpd.reload/1", [])
        assert [one["key"] for one in again["needs_restart"]] == ["connector[1].lock"]


async def test_a_mistake_is_told_with_its_place_and_changes_nothing(tmp_path: Path) -> None:
    async with charger(tmp_path) as here:
        configuration(tmp_path, connector="max_current_a = 5\nphases = 2", ocpp="HeartbeatInterval = 0")
        told = await here.cpd("reload", columns=40)
        assert (told.status, told.stdout) == (2, "")
        for words in (
            "cpd.toml",
            "max_current_a = 5",
            "phases = 2",
            "HeartbeatInterval = 0",
            "nothing was",
        ):
            assert words in told.stderr, told.stderr
        assert [line for line in told.stderr.splitlines() if len(line) > 40 and " " in line] == []
        mark = len(here.log)
        os.kill(here.pid, signal.SIGHUP)
        await here.logged("reload refused, nothing is changed", since=mark)
        checked = await run_cpd("config", "check", here.config)
        assert checked.status == 2
        assert told.stderr.startswith(checked.stderr.rstrip())


async def test_sighup_reloads_while_a_session_runs(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        await here.charger.charge()
        text = here.charger.config.read_text().replace("id = 1\n", "id = 1\nmax_current_a = 10\n", 1)
        here.charger.config.write_text(text)
        mark = len(here.charger.log)
        os.kill(here.charger.pid, signal.SIGHUP)
        await here.charger.logged("reload changed=1 needs_restart=0", since=mark)
        assert (await here.charger.connector())["offer_a"] == 10.0
        assert (await here.charger.status())["csms"]["connected"]
        await here.charger.call("stop", connector=1)
        (booked,) = await here.booked()
        assert booked.reason == "Local"
        assert await here.charger.terminate() == 0


async def test_another_csms_is_booted_at_without_a_restart(tmp_path: Path) -> None:
    async with site(tmp_path / "first") as first, site(tmp_path / "second") as second:
        await second.charger.terminate()
        config = first.charger.config
        config.write_text(config.read_text().replace(f":{first.port}/", f":{second.port}/"))
        seen = len(second.log.calls)
        assert (await first.charger.cpd("reload")).status == 0
        await second.log.message(call.BootNotification, lambda _told: True, since=seen)
        status = await first.charger.until_online()
        assert str(second.port) in str(status["csms"]["url"])
