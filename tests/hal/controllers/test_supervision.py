"""What is added to a controller: the permission, its bounds and its end; nothing but values in and out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.controllers import supervision
from hal.controllers.state import (
    LOST_AFTER_S,
    Acknowledged,
    AvailabilitySet,
    Begun,
    Input,
    Offered,
    Report,
    Reported,
    Stopped,
    Supervised,
    Tick,
)
from hal.evse import FaultCleared, FaultRaised, Offer, OutletEvent, PilotChanged
from hal.outlet.config import OutletConfig
from hal.values import FAULT_RULES, ContactorState, Fault, FaultKind, MeterReading, PilotState, StopReason

CONFIG = OutletConfig(id=1, max_current_ma=25_000, phases=1, lock=True)


class Course:
    """A state that is stepped through time, with all that was told on the way."""

    def __init__(self, config: OutletConfig = CONFIG, faults: tuple[Fault, ...] = ()) -> None:
        self.now_s = 100.0
        self.state = supervision.start(config, now_s=self.now_s, faults=faults)
        self.events: list[OutletEvent] = []

    def see(self, seen: Input, *, after_s: float = 0.0) -> Supervised:
        self.now_s += after_s
        self.state, events = supervision.step(self.state, seen, now_s=self.now_s)
        self.events.extend(events)
        return self.state

    def hear(self, pilot: PilotState, *, after_s: float = 0.5, **told: object) -> Supervised:
        values: dict[str, object] = {
            "contactor": ContactorState.OPEN,
            "advertised_ma": 0,
            "cable_a": 20,
            "current_ma": 0,
            "voltage_mv": 230_000,
        } | told
        current_ma, voltage_mv = (int(str(values.pop(name))) for name in ("current_ma", "voltage_mv"))
        meter = MeterReading(
            at_s=self.now_s, energy_wh=1, power_w=0, current_ma=(current_ma,), voltage_mv=(voltage_mv,)
        )
        report = Report(pilot=pilot, **values)  # type: ignore[arg-type]
        return self.see(Reported(report=report, order=self.state.order, meter=meter), after_s=after_s)


def ready(config: OutletConfig = CONFIG) -> Course:
    """A vehicle waits at a controller that has been told to hold long enough ago."""
    course = Course(config)
    course.see(Begun())
    for _ in range(14):
        course.hear(PilotState.B)
    return course


def lose(course: Course, *, for_s: float) -> None:
    """The controller says nothing *for_s*, and was then told to hold."""
    course.see(Tick(), after_s=LOST_AFTER_S)
    course.see(Begun(), after_s=for_s - LOST_AFTER_S)


def offer(current_ma: int = 16_000) -> Offered:
    return Offered(offer=Offer(current_ma=current_ma, phases=1))


@pytest.mark.parametrize(
    ("current_ma", "cable_a", "given_ma"),
    [(16_000, 20, 16_000), (32_000, 20, 20_000), (32_000, 63, 25_000), (6_000, 13, 6_000)],
)
def test_the_least_of_offer_cable_and_configuration_is_given(current_ma: int, cable_a: int, given_ma: int):
    course = ready()
    course.hear(PilotState.B, cable_a=cable_a)
    assert course.see(offer(current_ma)).order.current_ma == given_ma


def test_below_the_least_that_the_controller_can_offer_nothing_is_given():
    course = ready()
    course.hear(PilotState.B, min_current_ma=10_000)
    assert course.see(offer(9_999)).order.current_ma == 0
    assert course.see(offer(10_000)).order.current_ma == 10_000
    assert supervision.snapshot(course.state, None, now_s=course.now_s).min_current_ma == 10_000


def test_a_cable_that_is_not_known_gets_nothing():
    course = ready()
    course.hear(PilotState.B, cable_a=None)
    assert course.see(offer()).order.current_ma == 0


@pytest.mark.parametrize("pilot", [PilotState.A, PilotState.E, PilotState.F, PilotState.UNKNOWN])
def test_where_no_vehicle_shows_nothing_is_given(pilot: PilotState):
    course = ready()
    course.hear(pilot)
    assert course.see(offer()).order.current_ma == 0


def test_a_permission_ends_with_its_lease():
    course = ready()
    course.see(offer())
    due_s = course.state.deadline_s
    course.hear(PilotState.B, after_s=1)
    course.hear(PilotState.B, after_s=1)
    assert course.hear(PilotState.B, after_s=0.9).order.current_ma == 16_000
    assert course.see(Tick(), after_s=0.1).order.current_ma == 0
    assert due_s is not None


def test_a_permission_ends_with_the_plug():
    course = ready()
    course.see(offer())
    course.hear(PilotState.A)
    assert course.hear(PilotState.B, after_s=6).order.current_ma == 0


def test_a_vehicle_that_was_exchanged_is_told_as_one_that_left():
    course = ready()
    course.see(offer())
    course.events.clear()
    assert course.hear(PilotState.B, replugged=True).order.current_ma == 0
    assert course.events[:2] == [PilotChanged(state=PilotState.A), PilotChanged(state=PilotState.B)]


@pytest.mark.parametrize(("gap_s", "is_another"), [(4.9, False), (5.0, True)])
def test_who_is_plugged_after_a_loss_that_was_long_enough_for_an_exchange_is_told_as_another(
    gap_s: float, is_another: bool
):
    course = ready()
    course.see(offer())
    lose(course, for_s=gap_s - 0.1)
    course.events.clear()
    course.hear(PilotState.C, after_s=0.1)
    assert (PilotChanged(state=PilotState.A) in course.events) is is_another
    assert PilotChanged(state=PilotState.C) in course.events


def test_a_controller_that_knows_its_vehicle_is_believed_after_a_loss():
    course = ready()
    lose(course, for_s=60)
    course.events.clear()
    course.hear(PilotState.B, replugged=False)
    assert PilotChanged(state=PilotState.A) not in course.events


@pytest.mark.parametrize("first", [PilotState.A, PilotState.B])
def test_an_exchange_that_was_told_before_the_controller_was_held_is_not_forgotten(first: PilotState):
    course = ready()
    course.see(Tick(), after_s=LOST_AFTER_S)
    course.hear(first, replugged=True)
    course.see(Begun())
    course.events.clear()
    course.hear(PilotState.B, replugged=False)
    course.hear(PilotState.B, replugged=False)
    assert course.events.count(PilotChanged(state=PilotState.A)) == 1


def test_a_vehicle_that_came_during_a_loss_did_not_leave():
    course = Course()
    course.see(Begun())
    course.hear(PilotState.A)
    lose(course, for_s=60)
    course.events.clear()
    course.hear(PilotState.B)
    assert [event for event in course.events if isinstance(event, PilotChanged)] == [
        PilotChanged(state=PilotState.B)
    ]


def test_after_a_pause_5_s_pass():
    course = ready()
    course.see(offer())
    course.see(Offered(offer=None))
    course.see(offer())
    assert course.state.order.current_ma == 0
    assert supervision.snapshot(course.state, None, now_s=course.now_s).closing_at_s == course.now_s + 5
    for _ in range(4):
        course.hear(PilotState.B, after_s=1)
        course.see(offer())
        assert course.state.order.current_ma == 0
    assert course.hear(PilotState.B, after_s=1).order.current_ma == 16_000


def test_a_vehicle_found_in_c_shows_b_first_or_waits():
    course = Course()
    course.see(Begun())
    for _ in range(5):
        course.hear(PilotState.C, after_s=1)
        assert course.see(offer()).order.current_ma == 0
    assert course.hear(PilotState.C, after_s=1).order.current_ma == 16_000


def test_more_than_3_s_of_silence_is_a_loss_that_only_beginning_anew_ends():
    course = ready()
    course.see(offer())
    assert not course.see(Tick(), after_s=LOST_AFTER_S - 0.1).faults
    lost = course.see(Tick(), after_s=0.1)
    assert [fault.kind for fault in lost.faults] == [FaultKind.GUARD_LOST]
    assert (lost.pilot, lost.contactor) == (PilotState.UNKNOWN, ContactorState.UNKNOWN)
    assert lost.order.current_ma == 0
    assert course.hear(PilotState.B).faults
    course.see(Begun())
    assert not course.hear(PilotState.B).faults
    assert FaultCleared(kind=FaultKind.GUARD_LOST) in course.events


def test_a_vehicle_still_in_c_after_a_fault_waits_30_s():
    course = ready()
    course.see(Tick(), after_s=10)
    course.see(Begun())
    course.hear(PilotState.C)
    for _ in range(29):
        course.hear(PilotState.C, after_s=1)
        assert course.see(offer()).order.current_ma == 0
    assert course.hear(PilotState.C, after_s=1.1).order.current_ma == 16_000


def test_an_emergency_stands_until_it_was_carried_out():
    course = ready()
    course.see(offer())
    assert course.see(Stopped(reason=StopReason.EMERGENCY)).order.at_once
    stale = Report(
        pilot=PilotState.C, contactor=ContactorState.OPEN, advertised_ma=0, cable_a=20, temperature_mc=None
    )
    before = supervision.start(CONFIG, now_s=0).order
    assert course.see(Reported(report=stale, order=before, meter=None)).order.at_once
    assert course.see(offer()).order.current_ma == 0
    assert course.hear(PilotState.C, contactor=ContactorState.CLOSED).order.at_once
    assert not course.hear(PilotState.C).order.at_once


@pytest.mark.parametrize("kind", [kind for kind, rule in FAULT_RULES.items() if rule.opens])
def test_a_fault_that_opens_does_so_under_load_and_until_it_is_open(kind: FaultKind):
    course = ready()
    course.see(offer())
    closed = ContactorState.CLOSED
    assert not course.hear(PilotState.C, contactor=closed).order.at_once
    for _ in range(4):
        course.hear(PilotState.C, contactor=closed, faults=frozenset((kind,)))
    assert course.state.order.at_once
    assert not course.hear(PilotState.C, faults=frozenset((kind,))).order.at_once


@pytest.mark.parametrize("kind", [kind for kind, rule in FAULT_RULES.items() if not rule.opens])
def test_a_fault_that_a_session_outlives_opens_nothing(kind: FaultKind):
    course = ready()
    course.see(offer())
    state = course.hear(PilotState.C, contactor=ContactorState.CLOSED, faults=frozenset((kind,)))
    assert (state.order.at_once, state.order.current_ma) == (False, 16_000)


def test_out_of_service_no_offer_is_taken():
    course = ready()
    course.see(AvailabilitySet(available=False))
    assert course.see(offer()).order == supervision.replace(
        course.state.order, current_ma=0, in_service=False
    )


def test_more_on_the_pilot_than_was_given_is_a_fault_after_3_s():
    course = ready()
    course.see(offer(10_000))
    for _ in range(3):
        assert not course.hear(PilotState.C, advertised_ma=16_000, after_s=1).faults
        course.see(offer(10_000))
    course.hear(PilotState.C, advertised_ma=16_000, after_s=1)
    assert [fault.kind for fault in course.state.faults] == [FaultKind.PILOT_FAULT]
    assert course.state.order.current_ma == 0


def test_a_relay_that_stays_closed_10_s_after_its_permission_is_welded_until_it_was_serviced():
    course = ready()
    closed = ContactorState.CLOSED
    for _ in range(10):
        assert not course.hear(PilotState.C, contactor=closed, after_s=1).faults
    course.hear(PilotState.C, contactor=closed, after_s=1)
    assert [fault.kind for fault in course.state.faults] == [FaultKind.CONTACTOR_WELDED]
    assert course.see(Acknowledged(kind=FaultKind.CONTACTOR_WELDED)).faults
    assert course.hear(PilotState.A).faults
    assert not course.see(Acknowledged(kind=FaultKind.CONTACTOR_WELDED)).faults


def test_a_vehicle_that_draws_too_much_for_7_s_is_stopped():
    course = ready()
    course.see(offer(10_000))
    closed = {"contactor": ContactorState.CLOSED, "advertised_ma": 10_000}
    for _ in range(7):
        assert not course.hear(PilotState.C, current_ma=12_000, after_s=1, **closed).faults
        course.see(offer(10_000))
    while not course.state.faults:
        course.hear(PilotState.C, current_ma=12_000, after_s=1, **closed)
        course.see(offer(10_000))
    assert [fault.kind for fault in course.state.faults] == [FaultKind.OVER_CURRENT]
    assert course.state.order.current_ma == 0


def test_the_7_s_begin_when_a_vehicle_has_had_5_s_to_follow():
    course = ready()
    course.see(offer(20_000))
    for _ in range(8):
        course.hear(PilotState.C, current_ma=20_000, contactor=ContactorState.CLOSED, after_s=1)
        course.see(offer(20_000))
    for _ in range(11):
        course.hear(PilotState.C, current_ma=20_000, contactor=ContactorState.CLOSED, after_s=1)
        course.see(offer(6_000))
    for _ in range(8):
        course.hear(PilotState.C, current_ma=6_000, contactor=ContactorState.CLOSED, after_s=1)
        course.see(offer(6_000))
    assert course.state.faults == ()


@pytest.mark.parametrize(
    ("voltage_mv", "kind", "back_mv"),
    [(195_000, FaultKind.UNDER_VOLTAGE, 199_000), (265_000, FaultKind.OVER_VOLTAGE, 261_000)],
)
def test_a_voltage_to_charge_on_no_more_is_a_fault_after_1_s_until_it_is_back_for_60_s(
    voltage_mv: int, kind: FaultKind, back_mv: int
):
    course = ready()
    course.see(offer())
    course.hear(PilotState.C, voltage_mv=voltage_mv)
    assert not course.hear(PilotState.C, voltage_mv=voltage_mv).faults
    course.hear(PilotState.C, voltage_mv=voltage_mv)
    assert [fault.kind for fault in course.state.faults] == [kind]
    assert course.state.order.current_ma == 0
    for _ in range(60):
        assert course.hear(PilotState.B, voltage_mv=back_mv, after_s=1).faults
    assert not course.hear(PilotState.B, voltage_mv=back_mv, after_s=1).faults


def test_a_fault_that_survived_a_restart_gives_nothing():
    course = Course(faults=(Fault(kind=FaultKind.CONTACTOR_WELDED, since_s=0.0),))
    course.see(Begun())
    for _ in range(10):
        course.hear(PilotState.B, after_s=1)
        assert course.see(offer()).order.current_ma == 0


reports = st.builds(
    Report,
    pilot=st.sampled_from(PilotState),
    contactor=st.sampled_from(ContactorState),
    advertised_ma=st.sampled_from([0, 6_000, 16_000, 32_000, 655_350]),
    cable_a=st.sampled_from([None, 5, 13, 32, 65_535]),
    faults=st.frozensets(st.sampled_from(FaultKind), max_size=1),
    replugged=st.none() | st.booleans(),
)
offers = st.builds(Offer, current_ma=st.integers(6_000, 80_000), phases=st.just(1))
inputs = st.one_of(
    st.just(Begun()),
    st.just(Tick()),
    st.builds(Offered, offer=st.none() | offers),
    st.builds(Stopped, reason=st.sampled_from(StopReason)),
    st.builds(AvailabilitySet, available=st.booleans()),
    st.builds(Acknowledged, kind=st.sampled_from(FaultKind)),
    st.builds(lambda report: report, reports),
)


@given(course=st.lists(st.tuples(inputs, st.sampled_from([0.0, 0.1, 1.0, 2.5, 5.0])), max_size=60))
def test_whatever_happens_nothing_is_given_without_a_live_offer_a_vehicle_and_health(
    course: list[tuple[Input | Report, float]],
):
    run = Course()
    standing: Offer | None = None
    until_s = 0.0
    faults: set[FaultKind] = set()
    for seen, after_s in course:
        if isinstance(seen, Report):
            seen = Reported(report=seen, order=run.state.order, meter=None)
        told = len(run.events)
        state = run.see(seen, after_s=after_s)
        if isinstance(seen, Offered):
            standing, until_s = seen.offer, run.now_s + 3.0
        elif isinstance(seen, Stopped):
            standing = None
        for event in run.events[told:]:
            if isinstance(event, FaultRaised):
                assert event.fault.kind not in faults
                faults.add(event.fault.kind)
            elif isinstance(event, FaultCleared):
                faults.remove(event.kind)
        assert faults == {fault.kind for fault in state.faults}
        snapshot = supervision.snapshot(state, None, now_s=run.now_s)
        assert snapshot.duty_ns is None or 100_000 <= snapshot.duty_ns <= 960_000
        if state.order.current_ma:
            assert standing is not None
            assert run.now_s < until_s
            assert 6_000 <= state.order.current_ma <= min(standing.current_ma, 25_000)
            assert state.cable_a is not None
            assert state.order.current_ma <= state.cable_a * 1_000
            assert state.pilot.plugged
            assert state.begun
            assert not state.order.at_once
            assert not any(fault.rule.opens for fault in state.faults)
        assert state.deadline_s is None or state.deadline_s > run.now_s
