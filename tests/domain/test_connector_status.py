from itertools import product

import pytest

from cpd.domain.connector_status import ERROR_CODES, ConnectorStatus, status_of
from hal.values import ContactorState, FaultKind, PilotState

A, B, C, D = PilotState.A, PilotState.B, PilotState.C, PilotState.D
OPEN, CLOSED = ContactorState.OPEN, ContactorState.CLOSED
S = ConnectorStatus

IDLE = [
    # operative, authorised, plugged, ended -> status
    (False, False, False, False, S.UNAVAILABLE),
    (False, True, True, False, S.UNAVAILABLE),
    (False, False, True, True, S.UNAVAILABLE),
    (True, False, False, False, S.AVAILABLE),
    (True, False, False, True, S.FINISHING),
    (True, True, False, False, S.PREPARING),
    (True, False, True, False, S.PREPARING),
    (True, True, True, False, S.PREPARING),
    (True, True, True, True, S.PREPARING),
    (True, False, True, True, S.FINISHING),
]

RUNNING = [
    # pilot, contactor, offering -> status
    (B, OPEN, False, S.SUSPENDED_EVSE),
    (C, CLOSED, False, S.SUSPENDED_EVSE),
    (A, OPEN, False, S.SUSPENDED_EVSE),
    (A, OPEN, True, S.SUSPENDED_EV),
    (B, OPEN, True, S.SUSPENDED_EV),
    (C, OPEN, True, S.SUSPENDED_EV),
    (C, CLOSED, True, S.CHARGING),
    (D, CLOSED, True, S.CHARGING),
    (B, CLOSED, True, S.SUSPENDED_EV),
    (C, ContactorState.UNKNOWN, True, S.SUSPENDED_EV),
    (PilotState.UNKNOWN, CLOSED, True, S.SUSPENDED_EV),
]


def status(**differs: object) -> ConnectorStatus:
    facts: dict[str, object] = {
        "pilot": A,
        "contactor": OPEN,
        "faulted": False,
        "operative": True,
        "authorised": False,
        "in_transaction": False,
        "ending": False,
        "ended": False,
        "reserved": False,
        "offering": False,
        "settling_from": None,
    }
    return status_of(**{**facts, **differs})  # type: ignore[arg-type]


@pytest.mark.parametrize(("operative", "authorised", "plugged", "ended", "expected"), IDLE)
def test_without_a_transaction(
    operative: bool, authorised: bool, plugged: bool, ended: bool, expected: ConnectorStatus
) -> None:
    pilot = B if plugged else A
    assert status(operative=operative, authorised=authorised, pilot=pilot, ended=ended) is expected


@pytest.mark.parametrize(("pilot", "contactor", "offering", "expected"), RUNNING)
@pytest.mark.parametrize("operative", [True, False])
def test_in_a_transaction_whether_operative_or_not(
    pilot: PilotState,
    contactor: ContactorState,
    offering: bool,
    operative: bool,
    expected: ConnectorStatus,
) -> None:
    facts = {"pilot": pilot, "contactor": contactor, "offering": offering, "operative": operative}
    assert status(in_transaction=True, **facts) is expected


@pytest.mark.parametrize("before", [S.PREPARING, S.SUSPENDED_EVSE])
def test_a_vehicle_that_may_still_answer_an_offer_leaves_the_status_as_it_was(
    before: ConnectorStatus,
) -> None:
    running = {"in_transaction": True, "offering": True, "settling_from": before}
    assert status(pilot=B, **running) is before
    assert status(pilot=C, contactor=CLOSED, **running) is S.CHARGING
    assert status(pilot=B, **{**running, "offering": False}) is S.SUSPENDED_EVSE


def test_a_transaction_that_is_being_stopped_is_finishing_whatever_the_outlet_does() -> None:
    for pilot, contactor, offering in product((A, B, C), (OPEN, CLOSED), (False, True)):
        facts = {"pilot": pilot, "contactor": contactor, "offering": offering}
        assert status(in_transaction=True, ending=True, **facts) is S.FINISHING


@pytest.mark.parametrize("in_transaction", [True, False])
@pytest.mark.parametrize("operative", [True, False])
def test_a_fault_comes_before_everything_else(in_transaction: bool, operative: bool) -> None:
    facts = {"in_transaction": in_transaction, "operative": operative}
    assert status(faulted=True, pilot=C, contactor=CLOSED, offering=True, **facts) is S.FAULTED


def test_every_fault_has_an_error_code() -> None:
    assert set(ERROR_CODES) == set(FaultKind)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, S.RESERVED),
        ({"pilot": B}, S.RESERVED),
        ({"pilot": B, "ended": True}, S.FINISHING),
        ({"operative": False}, S.UNAVAILABLE),
        ({"faulted": True}, S.FAULTED),
    ],
)
def test_a_plug_changes_nothing_of_a_reservation(facts: dict[str, object], expected: ConnectorStatus) -> None:
    assert status(reserved=True, **facts) is expected
