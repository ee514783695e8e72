"""Sharing, each rule by a small case in amperes."""

from __future__ import annotations

import pytest

from cpd.domain.allocation import Ceiling, Draw, allocate
from cpd.domain.profiles import Purpose
from cpd.domain.supply import Constraint, ConstraintKind

OWN = Constraint(kind=ConstraintKind.CONNECTOR, connector=1)
FUSE = Constraint(kind=ConstraintKind.STATION, connector=0)
TOP = Constraint(
    kind=ConstraintKind.PROFILE, purpose=Purpose.CHARGE_POINT_MAX, profile_id=7, stack_level=0, connector=0
)
THREE_PHASE = 690
ONE_PHASE = 230


def draw(current_ma: int, *, minimum_ma: int = 0, mw_per_ma: int = THREE_PHASE) -> Draw:
    return Draw(
        power_mw=current_ma * mw_per_ma,
        mw_per_ma=mw_per_ma,
        phases=mw_per_ma // 230,
        constrained_by=OWN,
        minimum_mw=minimum_ma * mw_per_ma,
    )


def amperes(current_ma: int) -> Ceiling:
    return Ceiling(current_ma, FUSE)


@pytest.mark.parametrize(
    ("own_ma", "ceiling_ma", "expected_ma"),
    [
        ([16_000, 10_000], None, [16_000, 10_000]),
        ([16_000, 10_000], 26_000, [16_000, 10_000]),
        ([32_000], 5_000, [5_000]),
        ([32_000, 32_000], 20_000, [10_000, 10_000]),
        ([32_000, 8_000], 20_000, [12_000, 8_000]),
        ([32_000, 32_000, 32_000], 20_000, [6_600, 6_600, 6_600]),
        ([32_000, 32_000], 11_900, [11_900, 0]),
        ([32_000, 32_000, 32_000], 14_000, [7_000, 7_000, 0]),
        ([32_000, 32_000], 5_000, [5_000, 0]),
        ([16_000, 5_000], 20_000, [16_000, 0]),
        ([5_000, 5_000], 8_000, [0, 0]),
        ([16_000, 0], 16_000, [16_000, 0]),
    ],
)
def test_supply_is_shared(own_ma: list[int], ceiling_ma: int | None, expected_ma: list[int]) -> None:
    granted = allocate([draw(current_ma) for current_ma in own_ma], Ceiling(ceiling_ma, FUSE))
    assert [one.current_ma for one in granted] == expected_ma


@pytest.mark.parametrize(
    ("ceiling_ma", "expected_ma"),
    [(20_000, [12_000, 8_000]), (18_000, [12_000, 6_000]), (16_000, [8_000, 8_000])],
)
def test_minimum_rate_is_a_wish_that_gives_way_to_6_a_for_all(
    ceiling_ma: int, expected_ma: list[int]
) -> None:
    granted = allocate([draw(16_000, minimum_ma=12_000), draw(32_000)], amperes(ceiling_ma))
    assert [one.current_ma for one in granted] == expected_ma


def test_minimum_rate_never_raises_a_lone_connector() -> None:
    (granted,) = allocate([draw(16_000, minimum_ma=12_000)], amperes(7_000))
    assert granted.current_ma == 7_000


def test_power_is_shared_by_phases() -> None:
    draws = [draw(32_000, mw_per_ma=ONE_PHASE), draw(32_000)]
    granted = allocate(draws, Ceiling(None, None, 9_200_000, TOP))
    assert [one.current_ma for one in granted] == [10_000, 10_000]


def test_current_and_power_ceilings_hold_together() -> None:
    granted = allocate([draw(32_000), draw(32_000)], Ceiling(30_000, FUSE, 13_800_000, TOP))
    assert [one.current_ma for one in granted] == [10_000, 10_000]


def test_lone_connector_gets_the_ceiling_to_the_milliwatt() -> None:
    (granted,) = allocate([draw(32_000)], Ceiling(None, None, 7_001_300, TOP))
    assert granted.power_mw == 7_001_300
    assert granted.constrained_by == TOP


def test_sum_of_currents_is_exact_over_different_phases() -> None:
    third = Draw(power_mw=10_000_000, mw_per_ma=ONE_PHASE, phases=1, constrained_by=OWN)
    fits = allocate([third, third], amperes(86_957))
    assert fits == [third, third]
    assert allocate([third, third], amperes(86_956)) != [third, third]


def test_share_carries_the_identity_of_what_is_shared() -> None:
    granted = allocate([draw(32_000), draw(8_000)], Ceiling(20_000, TOP))
    assert granted[0].constrained_by.kind is ConstraintKind.SHARE
    assert granted[0].constrained_by.profile_id == 7
    assert granted[1].constrained_by == OWN


def test_who_cannot_charge_anyway_keeps_its_own_reason() -> None:
    granted = allocate([draw(32_000), draw(5_000)], amperes(30_000))
    assert granted[1].power_mw == 0
    assert granted[1].constrained_by == OWN
