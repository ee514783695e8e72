"""What the two services may and may not do, and how they start, end and come back."""

from pathlib import Path

import pytest

from tests.systemd_units.sources import SOURCES, installed, ran, tool, unit

BOTH = ("cpd.service", "cpd-guard.service")

EXPOSURE = 16
"""The most that `systemd-analyze security` may find, in tenths."""

SAME = {
    "Type": "notify",
    "NotifyAccess": "main",
    "Restart": "always",
    "KillMode": "mixed",
    "UMask": "0077",
    "RuntimeDirectoryPreserve": "yes",
    "StateDirectoryMode": "0700",
    "DevicePolicy": "closed",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "ProtectProc": "invisible",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "SystemCallArchitectures": "native",
    "SystemCallErrorNumber": "EPERM",
}

OWN = {
    "cpd.service": {
        "ExecStart": "/opt/cpd/bin/cpd run",
        "ExecReload": "/opt/cpd/bin/cpd reload",
        "User": "cpd",
        "Group": "cpd",
        "WatchdogSec": "30",
        "StateDirectory": "cpd",
        "RuntimeDirectory": "cpd",
        "RuntimeDirectoryMode": "0755",
        "PrivateDevices": "yes",
        "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
        "RestrictRealtime": "yes",
    },
    "cpd-guard.service": {
        "ExecStart": "/opt/cpd/bin/python -m hal",
        "ExecStopPost": "/opt/cpd/bin/python -m hal safe-outputs",
        "User": "cpd-guard",
        "Group": "cpd-guard",
        "WatchdogSec": "10",
        "StateDirectory": "cpd-guard",
        "RuntimeDirectory": "cpd-guard",
        "RuntimeDirectoryMode": "0750",
        "PrivateNetwork": "yes",
        "RestrictAddressFamilies": "AF_UNIX",
        "IPAddressDeny": "any",
        "LimitRTPRIO": "20",
        "LimitMEMLOCK": "infinity",
    },
}

DEVICES = {"gpiochip", "spi", "i2c", "ttyAMA", "ttyS", "ttyUSB", "ttyACM"}


@pytest.mark.parametrize("name", BOTH)
def test_the_sandbox_leaves_little_open(name: str):
    status, told = ran(
        tool("systemd-analyze"), "security", "--offline=yes", f"--threshold={EXPOSURE}", str(SOURCES / name)
    )
    assert status == 0, told


@pytest.mark.parametrize("name", BOTH)
def test_systemd_finds_nothing_wrong(name: str, tmp_path: Path):
    root = installed(tmp_path)
    assert ran(tool("systemd-analyze"), "verify", "--man=no", f"--root={root}", name) == (0, "")


@pytest.mark.parametrize(("name", "key"), [(name, key) for name in BOTH for key in (*SAME, *OWN[name])])
def test_it_is_said_once_and_as_it_must_be(name: str, key: str):
    assert unit(name).one(key) == {**SAME, **OWN[name]}[key]


def test_the_daemon_gets_no_device_and_the_guard_those_that_it_drives():
    assert unit("cpd.service").all("Service", "DeviceAllow") == []
    readable = {f"char-{device} rw" for device in DEVICES} | {"char-input r"}
    assert set(unit("cpd-guard.service").all("Service", "DeviceAllow")) == readable


@pytest.mark.parametrize("key", ["BindsTo", "Requires", "PartOf", "Requisite", "StopPropagatedFrom"])
def test_each_of_the_two_survives_the_other(key: str):
    assert [unit(name).all("Unit", key) for name in BOTH] == [[], []]


def test_neither_waits_for_a_network_or_a_clock():
    for name in BOTH:
        for key in ("After", "Wants", "Requires"):
            assert not {"network-online.target", "time-sync.target"} & set(
                " ".join(unit(name).all("Unit", key)).split()
            )


@pytest.mark.parametrize("name", BOTH)
def test_no_number_of_crashes_leaves_it_dead(name: str):
    assert unit(name).all("Unit", "StartLimitIntervalSec") == ["0"]
    assert unit(name).one("RestartSec") == "2"


def test_vehicles_have_their_six_seconds_before_anybody_is_killed():
    assert int(unit("cpd-guard.service").one("TimeoutStopSec")) >= 15
    assert int(unit("cpd.service").one("TimeoutStopSec")) >= 15


@pytest.mark.parametrize(("status", "reboots"), [("64", True), ("0", False), ("1", False), ("", False)])
def test_systemd_restarts_the_machine_where_the_daemon_asks_for_it(
    status: str, reboots: bool, tmp_path: Path
):
    """The line runs as systemd would run it, as root, with a stand-in for systemctl."""
    prefix, _, script = unit("cpd.service").one("ExecStopPost").partition("/bin/sh -c ")
    assert prefix == "+"
    stand_in = tmp_path / "systemctl"
    stand_in.write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
    stand_in.chmod(0o755)
    line = script.strip("'").replace("$$", "$")
    told = ran("env", f"PATH={tmp_path}:/usr/bin:/bin", f"EXIT_STATUS={status}", "sh", "-c", line)
    assert told == (0, "--no-block reboot\n" if reboots else "")


@pytest.mark.parametrize(
    ("name", "key", "why"),
    [
        ("cpd.service", "ProcSubset", "the boot id is in /proc/sys"),
        ("cpd.service", "PrivateUsers", "the uid of who acts at the control socket"),
        ("cpd.service", "ProtectClock", "adjtimex tells whether NTP keeps the clock"),
        ("cpd-guard.service", "ProcSubset", "the model of the Pi is in /proc/device-tree"),
        ("cpd-guard.service", "PrivateUsers", "the groups of who connects"),
        ("cpd-guard.service", "ProtectKernelTunables", "the PWM is in /sys"),
        ("cpd-guard.service", "PrivateDevices", "the devices are in /dev"),
        ("cpd-guard.service", "RestrictRealtime", "the safety loop is SCHED_FIFO"),
    ],
)
def test_what_it_needs_is_not_taken_away(name: str, key: str, why: str):
    assert unit(name).all("Service", key) == [], why


def test_calls_that_are_needed_are_let_through_after_those_that_are_not():
    for name, needed in (
        ("cpd.service", {"adjtimex", "clock_adjtime"}),
        ("cpd-guard.service", {"sched_setscheduler"}),
    ):
        base, without, *more = unit(name).all("Service", "SystemCallFilter")
        assert (base, without) == ("@system-service", "~@privileged @resources")
        assert needed <= set(" ".join(more).split())
