import textwrap
from dataclasses import replace

import pytest

from cpd.domain.authorization import CardVerdict
from cpd.domain.availability import Origin
from cpd.domain.blockers import BlockerCode, Situation
from cpd.domain.causes import causes_of
from cpd.domain.composite import ActiveLimit
from cpd.domain.current_causes import amperes, described
from cpd.domain.profiles import Purpose
from cpd.domain.supply import Constraint, ConstraintKind
from hal.evse import OutletSnapshot
from hal.values import FAULT_RULES, ContactorState, Fault, FaultKind, LockState, MeterReading, PilotState

CODE_CHARACTERS = 50
NARROW_COLUMNS = 40

PROFILE = Constraint(
    kind=ConstraintKind.PROFILE, purpose=Purpose.TX, profile_id=7, stack_level=2, connector=1
)


def drawing(current_ma: int) -> MeterReading:
    currents = (current_ma, 0, 0)
    return MeterReading(at_s=100.0, energy_wh=1_000, power_w=None, current_ma=currents, voltage_mv=None)


CHARGING_OUTLET = OutletSnapshot(
    pilot=PilotState.C,
    duty_ns=266_000,
    contactor_commanded=ContactorState.CLOSED,
    contactor=ContactorState.CLOSED,
    phases=3,
    offer_ma=16_000,
    cable_a=32,
    lock=LockState.LOCKED,
    available=True,
    waking=False,
    woken_at_s=None,
    increase_at_s=None,
    closing_at_s=None,
    faults=(),
    meter=drawing(16_000),
)


def limit(current_ma: int, by: Constraint = PROFILE) -> ActiveLimit:
    return ActiveLimit(
        current_ma=current_ma,
        power_mw=current_ma * 690,
        phases=3,
        constrained_by=by,
        own_ma=current_ma,
        valid_until_s=1_800_000_000,
    )


CHARGING = Situation(
    connector=1,
    outlet=CHARGING_OUTLET,
    withdrawn_by=None,
    in_transaction=True,
    stopping=False,
    ended=False,
    authorised=False,
    authorising=False,
    deauthorised=False,
    verdict=None,
    boot_refused=False,
    limit=limit(16_000),
    waits_until_s=None,
    fixed_cable=False,
)


def outlet(**differs: object) -> OutletSnapshot:
    return replace(CHARGING_OUTLET, **differs)  # type: ignore[arg-type]


def charging(*, on: OutletSnapshot = CHARGING_OUTLET, **differs: object) -> Situation:
    return replace(CHARGING, outlet=on, **differs)  # type: ignore[arg-type]


OFF = outlet(
    contactor=ContactorState.OPEN,
    contactor_commanded=ContactorState.OPEN,
    offer_ma=0,
    duty_ns=None,
    meter=drawing(0),
)
WAITING = replace(OFF, pilot=PilotState.B, lock=LockState.UNLOCKED)
EMPTY = replace(WAITING, pilot=PilotState.A, cable_a=None)


def idle(*, on: OutletSnapshot = WAITING, **differs: object) -> Situation:
    return charging(on=on, in_transaction=False, **differs)


def held(by: ConstraintKind, current_ma: int = 5_900) -> Situation:
    return charging(on=OFF, limit=limit(current_ma, Constraint(kind=by)))


def faulty(*kinds: FaultKind, on: OutletSnapshot = OFF) -> OutletSnapshot:
    return replace(on, faults=tuple(Fault(kind=kind, since_s=1.0) for kind in kinds))


