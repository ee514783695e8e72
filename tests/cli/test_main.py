import asyncio
import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cpd.cli.main import main
from hal.values import FaultKind
from tests.cli.documents import A_MIFARE_CARD, A_NAME, SICK_DISK, SNAPSHOT, TROUBLED
from tests.control.fake_target import FakeTarget, a_charging_connector, a_snapshot
from tests.control.served import served


@contextmanager
def daemon(path: Path, target_state: object = None) -> Iterator[FakeTarget]:
    """A control server on a thread of its own."""
    ready, stop = threading.Event(), asyncio.Event()
    held: list[FakeTarget] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        held.append(FakeTarget(target_state))  # type: ignore[arg-type]
        loops.append(asyncio.get_running_loop())
        async with served(path, held[0]):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield held[0]
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CPD_SOCKET", "CPD_CONFIG", "COLUMNS", "LC_ALL", "LC_CTYPE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    socket = tmp_path / "cpd.sock"
    monkeypatch.setenv("CPD_SOCKET", str(socket))
    return socket


def test_alone_it_is_the_status(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with daemon(path):
        assert main([]) == 0
        alone = capsys.readouterr().out
        assert main(["status"]) == 0
    assert alone == capsys.readouterr().out
    assert "CP-0042" in alone


@pytest.mark.parametrize("arguments", [["--json", "status"], ["status", "--json"], ["--json"]])
def test_json_is_one_document_and_nothing_else(
    path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with daemon(path):
        assert main(arguments) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["schema"] == "cpd.status/1"
    assert captured.err == ""


@pytest.mark.parametrize(
    ("arguments", "schema"),
    [
        (["why", "1"], "cpd.why/1"),
        (["schedule", "1", "--hours", "2", "--unit", "w"], "cpd.schedule/1"),
        (["profiles"], "cpd.profiles/1"),
        (["transactions"], "cpd.transactions/1"),
        (["queue"], "cpd.queue/1"),
        (["queue", "--dead"], "cpd.queue/1"),
        (["doctor"], "cpd.doctor/1"),
        (["limit", "1", "10A", "--for", "30m"], "cpd.limit/1"),
        (["limit", "1", "off"], "cpd.limit/1"),
        (["delay", "1", "skip"], "cpd.done/1"),
        (["help", "limit_zero_csms"], "cpd.code/1"),
        (["config", "get"], "cpd.configuration/1"),
        (["config", "get", "heartbeatinterval"], "cpd.configuration/1"),
        (["config", "set", "HeartbeatInterval", "60"], "cpd.configuration/1"),
        (["config", "reset", "HeartbeatInterval"], "cpd.configuration/1"),
        (["config", "diff"], "cpd.configuration/1"),
        (["profiles", "clear", "--all"], "cpd.cleared/1"),
        (["mock", "plug-in", "1"], "cpd.done/1"),
    ],
)
def test_every_command_has_its_document_and_its_words(
    path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], schema: str
) -> None:
    with daemon(path):
        assert main([*arguments, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["schema"] == schema
        assert main(arguments) == 0
        assert capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        (["status"], 0, ""),
        (["satus"], 2, "did you mean 'status'"),
        (["status", "--no-such-option"], 2, "--no-such-option"),
        (["status", "x"], 2, "x"),
        (["mock", "fault", "1", "gremlin", "on"], 2, "ground_fault"),
        (["mock", "ev", "1", "--max", "lots"], 2, "not a number of A"),
        (["profiles", "clear"], 2, "--all"),
        (["limit", "1", "10A"], 2, "--for 30m"),
        (["limit", "1", "lots", "--for", "30m"], 2, "neither a current such as 10A nor off"),
        (["limit", "1", "10A", "--for", "soon"], 2, "no time such as 30m"),
        (["limit", "1", "off", "--for", "30m"], 2, "without --for"),
        (["limit", "1", "99A", "--for", "30m"], 2, "99A is outside 0A … 80A"),
        (["limit", "1", "10A", "--for", "99d"], 2, "for_s: Expected int <="),
        (["limit", "5", "10A", "--for", "30m"], 4, "no connector 5"),
        (["delay", "1"], 2, "skip"),
        (["help", "LIMIT_ZERO"], 2, "did you mean LIMIT_ZERO_CSMS"),
        (["--socket", "/no/such/socket", "status"], 3, "cpd is not running"),
        (["status", "5"], 4, "no connector 5"),
        (["why", "5"], 4, "no connector 5"),
        (["config", "get", "NoSuchKey"], 4, "NoSuchKey"),
        (["profiles", "clear", "--id", "4711"], 4, "no such profile"),
        (["queue", "retry", "L-99"], 4, "no message L-99"),
        (["queue", "retry", "8"], 5, "it waits"),
        (["queue", "retry"], 2, "ID"),
        (["config", "set", "NumberOfConnectors", "9"], 5, "read-only"),
        (["status", "--check"], 11, ""),
        (["doctor"], 0, ""),
        (["doctor", "--check"], 11, ""),
    ],
)
def test_exit_statuses(
    path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, word: str
) -> None:
    with daemon(path, SNAPSHOT):
        assert main(arguments) == status
    assert word in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("satus", "✗ there is no command 'satus'; did you mean 'status'? cpd --help shows how (exit 2)"),
        ("availability 1 maybe", "cpd availability --help shows how"),
        ("config set HeartbeatInterval", "cpd config set --help shows how"),
        ("status --no-such-option", "cpd status --help shows how"),
        ("start 1x", "cpd start --help shows how"),
        ("mock ev 1 --max nan", "'nan' is not a number of A"),
        ("mock plug-in 1 --cable inf", "'inf' is not a number of A"),
        ("mock meter 1 --energy nan", "'nan' is not a number of Wh"),
        ("schedule 1 --hours nan", "is not a number"),
        ("status --timeout nan", "is not a number"),
        ("status --timeout inf", "--timeout"),
        ("demo --csms nobody-knows-this-one", "cpd demo --list names all"),
    ],
)
def test_a_command_that_makes_no_sense_gets_the_next_step_in_40_columns(
    path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    words: str,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert main(line.split()) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert words in " ".join(told.err.split())
    assert [one for one in told.err.splitlines() if len(one) > 40] == []


def test_a_group_alone_shows_its_commands(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config"]) == 2
    assert "reset" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("state", "status"),
    [(a_snapshot(a_charging_connector()), 0), (TROUBLED, 10), (SICK_DISK, 10), (SNAPSHOT, 11)],
)
def test_check_tells_well_from_degraded_from_faulted(path: Path, state: object, status: int) -> None:
    with daemon(path, state):
        assert main(["status", "--check"]) == status
        assert main(["status"]) == 0


def test_a_queue_with_dead_messages_is_degraded_only_when_that_is_checked(path: Path) -> None:
    with daemon(path, TROUBLED):
        assert main(["queue", "--check"]) == 10
        assert main(["queue"]) == 0
    with daemon(path, replace(TROUBLED, dead=0)):
        assert main(["queue", "--check"]) == 0


def test_what_was_given_up_is_listed_and_sent_again(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with daemon(path):
        assert main(["queue", "--dead", "--json"]) == 0
        first, _ = json.loads(capsys.readouterr().out)["messages"]
        assert main(["queue", "retry", str(first["id"])]) == 0
        assert capsys.readouterr().out == "waits again:\nL-2  tx 81724  Stop\n"
        assert main(["--json", "queue", "--dead"]) == 0
        (left,) = json.loads(capsys.readouterr().out)["messages"]
        assert main(["queue", "retry", left["local_id"], "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["messages"] == [{**left, "dead": False, "attempts": 0}]


@pytest.mark.parametrize(
    ("given", "current_ma", "for_s"),
    [
        (["10A", "--for", "30m"], 10_000, 1_800),
        (["10", "--for", "2h"], 10_000, 7_200),
        (["5.9a", "--for", "1h30m"], 5_900, 5_400),
        (["0A", "--for", "90s"], 0, 90),
        (["16.19 A", "--for", "1d"], 16_100, 86_400),
    ],
)
def test_a_limit_is_read_as_people_write_it(
    path: Path, given: list[str], current_ma: int, for_s: int
) -> None:
    with daemon(path) as target:
        assert main(["limit", "1", *given]) == 0
        assert target.acts == [("set_local_limit", 1, current_ma, for_s)]


def test_help_alone_lists_the_commands(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help"]) == 0
    assert "schedule" in capsys.readouterr().out


def test_a_silent_daemon_is_a_timeout(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        assert main(["status", "--timeout", "0.05"]) == 6
    assert "did not answer" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_a_user_who_may_not_is_told_so(path: Path) -> None:
    # What is imported before the change of user need not be readable for the other one.
    code = (
        "import grp, os, pwd, sys; from cpd.cli.main import main; main(['--socket', '/no/such/socket']); "
        "os.setgid(65534); os.setuid(65534); sys.exit(main([]))"
    )
    with daemon(path):
        path.chmod(0o600)
        for directory in path.parents[:3]:
            directory.chmod(0o755)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 7
    assert "sudo" in done.stderr


def test_the_socket_is_found_through_the_configuration(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "cpd.toml"
    config.write_text(f'[control]\nsocket = "{path}"\n[not]\nlooked = "at"\n')
    monkeypatch.delenv("CPD_SOCKET")
    with daemon(path):
        assert main(["status", "--config", str(config)]) == 0
        assert main(["--config", str(config)]) == 0
        monkeypatch.setenv("CPD_CONFIG", str(config))
        assert main([]) == 0
        monkeypatch.setenv("CPD_SOCKET", "/no/such/socket")
        assert main([]) == 3
        assert main(["--socket", str(path)]) == 0


@pytest.mark.parametrize("content", [None, "[control", "[control]\nsocket = 3\n"])
def test_a_bad_configuration_file_is_a_usage_error(path: Path, tmp_path: Path, content: str | None) -> None:
    config = tmp_path / "cpd.toml"
    if content is not None:
        config.write_text(content)
    assert main(["status", "--config", str(config)]) == 2


def test_mock_commands_reach_the_world(path: Path) -> None:
    with daemon(path) as target:
        for line in (
            "mock plug-in 1 --cable 20A",
            "mock fault 1 ground_fault on",
            "mock deceive 1 meter_frozen on",
            "mock meter 1 --energy 12000",
            "mock swipe 04A3 1",
            "mock stop-button 1",
            "mock plug-out 1",
        ):
            assert main(line.split()) == 0
        assert target.mock is not None
        assert target.mock.acts == [
            ("plug_in", 1, 20),
            ("fault", 1, FaultKind.GROUND_FAULT, True),
            ("deceive", 1, "meter_frozen", True),
            ("meter", 1, 12_000, None),
            ("swipe", "04A3", 1),
            ("press_stop", 1),
            ("plug_out", 1),
        ]


def test_csv_can_be_read_back(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with daemon(path):
        assert main(["transactions", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["id"], row["energy_wh"], row["delivered"]) for row in rows] == [
        ("81724", "12840", "no"),
        ("81723", "12840", "yes"),
    ]


def test_each_card_that_is_watched_is_one_line_of_json(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with daemon(path) as target:
        target.shown = (A_MIFARE_CARD, A_NAME)
        assert main(["rfid", "watch", "--json"]) == 0
    captured = capsys.readouterr()
    cards = [json.loads(line) for line in captured.out.splitlines()]
    assert [(card["schema"], card["id_tag"], card["uid"]) for card in cards] == [
        ("cpd.rfid/1", "04A31F02B16180", "04A31F02B16180"),
        ("cpd.rfid/1", "VISITOR", None),
    ]
    assert [spelling["id_tag"] for spelling in cards[0]["spellings"]] == [
        "04A31F02B16180",
        "8061B1021FA304",
        "01305253491335552",
        "36136209891697412",
    ]
    assert "for 60 s cards start and stop nothing" in " ".join(captured.err.split())
    assert target.acts == [("watch_cards",)]


def test_where_no_card_came_the_next_step_is_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with daemon(path):
        assert main(["rfid", "watch"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "No card was seen: cpd doctor looks at the readers." in " ".join(captured.err.split())


def test_who_ends_a_watch_of_cards_is_told_when_they_work_again(path: Path) -> None:
    command = [sys.executable, "-m", "cpd.cli.main", "rfid", "watch"]
    with daemon(path) as target:
        target.watch_goes_on_s = 60.0
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            told = process.stderr.readline()
            process.send_signal(signal.SIGINT)
            told += process.stderr.read()
    assert process.returncode == 0
    assert "Cards work again in 3 s." in told


COMMANDS = [
    [],
    ["status"],
    ["why"],
    ["schedule"],
    ["profiles"],
    ["profiles", "clear"],
    ["transactions"],
    ["auth"],
    ["auth", "explain"],
    ["rfid"],
    ["rfid", "watch"],
    ["connect"],
    ["connect", "test"],
    ["init"],
    ["config"],
    *(["config", name] for name in ("get", "set", "reset", "diff", "check")),
    ["mock"],
    *(
        ["mock", name]
        for name in ("plug-in", "plug-out", "ev", "swipe", "stop-button", "fault", "deceive", "meter")
    ),
    *(
        [name]
        for name in ("start", "stop", "unlock", "availability", "fault", "reset", "reload", "limit", "queue")
    ),
    ["fault", "ack"],
    ["run"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_begins_with_examples_and_fits(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert main([*command, "--help"]) == 0
    words = capsys.readouterr().out
    before_options = words.partition("Options:")[0].splitlines()
    name = " ".join(["cpd", *command])
    examples = [line for line in before_options[1:] if re.match(r" +(sudo )?cpd( |$)", line)]
    assert len(examples) >= 2
    assert all(name in example for example in examples)
    assert [line for line in words.splitlines() if len(line) > 40] == []


def test_status_imports_no_more_than_it_needs(path: Path) -> None:
    code = "import sys; from cpd.cli.main import main; main(); print(*sorted(sys.modules))"
    with daemon(path):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert {name for name in loaded if name.split(".")[0] in ("cpd", "hal")} == {
        "cpd",
        "cpd.cli",
        "cpd.cli.arguments",
        "cpd.cli.client_command",
        "cpd.cli.main",
        "cpd.cli.status",
        "cpd.cli.terminal",
        "cpd.cli.words",
        "cpd.control",
        "cpd.control.api",
        "cpd.control.client",
    }
    assert not loaded & {"asyncio", "msgspec", "tomllib", "csv", "ocpp", "sqlite3", "websockets"}


@contextmanager
def watching(*options: str, **streams: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "cpd.cli.main", "status", "--watch", *options]
    with subprocess.Popen(command, **streams) as process:
        try:
            yield process
        finally:
            process.kill()


def test_watch_prints_each_state_as_a_line_of_json(path: Path) -> None:
    with daemon(path) as target, watching("--json", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        target.change_soon(replace(target.state, queued=7))
        second = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
    assert (first["csms"]["queued"], second["csms"]["queued"]) == (0, 7)


def test_watch_on_a_terminal_says_when_it_is_stale_and_survives(path: Path) -> None:
    ours, theirs = pty.openpty()
    with watching(stdout=theirs, stdin=theirs) as process:
        os.close(theirs)
        shown = _read_until(ours, "not running")
        with daemon(path):
            shown += _read_until(ours, "CP-0042")
        shown += _read_until(ours, "stale")
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
    os.close(ours)
    assert "\x1b[2J" in shown


def _read_until(terminal: int, word: str) -> str:
    shown = ""
    while word not in shown:
        shown += os.read(terminal, 65_536).decode(errors="replace")
    return shown


@pytest.mark.parametrize("command", ["status", "transactions --csv"])
def test_a_reader_that_has_seen_enough_hears_no_complaint(path: Path, command: str) -> None:
    with daemon(path):
        done = subprocess.run(
            f"{sys.executable} -m cpd.cli.main {command} | true",
            shell=True,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stderr == ""


def test_a_check_tells_what_is_strange_in_a_file_without_mistakes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    file = tmp_path / "cpd.toml"
    file.write_text('[station]\nid = "X"\n[[connector]]\nid = 1\n[ocpp]\nHartbeatInterval = 60\n')
    assert main(["config", "check", str(file)]) == 0
    told = capsys.readouterr()
    assert "no mistakes" in told.out
    assert '"HeartbeatInterval"?' in told.err
    assert all(len(line) <= 40 for line in told.err.splitlines())
