"""`cpd init` as installers meet it: at a terminal, in a script, with hardware that is there or not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.cli.terminal import columns_of
from cpd.clock import SystemClock
from cpd.lab.csms.central_system import CentralSystem
from cpd.lab.csms.websocket import listening
from cpd.settings import load_settings
from tests.hal.simulators.openevse import OpenEvseSimulator
from tests.hal.simulators.plugged import plugged
from tests.process.charger import run_cpd
from tests.process.dialogue import dialogue

PASSWORD = "a-password-of-16"


@asynccontextmanager
async def central_system(**passwords: str) -> AsyncIterator[tuple[str, CentralSystem]]:
    csms = CentralSystem(SystemClock())
    async with listening(csms, passwords=passwords or None) as port:
        yield f"ws://127.0.0.1:{port}/ocpp/", csms


class Watched(OpenEvseSimulator):
    """A controller that remembers whether it was ever closed."""

    was_closed = False
    heard_of = False

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "closed" and value:
            self.was_closed = True
        super().__setattr__(name, value)

    def received(self, data: bytes) -> None:
        self.heard_of = True
        super().received(data)


def names(folder: Path) -> list[str]:
    """What is in *folder*."""
    return sorted(one.name for one in folder.iterdir())


def too_wide(shown: str, *typed: str) -> list[str]:
    """Lines that a telephone would break, but for what was *typed*."""
    for answer in typed:
        shown = shown.replace(f": {answer}\n", ":\n")
    return [line for line in shown.splitlines() if columns_of(line) > 40]


async def test_a_charger_is_set_up_by_answering_and_a_virtual_car_charges(tmp_path: Path) -> None:
    file = tmp_path / "cpd.toml"
    async with central_system(CP9=PASSWORD) as (url, csms), dialogue("init", "--config", file) as here:
        await here.answer("Id at the CSMS", "x" * 256)
        await here.sees("✗ This value is not allowed. Allowed:")
        await here.answer("Id at the CSMS", "CP9")
        await here.answer("Its address", "http://csms.example/")
        await here.sees("✗ This is not the address of a central")
        await here.answer("Its address", url + "CP9")
        await here.sees("is left out")
        await here.answer("Password", "wrong-password")
        await here.answer("Board", "mainboard")
        await here.sees("✗ There is no board 'mainboard'")
        await here.answer("Board", "1")
        await here.answer("How many outlets", "")
        await here.answer("A per phase", "16")
        await here.sees("✗ WebSocket")
        await here.sees("HTTP 401")
        await here.answer("Other id, address or password?", "y")
        await here.answer("Id at the CSMS [CP9]", "")
        await here.answer("Its address", "")
        await here.answer("Password", PASSWORD)
        await here.sees("✓ Boot")
        assert not file.exists()
        await here.answer("Write it?", "y")
        await here.sees("4 of 4 as expected")
        assert await here.ends() == 0
    settings = load_settings(file)
    assert settings.csms is not None
    assert (settings.csms.url, settings.csms.password) == (url, PASSWORD)
    assert settings.connectors[0].max_current_a == 16
    assert (tmp_path / "password").stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in here.shown and "wrong-password" not in here.shown
    assert too_wide(here.shown, *here.typed) == []
    # What the virtual car has charged is nobody's to bill.
    assert len(csms.log("CP9").messages(call.BootNotification)) == 1
    assert csms.log("CP9").messages(call.StartTransaction) == []


async def test_a_charger_that_is_set_up_again_keeps_what_nobody_changes(tmp_path: Path) -> None:
    file = tmp_path / "cpd.toml"
    (tmp_path / "secret").write_text(PASSWORD)
    given = ("--id", "CP9", "--url", "ws://h/", "--password-file", tmp_path / "secret", "--board", "mock")
    assert (await run_cpd("init", "--config", file, *given, "--no-checks", "--yes")).status == 0
    async with dialogue("init", "--config", file, "--board", "mock", "--no-checks") as here:
        await here.answer("Id at the CSMS [CP9]", "")
        await here.answer("Its address", "")
        await here.answer("Password, empty for the old", "")
        await here.answer("How many outlets", "2")
        await here.answer("A per phase", "")
        await here.answer("Write it?", "")
        assert await here.ends() == 0
    settings = load_settings(file)
    assert settings.csms is not None
    assert (settings.csms.url, settings.csms.password) == ("ws://h/", PASSWORD)
    assert len(settings.connectors) == 2
    assert names(tmp_path) == ["cpd.toml", "cpd.toml.bak", "password", "secret"]


@pytest.mark.parametrize("moment", ["Id at the CSMS", "Write it?"])
async def test_ctrl_c_leaves_everything_as_it_was(tmp_path: Path, moment: str) -> None:
    file = tmp_path / "cpd.toml"
    file.write_text("# mine\n")
    arguments = ("init", "--config", file, "--url", "-")
    asked = {
        "Id at the CSMS": "CP9",
        "Board": "1",
        "How many outlets": "1",
        "A per phase": "16",
        "Write it?": "",
    }
    async with dialogue(*arguments, TERM="dumb") as here:
        for question, answer in asked.items():
            if question == moment:
                await here.sees(question)
                assert await here.interrupted() == 130
                break
            await here.answer(question, answer)
    assert names(tmp_path) == ["cpd.toml"]
    assert file.read_text() == "# mine\n"
    assert "Traceback" not in here.shown and "\x1b" not in here.shown


async def test_whoever_says_no_at_the_end_has_changed_nothing(tmp_path: Path) -> None:
    file = tmp_path / "cpd.toml"
    given = ("--id", "CP9", "--url", "-", "--board", "mock", "--connectors", "1", "--max-current", "16")
    async with dialogue("init", "--config", file, *given) as here:
        await here.answer("Write it?", "n")
        assert await here.ends() == 0
    assert names(tmp_path) == []


async def test_a_controller_is_looked_at_and_never_closed(tmp_path: Path) -> None:
    line = tmp_path / "line"
    given = ("--id", "CP9", "--url", "ws://127.0.0.1:9/", "--board", "openevse", "--meter", "-")
    with plugged(line, lambda data: simulator.received(data)) as plug:
        simulator = Watched(plug.send)
        simulator.vehicle.plug_in()
        finished = await run_cpd(
            "init", "--config", tmp_path / "cpd.toml", *given, "--port", line, "--yes", columns=40
        )
        assert simulator.heard_of
        assert not simulator.was_closed
    # The central system is not there, and that is told; the file is written nevertheless.
    assert finished.status == 10
    assert "refuses the connection" in " ".join(finished.stdout.split())
    assert "✓ pilot" in finished.stdout and "✓ contactor" in finished.stdout
    assert "4 of 4 as expected" in finished.stdout
    assert too_wide(finished.stdout) == []
    assert load_settings(tmp_path / "cpd.toml").hal.backend == "openevse"
