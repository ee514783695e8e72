"""The accounts, directories and device permissions that the services stand on."""

import grp
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.systemd_units.sources import SOURCES, ran, tool

DEVICE_GROUPS = ("gpio", "spi", "i2c", "dialout", "input")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A file system in which systemd-sysusers has made the accounts."""
    (tmp_path / "etc").mkdir()
    folder = tmp_path / "usr/lib/sysusers.d"
    folder.mkdir(parents=True)
    shutil.copy(SOURCES / "cpd.sysusers", folder / "cpd.conf")
    status, told = ran(tool("systemd-sysusers"), f"--root={tmp_path}")
    assert status == 0, told
    return tmp_path


def members(root: Path) -> dict[str, set[str]]:
    lines = (root / "etc/group").read_text().split()
    return {line.split(":")[0]: set(filter(None, line.split(":")[3].split(","))) for line in lines}


def test_the_guard_has_the_groups_of_devices_and_the_daemon_that_of_the_guard(root: Path):
    assert {group for group, found in members(root).items() if "cpd-guard" in found} == {*DEVICE_GROUPS}
    assert {group for group, found in members(root).items() if "cpd" in found} == {"cpd-guard"}


def test_nobody_logs_in_as_a_service(root: Path):
    shells = {
        line.split(":")[0]: line.split(":")[6] for line in (root / "etc/passwd").read_text().splitlines()
    }
    assert set(shells) == {"cpd", "cpd-guard"}
    assert all(shell.endswith("nologin") for shell in shells.values())


def test_a_password_is_the_daemons_alone_and_the_configuration_everybodys(root: Path):
    if os.geteuid() != 0:
        pytest.skip("not root")
    password = root / "etc/cpd/password"
    password.parent.mkdir(mode=0o700)
    password.write_text("secret")
    password.chmod(0o644)
    rules = root / "cpd.conf"
    shutil.copy(SOURCES / "cpd.tmpfiles", rules)
    status, told = ran(tool("systemd-tmpfiles"), f"--root={root}", "--create", str(rules))
    assert status == 0, told
    uid = next(
        line.split(":")[2] for line in (root / "etc/passwd").read_text().splitlines() if line[:4] == "cpd:"
    )
    assert (password.stat().st_mode & 0o777, password.stat().st_uid) == (0o600, int(uid))
    assert password.parent.stat().st_mode & 0o777 == 0o755


def test_each_device_of_the_board_has_its_group():
    rules = (SOURCES / "60-cpd.rules").read_text()
    for subsystem, group in (("gpio", "gpio"), ("spidev", "spi"), ("i2c-dev", "i2c")):
        assert re.search(rf'^SUBSYSTEM=="{subsystem}",.* GROUP="{group}", MODE="0660"$', rules, re.MULTILINE)


def test_an_exported_pwm_channel_is_for_its_group_to_drive(tmp_path: Path):
    """The line of the rule runs as udev would run it, on a tree like the one of sysfs."""
    line = next(
        line for line in (SOURCES / "60-cpd.rules").read_text().splitlines() if 'SUBSYSTEM=="pwm"' in line
    )
    assert line.startswith('ACTION=="add|change", SUBSYSTEM=="pwm", KERNEL=="pwmchip*", ')
    chip = tmp_path / "devices/1f00098000.pwm/pwm/pwmchip0"
    (chip / "pwm2").mkdir(parents=True)
    mine = grp.getgrgid(os.getegid()).gr_name
    written = [
        "export",
        "unexport",
        *(f"pwm2/{name}" for name in ("duty_cycle", "enable", "period", "polarity")),
    ]
    for name in (*written, "npwm", "pwm2/capture"):
        (chip / name).touch(mode=0o444)
    script = re.search(r"RUN\+=\"/bin/sh -c '(.*)'\"$", line)
    assert script is not None and "chgrp gpio" in script[1]
    run = (
        script[1]
        .replace("$$", "$")
        .replace("%S", str(tmp_path))
        .replace("%p", "/" + str(chip.relative_to(tmp_path)))
    )
    assert ran("sh", "-c", run.replace("chgrp gpio", f"chgrp {mine}")) == (0, "")
    writable = {
        str(path.relative_to(chip))
        for path in chip.rglob("*")
        if path.is_file() and path.stat().st_mode & 0o020
    }
    assert writable == set(written)


def test_the_journal_is_bounded():
    kept = (SOURCES / "journald.conf").read_text()
    assert "[Journal]\nSystemMaxUse=64M\n" in kept


def test_a_hung_kernel_is_reset_and_no_later_than_a_raspberry_pi_can_count():
    (line,) = re.findall(r"^RuntimeWatchdogSec=(\d+)s$", (SOURCES / "system.conf").read_text(), re.MULTILINE)
    assert 0 < int(line) <= 15
