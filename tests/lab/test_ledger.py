"""What the central system books, and what it objects to."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from cpd.lab.csms.ledger import BookedTransaction, Ledger, discrepancies

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)


class Desk:
    """A ledger with its objections, and the messages with what does not matter filled in."""

    def __init__(self) -> None:
        self.objections: list[str] = []
        self.ledger = Ledger(self.objections.append)
        self._ids = count(1)
        self.next_id = lambda: next(self._ids)

    def start(self, meter_wh: int = 0, *, connector: int = 1, minute: int = 0) -> BookedTransaction:
        return self.ledger.start(
            transaction_id=self.next_id,
            connector=connector,
            id_tag="TAG",
            started_at=TEN + timedelta(minutes=minute),
            meter_start_wh=meter_wh,
        )

    def meter(
        self,
        register_wh: int | None,
        *,
        transaction_id: int | None = None,
        connector: int = 1,
        minute: int = 5,
    ) -> None:
        self.ledger.meter(
            connector=connector,
            transaction_id=transaction_id,
            register_wh=register_wh,
            at=TEN + timedelta(minutes=minute),
        )

    def stop(self, transaction_id: int, meter_wh: int, *, minute: int = 30) -> BookedTransaction | None:
        return self.ledger.stop(
            transaction_id=transaction_id,
            stopped_at=TEN + timedelta(minutes=minute),
            meter_stop_wh=meter_wh,
            reason=None,
            id_tag=None,
        )


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_transaction_is_booked_with_start_and_stop(desk: Desk) -> None:
    booked = desk.start(100)
    desk.stop(booked.id, 250)
    assert not booked.open
    assert (booked.meter_start_wh, booked.meter_stop_wh, booked.reason) == (100, 250, "Local")
    assert desk.objections == []


def test_a_repeated_start_is_the_same_transaction(desk: Desk) -> None:
    assert desk.start() is desk.start()
    assert [booked.starts for booked in desk.ledger.transactions] == [2]


def test_a_repeated_stop_is_counted_and_changes_nothing(desk: Desk) -> None:
    booked = desk.start()
    desk.stop(booked.id, 10)
    desk.stop(booked.id, 20)
    assert (booked.stops, booked.meter_stop_wh) == (2, 10)


def test_an_id_given_twice_names_the_transaction_that_is_open(desk: Desk) -> None:
    desk.next_id = lambda: 7
    first = desk.start()
    desk.stop(7, 10)
    second = desk.start(10, minute=40)
    desk.stop(7, 30, minute=50)
    assert (first.meter_stop_wh, second.meter_stop_wh) == (10, 30)
    assert desk.objections == []


def test_meter_values_of_an_id_given_on_two_connectors_go_to_theirs(desk: Desk) -> None:
    desk.next_id = lambda: 7
    desk.start(connector=1)
    second = desk.start(connector=2)
    desk.meter(5, transaction_id=7, connector=2)
    assert (second.meter_values, second.last_meter_wh) == (1, 5)


def test_meter_values_that_come_again_are_no_news(desk: Desk) -> None:
    booked = desk.start()
    for minute, wh in ((1, 5), (2, 9), (1, 5), (2, 9)):
        desk.meter(wh, transaction_id=1, minute=minute)
    desk.stop(1, 9)
    desk.meter(9, transaction_id=1, minute=2)
    assert (booked.meter_values, booked.last_meter_wh) == (2, 9)
    assert desk.objections == []


@pytest.mark.parametrize(
    ("story", "objection"),
    [
        (lambda d: d.stop(9, 0), "unknown transaction 9"),
        (lambda d: (d.start(), d.start(minute=1)), "still open"),
        (lambda d: (d.start(50), d.stop(1, 40)), "below 50 Wh"),
        (lambda d: (d.start(minute=40), d.stop(1, 0)), "before it started"),
        (lambda d: (d.start(), d.stop(1, 90), d.start(80, minute=40)), "runs back from 90 to 80 Wh"),
        (lambda d: d.meter(None, transaction_id=3), "unknown on connector 1"),
        (
            lambda d: (d.start(), d.stop(1, 0), d.meter(0, transaction_id=1)),
            "after its StopTransaction",
        ),
        (
            lambda d: [d.meter(wh) for wh in (5, 4)],
            "runs back from 5 to 4 Wh",
        ),
    ],
)
def test_what_cannot_be_is_objected_to(desk: Desk, story: object, objection: str) -> None:
    assert callable(story)
    story(desk)
    assert len(desk.objections) == 1
    assert objection in desk.objections[0]


@pytest.mark.parametrize(
    ("story", "fault"),
    [
        (lambda d: (d.start(), d.stop(1, 90)), None),
        (
            lambda d: (d.start(), d.stop(1, 40), d.start(40, minute=40), d.stop(2, 90, minute=50)),
            "booked are TAG, TAG",
        ),
        (lambda d: None, "booked are none"),
        (lambda d: (d.start(), d.meter(90, transaction_id=1)), "still open"),
        (lambda d: (d.start(), d.stop(1, 89)), "89 Wh are booked, the register moved 90 Wh"),
        (lambda d: (d.start(), d.stop(1, 91)), "91 Wh are booked, the register moved 90 Wh"),
    ],
)
def test_the_books_are_exact_only_where_every_session_and_every_wh_is_in_them_once(
    desk: Desk, story: object, fault: str | None
) -> None:
    assert callable(story)
    story(desk)
    wrong = discrepancies(desk.ledger.transactions, id_tags=["TAG"], moved_wh=90)
    assert any(fault in words for words in wrong) if fault else wrong == []


def test_what_flowed_between_two_transactions_is_missed(desk: Desk) -> None:
    for started_wh, stopped_wh, minute in ((0, 40, 0), (50, 90, 40)):
        booked = desk.start(started_wh, minute=minute)
        desk.stop(booked.id, stopped_wh, minute=minute + 5)
    wrong = discrepancies(desk.ledger.transactions, id_tags=["TAG", "TAG"], moved_wh=80)
    assert wrong == ["10 Wh between TAG and TAG are nobody's"]


@pytest.mark.parametrize(
    ("moved_wh", "hidden_wh", "right"), [(90, 50, True), (91, 50, False), (39, 50, False), (None, 0, True)]
)
def test_a_meter_that_hides_energy_may_cost_some_and_never_invents_any(
    desk: Desk, moved_wh: int | None, hidden_wh: int, right: bool
) -> None:
    desk.start()
    desk.stop(1, 40)
    books = desk.ledger.transactions
    assert (discrepancies(books, id_tags=["TAG"], moved_wh=moved_wh, hidden_wh=hidden_wh) == []) is right


def test_a_stop_that_the_central_system_refused_is_not_the_charge_points_fault(desk: Desk) -> None:
    desk.start()
    desk.ledger.refuse_stop(1)
    desk.start(minute=40)
    assert desk.objections == []
