"""`cpd doctor`: its exit statuses, and what it tells where no daemon runs."""

import json
from pathlib import Path

import pytest

from cpd.cli.doctor import render_doctor, severity
from cpd.cli.main import main
from cpd.cli.terminal import Terminal, columns_of
from cpd.control.api import DoctorDocument, FindingDocument

CONFIGURATION = """
[station]
id = "CP-0042"
[store]
path = "{folder}/cpd.db"
[control]
socket = "{folder}/cpd.sock"
[hal]
state_dir = "{folder}/hal"
{hal}
[[connector]]
id = 1
{connector}
"""


def configured(folder: Path, *, hal: str = "", connector: str = "") -> Path:
    file = folder / "cpd.toml"
    file.write_text(CONFIGURATION.format(folder=folder, hal=hal, connector=connector))
    return file


def findings(printed: str) -> dict[str, FindingDocument]:
    """What was found without a daemon, by its part."""
    document: DoctorDocument = json.loads(printed)
    assert not document["running"]
    return {finding["part"]: finding for finding in document["findings"]}


@pytest.mark.parametrize(
    ("healths", "status"), [([], 0), (["ok"], 0), (["ok", "warning"], 10), (["warning", "failed"], 11)]
)
def test_the_worst_finding_is_the_exit_status_of_a_check(healths: list[str], status: int) -> None:
    found = [
        {"part": "x", "connector": None, "health": health, "evidence": "y", "next_step": ""}
        for health in healths
    ]
    assert severity({"schema": "cpd.doctor/1", "running": True, "findings": found}) == status  # type: ignore[typeddict-item]


@pytest.mark.parametrize("width", [32, 40, 80])
def test_no_text_of_a_part_is_too_long_for_the_terminal(width: int) -> None:
    long = "pilot ADC MCP3208 channel 0 of /dev/spidev0.0 and more"
    finding = {"part": long, "connector": 1, "health": "failed", "evidence": "x" * 90, "next_step": long}
    document = {"schema": "cpd.doctor/1", "running": True, "findings": [finding]}
    shown = render_doctor(document, Terminal(width=width))  # type: ignore[arg-type]
    assert [line for line in shown.splitlines() if columns_of(line) > width] == []


@pytest.mark.parametrize("arguments", [[], ["--check"]])
def test_without_a_daemon_it_looks_at_files_and_disk_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    file = configured(tmp_path)
    assert main(["doctor", "--config", str(file), "--json", *arguments]) == 3
    printed = capsys.readouterr()
    assert {"software", "machine", "configuration", "store", "disk"} <= set(findings(printed.out))
    assert "only files and devices were looked at" in " ".join(printed.err.split())


def test_a_configuration_with_a_mistake_is_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = configured(tmp_path, connector="max_current_a = 999")
    assert main(["doctor", "--config", str(file), "--json"]) == 3
    found = findings(capsys.readouterr().out)["configuration"]
    assert (found["health"], found["next_step"]) == ("failed", f"cpd config check {file}")


def test_a_configured_device_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = tmp_path / "ttyUSB0"
    file = configured(
        tmp_path, hal='backend = "simpleevse"', connector=f'[connector.serial]\nport = "{port}"'
    )
    main(["doctor", "--config", str(file), "--json"])
    missing = findings(capsys.readouterr().out)["controller 1"]
    assert (missing["health"], missing["evidence"]) == ("failed", f"{port} does not exist")
    port.touch()
    main(["doctor", "--config", str(file), "--json"])
    assert findings(capsys.readouterr().out)["controller 1"]["health"] == "ok"
