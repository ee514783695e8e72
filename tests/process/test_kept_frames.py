"""`cpd trace --since` at a real charger, whose last life ended in order or crashed."""

from pathlib import Path

import pytest
from ocpp.v16 import call

from tests.process.site import Site, site

ASKED = "GetLocalListVersion"


async def actions(here: Site, *arguments: str) -> list[str]:
    shown = await here.charger.cpd("trace", "--json", *arguments)
    assert shown.status == 0, shown.stderr
    return [one["action"] for one in shown.document["frames"] if one["kind"] == "call"]


@pytest.mark.parametrize("end", ["stop", "crash"])
async def test_what_was_said_before_a_restart_is_shown(tmp_path: Path, end: str) -> None:
    runtime = tmp_path / "run"
    runtime.mkdir()
    async with site(
        tmp_path, environment={"RUNTIME_DIRECTORY": str(runtime)}, ocpp="MeterValueSampleInterval = 1"
    ) as here:
        await here.call(call.GetLocalListVersion())
        if end == "crash":
            await here.charger.charge()
            for _ in range(3):
                await here.log.message(call.MeterValues, since=len(here.log.calls))
            await here.charger.power_cut()
        else:
            assert await here.charger.terminate() == 0
        mark = len(here.log.calls)
        await here.charger.start()
        await here.log.message(call.BootNotification, since=mark)
        told = await actions(here, "--since", "-1h")
        assert told.count(ASKED) == 1
        assert told.count("BootNotification") == 2
        # What is in memory is at hand without looking at the disk.
        assert (ASKED in await actions(here, "-n", "2000")) == (end == "crash")
        if end == "crash":
            assert not (tmp_path / "frames").exists(), "a crash loop must not wear the card out"
        await here.charger.terminate()
        assert not list(runtime.iterdir())
        mark = len(here.log.calls)
        await here.charger.start()
        await here.log.message(call.BootNotification, since=mark)
        assert (await actions(here, "--since", "1h")).count("BootNotification") == 3


async def test_a_time_that_is_none_is_refused_with_words(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        refused = await here.charger.cpd("trace", "--since", "yesterday")
        assert refused.status == 2
        assert "no time such as -1h" in refused.stderr
