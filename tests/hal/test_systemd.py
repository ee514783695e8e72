"""What systemd is told, whoever carries it: systemd-python or the standard library."""

from pathlib import Path

import pytest

from hal.systemd import Notifier
from tests.hal.libsystemd import run
from tests.hal.notified import heard

A_LIFE = """
from hal.systemd import Notifier
notifier = Notifier()
notifier.ready()
notifier.status("1 Available; CSMS online")
notifier.watchdog()
notifier.reloading(1.5)
notifier.ready()
notifier.stopping()
"""

TOLD = [
    "READY=1",
    "STATUS=1 Available; CSMS online",
    "WATCHDOG=1",
    "RELOADING=1\nMONOTONIC_USEC=1500000",
    "READY=1",
    "STOPPING=1",
]


def test_without_the_library_systemd_is_told_over_its_socket(tmp_path: Path) -> None:
    with heard(tmp_path) as systemd:
        assert run(tmp_path, A_LIFE, library=False, NOTIFY_SOCKET=str(systemd.path)) == ("", [])
        assert systemd.now() == TOLD


def test_with_the_library_systemd_is_told_through_it(tmp_path: Path) -> None:
    with heard(tmp_path) as systemd:
        _, given = run(tmp_path, A_LIFE, library=True, NOTIFY_SOCKET=str(systemd.path))
        assert given == [["notify", state] for state in TOLD]
        assert systemd.now() == []


@pytest.mark.parametrize("library", [True, False])
def test_a_systemd_that_is_not_there_ends_nobody(tmp_path: Path, library: bool) -> None:
    nowhere = str(tmp_path / "nowhere")
    told = run(tmp_path, A_LIFE, library=library, NOTIFY_SOCKET=nowhere, LIBRARY_FAILS="1")
    assert told == ("", [])


@pytest.mark.parametrize("library", [True, False])
def test_where_nobody_listens_nobody_is_told(tmp_path: Path, library: bool) -> None:
    assert run(tmp_path, A_LIFE, library=library) == ("", [])


def test_a_safety_loop_never_waits_for_systemd(tmp_path: Path) -> None:
    with heard(tmp_path) as systemd:
        systemd.fill()
        notifier = Notifier(str(systemd.path), may_wait=False)
        notifier.watchdog()
        notifier.stopping()
        assert set(systemd.now()) == {"FULL=1"}


def test_a_safety_loop_never_hands_it_to_a_library_that_waits(tmp_path: Path) -> None:
    script = "from hal.systemd import Notifier\nNotifier(may_wait=False).watchdog()"
    with heard(tmp_path) as systemd:
        assert run(tmp_path, script, library=True, NOTIFY_SOCKET=str(systemd.path)) == ("", [])
        assert systemd.now() == ["WATCHDOG=1"]
