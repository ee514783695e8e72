"""SetChargingProfile: what is accepted, what is rejected, what it replaces (OCPP 1.6 §3.13.1, §3.13.2, §5.16)."""

from typing import Any

import pytest

from tests.conformance.smart_charging.profiles import (
    ACCEPTED,
    DEFAULT,
    MAXIMUM,
    REJECTED,
    TX,
    UNKNOWN,
    clear,
    install,
    instant,
    limit,
    limits,
    profile,
)
from tests.conformance.station import Station

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def rejected(idle: Station, given: dict[str, Any], connector: int = 1) -> None:
    """*given* is Rejected, and nothing is kept of it."""
    assert await install(idle, given, connector) == REJECTED
    assert await clear(idle) == UNKNOWN


async def test_a_default_is_accepted_on_a_connector_and_on_the_station(idle: Station) -> None:
    for connector in (0, 1, 2):
        assert await install(idle, profile(connector + 1), connector) == ACCEPTED


async def test_a_maximum_is_accepted_on_the_station(idle: Station) -> None:
    assert await install(idle, profile(1, MAXIMUM), 0) == ACCEPTED


async def test_a_maximum_on_a_connector_is_rejected(idle: Station) -> None:
    await rejected(idle, profile(1, MAXIMUM))


async def test_a_profile_of_a_transaction_on_the_station_is_rejected(idle: Station) -> None:
    await rejected(idle, profile(1, TX), 0)


async def test_a_profile_of_a_transaction_without_one_is_rejected(idle: Station) -> None:
    await rejected(idle, profile(1, TX))
    await rejected(idle, profile(1, TX, transactionId=1))


async def test_a_connector_that_is_not_there_is_a_property_constraint_violation(idle: Station) -> None:
    for connector in (3, -1):
        code = await idle.refusal("SetChargingProfile", connectorId=connector, csChargingProfiles=profile())
        assert code == "PropertyConstraintViolation"


async def test_a_stack_level_up_to_the_maximum_is_accepted_and_beyond_it_rejected(idle: Station) -> None:
    most = int(await idle.value_of("ChargeProfileMaxStackLevel"))
    assert await install(idle, profile(level=most)) == ACCEPTED
    assert await install(idle, profile(2, level=most + 1)) == REJECTED


async def test_more_periods_than_the_charge_point_says_are_rejected(idle: Station) -> None:
    most = int(await idle.value_of("ChargingScheduleMaxPeriods"))
    await rejected(idle, profile(1, DEFAULT, *((start, 10 + start % 2) for start in range(most + 1))))


async def test_as_many_periods_as_the_charge_point_says_are_accepted(idle: Station) -> None:
    most = int(await idle.value_of("ChargingScheduleMaxPeriods"))
    given = profile(1, DEFAULT, *((start, 10 + start % 2) for start in range(most)))
    assert await install(idle, given) == ACCEPTED


async def test_a_schedule_whose_first_period_is_not_at_zero_is_rejected(idle: Station) -> None:
    await rejected(idle, profile(1, DEFAULT, (5, 10)))


async def test_periods_out_of_order_are_rejected(idle: Station) -> None:
    await rejected(idle, profile(1, DEFAULT, (0, 10), (20, 12), (10, 14)))
    await rejected(idle, profile(1, DEFAULT, (0, 10), (10, 12), (10, 14)))


async def test_a_recurring_profile_without_recurrency_or_start_is_rejected(idle: Station) -> None:
    await rejected(idle, profile(kind="Recurring", schedule={"startSchedule": instant()}))
    await rejected(idle, profile(kind="Recurring", recurrencyKind="Daily"))


async def test_a_validity_that_ends_before_it_begins_is_rejected(idle: Station) -> None:
    await rejected(idle, profile(validFrom=instant(60), validTo=instant(30)))


async def test_an_absolute_profile_without_a_start_is_accepted(idle: Station) -> None:
    assert await install(idle, profile(kind="Absolute")) == ACCEPTED
    assert await limit(idle) == 10


async def test_a_relative_maximum_is_accepted(idle: Station) -> None:
    assert await install(idle, profile(1, MAXIMUM, (0, 12)), 0) == ACCEPTED
    assert await limit(idle) == 12


async def test_a_transaction_number_on_another_purpose_is_ignored(idle: Station) -> None:
    assert await install(idle, profile(transactionId=4711)) == ACCEPTED
    assert await limit(idle) == 10


async def test_a_profile_that_has_run_out_is_accepted_and_without_effect(idle: Station) -> None:
    assert await install(idle, profile(validTo=instant(-60))) == ACCEPTED
    assert await limit(idle) == 32


async def test_identifiers_may_be_zero_or_negative(idle: Station) -> None:
    for number in (0, -5):
        assert await install(idle, profile(number)) == ACCEPTED
        assert await clear(idle, id=number) == ACCEPTED


async def test_the_same_identifier_replaces_its_profile(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 10), level=1))
    await install(idle, profile(1, DEFAULT, (0, 14), level=0))
    assert await limit(idle) == 14


async def test_the_same_identifier_replaces_its_profile_on_another_connector(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 10)), 1)
    await install(idle, profile(1, DEFAULT, (0, 14)), 2)
    assert (await limit(idle, 1), await limit(idle, 2)) == (32, 14)


async def test_the_same_level_and_purpose_replace_a_profile(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 10)))
    await install(idle, profile(2, DEFAULT, (0, 14)))
    assert await limit(idle) == 14
    assert await clear(idle, id=1) == UNKNOWN


async def test_the_same_level_on_another_connector_replaces_nothing(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 10)), 1)
    await install(idle, profile(2, DEFAULT, (0, 14)), 2)
    assert (await limit(idle, 1), await limit(idle, 2)) == (10, 14)


async def test_a_rejected_profile_leaves_the_one_it_would_replace(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 10)))
    assert await install(idle, profile(1, DEFAULT, (5, 20))) == REJECTED
    assert await limit(idle) == 10


async def test_a_replacement_that_begins_later_leaves_a_gap(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 10)))
    await install(idle, profile(1, DEFAULT, (0, 14), validFrom=instant(3_600)))
    assert await limits(idle) == [(0, 32)]


async def test_neighbours_of_the_same_limit_are_told_as_one(idle: Station) -> None:
    await install(idle, profile(1, DEFAULT, (0, 10), (60, 10), (120, 12)))
    assert await limits(idle) == [(0, 10), (120, 12)]
