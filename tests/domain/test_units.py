"""From a limit in A or W to the duty cycle: never more than the limit, whatever unit, phases and voltage."""

from hypothesis import given, settings
from hypothesis import strategies as st

from cpd.domain.composite import ActiveLimit, Connector, Supply, limit_at
from cpd.domain.profile_book import BookChange, ProfileBook
from cpd.domain.profiles import ChargingProfile, ChargingSchedule, Kind, Purpose, RateUnit, SchedulePeriod
from cpd.domain.sessions import Session
from hal.iec61851 import current_ma_for, duty_ns_for

NOW_S = 1_772_445_600
CHARGING = Session(connector=1, key="a", transaction_id=1, started_at_s=NOW_S)
OUTLETS = st.builds(
    Connector,
    id=st.just(1),
    phases=st.sampled_from((1, 3)),
    voltage_v=st.integers(90, 300),
    max_current_ma=st.integers(6, 80).map(lambda amperes: amperes * 1_000),
    phase_switching=st.booleans(),
)
LIMITS = st.one_of(
    st.tuples(st.just(RateUnit.A), st.integers(0, 1_000)),
    st.tuples(st.just(RateUnit.W), st.integers(0, 800_000)),
)
PHASES = st.sampled_from((None, 1, 2, 3))
PURPOSES = st.sampled_from((Purpose.TX_DEFAULT, Purpose.CHARGE_POINT_MAX))


@settings(max_examples=500)
@given(outlet=OUTLETS, limit=LIMITS, number_phases=PHASES, purpose=PURPOSES)
def test_the_pilot_never_offers_more_than_the_limit_and_the_outlet_allow(
    outlet: Connector, limit: tuple[RateUnit, int], number_phases: int | None, purpose: Purpose
) -> None:
    unit, tenths = limit
    held = held_to(outlet, unit, tenths, number_phases, purpose)
    if held.offer_ma == 0:
        assert held.current_ma < 6_000
        return
    told_ma = current_ma_for(duty_ns_for(held.offer_ma))
    # Every phase that is in play draws what the pilot tells.
    assert held.phases in ({1, 3} if outlet.phase_switching and outlet.phases == 3 else {outlet.phases})
    assert told_ma <= outlet.max_current_ma
    assert held.power_mw <= outlet.max_current_ma * outlet.voltage_v * held.phases
    if unit is RateUnit.A:
        assert told_ma <= tenths * 100
    else:
        assert told_ma * held.phases * outlet.voltage_v <= tenths * 100


@settings(max_examples=500)
@given(outlet=OUTLETS, limit=LIMITS, number_phases=PHASES)
def test_no_more_than_a_step_of_the_pilot_is_given_away(
    outlet: Connector, limit: tuple[RateUnit, int], number_phases: int | None
) -> None:
    unit, tenths = limit
    held = held_to(outlet, unit, tenths, number_phases)
    per_ampere_mw = held.phases * outlet.voltage_v
    allowed_ma = tenths * 100 if unit is RateUnit.A else tenths * 100 // per_ampere_mw
    assert min(allowed_ma, outlet.max_current_ma) - held.current_ma <= 1
    assert held.offer_ma == 0 or held.current_ma - held.offer_ma < 100


def test_11_kw_on_three_phases_of_230_v_are_15_9_a() -> None:
    held = held_to(THREE_PHASES, RateUnit.W, 110_000, 3)
    assert (held.offer_ma, held.phases) == (15_900, 3)


def test_3_7_kw_for_one_phase_on_three_that_cannot_be_switched_are_5_3_a_and_a_pause() -> None:
    held = held_to(THREE_PHASES, RateUnit.W, 37_000, 1)
    assert (held.current_ma // 100, held.offer_ma, held.phases) == (53, 0, 3)


THREE_PHASES = Connector(id=1, phases=3, voltage_v=230, max_current_ma=32_000)


def held_to(
    outlet: Connector,
    unit: RateUnit,
    tenths: int,
    number_phases: int | None,
    purpose: Purpose = Purpose.TX_DEFAULT,
) -> ActiveLimit:
    """The limit of a session on *outlet* under a profile of one period."""
    schedule = ChargingSchedule(unit=unit, periods=(SchedulePeriod(0, tenths, number_phases),))
    profile = ChargingProfile(id=1, stack_level=0, purpose=purpose, kind=Kind.RELATIVE, schedule=schedule)
    change = ProfileBook().install(profile, connector=0, received_at_s=NOW_S, max_installed=1)
    assert isinstance(change, BookChange)
    return limit_at(NOW_S, 1, change.book, Supply(connectors=(outlet,)), [CHARGING])
