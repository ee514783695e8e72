"""Every client command as a process against a running daemon: documents, words, widths and exit statuses."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio

from cpd.clock import SystemClock
from tests.process.charger import CARD, run_cpd
from tests.process.site import Site, profile, site

pytestmark = pytest.mark.asyncio(loop_scope="module")

AS_NOBODY = (
    sys.executable,
    "-c",
    # All imports first: nobody may read the library.
    "import os, sys, grp, json, pwd, cpd.cli.config, cpd.cli.status, cpd.cli.transactions\n"
    "from cpd.cli.main import main\n"
    "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
    "sys.exit(main())",
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Not tmp_path, whose parents are closed to other users."""
    with TemporaryDirectory(prefix="cpd-commands-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(folder: Path) -> AsyncIterator[Site]:
    """Two connectors, the first charging under a TxDefaultProfile; every test leaves it so."""
    async with site(folder, connectors=2) as running:
        assert await running.set_profile(profile(7, "TxDefaultProfile", 10.0), 1) == "Accepted"
        await running.charger.charge()
        yield running


DOCUMENTS = [
    (("status",), "cpd.status/1"),
    (("status", "1"), "cpd.status/1"),
    ((), "cpd.status/1"),
    (("why", "1"), "cpd.why/1"),
    (("schedule", "1", "--hours", "2", "--unit", "W"), "cpd.schedule/1"),
    (("schedule", "0"), "cpd.schedule/1"),
    (("profiles",), "cpd.profiles/1"),
    (("profiles", "clear", "--purpose", "ChargePointMaxProfile", "--stack-level", "9"), None),
    (("transactions", "--full"), "cpd.transactions/1"),
    (("auth", "explain", "04A31F02B16180"), "cpd.auth/1"),
    (("doctor",), "cpd.doctor/1"),
    (("config", "get"), "cpd.configuration/1"),
    (("config", "get", "heartbeatinterval", "LocalPreAuthorize"), "cpd.configuration/1"),
    (("config", "set", "MinimumStatusDuration", "0"), "cpd.configuration/1"),
    (("config", "reset", "MinimumStatusDuration"), "cpd.configuration/1"),
    (("config", "diff"), "cpd.configuration/1"),
    (("mock", "ev", "2", "--not-ready", "--max", "13A"), "cpd.done/1"),
    (("mock", "plug-in", "2", "--cable", "20A"), "cpd.done/1"),
    (("mock", "plug-out", "2"), "cpd.done/1"),
    (("mock", "fault", "2", "ground_fault", "on"), "cpd.done/1"),
    (("mock", "fault", "2", "ground_fault", "off"), "cpd.done/1"),
    (("mock", "meter", "2", "--energy", "12000Wh", "--voltage", "231"), "cpd.done/1"),
    (("mock", "swipe", "STRANGER", "2"), "cpd.done/1"),
]


@pytest.mark.parametrize(
    ("command", "schema"), DOCUMENTS, ids=[" ".join(command) or "alone" for command, _ in DOCUMENTS]
)
async def test_each_command_prints_one_document_and_nothing_else(
    here: Site, command: tuple[str, ...], schema: str | None
) -> None:
    finished = await here.charger.cpd(*command, "--json")
    if schema is None:
        assert (finished.status, finished.stdout) == (4, "")
        return
    assert (finished.status, finished.stderr) == (0, "")
    assert finished.document["schema"] == schema


async def test_the_same_of_all_connectors_is_a_list_of_documents(here: Site) -> None:
    for command in ("why", "schedule"):
        documents = (await here.charger.cpd(command, "--json")).document
        assert [one["connector"] for one in documents] == [1, 2]


async def test_what_is_told_of_a_session_agrees(here: Site) -> None:
    charger = here.charger
    status = (await charger.cpd("status", "1", "--json")).document["connectors"][0]
    assert (status["limit"]["constrained_by"]["id"], status["offer_a"]) == (7, 10.0)
    why = (await charger.cpd("why", "1", "--json")).document
    assert (why["charging"], why["blockers"]) == (True, [])
    schedule = (await charger.cpd("schedule", "1", "--json")).document
    assert schedule["periods"][0]["limit"] == 10.0
    assert schedule["periods"][0]["constrained_by"] == status["limit"]["constrained_by"]
    (transaction,) = (await charger.cpd("transactions", "--full", "--json")).document["transactions"]
    assert (transaction["id_tag"], transaction["local_id"]) == (CARD, status["transaction"]["local_id"])
    lines = (await charger.cpd("transactions", "--csv")).stdout.splitlines()
    assert len(lines) == 2 and "04A3…6180" in lines[1]


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "why",
        "schedule",
        "profiles",
        "transactions",
        "config get",
        "config diff",
        "--help",
        "mock --help",
    ],
)
async def test_no_line_is_wider_than_a_telephone(here: Site, command: str) -> None:
    finished = await here.charger.cpd(*command.split(), columns=40)
    assert (finished.status, finished.stderr) == (0, "")
    assert max(map(len, finished.stdout.splitlines())) <= 40, finished.stdout


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        ("staus", 2, "there is no command 'staus'; did you mean 'status'?"),
        ("mock fault 1 flood on", 2, "ground_fault"),
        ("mock plug-in 2 --cable 17", 2, "13, 20, 32, 63"),
        ("config set HeartbeatInterval", 2, "VALUE"),
        ("profiles clear", 2, "--all"),
        ("status 3", 4, "there are connectors 1 to 2"),
        ("why 9", 4, "there is no connector 9"),
        ("schedule 9", 4, "there is no connector 9"),
        ("mock plug-in 9", 4, "there is no connector 9"),
        ("config get Nonsense", 4, "no configuration key 'Nonsense'"),
        ("profiles clear --id 99", 4, "no such profile is installed"),
        ("config set NumberOfConnectors 3", 5, "NumberOfConnectors is read-only"),
        ("config set HeartbeatInterval 0", 5, "'0' is not a value of HeartbeatInterval"),
    ],
)
async def test_a_failure_has_its_status_and_says_what_to_do(
    here: Site, command: str, status: int, words: str
) -> None:
    finished = await here.charger.cpd(*command.split(), columns=60)
    assert (finished.status, finished.stdout) == (status, ""), finished
    assert words in " ".join(finished.stderr.split())
    assert "Traceback" not in finished.stderr


