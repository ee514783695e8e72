"""The parts of the demo that can be looked at without playing it."""

import copy
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd.cli.terminal import Terminal, columns_of
from cpd.control.api import StatusDocument
from cpd.lab.csms.personalities import PERSONALITIES, find_csms
from cpd.lab.demo.checklist import Checklist
from cpd.lab.demo.listing import render_names
from cpd.lab.demo.picture import Picture, live_heads, live_line
from cpd.lab.demo.profiles import Step, charge_point_max, duty_percent, tx_default, tx_profile
from cpd.lab.demo.story import pace
from cpd.lab.demo.words import answered, trouble
from cpd.lab.names import UnknownName
from cpd.lab.vehicles import VEHICLES, find_vehicle
from hal.iec61851 import duty_ns_for
from tests.lab.charge_points import STATION, Bench, on_bench

CONNECTOR: dict[str, Any] = {
    "id": 1,
    "pilot": {"state": "C", "duty_percent": 26.6, "pwm": True},
    "contactor": {"commanded": "closed", "confirmed": "closed", "phases": 3},
    "limit": {
        "current_a": 16.0,
        "constrained_by": {"kind": "profile", "purpose": "TxProfile", "id": 3, "stack_level": 0},
        "until": None,
        "runner_up": None,
    },
    "meter": {"energy_wh": 12_840, "current_a": [15.9, 16.0, 15.9]},
}


def picture(**changes: Any) -> Picture:
    connector = copy.deepcopy(CONNECTOR) | changes
    status = {"station": {"clock": {"now": "2026-03-02T10:00:00Z"}}, "connectors": [connector]}
    return Picture(status=cast(StatusDocument, status), report={"transactions": []})


def test_the_live_line_stands_under_its_heads() -> None:
    terminal = Terminal(width=80)
    assert live_heads(terminal) == "time      limit   set by          duty    contactor  measured  energy"
    assert (
        live_line(picture(), terminal)[8:]
        == "  16 A    TxProfile #3    26.6 %  closed     16 A      12.84 kWh"
    )


def test_the_live_line_takes_two_lines_where_it_is_narrow() -> None:
    terminal = Terminal(width=40)
    first, second = live_line(picture(), terminal).splitlines()
    assert first[8:] == "  16 A  TxProfile #3  26.6 %"
    assert second == "  closed  16 A  12.84 kWh"
    assert live_heads(terminal) == ""


def test_a_steady_pilot_and_a_missing_meter_are_shown_as_such() -> None:
    shown = picture(meter=None, pilot={"state": "B", "duty_percent": None, "pwm": False})
    assert shown.draws_a == 0
    assert "no PWM" in live_line(shown, Terminal(width=80))


def test_the_demo_knows_the_duty_cycles_by_itself() -> None:
    for current_a in (6, 10, 16, 32, 40, 50, 51, 53, 63, 80):
        assert duty_percent(current_a) == duty_ns_for(current_a * 1_000) // 1_000 / 10
    assert duty_percent(0) is None


def test_every_profile_of_the_demo_satisfies_the_schema() -> None:
    steps = (Step(start_s=0, limit_a=32), Step(start_s=5, limit_a=0))
    start_at = datetime(2026, 3, 2, 10, tzinfo=UTC)
    stepped = tx_profile(steps, transaction_id=7, start_at=start_at)
    assert stepped["chargingSchedule"]["startSchedule"] == "2026-03-02T10:00:00Z"

    async def story(bench: Bench) -> None:
        from cpd.lab.csms.console import message_of
        from cpd.lab.csms.requests import CallRefused

        async with bench.charge_point():
            for profile in (charge_point_max(50), tx_default(40), stepped):
                request = {"connectorId": 0, "csChargingProfiles": profile}
                with pytest.raises(CallRefused, match="NotImplemented"):
                    await bench.central_system.call(STATION, message_of("SetChargingProfile", request))

    on_bench(story)


@pytest.mark.parametrize("fast", [True, False])
def test_both_paces_show_the_same_steps(fast: bool) -> None:
    assert [step.limit_a for step in pace(fast=fast).steps] == [32, 10, 0, 16]


