"""What the daemon's own state is to a technician: well, worth a look, or broken, and what to do."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cpd.clock import ClockSource
from cpd.diagnostics.station_examination import examine_station
from cpd.station.repositories import StoreHealth
from cpd.station.snapshot import StationSnapshot
from hal.examination import Finding, Health
from tests.control.fake_target import (
    LINK,
    NOW,
    a_charging_connector,
    a_faulted_connector,
    a_snapshot,
    an_idle_connector,
)

WELL = a_snapshot(an_idle_connector(1))
SUPERVISED = {"INVOCATION_ID": "1", "WATCHDOG_USEC": "10000000", "JOURNAL_STREAM": "8:1"}


def examined(
    seen: StationSnapshot, *, off_s: float = 0.0, environment: dict[str, str] | None = None
) -> dict[str, Finding]:
    """The findings by their part; the last one of each."""
    system_now = NOW + timedelta(seconds=off_s)
    given = SUPERVISED if environment is None else environment
    return {one.part: one for one in examine_station(seen, system_now=system_now, environment=given)}


def test_all_is_well_on_a_charger_that_is_well() -> None:
    found = examined(WELL)
    assert {one.health for one in found.values()} == {Health.OK}
    assert found["supervision"].evidence == "systemd, watchdog 10 s, log to journald"


@pytest.mark.parametrize(
    ("part", "seen", "health", "evidence"),
    [
        (
            "clock",
            replace(WELL, clock_trusted=False, clock_source=ClockSource.NONE),
            Health.FAILED,
            "nobody has set it",
        ),
        (
            "store",
            replace(WELL, store=StoreHealth(moved="it comes from another machine")),
            Health.WARNING,
            "it comes from another machine",
        ),
        ("queue", replace(WELL, queued=3, dead=1), Health.WARNING, "3 wait, 1 given up"),
        (
            "central system",
            a_snapshot(link=replace(LINK, online=False, last_error="HTTP 404")),
            Health.WARNING,
            "HTTP 404",
        ),
        ("central system", a_snapshot(link=replace(LINK, held=True)), Health.WARNING, "held down"),
        (
            "central system",
            a_snapshot(link=replace(LINK, last_answer_at=NOW - timedelta(minutes=11))),
            Health.WARNING,
            "online, but answered 660 s ago",
        ),
        (
            "store",
            replace(WELL, store=StoreHealth(failure="the disk is full")),
            Health.FAILED,
            "the disk is full",
        ),
        (
            "store",
            replace(WELL, store=StoreHealth(damage="3 rows lost")),
            Health.WARNING,
            "3 rows lost",
        ),
        ("fault", a_snapshot(a_faulted_connector(4)), Health.FAILED, "contactor welded"),
    ],
)
def test_what_is_not_well_is_told_with_a_next_step(
    part: str, seen: StationSnapshot, health: Health, evidence: str
) -> None:
    found = examined(seen)[part]
    assert (found.health, evidence in found.evidence) == (health, True), found
    assert found.next_step


def test_a_system_clock_far_from_the_true_one_misleads() -> None:
    assert examined(WELL, off_s=59.0)["clock"].health is Health.OK
    assert examined(WELL, off_s=-3_600.0)["clock"].health is Health.WARNING


def test_a_charger_that_works_alone_has_no_queue() -> None:
    found = examined(a_snapshot(link=replace(LINK, url=None, online=False)))
    assert found["central system"].health is Health.OK
    assert "queue" not in found


def test_systemd_without_a_watchdog_restarts_no_daemon_that_hangs() -> None:
    assert examined(WELL, environment={"INVOCATION_ID": "1"})["supervision"].health is Health.WARNING
    assert examined(WELL, environment={})["supervision"].health is Health.OK


def test_a_healthy_charging_connector_has_no_fault() -> None:
    assert "fault" not in examined(a_snapshot(a_charging_connector(1)))


def test_a_link_that_fails_says_what_to_do_where_that_is_known() -> None:
    offline = replace(LINK, online=False, last_error="HTTP 404")
    assert examined(a_snapshot(link=offline))["central system"].next_step == "cpd connect test"
    told = replace(offline, next_step="create the charger at the CSMS")
    assert examined(a_snapshot(link=told))["central system"].next_step == "create the charger at the CSMS"
