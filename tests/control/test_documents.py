from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd.control import api
from cpd.control.documents import (
    duty_percent,
    past_transaction_document,
    profile_document,
    schedule_document,
    status_document,
    why_document,
)
from cpd.domain.profiles import RateUnit
from tests.control.fake_target import (
    FakeTarget,
    a_charging_connector,
    a_faulted_connector,
    a_snapshot,
    a_suspended_connector,
    a_transaction,
    an_idle_connector,
    an_installed_profile,
)

SNAPSHOT = a_snapshot(
    a_charging_connector(1), an_idle_connector(2), a_suspended_connector(3), a_faulted_connector(4)
)


def dated(_monotonic_s: float) -> datetime | None:
    return datetime(2026, 11, 22, 8, 23, tzinfo=UTC)


async def test_every_document_has_the_shape_of_the_schema() -> None:
    target = FakeTarget()
    installed = an_installed_profile()
    wire = target.profile_document(installed)
    profiles = {"schema": "cpd.profiles/1", "profiles": [profile_document(installed, wire)]}
    past = [past_transaction_document(one, delivered=True) for one, _ in target.past]

    msgspec.convert(status_document(SNAPSHOT, dated), api.StatusDocument)
    msgspec.convert(why_document(SNAPSHOT.connectors[2]), api.WhyDocument)
    msgspec.convert(schedule_document(target.schedule(1, 60, RateUnit.W)), api.ScheduleDocument)
    msgspec.convert(profiles, api.ProfilesDocument)
    msgspec.convert({"schema": "cpd.transactions/1", "transactions": past}, api.TransactionsDocument)


def test_status_shows_limit_offer_and_duty_of_a_charging_connector() -> None:
    connector = status_document(SNAPSHOT, dated)["connectors"][0]

    assert connector["pilot"] == {"state": "C", "duty_percent": 26.6, "pwm": True}
    assert connector["limit"] == {
        "current_a": 16.0,
        "constrained_by": {"kind": "profile", "purpose": "TxProfile", "id": 7, "stack_level": 2},
        "until": "2026-11-22T18:00:00.000Z",
        "runner_up": {
            "current_a": 32.0,
            "constrained_by": {
                "kind": "profile",
                "purpose": "TxDefaultProfile",
                "id": 100,
                "stack_level": 0,
            },
        },
    }
    assert connector["offer_a"] == 16.0
    assert connector["meter"] is not None
    assert connector["meter"]["current_a"] == [15.9, 15.9, 15.9]


def test_status_says_that_a_steady_pilot_has_no_duty() -> None:
    assert status_document(SNAPSHOT, dated)["connectors"][1]["pilot"] == {
        "state": "A",
        "duty_percent": None,
        "pwm": False,
    }


def test_a_fault_carries_its_error_code_and_what_clears_it() -> None:
    assert status_document(SNAPSHOT, dated)["connectors"][3]["faults"] == [
        {
            "kind": "contactor_welded",
            "error_code": "PowerSwitchFailure",
            "since": "2026-11-22T08:23:00.000Z",
            "latched": True,
            "clears_by": "acknowledge",
        }
    ]


def test_a_blocker_names_the_profile_and_when_it_came_and_has_an_empty_source_without_one() -> None:
    zero, asleep = why_document(SNAPSHOT.connectors[2])["blockers"]

    assert zero["source"] == {
        "kind": "profile",
        "purpose": "TxProfile",
        "id": 7,
        "stack_level": 2,
        "set_at": "2026-11-22T08:08:00.000Z",
    }
    assert asleep["source"] == {}


@pytest.mark.parametrize(("full", "shown"), [(False, "04A3…6180"), (True, "04A31F02B1616180")])
def test_id_tags_are_whole_only_in_full(full: bool, shown: str) -> None:
    transaction = status_document(SNAPSHOT, dated, full=full)["connectors"][0]["transaction"]

    assert transaction is not None
    assert transaction["id_tag"] == shown


def test_why_says_whether_it_charges() -> None:
    assert [why_document(connector)["charging"] for connector in SNAPSHOT.connectors] == [
        True,
        False,
        False,
        False,
    ]


def test_a_past_transaction_has_taken_what_lies_between_its_registers() -> None:
    document = past_transaction_document(a_transaction(running=False), delivered=True)

    assert (document["meter_start_wh"], document["meter_stop_wh"], document["energy_wh"]) == (
        1_000,
        13_840,
        12_840,
    )
    assert document["reason"] == "EVDisconnected"


def test_a_transaction_that_nobody_could_date_has_no_times() -> None:
    transaction = a_transaction()
    undated = replace(transaction, started=replace(transaction.started, at=None))

    assert past_transaction_document(undated, delivered=False)["started_at"] is None


async def test_limits_of_a_schedule_are_in_its_unit() -> None:
    document = schedule_document(FakeTarget().schedule(1, 60, RateUnit.A))

    assert [period["limit"] for period in document["periods"]] == [32.0, 16.0, 0.0, 32.5]


@given(st.integers(min_value=0, max_value=1_000_000))
def test_duty_percent_never_says_more_than_the_pilot_does(duty_ns: int) -> None:
    percent = duty_percent(duty_ns)

    assert percent is not None
    assert 0 <= duty_ns - round(percent * 10) * 1_000 < 1_000


@pytest.mark.parametrize(
    ("duty_ns", "percent"), [(266_666, 26.6), (100_000, 10.0), (533_333, 53.3), (None, None)]
)
def test_duty_percent_of_known_currents(duty_ns: int | None, percent: float | None) -> None:
    assert duty_percent(duty_ns) == percent
