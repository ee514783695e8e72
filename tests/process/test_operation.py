"""The command line at a real charger: start, stop, unlock, availability, fault ack, reset."""

import asyncio
import os
from pathlib import Path

from tests.process.charger import CARD, PATIENCE_S, PROGRAM, Charger, charger
from tests.process.site import site


async def test_a_session_without_card_and_reader_from_start_to_unplugging(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        at = here.charger
        await at.call("mock.plug_in", connector=1)
        started = await at.cpd("start", "1", "--tag", CARD, columns=40)
        assert (started.status, started.stdout.splitlines()[0]) == (0, "1 asked to start")
        await at.until_status("Charging")
        assert (await at.cpd("start", "1", "--tag", CARD)).status == 5, "one runs already"
        assert (await at.cpd("stop", "1")).stdout == "1 stops\n"
        (booked,) = await here.booked()
        assert (booked.id_tag, booked.reason) == (CARD, "Local")
        await at.until_status("Finishing")
        assert (await at.cpd("stop", "1")).status == 5
        unlocked = await at.cpd("unlock", "1", "--yes", "--json")
        assert unlocked.document == {"schema": "cpd.unlock/1", "connector": 1, "unlocked": True}
        assert (await at.connector())["lock"] == "unlocked"


async def test_a_start_without_a_tag_needs_a_connector_that_charges_without_a_card(tmp_path: Path) -> None:
    async with charger(tmp_path) as here:
        refused = await here.cpd("start", "1", columns=40)
        assert refused.status == 5
        assert "--tag" in refused.stderr
        assert all(len(line) <= 40 for line in refused.stderr.splitlines())


async def test_availability_at_the_charger_outlives_a_restart(tmp_path: Path) -> None:
    async with charger(tmp_path, connectors=2) as here:
        assert (await here.cpd("availability", "2", "off")).stdout == "2 out of service\n"
        await here.until_status("Unavailable", 2)
        await here.power_cut()
        await here.start()
        document = await here.until_connector(lambda one: one["ocpp_status"] == "Unavailable", 2)
        assert document["availability"] == "Inoperative"
        assert document["blockers"][0]["code"] == "UNAVAILABLE_LOCAL"
        assert (await here.cpd("availability", "2", "on")).status == 0
        await here.until_status("Available", 2)
        assert (await here.cpd("availability", "3", "off")).status == 4
        assert (await here.cpd("availability", "2", "maybe")).status == 2


async def test_what_is_dangerous_is_not_done_where_nobody_can_be_asked(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        await here.charger.charge()
        for command in (["unlock", "1"], ["reset", "soft"], ["fault", "ack", "1", "contactor_welded"]):
            refused = await here.charger.cpd(*command)
            assert (refused.status, "--yes" in refused.stderr) == (2, True), command
        assert (await here.charger.connector())["ocpp_status"] == "Charging"


async def at_a_terminal(here: Charger, answer: bytes, *arguments: str) -> int:
    """The exit status of ``cpd``, run by somebody at a terminal who types *answer*."""
    typing, terminal = os.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *PROGRAM,
            *arguments,
            stdin=terminal,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=os.environ | {"CPD_SOCKET": str(here.socket)},
        )
        os.write(typing, answer)
        async with asyncio.timeout(PATIENCE_S):
            return await process.wait()
    finally:
        os.close(typing)
        os.close(terminal)


async def test_what_is_dangerous_is_asked_about_once_at_a_terminal(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        await here.charger.charge()
        assert await at_a_terminal(here.charger, b"n\n", "unlock", "1") == 130
        assert (await here.charger.connector())["ocpp_status"] == "Charging"
        assert await at_a_terminal(here.charger, b"y\n", "unlock", "1") == 0
        assert (await here.charger.connector())["lock"] == "unlocked"


async def test_a_fault_is_acknowledged_once_its_cause_is_gone(tmp_path: Path) -> None:
    async with charger(tmp_path, ocpp="AllowOfflineTxForUnknownId = true") as here:
        await here.charge()
        await here.call("mock.fault", connector=1, kind="contactor_welded", active=True)
        await here.call("mock.plug_out", connector=1)
        await here.until_status("Faulted")
        assert (await here.cpd("fault", "ack", "1", "contactor_welded", "--yes")).status == 5
        await here.call("mock.fault", connector=1, kind="contactor_welded", active=False)
        done = await here.cpd("fault", "ack", "1", "FAULT_CONTACTOR_WELDED", "--yes")
        assert (done.status, done.stdout) == (0, "1 contactor_welded acknowledged\n")
        await here.until_status("Available")
        assert (await here.cpd("fault", "ack", "1", "contactor_welded", "--yes")).status == 4


async def test_a_reset_at_the_charger(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        await here.charger.charge()
        mark = len(here.charger.log)
        assert (await here.charger.cpd("reset", "soft", "--yes")).status == 0
        await here.charger.logged("daemon ready", since=mark)
        (booked,) = await here.booked()
        assert booked.reason == "SoftReset"
        assert (await here.charger.cpd("reset", "hard", "--yes")).status == 0
        assert await here.charger.ended() == 64
