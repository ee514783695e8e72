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


def test_a_password_that_anybody_can_read_is_found(tmp_path: Path) -> None:
    csms = '[csms]\nurl = "ws://c/"\npassword = "0123456789abcdef"'
    read = settings(tmp_path, csms)
    assert "secrets" not in examined(read)
    read.file.chmod(0o644)
    found = examined(read)["secrets"]
    assert (found.health, found.next_step) == (Health.WARNING, f"sudo chmod o= {read.file}")
    assert "secrets" not in examined(settings(tmp_path))


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