SITUATIONS: dict[str, Situation] = {
    "EMERGENCY_STOP": charging(on=faulty(FaultKind.EMERGENCY_STOP)),
    "UNAVAILABLE_CSMS": idle(withdrawn_by=Origin.CSMS),
    "UNAVAILABLE_LOCAL": idle(withdrawn_by=Origin.LOCAL),
    "UPDATING_FIRMWARE": idle(updating_firmware=True),
    "RESERVED": idle(reserved=True),
    "NO_CABLE": idle(on=EMPTY),
    "CABLE_UNKNOWN": charging(on=outlet(cable_a=None)),
    "LOCK_OPEN": charging(on=replace(OFF, lock=LockState.FAILED)),
    "WAITING_FOR_CARD": idle(),
    "AUTHORIZING": idle(authorising=True),
    "CARD_REFUSED": idle(verdict=CardVerdict.REFUSED),
    "CARD_UNKNOWN_OFFLINE": idle(verdict=CardVerdict.UNKNOWN_OFFLINE),
    "TRANSACTION_ENDED": idle(ended=True),
    "STORE_FAILED": idle(authorised=True, store_failed=True),
    "BOOT_NOT_ACCEPTED": idle(authorised=True, boot_refused=True),
    "LIMIT_ZERO_CSMS": charging(on=OFF, limit=limit(0)),
    "LIMIT_BELOW_6A_CSMS": charging(on=OFF, limit=limit(5_999)),
    "LIMIT_LOCAL": held(ConstraintKind.LOCAL),
    "LIMIT_OFFLINE": held(ConstraintKind.OFFLINE),
    "LIMIT_STATION": held(ConstraintKind.STATION),
    "LIMIT_SHARED": held(ConstraintKind.SHARE, 0),
    "LIMIT_TEMPERATURE": held(ConstraintKind.TEMPERATURE),
    "CLOCK_UNTRUSTED": held(ConstraintKind.CLOCK),
    "WAIT_RANDOM_DELAY": charging(on=OFF, delayed_until_s=160.0),
    "WAIT_MIN_PAUSE": charging(on=OFF, waits_until_s=160.0),
    "WAIT_PHASE_SWITCH": charging(on=OFF, limit=replace(limit(16_000), phases=1)),
    "WAKING_EV": charging(on=replace(OFF, pilot=PilotState.B, waking=True)),
    "EV_NOT_READY": charging(on=replace(OFF, pilot=PilotState.B, offer_ma=16_000)),
    "EV_NEEDS_VENTILATION": charging(on=replace(OFF, pilot=PilotState.D, offer_ma=16_000)),
    "EV_STAYS_IN_C": charging(on=replace(OFF, overstayed_s=100.0)),
    "EV_DRAWS_NOTHING": charging(on=outlet(meter=drawing(499))),
}


def codes(situation: Situation) -> list[str]:
    return [cause.code for cause in causes_of(situation)]


def test_a_vehicle_that_was_woken_in_vain_is_told_from_one_that_has_just_come() -> None:
    waits = replace(OFF, pilot=PilotState.B, offer_ma=16_000)
    (cause,) = causes_of(charging(on=waits))
    (later,) = causes_of(charging(on=replace(waits, woken_at_s=100.0)))
    assert later.evidence == f"{cause.evidence}, though it was woken once"


def test_a_limit_that_only_this_connector_calls_low_names_its_setting() -> None:
    needy = replace(limit(6_500), least_ma=7_000)
    (cause,) = causes_of(charging(on=OFF, limit=needy))
    assert cause.evidence == "limit 6.5 A by TxProfile #7, below min_current_a 7 A"


def test_fewer_phases_than_allowed_let_current_flow_until_the_switch() -> None:
    single = replace(CHARGING_OUTLET, phases=1, switching_at_s=160.0)
    (cause,) = causes_of(charging(on=single))
    assert (cause.code, cause.flowing, cause.until_s) == ("WAIT_PHASE_SWITCH", True, 160.0)


def test_nothing_keeps_a_charging_connector_from_charging() -> None:
    assert codes(CHARGING) == []


def test_every_code_is_reachable() -> None:
    assert set(SITUATIONS) == {str(code) for code in BlockerCode}


@pytest.mark.parametrize("code", SITUATIONS)
def test_each_cause_alone_is_the_primary_one(code: str) -> None:
    assert codes(SITUATIONS[code])[0] == code