async def test_without_a_daemon_the_next_step_is_told(tmp_path: Path) -> None:
    finished = await run_cpd("status", "--socket", tmp_path / "cpd.sock", columns=40)
    assert (finished.status, finished.stdout) == (3, "")
    assert finished.stderr == "✗ cpd is not running\n  sudo systemctl status cpd (exit 3)\n"


async def test_a_daemon_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    clock = SystemClock()
    held = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        writer.close()

    path = tmp_path / "cpd.sock"
    async with await asyncio.start_unix_server(hang, path) as server:
        asked_s = clock.monotonic_s()
        finished = await run_cpd("why", "1", "--socket", path, "--timeout", "0.2")
        assert (finished.status, finished.stdout) == (6, "")
        assert "did not answer in 0.2 s" in finished.stderr
        assert clock.monotonic_s() - asked_s < 5
        held.set()
        server.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
async def test_another_user_is_told_how_to_get_permission(here: Site) -> None:
    finished = await run_cpd("status", program=AS_NOBODY, CPD_SOCKET=str(here.charger.socket))
    assert (finished.status, finished.stdout) == (7, "")
    assert "may not talk to cpd" in finished.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
async def test_whoever_may_look_may_not_configure(here: Site) -> None:
    here.charger.socket.chmod(0o666)
    try:
        environment = {"CPD_SOCKET": str(here.charger.socket)}
        looked = await run_cpd("status", "--json", program=AS_NOBODY, **environment)
        changed = await run_cpd("config", "set", "HeartbeatInterval", "60", program=AS_NOBODY, **environment)
        whole = await run_cpd("transactions", "--full", program=AS_NOBODY, **environment)
    finally:
        here.charger.socket.chmod(0o600)
    assert (looked.status, changed.status, whole.status) == (0, 7, 7)
    assert "04A3…6180" in looked.stdout and CARD not in looked.stdout
    assert "only root changes the configuration" in changed.stderr


async def test_the_watch_tells_each_change_as_a_document(here: Site) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cpd.cli.main", "status", "2", "--watch", "--json"),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"CPD_SOCKET": str(here.charger.socket)},
        limit=1 << 20,
    )
    assert process.stdout is not None
    try:
        first = json.loads(await process.stdout.readline())
        await here.charger.call("mock.plug_in", connector=2)
        second = json.loads(await process.stdout.readline())
        await here.charger.call("mock.plug_out", connector=2)
        process.send_signal(signal.SIGINT)
        status = await asyncio.wait_for(process.wait(), 10)
    finally:
        if process.returncode is None:
            process.kill()
    assert [one["id"] for one in first["connectors"]] == [2]
    assert [one["connectors"][0]["pilot"]["state"] for one in (first, second)] == ["A", "B"]
    assert status == 0
