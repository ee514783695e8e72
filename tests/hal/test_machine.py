"""The outlet machine alone: truth tables, and laws that hold for every state it can reach."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.evse import Offer
from hal.iec61851 import F_NS, X1_NS
from hal.outlet.config import OutletConfig
from hal.outlet.machine import start, step
from hal.outlet.state import (
    AvailabilitySet,
    CommandContactor,
    DriveLock,
    FaultAcknowledged,
    Offered,
    OutletAction,
    OutletInput,
    OutletState,
    SelectPhases,
    Sensed,
    SetPilot,
    StopRequested,
    Tick,
    UnlockRequested,
    WakeRequested,
)
from hal.values import ContactorState, FaultKind, LockState, StopReason

HIGH_MV = {"A": 12_000, "B": 8_978, "C": 5_992, "D": 2_930, "E": 0}
FREE = Sensed(high_mv=12_000, low_mv=None, contactor=ContactorState.OPEN, lock=LockState.UNLOCKED)


def seen(
    pilot: str | None, *, closed: bool = False, low_mv: int | None = -12_000, locked: bool = True
) -> Sensed:
    return Sensed(
        high_mv=None if pilot is None else HIGH_MV[pilot],
        low_mv=low_mv,
        contactor=ContactorState.CLOSED if closed else ContactorState.OPEN,
        lock=LockState.LOCKED if locked else LockState.UNLOCKED,
        cable_ohm=220,
    )


class Run:
    """A machine, stepped through time; it follows every deadline on the way."""

    def __init__(self, config: OutletConfig) -> None:
        self.now_s = 100.0
        self.actions: list[OutletAction] = []
        self.state: OutletState = start(config, now_s=self.now_s)

    def do(self, *inputs: OutletInput) -> "Run":
        for given_input in inputs:
            self.state, actions = step(self.state, given_input, now_s=self.now_s)
            self.actions += actions
        return self

    def wait(self, for_s: float) -> "Run":
        end_s = self.now_s + for_s
        while self.state.deadline_s is not None and self.state.deadline_s <= end_s:
            self.now_s = self.state.deadline_s
            self.do(Tick())
        self.now_s = end_s
        return self


OFFER = Offered(offer=Offer(current_ma=16_000, phases=3))


def charging() -> Run:
    run = Run(OutletConfig(id=1)).do(FREE, seen("B", low_mv=None), OFFER, seen("B"), seen("C")).wait(0.5)
    assert run.state.commanded_closed
    return run.do(seen("C", closed=True))


def test_a_phase_relay_is_set_at_the_start_once_the_contactor_is_seen_open() -> None:
    run = Run(OutletConfig(id=1, phase_switching=True))
    run.do(replace(FREE, contactor=ContactorState.UNKNOWN), replace(FREE, contactor=ContactorState.CLOSED))
    assert not any(isinstance(action, SelectPhases) for action in run.actions)
    run.do(FREE, FREE)
    assert run.actions.count(SelectPhases(phases=3)) == 1


@pytest.mark.parametrize("offered", [False, True])
@pytest.mark.parametrize("ventilation", [False, True])
@pytest.mark.parametrize("pilot", ["A", "B", "C", "D", "E", None])
def test_the_contactor_closes_only_in_c_or_ventilated_d_under_an_offer(
    pilot: str | None, ventilation: bool, offered: bool
) -> None:
    run = Run(OutletConfig(id=1, ventilation=ventilation)).do(FREE, seen("B", low_mv=None))
    if offered:
        run.do(OFFER, seen("B"))
    run.do(seen(pilot)).wait(2.5)
    closes = CommandContactor(closed=True) in run.actions
    assert closes is (offered and (pilot == "C" or (pilot == "D" and ventilation)))


@pytest.mark.parametrize("pilot", ["A", "B", "D", "E", None])
def test_leaving_c_opens_in_the_same_step(pilot: str | None) -> None:
    run = charging()
    run.actions.clear()
    run.do(seen(pilot, closed=True))
    assert run.actions[0] == CommandContactor(closed=False)


@pytest.mark.parametrize(
    ("hindrance", "why"),
    [
        (seen("C", locked=False), "the plug is not locked"),
        (seen("C", low_mv=-8_000), "the diode is missing"),
        (seen("C", low_mv=None), "the diode has not been seen"),
        (replace(seen("C"), cable_ohm=None), "the cable is not known"),
        (replace(seen("C"), cable_ohm=20), "the cable contact is shorted"),
        (seen("C", closed=True), "the contactor shows closed"),
        (replace(seen("C"), contactor=ContactorState.UNKNOWN), "the mirror contacts cannot be read"),
        (replace(seen("C"), ground_fault=True), "a residual current flows"),
        (replace(seen("C"), emergency_stop=True), "the emergency stop is pressed"),
        (replace(seen("C"), temperature_mc=75_000), "it is too hot"),
    ],
)
def test_it_does_not_close_while(hindrance: Sensed, why: str) -> None:
    before = replace(hindrance, high_mv=HIGH_MV["B"])
    run = Run(OutletConfig(id=1)).do(FREE, replace(before, low_mv=None), OFFER, before, hindrance).wait(2.9)
    assert CommandContactor(closed=True) not in run.actions, why
    assert run.state.closes_s == (), why


def test_a_closed_contactor_found_at_the_start_is_never_adopted() -> None:
    run = Run(OutletConfig(id=1)).do(seen("C", closed=True), OFFER).wait(0.9).do(OFFER).wait(2.0)
    assert not run.state.commanded_closed
    assert [fault.kind for fault in run.state.faults] == ["contactor_welded"]
    assert not any(
        isinstance(action, SetPilot) and action.high_ns not in (F_NS, X1_NS) for action in run.actions
    )


def test_a_vehicle_found_in_c_at_the_start_gets_no_pwm_for_6_s() -> None:
    run = Run(OutletConfig(id=1)).do(seen("C"), OFFER).wait(2.9).do(OFFER).wait(2.9).do(OFFER)
    assert not run.state.is_offering
    run.wait(0.3)
    assert run.state.is_offering


def test_a_vehicle_found_in_c_at_the_start_is_served_once_it_showed_b() -> None:
    run = Run(OutletConfig(id=1)).do(seen("C"), OFFER).wait(1).do(seen("B"))
    assert run.state.is_offering


def test_c_must_stand_its_time_after_a_d_that_is_refused() -> None:
    run = (
        Run(OutletConfig(id=1)).do(FREE, seen("B"), OFFER, seen("B"), seen("D")).wait(2).do(OFFER, seen("C"))
    )
    assert not run.state.commanded_closed
    assert run.wait(0.5).state.commanded_closed


def test_a_bolt_that_never_arrives_is_driven_again_and_a_fault_after_three_tries() -> None:
    run = Run(OutletConfig(id=1)).do(FREE, seen("B", low_mv=None, locked=False)).wait(5.9)
    assert run.actions.count(DriveLock(locked=True)) == 3
    assert run.state.faults == ()
    run.wait(0.2)
    assert [fault.kind for fault in run.state.faults] == ["lock_failure"]


def test_a_lost_feedback_while_closed_takes_the_command_back() -> None:
    run = charging().wait(1)
    run.do(seen("C", closed=False))
    assert not run.state.commanded_closed


def test_a_cable_that_can_no_longer_be_read_ends_the_offer() -> None:
    run = charging().do(replace(seen("C", closed=True), cable_ohm=None))
    assert not run.state.is_offering
    run.do(seen("C", closed=True), OFFER)
    assert not run.state.is_offering


def test_the_smallest_cable_rating_of_a_plug_in_is_latched() -> None:
    run = charging().do(replace(seen("C", closed=True), cable_ohm=1_500))
    assert run.state.offer_ma == 13_000
    run.do(seen("C", closed=True))
    assert run.state.cable_a == 13


@pytest.mark.parametrize(
    ("temperature_mc", "offer_ma"),
    [(60_000, 16_000), (66_000, 16_000), (68_000, 11_000), (70_000, 6_000), (None, 10_000)],
)
def test_a_hot_outlet_offers_less(temperature_mc: int | None, offer_ma: int) -> None:
    cool = replace(seen("B"), temperature_mc=20_000)
    run = Run(OutletConfig(id=1, thermometer=True)).do(replace(FREE, temperature_mc=20_000), cool, OFFER)
    run.do(replace(cool, temperature_mc=temperature_mc))
    assert run.state.offer_ma == offer_ma


def test_an_undecided_pilot_keeps_the_state_and_is_a_fault_after_a_second() -> None:
    run = charging().do(replace(seen("C", closed=True), high_mv=7_500))
    assert run.state.commanded_closed
    run.wait(1.0)
    assert [fault.kind for fault in run.state.faults] == ["pilot_fault"]
    assert not run.state.commanded_closed


def test_nothing_is_closed_while_the_pilot_lies_between_two_windows() -> None:
    run = Run(OutletConfig(id=1)).do(FREE, seen("B"), OFFER, seen("B"), seen("C")).wait(0.4)
    run.do(replace(seen("C"), high_mv=7_500)).wait(0.4)
    assert not run.state.commanded_closed
    run.do(seen("C"))
    assert run.state.commanded_closed


def test_a_vehicle_that_stays_in_c_waits_30_s_after_an_acknowledged_fault() -> None:
    run = charging().do(StopRequested(reason=StopReason.EMERGENCY)).wait(1.0)
    assert [fault.kind for fault in run.state.faults] == ["contactor_welded"]
    run.do(seen("C")).wait(10).do(OFFER, FaultAcknowledged(kind=FaultKind.CONTACTOR_WELDED))
    assert run.state.faults == ()
    for _ in range(29):
        run.do(OFFER).wait(1)
    assert not run.state.is_offering
    run.do(OFFER).wait(1.1).do(OFFER, seen("C"))
    assert run.state.commanded_closed


def test_a_plug_in_during_f_does_not_look_like_the_unplug_that_clears_a_fault() -> None:
    tripped = replace(FREE, ground_fault=True)
    run = Run(OutletConfig(id=1)).do(FREE, tripped)
    assert run.state.output_ns == F_NS
    run.do(seen("B", low_mv=None)).wait(0.5)
    assert run.state.output_ns == X1_NS
    run.do(seen("B", low_mv=None))
    assert [fault.kind for fault in run.state.faults] == ["ground_fault"]


def test_a_vehicle_that_closes_s2_unseen_in_f_must_show_b_or_wait_after_the_fault() -> None:
    stopped = replace(seen("B", low_mv=None), emergency_stop=True)
    run = Run(OutletConfig(id=1)).do(FREE, seen("B", low_mv=None), OFFER, stopped)
    assert run.state.output_ns == F_NS
    run.do(seen("C", low_mv=None)).wait(0.5).do(seen("C"))
    assert run.state.faults == ()
    run.do(OFFER).wait(2.9).do(OFFER).wait(2.9).do(OFFER)
    assert not run.state.is_offering
    run.do(seen("B"))
    assert run.state.is_offering


def test_an_offer_below_6_a_after_all_limits_is_no_offer() -> None:
    run = Run(OutletConfig(id=1, lock=False, cable_a=6, max_current_ma=6_000)).do(FREE, seen("B"), OFFER)
    assert run.state.offer_ma == 6_000
    assert run.state.output_ns == 100_000


inputs = st.one_of(
    st.builds(
        Sensed,
        high_mv=st.one_of(st.none(), st.sampled_from([*HIGH_MV.values(), 7_500, -12_000, 14_000])),
        low_mv=st.sampled_from([None, -12_000, -8_000]),
        contactor=st.sampled_from(ContactorState),
        lock=st.sampled_from(LockState),
        cable_ohm=st.sampled_from([None, 20, 100, 220, 680, 1_500]),
        ground_fault=st.booleans(),
        emergency_stop=st.booleans(),
        current_ma=st.sampled_from([None, (0, 0, 0), (16_000, 16_000, 16_000), (40_000, 0, 0)]),
        voltage_mv=st.sampled_from([None, (230_000,) * 3, (180_000,) * 3]),
    ),
    st.builds(
        Offered,
        offer=st.one_of(
            st.none(), st.builds(Offer, current_ma=st.integers(6_000, 80_000), phases=st.just(3))
        ),
    ),
    st.builds(StopRequested, reason=st.sampled_from(StopReason)),
    st.builds(AvailabilitySet, available=st.booleans()),
    st.just(WakeRequested()),
    st.just(UnlockRequested()),
    st.just(Tick()),
)


@given(st.lists(st.tuples(inputs, st.sampled_from([0.0, 0.01, 0.5, 1.0, 7.0, 40.0])), max_size=40))
@settings(max_examples=200)
def test_any_input_leaves_a_settled_state_that_is_safe(events: list[tuple[OutletInput, float]]) -> None:
    run = Run(OutletConfig(id=1))
    for given_input, wait_s in events:
        run.do(given_input)
        again, actions = step(run.state, Tick(), now_s=run.now_s)
        assert (again, actions) == (run.state, ()), "a second step at the same instant changes nothing"
        if run.state.commanded_closed:
            assert run.state.is_ready and not run.state.is_faulted
            assert run.state.is_offering or run.state.output_ns == X1_NS
        run.wait(wait_s)