@pytest.mark.parametrize("kind", [kind for kind, rule in FAULT_RULES.items() if rule.opens], ids=str)
def test_a_fault_that_opens_the_contactor_comes_first(kind: FaultKind) -> None:
    seen = codes(idle(on=faulty(kind, on=EMPTY), withdrawn_by=Origin.CSMS))
    expected = "EMERGENCY_STOP" if kind is FaultKind.EMERGENCY_STOP else f"FAULT_{kind.upper()}"
    assert seen == [expected, "UNAVAILABLE_CSMS", "NO_CABLE"]


@pytest.mark.parametrize("kind", [kind for kind, rule in FAULT_RULES.items() if not rule.opens], ids=str)
def test_a_fault_that_lets_the_session_go_on_blocks_nothing(kind: FaultKind) -> None:
    assert codes(charging(on=faulty(kind, on=CHARGING_OUTLET))) == []


NEXT_STEPS = {
    FaultKind.GROUND_FAULT: "unplug",
    FaultKind.CONTACTOR_WELDED: "cpd fault ack 1 contactor_welded",
    FaultKind.CONTACTOR_STUCK_OPEN: "cpd fault ack 1 contactor_stuck_open",
    FaultKind.PILOT_SHORT: "unplug",
    FaultKind.DIODE_MISSING: "unplug",
    FaultKind.PILOT_FAULT: "unplug",
    FaultKind.OVER_CURRENT: "unplug",
    FaultKind.OVER_TEMPERATURE: "loose terminals",
    FaultKind.UNDER_VOLTAGE: "60 s",
    FaultKind.OVER_VOLTAGE: "60 s",
    FaultKind.LOCK_FAILURE: "unplug",
    FaultKind.EMERGENCY_STOP: "release the emergency stop",
    FaultKind.POWER_SWITCH_FAILURE: "cpd fault ack 1 power_switch_failure",
    FaultKind.GUARD_LOST: "systemctl status cpd-guard",
}


@pytest.mark.parametrize("kind", [kind for kind, rule in FAULT_RULES.items() if rule.opens], ids=str)
def test_a_fault_names_the_act_that_ends_it(kind: FaultKind) -> None:
    assert NEXT_STEPS[kind] in causes_of(charging(on=faulty(kind)))[0].next_step


def test_faults_come_before_the_emergency_stop_and_the_oldest_first() -> None:
    kinds = (FaultKind.EMERGENCY_STOP, FaultKind.OVER_CURRENT, FaultKind.DIODE_MISSING)
    assert codes(charging(on=faulty(*kinds))) == [
        "FAULT_OVER_CURRENT",
        "FAULT_DIODE_MISSING",
        "EMERGENCY_STOP",
    ]


def test_without_a_meter_nothing_starts_but_what_runs_goes_on() -> None:
    assert codes(idle(on=replace(WAITING, meter=None), authorised=True)) == ["FAULT_METER_OFFLINE"]
    assert codes(charging(on=outlet(meter=None))) == []


TWO_AT_ONCE = [
    (
        idle(on=EMPTY, withdrawn_by=Origin.CSMS, boot_refused=True),
        ["UNAVAILABLE_CSMS", "NO_CABLE", "BOOT_NOT_ACCEPTED"],
    ),
    (idle(on=EMPTY, verdict=CardVerdict.REFUSED), ["NO_CABLE", "CARD_REFUSED"]),
    (idle(verdict=CardVerdict.UNKNOWN_OFFLINE, ended=True), ["CARD_UNKNOWN_OFFLINE"]),
    (idle(authorising=True, verdict=CardVerdict.REFUSED), ["AUTHORIZING"]),
    (idle(ended=True, boot_refused=True), ["TRANSACTION_ENDED", "BOOT_NOT_ACCEPTED"]),
    (
        charging(on=replace(OFF, pilot=PilotState.A, cable_a=None), limit=limit(0)),
        ["NO_CABLE", "LIMIT_ZERO_CSMS"],
    ),
    (charging(on=faulty(FaultKind.GROUND_FAULT), limit=limit(0)), ["FAULT_GROUND_FAULT", "LIMIT_ZERO_CSMS"]),
]


