"""`cpd init` in a script: what it takes, what it refuses, and what it leaves alone."""

import socket
import threading
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cpd.cli.main import main
from tests.process.charger import PROGRAM, run_cpd

PASSWORD = "a-password-of-16"


def names(folder: Path) -> list[str]:
    """What is in *folder*."""
    return sorted(one.name for one in folder.iterdir())


def test_a_script_that_gives_too_little_is_told_the_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--config", str(tmp_path / "cpd.toml"), "--id", "CP9", "--yes"]) == 2
    assert "give --url, --board" in " ".join(capsys.readouterr().err.split())
    assert names(tmp_path) == []


async def test_a_closed_standard_input_is_nobody_to_ask(tmp_path: Path) -> None:
    without_input = ("sh", "-c", '"$@" <&-', "sh", *PROGRAM)
    closed = await run_cpd("init", "--config", tmp_path / "cpd.toml", program=without_input)
    assert (closed.status, "--id, --url, --board" in closed.stderr) == (2, True)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--id", "", "--url", "-"), "--id: This value is not allowed. Allowed: text of 1 … 255 characters."),
        (
            ("--id", "a", "--url", "h"),
            "--url: This is not the address of a central system. Allowed: ws://… or",
        ),
        (("--id", "a:b", "--url", "ws://h/", "--password-file", "SECRET"), "station.id cannot have a colon"),
        (("--id", "a", "--url", "-", "--max-current", "90"), "--max-current: This value is not allowed."),
        (("--id", "a", "--url", "-", "--board", "openevse", "--meter", "sdm63"), 'Did you mean "sdm630"?'),
        (
            ("--id", "a", "--url", "-", "--board", "raspberry-pi-socket", "--connectors", "2"),
            "pins of one outlet",
        ),
        (("--id", "a", "--url", "-", "--board", "openevse", "--reader", "nfc"), "There is no reader 'nfc'"),
        (
            ("--id", "a", "--url", "-", "--board", "simpleevse", "--connectors", "2", "--port", "/dev/a"),
            "--port",
        ),
    ],
)
def test_a_wrong_option_is_told_in_the_words_of_config_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...], words: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    board = () if "--board" in given else ("--board", "mock")
    options = [str(secret) if one == "SECRET" else one for one in given]
    assert main(["init", "--config", str(tmp_path / "cpd.toml"), *options, *board, "--yes"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert words in " ".join(told.err.split())
    assert names(tmp_path) == ["secret"]


def test_what_is_there_is_replaced_only_when_that_is_said_and_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cpd.toml"
    file.write_text("# mine\n")
    given = ["init", "--config", str(file), "--id", "CP9", "--url", "-", "--board", "mock", "--no-checks"]
    assert main(given) == 2
    assert "--yes replaces it" in " ".join(capsys.readouterr().err.split())
    assert main([*given, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert file.read_text() == "# mine\n"
    assert main([*given, "--yes"]) == 0
    assert file.read_text() == shown.removesuffix("\n")
    assert (tmp_path / "cpd.toml.bak").read_text() == "# mine\n"


def test_what_is_next_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cpd.toml"
    given = (
        "--id",
        "CP9",
        "--url",
        "-",
        "--board",
        "openevse",
        "--port",
        "/dev/serial0",
        "--no-checks",
        "--yes",
    )
    assert main(["init", "--config", str(file), *given]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"python -m hal --config {file} & → cpd run --config {file}" in told
    assert "config/safety.md before anything is energised" in told


def test_a_place_where_it_cannot_be_written_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cpd.toml").mkdir()
    given = ("--id", "CP9", "--url", "-", "--board", "mock", "--no-checks", "--yes")
    assert main(["init", "--config", str(tmp_path / "cpd.toml"), *given]) == 2
    assert "cannot be written" in " ".join(capsys.readouterr().err.split())


OLD = """
[station]
id = "CP-5"
max_current_a = 20  # main fuse
hard_reset_command = ["reboot", "-f"]

[csms]
url = "wss://csms.example/ocpp/"
security_profile = 2
password_file = "secret"
ca_file = "ca.pem"
verify_hostname = false
reconnect_jitter_s = 2.5

[store]
path = "elsewhere.db"
keep_days = 30

[control]
socket = "other.sock"

[offline]
after_s = 300
max_current_a = 6

[firmware]
install_command = ["sh", "-c", "rauc install \\"$0\\"", "{file}"]

[ocpp]
HeartbeatInterval = 60
"Vendor Key" = "x"

"""

MOCK = """
[hal]
backend = "mock"
process = "guard"
guard_socket = "g.sock"
state_dir = "hal"

[[connector]]
id = 1
max_current_a = 16
phases = 1
free_vend = true
auto_start_tag = "GUEST"

[[connector]]
id = 2
max_current_a = 10
min_current_a = 7
"""

SOCKET = """
[hal]
backend = "gpio"
process = "guard"

[[connector]]
id = 1
max_current_a = 16
phases = 1
meter_loss = "stop"

[connector.gpio]
pilot_pwm = 19
adc = "mcp3008"
spi = "/dev/spidev0.1"
pilot_channel = 3
pilot_low = [100, -12000]
pilot_high = [900, 12000]
contactor = 13
heartbeat = 16
feedback = 26
feedback_closed = "low"
lock_in = 20
lock_out = 21
lock_feedback = 22
proximity_channel = 1
ground_fault = 5
ground_fault_test = 6

[[meter]]
connector = 1
model = "sdm72"
port = "/dev/serial/by-id/meter"
unit = 9
parity = "E"

[[reader]]
kind = "rdm6300"
port = "/dev/serial1"
id_format = "decimal"
"""

CONTROLLER = """
[hal]
backend = "openevse"
process = "guard"

[[connector]]
id = 1
max_current_a = 13
phases = 3

[connector.serial]
port = "/dev/serial/by-id/mine"
baudrate = 57600
"""


def again(folder: Path, old: str, *given: str) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """`init --yes` over *old*: its status, and what the file said before and says after."""
    file = folder / "cpd.toml"
    file.write_text(old)
    (folder / "secret").write_text(PASSWORD)
    status = main(["init", "--config", str(file), *given, "--no-checks", "--yes"])
    return status, tomllib.loads(old), tomllib.loads(file.read_text())


@pytest.mark.parametrize(
    ("board", "hardware"),
    [("mock", MOCK), ("raspberry-pi-socket", SOCKET), ("openevse", CONTROLLER)],
)
def test_an_old_file_keeps_all_that_nobody_changes(tmp_path: Path, board: str, hardware: str) -> None:
    status, before, after = again(tmp_path, OLD + hardware, "--board", board)
    # Whatever the packages of a trial need is beside the file, where the old one said nothing of it.
    after["hal"] = {key: after["hal"][key] for key in before["hal"]}
    assert (status, after) == (0, before)
    assert names(tmp_path) == ["cpd.toml", "cpd.toml.bak", "secret"]


def test_a_certificate_stays_what_the_charger_shows_of_itself(tmp_path: Path) -> None:
    old = OLD.replace("security_profile = 2", 'security_profile = 3\ncert_file = "c"\nkey_file = "k"')
    status, before, after = again(tmp_path, old + MOCK, "--board", "mock")
    assert (status, after["csms"]) == (0, before["csms"])


def test_what_is_given_is_changed_and_nothing_else(tmp_path: Path) -> None:
    given = ("--board", "mock", "--id", "CP-5", "--url", OLD.split('url = "')[1].split('"')[0])
    status, before, after = again(tmp_path, OLD + MOCK, *given, "--max-current", "8", "--connectors", "3")
    assert status == 0
    assert after["connector"] == [
        before["connector"][0] | {"max_current_a": 8},
        before["connector"][1] | {"max_current_a": 8},
        {"id": 3, "max_current_a": 8, "phases": 1},
    ]
    assert {**after, "connector": 0, "hal": 0} == {**before, "connector": 0, "hal": 0}


def test_a_meter_that_is_given_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    given = ("--board", "raspberry-pi-socket", "--meter", "sdm630", "--reader", "-")
    status, before, after = again(tmp_path, OLD + SOCKET, *given)
    assert (status, after["connector"]) == (0, before["connector"])
    assert [(one["model"], one["unit"]) for one in after["meter"]] == [("sdm630", 1)]
    assert "reader" not in after


def test_an_outlet_that_is_added_gets_no_more_than_the_least_of_the_others(tmp_path: Path) -> None:
    status, _, after = again(tmp_path, OLD + MOCK, "--board", "mock", "--connectors", "3")
    assert (status, [one["max_current_a"] for one in after["connector"]]) == (0, [16, 10, 10])


def test_another_board_drops_keys_only_when_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--board", "openevse", "--port", "/dev/a", "--connectors", "1")
    status, before, after = again(tmp_path, OLD + SOCKET, *given)
    told = " ".join(capsys.readouterr().err.split())
    assert (status, after) == (2, before)
    assert "connector.1.gpio.contactor" in told and "connector.1.meter_loss" in told
    assert "--replace drops it" in told
    status, before, after = again(tmp_path, OLD + SOCKET, *given, "--replace")
    (outlet,) = after["connector"]
    assert (status, outlet["max_current_a"], outlet["phases"]) == (0, 16, 1)
    assert (after["station"], after["offline"]) == (before["station"], before["offline"])
    assert (after["meter"], after["reader"]) == (before["meter"], before["reader"])


def test_a_password_that_would_go_and_lower_the_profile_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, before, after = again(tmp_path, OLD + MOCK, "--board", "mock", "--url", "wss://other/")
    assert (status, after) == (2, before)
    assert "csms.security_profile, csms.password_file" in " ".join(capsys.readouterr().err.split())


def test_an_old_password_that_cannot_be_read_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = OLD.replace('"secret"', '"gone"') + MOCK
    status, before, after = again(tmp_path, old, "--board", "mock")
    assert (status, after) == (2, before)
    assert "the old password: It cannot be read" in " ".join(capsys.readouterr().err.split())


def test_a_file_that_is_wrong_is_not_dropped_unasked(tmp_path: Path) -> None:
    given = ("--board", "mock", "--id", "CP-5", "--url", "-")
    wrong = OLD.replace("= 20", "= -1").replace("security_profile = 2", 'security_profile = "2"') + MOCK
    status, before, after = again(tmp_path, wrong, *given[:-1], "wss://h/")
    assert (status, after) == (2, before)


def test_a_line_for_a_board_that_has_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--id", "a", "--url", "-", "--board", "raspberry-pi-socket", "--port", "/dev/a", "--yes")
    assert main(["init", "--config", str(tmp_path / "cpd.toml"), *given]) == 2
    assert "--port: raspberry-pi-socket has no controller" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("secret", ["", "\n", "a\nb", "a\r\nb\n"])
def test_a_password_file_that_holds_no_password_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], secret: str
) -> None:
    (tmp_path / "secret").write_bytes(secret.encode())
    given = ("--id", "a", "--url", "ws://h/", "--board", "mock", "--yes", "--no-checks")
    file = tmp_path / "cpd.toml"
    assert main(["init", "--config", str(file), *given, "--password-file", str(tmp_path / "secret")]) == 2
    assert "--password-file: It holds" in " ".join(capsys.readouterr().err.split())
    assert names(tmp_path) == ["secret"]


def test_a_file_that_cannot_even_be_looked_for_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The kernel's word for a name that is too long is, as for a folder that is closed, no answer at all.
    file = str(tmp_path / ("x" * 300))
    assert main(["init", "--config", file, "--id", "a", "--url", "-", "--board", "mock"]) == 2
    assert "cannot be read: File name too long" in " ".join(capsys.readouterr().err.split())


def test_a_cpd_that_does_not_answer_sensibly_costs_nobody_his_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cpd.toml"
    given = ("--id", "a", "--url", "ws://127.0.0.1:9/", "--board", "mock", "--yes")

    def babble(listener: socket.socket) -> None:
        with listener.accept()[0] as client:
            client.recv(1)
            client.sendall(b"?\n")

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "cpd.sock"))
        listener.listen()
        hanging = threading.Thread(target=babble, args=(listener,))
        hanging.start()
        assert main(["init", "--config", str(file), *given]) == 0
        hanging.join()
    assert "not dialled, cpd runs and does not answer" in " ".join(capsys.readouterr().out.split())
    assert file.exists()
