"""`cpd connect test`: what is dialled, and what it does beside a cpd that runs."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cpd.cli.connect import exit_status
from cpd.cli.main import main
from cpd.ocpp.transport import DialCause
from cpd.settings.address import address
from tests.cli.documents import CONNECTED, CONNECTED_BESIDE, CONNECTED_TO_404, STATUS
from tests.cli.test_main import daemon

CONFIGURATION = """
[station]
id = "CP-0042"
[csms]
url = "ws://127.0.0.1:{port}/ocpp/"
[control]
socket = "{folder}/cpd.sock"
[[connector]]
id = 1
"""


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CPD_SOCKET", "CPD_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def deaf_port() -> Iterator[int]:
    """Where somebody listens, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def configured(folder: Path, port: int) -> str:
    file = folder / "cpd.toml"
    file.write_text(CONFIGURATION.format(folder=folder, port=port))
    return str(file)


def test_without_a_daemon_it_dials_what_the_file_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with deaf_port() as port:
        arguments = ["connect", "test", "--config", configured(tmp_path, port), "--json", "--timeout", "0.3"]
        assert main(arguments) == 6
    document = json.loads(capsys.readouterr().out)
    assert document["url"] == f"ws://127.0.0.1:{port}/ocpp/CP-0042"
    assert [step["outcome"] for step in document["steps"]] == ["ok", "ok", "failed", "skipped"]


def test_beside_a_daemon_of_the_same_id_no_session_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with deaf_port() as port, daemon(tmp_path / "cpd.sock"):
        assert main(["connect", "test", "--config", configured(tmp_path, port), "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
    assert document["link"]["url"] == STATUS["csms"]["url"]
    assert [step["outcome"] for step in document["steps"]] == ["ok", "ok", "skipped", "skipped"]


@pytest.mark.parametrize("more", [["--force"], ["--id", "CP-0043"]])
def test_a_session_of_another_id_or_one_that_is_forced_begins_beside_a_daemon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    with deaf_port() as port, daemon(tmp_path / "cpd.sock"):
        file = configured(tmp_path, port)
        assert main(["connect", "test", "--config", file, "--json", "--timeout", "0.3", *more]) == 6
    assert json.loads(capsys.readouterr().out)["link"] is None


def test_a_charger_whose_password_is_in_a_file_of_its_own_is_dialled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").write_text("a-password-of-16")
    file = tmp_path / "cpd.toml"
    with deaf_port() as port:
        given = ("--id", "CP9", "--url", f"ws://127.0.0.1:{port}/", "--board", "mock", "--no-checks", "--yes")
        secret = ("--password-file", str(tmp_path / "secret"))
        assert main(["init", "--config", str(file), *given, *secret]) == 0
        assert main(["connect", "test", "--config", str(file), "--json", "--timeout", "0.3"]) == 6
    assert '"silent"' in capsys.readouterr().out


def test_another_password_leaves_a_certificate_in_use(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a-password-of-16")
    file = tmp_path / "cpd.toml"
    profile = 'url = "wss://h/"\nsecurity_profile = 3\ncert_file = "c"\nkey_file = "k"\n'
    file.write_text(CONFIGURATION.replace('url = "ws://127.0.0.1:{port}/ocpp/"', profile))
    _, csms = address(file, password_file=tmp_path / "secret")
    assert (csms.security_profile, csms.password) == (3, "a-password-of-16")


def test_id_and_address_can_be_tried_without_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "none.toml")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    tried = ("--url", f"ws://127.0.0.1:{port}/a/", "--id", "X Y", "--socket", str(tmp_path / "cpd.sock"))
    assert main(["connect", "test", "--config", nowhere, *tried]) == 5
    assert f"dial  ws://127.0.0.1:{port}/a/X%20Y" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--id", "X"], "cannot be read"),
        (["--url", "http://h/", "--id", "X"], "This is not the address of a central system."),
        (["--url", "ws://h/", "--id", "X", "--password-file", "/nowhere"], "It cannot be read"),
        (["--url", "ws://h/", "--id", "a:b", "--password-file", "SECRET"], "cannot have a colon"),
    ],
)
def test_what_cannot_be_dialled_is_told_as_config_check_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    (tmp_path / "secret").write_text("a-password-of-16")
    given = [str(tmp_path / "secret") if one == "SECRET" else one for one in arguments]
    nowhere = ("--config", str(tmp_path / "none.toml"), "--socket", str(tmp_path / "cpd.sock"))
    assert main(["connect", "test", *nowhere, *given]) == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_the_exit_status_says_what_kind_of_failure_it_was() -> None:
    assert exit_status(CONNECTED) == 0
    assert exit_status(CONNECTED_TO_404) == 4
    assert exit_status(CONNECTED_BESIDE) == 0
    offline = {**CONNECTED_BESIDE, "link": {**STATUS["csms"], "online": False}}
    assert exit_status(offline) == 1  # type: ignore[arg-type]


def test_every_cause_has_an_exit_status_of_the_table() -> None:
    for cause in DialCause:
        step = {**CONNECTED_TO_404["steps"][3], "cause": cause.value}
        document = {**CONNECTED_TO_404, "steps": [step]}
        assert exit_status(document) in (1, 4, 5, 6)  # type: ignore[arg-type]
