"""What stands around the daemon: the machine's name, who may read secrets, the store and its disk."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cpd.diagnostics.machine_examination import examine_files, examine_software
from cpd.settings import Settings, load_settings
from hal.examination import Finding, Health

NOW = datetime(2026, 11, 22, 8, 26, tzinfo=UTC)


def settings(folder: Path, csms: str = "") -> Settings:
    file = folder / "cpd.toml"
    file.write_text(
        f'[station]\nid = "CP"\n{csms}\n[store]\npath = "{folder}/cpd.db"\n'
        f'[control]\nsocket = "{folder}/cpd.sock"\n[[connector]]\nid = 1\n'
    )
    file.chmod(0o640)
    return load_settings(file)


def examined(read: Settings) -> dict[str, Finding]:
    return {one.part: one for one in examine_files(read, NOW)}


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("Raspberry Pi 5 Model B Rev 1.0\0", "Raspberry Pi 5 Model B Rev 1.0"),
        ("Rockchip RK3399\0", "not a Raspberry Pi"),
        (None, "not a Raspberry Pi"),
    ],
)
def test_the_machine_is_named_by_its_device_tree(tmp_path: Path, model: str | None, told: str) -> None:
    if model is not None:
        (tmp_path / "proc/device-tree").mkdir(parents=True)
        (tmp_path / "proc/device-tree/model").write_text(model)
    assert {one.part: one.evidence for one in examine_software(tmp_path)}["machine"] == told


def watchdog(root: Path, **files: str) -> Finding | None:
    """What is found of the watchdog of a machine whose sysfs says so."""
    device = root / "sys/class/watchdog/watchdog0"
    device.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (device / name).write_text(f"{content}\n")
    return next((one for one in examine_software(root) if one.part == "watchdog"), None)


def test_a_watchdog_that_nobody_has_armed_is_a_warning(tmp_path: Path) -> None:
    found = watchdog(tmp_path, state="inactive", identity="Broadcom BCM2835 Watchdog timer", timeout="15")
    assert found is not None
    assert (found.health, found.evidence) == (Health.WARNING, "not armed: a hung kernel stays hung")
    assert "RuntimeWatchdogSec=15s" in found.next_step
    found = watchdog(tmp_path, state="active")
    assert found is not None
    evidence = "armed: Broadcom BCM2835 Watchdog timer resets a hung kernel within 15 s"
    assert (found.health, found.evidence) == (Health.OK, evidence)


def test_one_that_is_armed_is_enough(tmp_path: Path) -> None:
    second = tmp_path / "sys/class/watchdog/watchdog1"
    second.mkdir(parents=True)
    (second / "state").write_text("active\n")
    found = watchdog(tmp_path, state="inactive", identity="softdog")
    assert found is not None
    assert found.evidence == "armed: watchdog1 resets a hung kernel"


def test_a_kernel_may_not_tell_the_state_of_its_watchdog(tmp_path: Path) -> None:
    found = watchdog(tmp_path)
    assert found is not None
    assert found.health is Health.OK


@pytest.mark.parametrize("pi", [True, False])
def test_only_a_raspberry_pi_must_have_a_watchdog(tmp_path: Path, pi: bool) -> None:
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_text("Raspberry Pi 4\0" if pi else "Other\0")
    found = {one.part: one for one in examine_software(tmp_path)}
    assert ("watchdog" in found) == pi
    assert not pi or found["watchdog"].next_step == "dtparam=watchdog=on in config.txt"


def test_a_password_that_anybody_can_read_is_found(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("0123456789abcdef")
    secret.chmod(0o600)
    read = settings(tmp_path, '[csms]\nurl = "ws://c/"\npassword_file = "password"')
    assert "secrets" not in examined(read)
    secret.chmod(0o644)
    found = examined(read)["secrets"]
    assert (found.health, found.next_step) == (Health.WARNING, f"sudo chmod o= {secret}")
    assert "secrets" not in examined(settings(tmp_path))


@pytest.mark.parametrize(("mode", "health"), [(0o640, Health.OK), (0o644, Health.WARNING)])
def test_a_password_in_a_configuration_that_anybody_can_read_is_a_warning_of_it(
    tmp_path: Path, mode: int, health: Health
) -> None:
    file = settings(tmp_path, '[csms]\nurl = "ws://c/"\npassword = "0123456789abcdef"').file
    file.chmod(mode)
    found = examined(load_settings(file))["configuration"]
    assert found.health is health
    assert ("name that in password_file" in found.evidence) is (health is Health.WARNING)


def test_a_control_socket_for_everybody_is_found(tmp_path: Path) -> None:
    read = settings(tmp_path)
    assert "control socket" not in examined(read)
    (tmp_path / "cpd.sock").touch()
    (tmp_path / "cpd.sock").chmod(0o666)
    assert examined(read)["control socket"].health is Health.WARNING
    (tmp_path / "cpd.sock").chmod(0o660)
    assert examined(read)["control socket"].health is Health.OK


def test_a_store_above_its_quota_is_found(tmp_path: Path) -> None:
    read = settings(tmp_path)
    with (tmp_path / "cpd.db").open("wb") as file:
        file.truncate(read.store.quota_mb * 1_000_000)
    assert examined(read)["store"].health is Health.OK
    (tmp_path / "cpd.db-wal").write_bytes(b"x")
    assert examined(read)["store"].health is Health.WARNING


def test_a_store_without_its_directory_is_found(tmp_path: Path) -> None:
    read = settings(tmp_path)
    (tmp_path / "empty").mkdir()
    assert examined(read)["disk"].health is Health.OK
    (tmp_path / "cpd.toml").write_text(
        (tmp_path / "cpd.toml").read_text().replace("/cpd.db", "/nowhere/cpd.db")
    )
    assert examined(load_settings(tmp_path / "cpd.toml"))["disk"].health is Health.FAILED
