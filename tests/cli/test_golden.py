"""Every picture of the command line, as it was last read and found good by a person."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cpd.cli.auth import render_auth
from cpd.cli.backup import render_backup
from cpd.cli.bundle import render_bundle
from cpd.cli.config import render_configuration
from cpd.cli.connect import render_connection
from cpd.cli.doctor import render_doctor
from cpd.cli.factory_reset import render_factory_reset
from cpd.cli.limit import render_limit
from cpd.cli.machine import render_machine
from cpd.cli.operation import render_availability
from cpd.cli.profiles import render_profiles
from cpd.cli.queue import render_queue, render_retry
from cpd.cli.reload import render_reload
from cpd.cli.restore import render_restore
from cpd.cli.rfid import render_card
from cpd.cli.schedule import render_schedule
from cpd.cli.status import render_status
from cpd.cli.terminal import Terminal, columns_of
from cpd.cli.transactions import render_transactions
from cpd.cli.why import render_why
from tests.cli.documents import (
    ALONE_AND_BLOCKED,
    ALONE_STATUS,
    BACKUP,
    CLEARED,
    CONFIGURATION,
    CONNECTED,
    CONNECTED_BESIDE,
    CONNECTED_TO_404,
    DEAD_QUEUE,
    DELAYED_STATUS,
    DOCTOR,
    DOCTOR_ALONE,
    EMPTY_QUEUE,
    IN_SERVICE,
    LISTED,
    LOCAL_LIMIT,
    MOVED,
    MOVED_STATUS,
    NO_LOCAL_LIMIT,
    NOTHING_RELOADED,
    OUT_OF_SERVICE,
    OUT_OF_SERVICE_SOON,
    OVER_THE_CLOCK_CHANGE,
    PROFILES,
    QUEUE,
    RECURRING,
    RECURRING_LOCALLY,
    RELOADED,
    RESTORATION,
    RETRIED,
    SCHEDULE,
    SHOWN_LISTED,
    SHOWN_NAME,
    SHOWN_PHONE,
    SHOWN_PRINTED,
    SHOWN_REVERSED,
    SICK_DISK_STATUS,
    STATUS,
    STRANGER,
    TRANSACTIONS,
    TROUBLED_STATUS,
    WAITING_STATUS,
    WHY,
    WHY_DELAYED,
    WHY_WAITING,
)

GOLDEN = Path(__file__).parent / "golden"
NOW = STATUS["station"]["clock"]["now"]

VIEWS: dict[str, Callable[[Terminal], str]] = {
    "status": lambda terminal: render_status(STATUS, terminal),
    "status-troubled": lambda terminal: render_status(TROUBLED_STATUS, terminal),
    "status-copied-card": lambda terminal: render_status(MOVED_STATUS, terminal),
    "machine-copied": lambda terminal: render_machine(MOVED, terminal),
    "backup": lambda terminal: render_backup("cpd-CP-0042-20261122T082600Z.backup", 123_456, terminal),
    "restore": lambda terminal: render_restore(
        BACKUP, RESTORATION, terminal, own="CP-0042", resend=False, dry_run=False
    ),
    "restore-other": lambda terminal: render_restore(
        BACKUP,
        replace(RESTORATION, restored=replace(RESTORATION.restored, sessions=0, messages=0), latches=False),
        terminal,
        own="CP-0043",
        resend=False,
        dry_run=True,
    ),
    "factory-reset": lambda terminal: render_factory_reset(CLEARED, terminal, dry_run=False),
    "status-sick-disk": lambda terminal: render_status(SICK_DISK_STATUS, terminal),
    "why-charging": lambda terminal: render_why(WHY[0], STATUS["connectors"][0], STATUS, terminal),
    "why-limit": lambda terminal: render_why(WHY[2], STATUS["connectors"][2], STATUS, terminal),
    "why-fault": lambda terminal: render_why(WHY[3], STATUS["connectors"][3], STATUS, terminal),
    "status-waiting": lambda terminal: render_status(WAITING_STATUS, terminal),
    "why-waiting": lambda terminal: render_why(
        WHY_WAITING, WAITING_STATUS["connectors"][0], WAITING_STATUS, terminal
    ),
    "status-delayed": lambda terminal: render_status(DELAYED_STATUS, terminal),
    "why-delayed": lambda terminal: render_why(
        WHY_DELAYED, DELAYED_STATUS["connectors"][0], DELAYED_STATUS, terminal
    ),
    "limit": lambda terminal: render_limit(LOCAL_LIMIT, STATUS, terminal),
    "limit-off": lambda terminal: render_limit(NO_LOCAL_LIMIT, STATUS, terminal),
    "availability-on": lambda terminal: render_availability(IN_SERVICE, terminal),
    "availability-off": lambda terminal: render_availability(OUT_OF_SERVICE, terminal),
    "availability-scheduled": lambda terminal: render_availability(OUT_OF_SERVICE_SOON, terminal),
    "schedule": lambda terminal: render_schedule(SCHEDULE, terminal),
    "schedule-clock-change": lambda terminal: render_schedule(OVER_THE_CLOCK_CHANGE, terminal),
    "schedule-shifts": lambda terminal: render_schedule(RECURRING, terminal),
    "schedule-local": lambda terminal: render_schedule(RECURRING_LOCALLY, terminal),
    "profiles": lambda terminal: render_profiles(PROFILES, NOW, terminal),
    "transactions": lambda terminal: render_transactions(TRANSACTIONS, STATUS, terminal),
    "transactions-alone": lambda terminal: render_transactions(TRANSACTIONS, ALONE_STATUS, terminal),
    "queue": lambda terminal: render_queue(QUEUE, STATUS, terminal),
    "queue-dead": lambda terminal: render_queue(DEAD_QUEUE, STATUS, terminal),
    "queue-alone": lambda terminal: render_queue(EMPTY_QUEUE, ALONE_STATUS, terminal),
    "queue-retry": lambda terminal: render_retry(RETRIED, terminal),
    "reload": lambda terminal: render_reload(RELOADED, terminal),
    "reload-nothing": lambda terminal: render_reload(NOTHING_RELOADED, terminal),
    "auth-listed": lambda terminal: render_auth(LISTED, None, terminal),
    "auth-listed-offline": lambda terminal: render_auth(LISTED, "offline", terminal),
    "auth-stranger": lambda terminal: render_auth(STRANGER, None, terminal),
    "auth-alone": lambda terminal: render_auth(ALONE_AND_BLOCKED, None, terminal),
    "connect": lambda terminal: render_connection(CONNECTED, terminal),
    "connect-404": lambda terminal: render_connection(CONNECTED_TO_404, terminal),
    "connect-beside": lambda terminal: render_connection(CONNECTED_BESIDE, terminal),
    "doctor": lambda terminal: render_doctor(DOCTOR, terminal),
    "doctor-alone": lambda terminal: render_doctor(DOCTOR_ALONE, terminal),
    "rfid-listed": lambda terminal: render_card(SHOWN_LISTED, terminal),
    "rfid-reversed": lambda terminal: render_card(SHOWN_REVERSED, terminal),
    "rfid-printed": lambda terminal: render_card(SHOWN_PRINTED, terminal),
    "rfid-phone": lambda terminal: render_card(SHOWN_PHONE, terminal),
    "rfid-name": lambda terminal: render_card(SHOWN_NAME, terminal),
    "bundle": lambda terminal: render_bundle("cpd-CP-0042-20261122T082600Z.tar.gz", 123_456, terminal),
    "configuration": lambda terminal: render_configuration(CONFIGURATION, terminal),
}
TERMINALS = {
    "32": Terminal(width=32),
    "40": Terminal(width=40),
    "80": Terminal(width=80),
    "120": Terminal(width=120),
    "40-ascii": Terminal(width=40, unicode=False),
    "40-colour": Terminal(width=40, colour=True),
}


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("variant", TERMINALS)
@pytest.mark.parametrize("view", VIEWS)
def test_a_picture_is_as_it_was_found_good(view: str, variant: str, request: pytest.FixtureRequest) -> None:
    picture = VIEWS[view](TERMINALS[variant]) + "\n"
    golden = GOLDEN / f"{view}-{variant}.txt"
    if request.config.getoption("--regenerate-golden", default=False):
        golden.write_text(picture, encoding="utf-8")

    assert picture == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("variant", [name for name in TERMINALS if "colour" not in name])
@pytest.mark.parametrize("view", VIEWS)
def test_no_line_is_wider_than_the_terminal(view: str, variant: str) -> None:
    terminal = TERMINALS[variant]
    lines = VIEWS[view](terminal).splitlines()

    assert [line for line in lines if columns_of(line) > terminal.width] == []


@pytest.mark.parametrize("view", VIEWS)
def test_colour_changes_no_word(view: str) -> None:
    coloured = VIEWS[view](TERMINALS["40-colour"])
    for code in ("32", "31", "33", "2", "1", "0"):
        coloured = coloured.replace(f"\x1b[{code}m", "")

    assert coloured == VIEWS[view](TERMINALS["40"])


@pytest.mark.parametrize("view", VIEWS)
def test_ascii_is_ascii(view: str) -> None:
    assert VIEWS[view](TERMINALS["40-ascii"]).isascii()
