"""What a running daemon follows of a file that was changed, and what it leaves for a restart."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from cpd.settings import Settings, load_settings
from cpd.settings.changes import Change, Changes, changes, followed

BEFORE = """\
[station]
id = "CP-1"
max_current_a = 40
{station}
[csms]
url = "ws://csms.example/ocpp"
password = "a-secret-of-before"
{csms}
[[connector]]
id = 1
max_current_a = 32
{connector}
[[connector]]
id = 2
{more}
[ocpp]
HeartbeatInterval = 300
"""


def read(folder: Path, text: str = BEFORE, **lines: str) -> Settings:
    file = folder / "cpd.toml"
    wanted = {"station": "", "csms": "", "connector": "", "more": "", **lines}
    for name, line in wanted.items():
        text = text.replace(f"{{{name}}}", line)
    file.write_text(text)
    return load_settings(file)


@dataclass(frozen=True, slots=True)
class Read:
    """What a daemon makes of a file that was read again."""

    found: Changes
    in_force: Settings

    @property
    def changed(self) -> tuple[Change, ...]:
        return self.found.changed

    @property
    def needs_restart(self) -> tuple[Change, ...]:
        return self.found.needs_restart


def reread(started: Settings, running: Settings, file: Settings) -> Read:
    in_force = followed(started, running, file)
    return Read(changes(running, in_force, file), in_force)


def found(folder: Path, text: str = BEFORE, **lines: str) -> Read:
    started = read(folder)
    return reread(started, started, read(folder, text, **lines))


def test_a_file_that_says_the_same_changes_nothing(tmp_path: Path) -> None:
    same = found(tmp_path)
    assert same.changed == same.needs_restart == ()
    assert {"station.id", "connector[2].phases", "ocpp.HeartbeatInterval"} <= set(same.found.unchanged)


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("max_current_a = 40", "max_current_a = 20", ("station.max_current_a", "40", "20")),
        ("max_current_a = 40\n", "", ("station.max_current_a", "40", None)),
        ("max_current_a = 32", "max_current_a = 16", ("connector[1].max_current_a", "32", "16")),
        ("csms.example", "other.example", None),
        ("HeartbeatInterval = 300", "HeartbeatInterval = 60", ("ocpp.HeartbeatInterval", "300", "60")),
        ("HeartbeatInterval = 300", "", ("ocpp.HeartbeatInterval", "300", None)),
        ("{station}", 'on_power_loss = "resume"', ("station.on_power_loss", '"stop"', '"resume"')),
        (
            "{station}",
            'hard_reset_command = ["reboot"]',
            ("station.hard_reset_command", None, '["reboot"]'),
        ),
        ("{more}", "[store]\nkeep_days = 30", ("store.keep_days", "365", "30")),
        ("{more}", "[store]\nquota_mb = 10", ("store.quota_mb", "64", "10")),
        (
            "{more}",
            '[firmware]\ninstall_command = ["rauc", "{file}"]',
            ("firmware.install_command", None, '["rauc", "{file}"]'),
        ),
        ("{csms}", "reconnect_max_s = 60", ("csms.reconnect_max_s", "300", "60")),
    ],
)
def test_what_a_running_daemon_can_follow_is_in_force(
    tmp_path: Path, before: str, after: str, change: tuple[str, str, str] | None
) -> None:
    changed = found(tmp_path, BEFORE.replace(before, after))
    assert changed.needs_restart == ()
    assert len(changed.changed) == 1
    if change is not None:
        key, was, now = change
        assert changed.changed == (Change(key=key, before=was, now=now),)


def test_a_table_that_comes_or_goes_is_told_key_by_key(tmp_path: Path) -> None:
    changed = found(tmp_path, more="[offline]\nafter_s = 300\nmax_current_a = 10")
    assert changed.changed == (
        Change(key="offline.after_s", before=None, now="300"),
        Change(key="offline.max_current_a", before=None, now="10"),
    )
    assert changed.in_force.offline is not None


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ('id = "CP-1"', 'id = "CP-2"', "station.id"),
        ("{station}", 'vendor = "other"', "station.vendor"),
        ("{connector}", "phases = 1", "connector[1].phases"),
        ("{connector}", "lock = false", "connector[1].lock"),
        ("{connector}", "voltage_v = 240", "connector[1].voltage_v"),
        ("{more}", '[store]\npath = "elsewhere.db"', "store.path"),
        ("{more}", '[control]\nsocket = "other.sock"', "control.socket"),
        ("{more}", '[hal]\nprocess = "guard"', "hal.process"),
    ],
)
def test_what_it_cannot_follow_needs_a_restart_and_is_not_in_force(
    tmp_path: Path, before: str, after: str, key: str
) -> None:
    changed = found(tmp_path, BEFORE.replace(before, after))
    assert changed.changed == ()
    assert [one.key for one in changed.needs_restart] == [key]
    assert changed.in_force == read(tmp_path)


def test_a_key_in_a_table_of_a_connector_is_told_by_its_whole_name(tmp_path: Path) -> None:
    text = BEFORE.replace("[ocpp]", '[connector.serial]\nport = "/dev/ttyUSB0"\n[ocpp]')
    started = read(tmp_path, text)
    moved = reread(started, started, read(tmp_path, text.replace("USB0", "USB1")))
    assert moved.needs_restart == (
        Change(key="connector[2].serial.port", before='"/dev/ttyUSB0"', now='"/dev/ttyUSB1"'),
    )


def test_the_rest_of_a_file_is_followed_beside_what_needs_a_restart(tmp_path: Path) -> None:
    changed = found(tmp_path, BEFORE.replace("max_current_a = 32", "max_current_a = 16\nphases = 1"))
    assert [one.key for one in changed.changed] == ["connector[1].max_current_a"]
    assert [one.key for one in changed.needs_restart] == ["connector[1].phases"]
    first = changed.in_force.connectors[0]
    assert (first.max_current_a, first.phases) == (16, 3)


def test_a_connector_rises_no_higher_than_its_hardware_was_started_with(tmp_path: Path) -> None:
    started = read(tmp_path)
    lowered = reread(started, started, read(tmp_path, BEFORE.replace("= 32", "= 16"))).in_force
    back = reread(started, lowered, read(tmp_path))
    assert back.changed == (Change(key="connector[1].max_current_a", before="16", now="32"),)
    above = reread(started, lowered, read(tmp_path, BEFORE.replace("= 32", "= 40")))
    assert above.changed == ()
    assert above.needs_restart == (Change(key="connector[1].max_current_a", before="16", now="40"),)
    assert above.in_force.connectors[0].max_current_a == 16


def test_a_connector_more_or_less_needs_a_restart(tmp_path: Path) -> None:
    more = found(tmp_path, more="[[connector]]\nid = 3")
    assert more.needs_restart == (Change(key="connector[3]", before=None, now="a table"),)
    assert (more.changed, len(more.in_force.connectors)) == ((), 2)
    less = found(tmp_path, BEFORE.replace("[[connector]]\nid = 2\n", ""))
    assert less.needs_restart == (Change(key="connector[2]", before="a table", now=None),)
    assert (less.changed, len(less.in_force.connectors)) == ((), 2)


def test_a_csms_for_a_charger_that_works_alone_needs_a_restart(tmp_path: Path) -> None:
    alone = read(tmp_path, '[station]\nid = "CP-1"\n[[connector]]\nid = 1\n')
    told = read(tmp_path, '[station]\nid = "CP-1"\n[[connector]]\nid = 1\n[csms]\nurl = "ws://c.example"\n')
    joined, left = reread(alone, alone, told), reread(told, told, alone)
    assert joined.needs_restart == (Change(key="csms", before=None, now="a table"),)
    assert (joined.changed, joined.in_force.csms) == ((), None)
    assert left.needs_restart == (Change(key="csms", before="a table", now=None),)
    assert (left.changed, left.in_force.csms) == ((), told.csms)


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    changed = found(tmp_path, BEFORE.replace("of-before", "of-after"))
    assert changed.changed == (Change(key="csms.password", before="(not shown)", now="(not shown)"),)
    assert changed.in_force.csms is not None and changed.in_force.csms.password == "a-secret-of-after"