@pytest.mark.parametrize(("situation", "expected"), TWO_AT_ONCE, ids=[one[1][0] for one in TWO_AT_ONCE])
def test_two_causes_at_once_stand_in_their_order(situation: Situation, expected: list[str]) -> None:
    assert codes(situation) == expected


@pytest.mark.parametrize("stopping", [True, False])
def test_a_refused_transaction_says_so_and_not_what_else_would_limit_it(stopping: bool) -> None:
    refused = charging(on=OFF, deauthorised=True, stopping=stopping, limit=limit(0))
    assert codes(refused) == ["CARD_REFUSED"]


def test_a_transaction_that_is_being_stopped_has_ended() -> None:
    assert codes(charging(on=OFF, stopping=True, limit=limit(0))) == ["TRANSACTION_ENDED"]


def test_somebody_who_is_authorised_is_not_asked_for_a_card() -> None:
    assert codes(idle(authorised=True)) == []
    assert codes(idle(authorised=True, ended=True)) == []


def test_inoperative_does_not_end_what_runs() -> None:
    assert codes(charging(withdrawn_by=Origin.CSMS)) == []


def test_a_fixed_cable_needs_no_rating() -> None:
    fixed = outlet(cable_a=None, lock=LockState.NONE)
    assert codes(charging(on=fixed, fixed_cable=True)) == []


def test_a_held_back_increase_keeps_nobody_from_charging() -> None:
    assert codes(charging(waits_until_s=160.0)) == []


@pytest.mark.parametrize(("current_ma", "blocked"), [(6_000, False), (6_099, False), (5_999, True)])
def test_six_amperes_are_enough(current_ma: int, blocked: bool) -> None:
    assert bool(codes(charging(limit=limit(current_ma)))) is blocked


def test_a_limit_names_what_constrains_it_until_when_and_what_would_hold_without_it() -> None:
    without = limit(16_000, Constraint(kind=ConstraintKind.CONNECTOR))
    (cause,) = causes_of(charging(on=OFF, limit=replace(limit(5_500), find_runner_up=lambda: without)))
    assert cause.constraint == PROFILE
    assert cause.until_epoch_s == 1_800_000_000
    assert cause.evidence == "limit 5.5 A by TxProfile #7; without it 16 A by connector (cpd.toml)"
    assert cause.next_step == "ask the operator to clear TxProfile #7"


@pytest.mark.parametrize(
    ("waits_until_s", "closing_at_s", "until_s"), [(160.0, None, 160.0), (None, 105.0, 105.0)]
)
def test_a_wait_tells_its_end(
    waits_until_s: float | None, closing_at_s: float | None, until_s: float
) -> None:
    (cause,) = causes_of(charging(on=replace(OFF, closing_at_s=closing_at_s), waits_until_s=waits_until_s))
    assert (cause.code, cause.until_s) == ("WAIT_MIN_PAUSE", until_s)


WAITS: list[tuple[Situation, str, float | None, bool]] = [
    (
        charging(on=outlet(offer_ma=10_000, increase_at_s=104.0)),
        "increase to 16 A waits, 5 s between increases",
        104.0,
        True,
    ),
    (
        charging(on=outlet(offer_ma=10_000), waits_until_s=105.0),
        "increase to 16 A waits, others give way first",
        105.0,
        True,
    ),
    (charging(on=OFF, waits_until_s=160.0), "minimum pause before charging again", 160.0, False),
    (
        charging(on=replace(OFF, offer_ma=16_000, closing_at_s=103.0)),
        "minimum pause before charging again",
        103.0,
        False,
    ),
    (
        charging(on=outlet(offer_ma=0, duty_ns=None, meter=drawing(0))),
        "minimum pause before charging again",
        None,
        False,
    ),
]


