"""What each repository keeps, and what it makes of rows that it cannot read."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpd.domain.authorization import AuthorizationStatus, IdTagInfo
from cpd.domain.availability import Origin
from cpd.domain.diagnostics import DiagnosticsStatus, Upload, Window
from cpd.domain.firmware import FirmwareStatus, FirmwareUpdate, Phase
from cpd.domain.local_limits import LocalLimit
from cpd.domain.profile_book import InstalledProfile
from cpd.domain.profiles import (
    ChargingProfile,
    ChargingSchedule,
    Kind,
    Purpose,
    RateUnit,
    Recurrency,
    SchedulePeriod,
)
from cpd.domain.reservations import Reservation
from cpd.domain.transactions import FactKind, Moment, StopReason, Transaction, UndatedBoot
from cpd.station.repositories import StoredVariable
from cpd.storage import authorizations
from cpd.storage.opening import open_file
from cpd.storage.repositories import SqliteRepositories
from tests.storage.values import NOON, installed, moment, sample, transaction


@pytest.fixture
def kept(path: Path) -> Iterator[SqliteRepositories]:
    connection, _ = open_file(path)
    yield SqliteRepositories.over(connection)
    connection.close()


def raw(kept: SqliteRepositories, sql: str, *values: object) -> list[tuple[object, ...]]:
    return [tuple(row) for row in kept.variables._connection.execute(sql, values).fetchall()]


def start(kept: SqliteRepositories, local_id: str, order: int) -> Transaction:
    started = transaction(local_id, order)
    kept.transactions.put(started)
    return started


class TestProfiles:
    def test_profiles_come_back_in_the_order_of_their_arrival(self, kept: SqliteRepositories):
        for profile_id in (3, 1, 2):
            kept.profiles.replace(installed(profile_id), ())
        assert kept.profiles.all() == (installed(3), installed(1), installed(2))

    def test_a_replaced_profile_loses_its_place_in_the_order(self, kept: SqliteRepositories):
        for profile_id in (1, 2):
            kept.profiles.replace(installed(profile_id), ())
        newer = installed(1, limit_tenths=60)
        kept.profiles.replace(newer, (installed(1),))
        assert kept.profiles.all() == (installed(2), newer)

    def test_removing_what_was_replaced_since_leaves_its_successor(self, kept: SqliteRepositories):
        kept.profiles.replace(installed(1, received_at_s=2), ())
        kept.profiles.remove((installed(1, received_at_s=1), installed(9)))
        assert kept.profiles.all() == (installed(1, received_at_s=2),)
        kept.profiles.remove((installed(1, received_at_s=2),))
        assert kept.profiles.all() == ()

    def test_every_field_survives(self, kept: SqliteRepositories):
        full = InstalledProfile(
            connector=2,
            received_at_s=1_700_000_000,
            transaction_key="tx-1",
            profile=ChargingProfile(
                id=-5,
                stack_level=3,
                purpose=Purpose.TX,
                kind=Kind.RECURRING,
                recurrency=Recurrency.WEEKLY,
                valid_from_s=1,
                valid_to_s=2**37,
                transaction_id=0,
                schedule=ChargingSchedule(
                    unit=RateUnit.W,
                    periods=(SchedulePeriod(start_s=0, limit_tenths=110_001, phases=2),),
                    duration_s=60,
                    start_at_s=1_700_000_000,
                    min_rate_tenths=60,
                ),
            ),
        )
        kept.profiles.replace(full, ())
        assert kept.profiles.all() == (full,)

    def test_the_stored_form_stays_readable_for_later_releases(self, kept: SqliteRepositories):
        document = {
            "id": 1,
            "stack_level": 1,
            "purpose": "TxDefaultProfile",
            "kind": "Relative",
            "schedule": {
                "unit": "A",
                "periods": [[0, 160], [60, 60, 1]],
            },
            "member_of_a_later_release": True,
        }
        raw(
            kept,
            "INSERT INTO profiles VALUES (1, 1, 0, 1700000000, NULL, ?)",
            json.dumps(document),
        )
        assert kept.profiles.all() == (installed(1),)

    @pytest.mark.parametrize("document", ["", "{", "[]", '{"id": 1}', '{"id": "one", "stack_level": 0}'])
    def test_an_unreadable_profile_is_set_aside_and_the_others_stay(
        self, kept: SqliteRepositories, document: str, caplog: pytest.LogCaptureFixture
    ):
        for profile_id in (1, 2):
            kept.profiles.replace(installed(profile_id), ())
        raw(kept, "UPDATE profiles SET document = ? WHERE profile_id = 1", document)
        assert kept.profiles.all() == (installed(2),)
        assert kept.profiles.all() == (installed(2),)
        [(table, content)] = raw(kept, "SELECT from_table, content FROM quarantine")
        assert table == "profiles"
        assert json.loads(content)["document"] == document
        assert len(caplog.records) == 1


class TestTransactions:
    def test_a_transaction_comes_back_as_it_was_put(self, kept: SqliteRepositories):
        ended = replace(
            transaction(),
            csms_id=-(2**62),
            stop_reason=StopReason.EV_DISCONNECTED,
            stop_id_tag="ABC",
            stopped=moment(2000.5, at=None, boot="boot-2"),
            meter_stop_wh=2**40,
        )
        kept.transactions.put(transaction())
        assert kept.transactions.running() == (transaction(),)
        kept.transactions.put(ended)
        assert kept.transactions.running() == ()
        assert kept.transactions.get("tx-1") == ended

    def test_the_number_of_the_csms_is_never_taken_back(self, kept: SqliteRepositories):
        kept.transactions.put(transaction())
        kept.transactions.number("tx-1", 0)
        kept.transactions.put(replace(transaction(), last_meter_wh=200))
        assert kept.transactions.get("tx-1") == replace(transaction(), csms_id=0, last_meter_wh=200)

    def test_a_group_that_the_csms_tells_of_is_kept_and_stays_where_it_tells_of_none(
        self, kept: SqliteRepositories
    ):
        kept.transactions.put(replace(transaction(), parent_id_tag="OLD"))
        for told, expected in ((None, "OLD"), ("FAMILY", "FAMILY"), (None, "FAMILY")):
            kept.transactions.number("tx-1", 7, parent_id_tag=told)
            (running,) = kept.transactions.running()
            assert running.parent_id_tag == expected

    def test_the_last_register_of_a_running_transaction_only_rises(self, kept: SqliteRepositories):
        kept.transactions.put(transaction())
        for register_wh, expected_wh in ((150, 150), (140, 150), (160, 160)):
            kept.transactions.metered("tx-1", register_wh)
            assert kept.transactions.get("tx-1") == replace(transaction(), last_meter_wh=expected_wh)
        ended = replace(transaction(), last_meter_wh=160).ended(moment(), 200)
        kept.transactions.put(ended)
        kept.transactions.metered("tx-1", 300)
        assert kept.transactions.get("tx-1") == ended

    def test_orders_rise_also_over_ended_ones(self, kept: SqliteRepositories):
        assert kept.transactions.next_order() == 1
        kept.transactions.put(transaction(order=7).ended(moment(), 200))
        assert kept.transactions.next_order() == 8

    def test_running_ones_come_oldest_first_and_recent_ones_newest_first(self, kept: SqliteRepositories):
        first, second = (transaction(f"tx-{order}", order) for order in (1, 2))
        kept.transactions.put(second)
        kept.transactions.put(first)
        assert kept.transactions.running() == (first, second)
        assert [one for one, _ in kept.transactions.recent(5)] == [second, first]
        assert [one for one, _ in kept.transactions.recent(1)] == [second]

    def test_delivered_means_ended_and_nothing_left_in_the_journal(self, kept: SqliteRepositories):
        started = start(kept, "tx-1", 1)
        seq = kept.journal.append(FactKind.STARTED, "tx-1", moment())
        assert kept.transactions.recent(1) == ((started, False),)
        kept.journal.delivered(seq)
        assert kept.transactions.recent(1) == ((started, False),)
        ended = started.ended(moment(), 200)
        kept.transactions.put(ended)
        seq = kept.journal.append(FactKind.STOPPED, "tx-1", moment())
        kept.journal.bury(seq, "refused")
        assert kept.transactions.recent(1) == ((ended, False),)
        kept.journal.delivered(seq)
        assert kept.transactions.recent(1) == ((ended, False),), "nobody gave it a number"
        kept.transactions.number("tx-1", 7)
        assert kept.transactions.recent(1) == ((replace(ended, csms_id=7), True),)

    def test_told_means_that_a_csms_knows_of_it_or_is_to(self, kept: SqliteRepositories):
        start(kept, "tx-1", 1)
        assert not kept.transactions.told("tx-1")
        seq = kept.journal.append(FactKind.STARTED, "tx-1", moment())
        assert kept.transactions.told("tx-1")
        kept.journal.delivered(seq)
        assert not kept.transactions.told("tx-1")
        kept.transactions.number("tx-1", 0)
        assert kept.transactions.told("tx-1")

    def test_moments_of_a_boot_are_dated_once_its_clock_is_set(self, kept: SqliteRepositories):
        undated = moment(100.000001, at=None)
        kept.transactions.put(transaction("tx-1", 1, started=undated).ended(moment(200.5, at=None), 300))
        kept.transactions.put(transaction("tx-2", 2, started=moment(at=None, boot="other")))
        kept.transactions.put(transaction("tx-3", 3))
        kept.journal.append(FactKind.METERED, "tx-1", undated, sample(undated))
        kept.transactions.date("boot-1", NOON)

        dated = undated.dated(at_zero=NOON)
        one = kept.transactions.get("tx-1")
        assert one is not None and one.stopped is not None
        assert one.started.at == dated == NOON + timedelta(microseconds=100_000_001)
        assert one.stopped.at == NOON + timedelta(seconds=200.5)
        [entry] = kept.journal.entries()
        assert entry.sample is not None
        assert (entry.created.at, entry.sample.taken.at) == (dated, dated)
        assert kept.transactions.get("tx-2") == transaction("tx-2", 2, started=moment(at=None, boot="other"))
        assert kept.transactions.get("tx-3") == transaction("tx-3", 3)

    def test_boots_without_a_date_are_told_with_their_span_newest_first(self, kept: SqliteRepositories):
        def undated(boot: str, at_s: float) -> Moment:
            return moment(at_s, at=None, boot=boot)

        # The names are not in the order of the boots, and no instant of one boot says anything of another.
        kept.transactions.put(transaction("tx-1", 1, started=undated("b", 500)).ended(undated("b", 600), 200))
        kept.transactions.put(transaction("tx-2", 2, started=undated("b", 700)))
        kept.journal.append(FactKind.METERED, "tx-2", undated("b", 760.5), sample(undated("b", 760.5)))
        # It is resumed in the next boot, ended in the one after that, and known to a third that has the time.
        kept.journal.append(FactKind.METERED, "tx-2", undated("c", 30), sample(undated("c", 30)))
        kept.transactions.put(transaction("tx-2", 2, started=undated("b", 700)).ended(undated("a", 20), 300))
        kept.transactions.put(transaction("tx-3", 3, started=moment(boot="d")))
        ended = kept.journal.append(FactKind.STOPPED, "tx-2", undated("a", 20))
        assert kept.transactions.undated() == (
            UndatedBoot(boot="a", first_s=20, last_s=20),
            UndatedBoot(boot="c", first_s=30, last_s=30),
            UndatedBoot(boot="b", first_s=500, last_s=760.5),
        )
        # Where all was told without a date, the order is that of the transactions.
        for seq in range(1, ended + 1):
            kept.journal.delivered(seq)
        assert kept.transactions.undated() == (
            UndatedBoot(boot="a", first_s=20, last_s=20),
            UndatedBoot(boot="b", first_s=500, last_s=700),
        )

    def test_the_latest_date_is_that_of_any_start_or_stop(self, kept: SqliteRepositories):
        assert kept.transactions.latest() is None
        kept.transactions.put(transaction("tx-1", 1, started=moment(at=None)))
        assert kept.transactions.latest() is None
        kept.transactions.put(transaction("tx-2", 2).ended(moment(at=NOON + timedelta(hours=1)), 200))
        kept.transactions.put(transaction("tx-3", 3, started=moment(at=NOON + timedelta(minutes=1))))
        assert kept.transactions.latest() == NOON + timedelta(hours=1)

    def test_a_date_is_not_lost_to_a_copy_from_before_it(self, kept: SqliteRepositories):
        undated = transaction(started=moment(100, at=None))
        kept.transactions.put(undated)
        kept.transactions.date("boot-1", NOON)
        kept.transactions.put(replace(undated, last_meter_wh=500))
        [stored] = kept.transactions.running()
        assert stored.started.at == NOON + timedelta(seconds=100)
        assert stored.last_meter_wh == 500

    def test_only_old_delivered_and_ended_transactions_are_pruned(self, kept: SqliteRepositories):
        old, new = moment(), moment(at=NOON + timedelta(days=2))
        for order, stopped in enumerate((old, old, None, new), start=1):
            one = transaction(f"tx-{order}", order)
            kept.transactions.put(one if stopped is None else one.ended(stopped, 200))
        kept.journal.bury(kept.journal.append(FactKind.STOPPED, "tx-2", old), "refused")
        assert kept.transactions.prune(NOON + timedelta(days=1)) == 1
        assert [one.local_id for one, _ in kept.transactions.recent(9)] == ["tx-4", "tx-3", "tx-2"]
        assert kept.transactions.next_order() == 5

    def test_an_undated_transaction_is_pruned_with_its_neighbours(self, kept: SqliteRepositories):
        undated = moment(at=None)
        for order, stopped in enumerate((undated, moment(), undated), start=1):
            kept.transactions.put(transaction(f"tx-{order}", order).ended(stopped, 200))
        assert kept.transactions.prune(NOON + timedelta(days=1)) == 2
        assert [one.local_id for one, _ in kept.transactions.recent(9)] == ["tx-3"]

    def test_an_unreadable_transaction_is_set_aside_with_its_entries(self, kept: SqliteRepositories):
        for order in (1, 2):
            start(kept, f"tx-{order}", order)
            kept.journal.append(FactKind.STARTED, f"tx-{order}", moment())
        raw(kept, "UPDATE transactions SET stop_reason = 'Whim' WHERE local_id = 'tx-1'")
        head = kept.journal.head()
        assert head is not None and head.transaction.local_id == "tx-2"
        assert kept.transactions.running() == (transaction("tx-2", 2),)
        assert raw(kept, "SELECT from_table FROM quarantine ORDER BY from_table") == [
            ("journal",),
            ("transactions",),
        ]


class TestJournal:
    @pytest.fixture(autouse=True)
    def running(self, kept: SqliteRepositories) -> None:
        start(kept, "tx-1", 1)

    def test_entries_keep_their_order_and_carry_the_transaction_as_it_is_now(self, kept: SqliteRepositories):
        seqs = [kept.journal.append(kind, "tx-1", moment()) for kind in (FactKind.STARTED, FactKind.STOPPED)]
        kept.transactions.number("tx-1", 42)
        assert [(entry.seq, entry.kind) for entry in kept.journal.entries()] == list(
            zip(seqs, (FactKind.STARTED, FactKind.STOPPED), strict=True)
        )
        head = kept.journal.head()
        assert head is not None
        assert head.transaction == replace(transaction(), csms_id=42)
        assert (head.attempts, head.last_error, head.dead, head.sample) == (0, None, False, None)

    def test_a_sample_comes_back_as_it_was(self, kept: SqliteRepositories):
        bare = replace(sample(moment(1.5, at=None)), energy_wh=None, power_w=None, current_ma=None)
        for taken in (sample(), bare):
            kept.journal.append(FactKind.METERED, "tx-1", moment(), taken)
        assert [entry.sample for entry in kept.journal.entries()] == [sample(), bare]

    def test_the_stored_form_of_a_sample_stays_readable_for_later_releases(self, kept: SqliteRepositories):
        kept.journal.append(FactKind.METERED, "tx-1", moment(), sample())
        document = {
            "taken": {"boot": "boot-1", "monotonic_s": 1000.25, "at": None},
            "context": "Sample.Periodic",
            "energy_wh": 12_840,
            "power_w": 11_040,
            "current_ma": [16_000, 15_900, 16_100],
            "voltage_mv": None,
            "offered_ma": 16_000,
            "offered_w": 11_040,
            "member_of_a_later_release": True,
        }
        raw(kept, "UPDATE journal SET sample = ?", json.dumps(document))
        [entry] = kept.journal.entries()
        assert entry.sample == sample()

    def test_numbers_are_never_given_twice(self, kept: SqliteRepositories):
        first = kept.journal.append(FactKind.STARTED, "tx-1", moment())
        kept.journal.delivered(first)
        assert kept.journal.head() is None
        assert kept.journal.append(FactKind.STOPPED, "tx-1", moment()) > first

    def test_failures_are_counted_and_a_buried_entry_is_out_of_the_way(self, kept: SqliteRepositories):
        first, second = (kept.journal.append(FactKind.METERED, "tx-1", moment(), sample()) for _ in range(2))
        kept.journal.failed(first, "no answer")
        kept.journal.failed(first, "still none")
        head = kept.journal.head()
        assert head is not None and (head.attempts, head.last_error) == (2, "still none")
        kept.journal.bury(first, "FormationViolation")
        head = kept.journal.head()
        assert head is not None and head.seq == second
        assert [entry.seq for entry in kept.journal.entries(dead=True)] == [first]
        assert [entry.seq for entry in kept.journal.entries(dead=False)] == [second]
        assert kept.journal.counts() == (1, 1)

    def test_a_revived_entry_is_back_in_its_place(self, kept: SqliteRepositories):
        first, second = (kept.journal.append(FactKind.METERED, "tx-1", moment(), sample()) for _ in range(2))
        kept.journal.failed(first, "no")
        kept.journal.bury(first, "refused")
        assert kept.journal.revive(first)
        head = kept.journal.head()
        assert head is not None
        assert (head.seq, head.attempts, head.dead) == (first, 0, False)
        assert not kept.journal.revive(second)
        assert not kept.journal.revive(4711)

    @pytest.mark.parametrize(
        "damage", ["kind = 'rumour'", "sample = '{'", "taken_boot = NULL", "created_at_us = 9e18"]
    )
    def test_an_unreadable_entry_never_blocks_the_ones_behind_it(self, kept: SqliteRepositories, damage: str):
        first, second = (kept.journal.append(FactKind.METERED, "tx-1", moment(), sample()) for _ in range(2))
        raw(kept, f"UPDATE journal SET {damage} WHERE seq = ?", first)
        head = kept.journal.head()
        assert head is not None and head.seq == second
        assert raw(kept, "SELECT from_table FROM quarantine") == [("journal",)]
        assert kept.journal.counts() == (1, 0)


def test_variables_are_kept_until_they_are_removed(kept: SqliteRepositories):
    kept.variables.put("HeartbeatInterval", StoredVariable(value="60", source="csms"))
    kept.variables.put("HeartbeatInterval", StoredVariable(value="90", source="local"))
    kept.variables.put("Custom", StoredVariable(value="ä'\"", source="csms"))
    kept.variables.remove("Nothing")
    assert kept.variables.all() == {
        "HeartbeatInterval": StoredVariable(value="90", source="local"),
        "Custom": StoredVariable(value="ä'\"", source="csms"),
    }
    kept.variables.remove("Custom")
    assert set(kept.variables.all()) == {"HeartbeatInterval"}


class TestAuthorizationCache:
    def test_id_tags_compare_without_regard_to_case(self, kept: SqliteRepositories):
        info = IdTagInfo(
            status=AuthorizationStatus.BLOCKED, parent_id_tag="Parent", expires_at=NOON.replace(microsecond=0)
        )
        kept.authorizations.put("AbCd", IdTagInfo(status=AuthorizationStatus.ACCEPTED))
        kept.authorizations.put("ABcd", info)
        assert kept.authorizations.get("abCD") == info
        assert kept.authorizations.get("other") is None

    def test_clearing_it_forgets_all_answers_and_nothing_else(self, kept: SqliteRepositories):
        kept.authorizations.put("A", IdTagInfo(status=AuthorizationStatus.ACCEPTED))
        kept.variables.put("Key", StoredVariable(value="1", source="csms"))
        kept.authorizations.clear()
        assert kept.authorizations.get("A") is None
        assert set(kept.variables.all()) == {"Key"}

    def test_it_is_bounded_and_the_oldest_answers_give_way(self, kept: SqliteRepositories):
        accepted = IdTagInfo(status=AuthorizationStatus.ACCEPTED)
        kept.variables._connection.execute("BEGIN")
        for number in range(authorizations.MAX_ENTRIES):
            kept.authorizations.put(f"tag{number}", accepted)
        kept.authorizations.put("tag0", accepted)
        kept.authorizations.put("new", accepted)
        kept.variables._connection.execute("COMMIT")
        assert kept.authorizations.get("tag1") is None
        assert kept.authorizations.get("tag0") == accepted
        assert kept.authorizations.get("tag2") == accepted

    def test_an_unreadable_answer_is_as_good_as_none(self, kept: SqliteRepositories):
        kept.authorizations.put("A", IdTagInfo(status=AuthorizationStatus.ACCEPTED))
        raw(kept, "UPDATE authorizations SET status = 'Perhaps'")
        assert kept.authorizations.get("A") is None


def test_availability_is_kept_by_who_said_it_and_connector(kept: SqliteRepositories):
    assert kept.availability.all() == {}
    kept.availability.put({(Origin.CSMS, 0): True, (Origin.LOCAL, 0): False})
    kept.availability.put({(Origin.CSMS, 0): False, (Origin.CSMS, 2): True})
    assert kept.availability.all() == {
        (Origin.CSMS, 0): False,
        (Origin.CSMS, 2): True,
        (Origin.LOCAL, 0): False,
    }


def test_old_audit_rows_go_with_the_undated_ones_before_them(kept: SqliteRepositories):
    for number, at in enumerate((None, NOON, NOON + timedelta(days=2), None)):
        kept.audit.append(uid=number, method="reset", params="{}", at=moment(at=at))
    assert kept.audit.prune(NOON + timedelta(days=1)) == 2
    assert raw(kept, "SELECT uid, method FROM audit") == [(2, "reset"), (3, "reset")]


WALL_TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))


@settings(max_examples=50)
@given(
    monotonic_s=st.floats(0, 1e9),
    at=st.none() | WALL_TIMES,
    id_tag=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
)
def test_every_transaction_comes_back_equal(
    tmp_path_factory: pytest.TempPathFactory, monotonic_s: float, at: datetime | None, id_tag: str
):
    connection, _ = open_file(tmp_path_factory.getbasetemp() / "equal.db")
    try:
        kept = SqliteRepositories.over(connection)
        one = replace(transaction(started=moment(monotonic_s, at=at)), id_tag=id_tag)
        kept.variables._connection.execute("DELETE FROM transactions")
        kept.transactions.put(one)
        assert kept.transactions.get("tx-1") == one
    finally:
        connection.close()


class TestLocalLimits:
    def test_a_limit_comes_back_as_it_was_put_and_goes_when_removed(self, kept: SqliteRepositories):
        limit = LocalLimit(connector=2, current_ma=10_000, for_s=1_800, made=moment())
        kept.local_limits.put(limit)
        assert kept.local_limits.all() == (limit,)
        kept.local_limits.remove(2)
        assert kept.local_limits.all() == ()

    def test_a_connector_has_one_limit_the_last(self, kept: SqliteRepositories):
        for current_ma in (16_000, 8_000):
            made = moment(at=None)
            kept.local_limits.put(LocalLimit(connector=1, current_ma=current_ma, for_s=60, made=made))
        assert [limit.current_ma for limit in kept.local_limits.all()] == [8_000]

    def test_a_limit_from_before_the_clock_was_set_is_dated_with_the_rest(self, kept: SqliteRepositories):
        made = moment(1_000.0, at=None)
        kept.local_limits.put(LocalLimit(connector=1, current_ma=8_000, for_s=60, made=made))
        kept.transactions.date(made.boot, NOON)
        (limit,) = kept.local_limits.all()
        assert limit.made.at == NOON + timedelta(seconds=1_000)

    def test_a_limit_that_nobody_can_have_set_is_set_aside(self, kept: SqliteRepositories):
        kept.local_limits.put(LocalLimit(connector=1, current_ma=8_000, for_s=60, made=moment()))
        raw(kept, "UPDATE local_limits SET for_s = 1000000000000")
        assert kept.local_limits.all() == ()
        assert raw(kept, "SELECT from_table FROM quarantine") == [("local_limits",)]


def reservation(reservation_id: int = 7, connector: int = 0) -> Reservation:
    return Reservation(
        id=reservation_id,
        connector=connector,
        id_tag="04A3B2C1",
        parent_id_tag=None,
        expires_at=NOON,
        made=moment(),
    )


class TestReservations:
    def test_a_reservation_comes_back_as_it_was_put_and_goes_when_removed(self, kept: SqliteRepositories):
        kept.reservations.put(reservation(7))
        kept.reservations.put(reservation(-1, 2))
        assert kept.reservations.all() == (reservation(-1, 2), reservation(7))
        kept.reservations.remove(7)
        kept.reservations.remove(99)
        assert kept.reservations.all() == (reservation(-1, 2),)

    def test_the_last_one_of_an_id_stands(self, kept: SqliteRepositories):
        for connector in (1, 2):
            kept.reservations.put(reservation(7, connector))
        assert kept.reservations.all() == (reservation(7, 2),)

    @pytest.mark.parametrize("damage", ["expires_at_us = -1", "made_at_us = NULL"])
    def test_a_reservation_that_nobody_can_have_made_is_set_aside(
        self, kept: SqliteRepositories, damage: str
    ):
        kept.reservations.put(reservation())
        raw(kept, f"UPDATE reservations SET {damage}")
        assert kept.reservations.all() == ()
        assert raw(kept, "SELECT from_table FROM quarantine") == [("reservations",)]

    def test_a_transaction_keeps_the_reservation_that_it_used(self, kept: SqliteRepositories):
        used = replace(transaction(), reservation_id=7)
        kept.transactions.put(used)
        assert kept.transactions.running() == (used,)


def firmware_update(phase: Phase = Phase.WAITING) -> FirmwareUpdate:
    return FirmwareUpdate(
        location="ftp://user:secret@host/new.bin",
        retrieve_at=NOON,
        retries=2,
        retry_interval_s=60,
        version="1.0",
        phase=phase,
        begun=2,
        online=True,
    )


class TestFirmware:
    def test_there_is_one_update_the_last(self, kept: SqliteRepositories):
        assert kept.firmware.update() is None
        kept.firmware.put(firmware_update())
        kept.firmware.put(firmware_update(Phase.INSTALLING))
        assert kept.firmware.update() == firmware_update(Phase.INSTALLING)
        kept.firmware.remove()
        assert kept.firmware.update() is None

    @pytest.mark.parametrize("damage", ["phase = 'dreaming'", "retrieve_at_us = -1"])
    def test_an_update_that_nobody_can_have_asked_for_is_set_aside(
        self, kept: SqliteRepositories, damage: str
    ):
        kept.firmware.put(firmware_update())
        raw(kept, f"UPDATE firmware_update SET {damage}")
        assert kept.firmware.update() is None
        assert raw(kept, "SELECT from_table FROM quarantine") == [("firmware_update",)]


def upload(*, uploading: bool = False) -> Upload:
    return Upload(
        location="ftp://user:secret@host/",
        file_name="cpd-CP.tar.gz",
        window=Window(start_at=NOON),
        due_at=NOON,
        retries=2,
        retry_interval_s=60,
        uploading=uploading,
    )


class TestDiagnostics:
    def test_there_is_one_upload_the_last(self, kept: SqliteRepositories):
        assert kept.diagnostics.upload() is None
        kept.diagnostics.put(upload())
        kept.diagnostics.put(upload(uploading=True))
        assert kept.diagnostics.upload() == upload(uploading=True)
        kept.diagnostics.remove()
        assert kept.diagnostics.upload() is None

    @pytest.mark.parametrize(
        "damage", ["due_at_us = 9000000000000000000", "start_at_us = 9000000000000000000"]
    )
    def test_an_upload_that_nobody_can_have_asked_for_is_set_aside(
        self, kept: SqliteRepositories, damage: str
    ):
        kept.diagnostics.put(upload())
        raw(kept, f"UPDATE diagnostics_upload SET {damage}")
        assert kept.diagnostics.upload() is None
        assert raw(kept, "SELECT from_table FROM quarantine") == [("diagnostics_upload",)]


class TestFileStatuses:
    def test_what_is_to_be_told_stays_in_order_until_it_is(self, kept: SqliteRepositories):
        statuses = (FirmwareStatus.DOWNLOADING, DiagnosticsStatus.UPLOADING, FirmwareStatus.DOWNLOADED)
        told = tuple(map(kept.file_statuses.tell, statuses))
        assert kept.file_statuses.untold() == told
        assert [type(one.status) for one in kept.file_statuses.untold()] == [type(one) for one in statuses]
        kept.file_statuses.told(told[0].seq)
        assert kept.file_statuses.untold() == told[1:]

    @pytest.mark.parametrize("damage", ["status = 'Idling'", "about = 'weather'"])
    def test_a_status_that_is_none_is_set_aside(self, kept: SqliteRepositories, damage: str):
        kept.file_statuses.tell(DiagnosticsStatus.UPLOADING)
        raw(kept, f"UPDATE file_statuses SET {damage}")
        assert kept.file_statuses.untold() == ()
        assert raw(kept, "SELECT from_table FROM quarantine") == [("file_statuses",)]