def test_a_run_is_right_only_if_everything_was_checked_and_right() -> None:
    assert not Checklist().right
    checklist = Checklist()
    checklist.add("one", "one", right=True)
    assert checklist.right
    checklist.interrupted = "the daemon ended"
    assert not checklist.right
    wrong = Checklist()
    wrong.add("one", "two", right=False)
    assert not wrong.right


def test_the_checklist_says_what_was_expected_and_what_was_seen() -> None:
    checklist = Checklist()
    checklist.add("the contactor opens", "open", right=True)
    checklist.add("the transaction stays open", "it was stopped", right=False)
    checklist.interrupted = "the story ends here"
    assert checklist.render(Terminal(width=60)).splitlines() == [
        "✓ the contactor opens → open",
        "✗ the transaction stays open → it was stopped",
        "the story ends here",
        "1 of 2 as expected, the rest was not reached",
    ]


@given(
    words=st.text(min_size=1, max_size=120),
    seen=st.text(min_size=1, max_size=120),
    width=st.integers(32, 120),
    unicode=st.booleans(),
)
def test_no_line_of_the_checklist_is_wider_than_the_terminal(
    words: str, seen: str, width: int, unicode: bool
) -> None:
    checklist = Checklist(interrupted=words)
    checklist.add("e" + words, seen, right=False)
    rendered = checklist.render(Terminal(width=width, unicode=unicode))
    assert all(columns_of(line) <= width for line in rendered.splitlines())


@pytest.mark.parametrize("width", [40, 80, 120])
def test_every_name_has_one_line_that_fits(width: int) -> None:
    lines = render_names(Terminal(width=width)).splitlines()
    assert max(len(line) for line in lines) <= width
    named = {line.split()[0] for line in lines if line and not line.startswith(" ")}
    assert {*PERSONALITIES, *VEHICLES} <= named
    if width == 40:
        about = lines[lines.index("csms-silent") + 1]
        assert about == "  answers pings, and no CALL"


@pytest.mark.parametrize("name", ["csms-stop-hater", "stop-hater", "STOP-HATER"])
def test_a_personality_is_found_with_and_without_its_prefix(name: str) -> None:
    assert find_csms(name).name == "csms-stop-hater"


def test_a_vehicle_is_found_with_and_without_its_prefix() -> None:
    assert find_vehicle("zoe") is find_vehicle("ev-zoe")
    assert find_vehicle("weld").name == "hw-weld"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("stophater", "did you mean 'csms-stop-hater'?"), ("xyzxyz", "cpd demo --list names all")],
)
def test_an_unknown_name_is_told_with_what_was_perhaps_meant(name: str, hint: str) -> None:
    with pytest.raises(UnknownName, match="there is no central system"):
        find_csms(name)
    with pytest.raises(UnknownName) as unknown:
        find_csms(name)
    assert hint in str(unknown.value)


def csms_status(**changes: Any) -> StatusDocument:
    csms = {"online": False, "registration": None, "since": None, "last_error": None} | changes
    document = {"station": {"clock": {"now": "2026-03-02T10:00:10Z"}}, "csms": csms}
    return cast(StatusDocument, document)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (csms_status(online=True, last_error="HTTP 404"), None),
        (csms_status(last_error="HTTP 404"), "HTTP 404"),
        (csms_status(registration="Pending", since="2026-03-02T10:00:00Z"), "registration Pending"),
        (csms_status(since="2026-03-02T10:00:00Z"), "a link for 10 s, and no answer"),
        (csms_status(since="2026-03-02T10:00:09Z"), None),
    ],
)
def test_the_demo_says_why_a_charger_is_not_online(status: StatusDocument, words: str | None) -> None:
    assert trouble(status) == words


def test_the_demo_counts_what_was_asked_by_its_outcome() -> None:
    accepted: dict[str, Any] = {"action": "ClearCache", "answer": {"status": "Accepted"}, "error": None}
    refused = {"action": "GetDiagnostics", "answer": None, "error": "NotSupported"}
    report = {"connections": 2, "asked": [accepted, accepted, refused]}
    assert answered(report) == "2 links; asked: ClearCache Accepted ×2, GetDiagnostics NotSupported"
    assert answered({"connections": 1, "asked": []}) == "1 link; nothing asked"