@pytest.mark.parametrize(("situation", "evidence", "until_s", "flowing"), WAITS)
def test_whatever_holds_an_increase_back_is_a_wait(
    situation: Situation, evidence: str, until_s: float | None, flowing: bool
) -> None:
    (cause,) = causes_of(situation)
    assert (cause.code, cause.evidence, cause.until_s) == ("WAIT_MIN_PAUSE", evidence, until_s)
    assert cause.flowing is flowing
    assert cause.constraint == Constraint(kind=ConstraintKind.WAIT)


@pytest.mark.parametrize("offer_ma", [0, 10_000])
def test_a_random_delay_is_a_wait_that_a_person_can_end(offer_ma: int) -> None:
    (cause,) = causes_of(charging(on=outlet(offer_ma=offer_ma), delayed_until_s=250.0, waits_until_s=105.0))
    assert (cause.code, cause.until_s) == ("WAIT_RANDOM_DELAY", 250.0)
    assert cause.evidence == "increase to 16 A waits, random delay"
    assert cause.next_step == "wait, or: cpd delay 1 skip"
    assert cause.constraint == Constraint(kind=ConstraintKind.WAIT)
    assert cause.flowing is (offer_ma > 0)


def test_a_change_of_phases_is_a_wait_of_its_own() -> None:
    (cause,) = causes_of(charging(on=OFF, limit=replace(limit(16_000), phases=1)))
    assert cause.evidence == "switches from 3 phases to 1 phase with the contactor open"


def test_what_is_explained_otherwise_is_no_wait() -> None:
    assert codes(charging(on=replace(OFF, cable_a=None))) == ["CABLE_UNKNOWN"]
    assert codes(charging(on=faulty(FaultKind.OVER_VOLTAGE))) == ["FAULT_OVER_VOLTAGE"]


def test_a_cable_for_less_than_6_a_is_not_laid_at_the_door_of_the_csms() -> None:
    (cause,) = causes_of(held(ConstraintKind.CABLE, 5_000))
    assert (cause.code, cause.evidence) == ("CABLE_UNKNOWN", "limit 5 A by cable")


def test_a_warm_outlet_is_named_while_it_charges_with_less() -> None:
    warm = limit(16_000, Constraint(kind=ConstraintKind.TEMPERATURE, connector=1))
    (cause,) = causes_of(charging(limit=warm))
    assert (cause.code, cause.flowing) == ("LIMIT_TEMPERATURE", True)


def test_codes_fit_status_notification_info() -> None:
    every = [str(code) for code in BlockerCode] + [f"FAULT_{kind.upper()}" for kind in FaultKind]
    assert max(map(len, every)) <= CODE_CHARACTERS


@pytest.mark.parametrize("code", SITUATIONS)
def test_the_words_of_a_cause_fit_a_narrow_terminal(code: str) -> None:
    for cause in causes_of(SITUATIONS[code]):
        for words, lines in ((cause.evidence, 3), (f"Do: {cause.next_step}", 2)):
            wrapped = textwrap.wrap(words, NARROW_COLUMNS - 5, break_long_words=False)
            assert all(len(line) <= NARROW_COLUMNS - 5 for line in wrapped)
            assert len(wrapped) <= lines, words
        assert cause.evidence[0].islower() or cause.evidence.startswith("the CSMS")


@pytest.mark.parametrize(
    ("current_ma", "words"), [(0, "0 A"), (16_000, "16 A"), (10_599, "10.5 A"), (99, "0 A"), (6_050, "6 A")]
)
def test_currents_are_read_in_whole_tenths_rounded_down(current_ma: int, words: str) -> None:
    assert amperes(current_ma) == words


@pytest.mark.parametrize("kind", list(ConstraintKind), ids=str)
def test_whatever_constrains_has_a_name(kind: ConstraintKind) -> None:
    assert described(Constraint(kind=kind))
