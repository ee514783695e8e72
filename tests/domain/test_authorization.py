from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from cpd.domain.authorization import (
    TABLE,
    Action,
    AuthorizationKey,
    AuthorizationRules,
    AuthorizationStatus,
    CardVerdict,
    Connection,
    Decision,
    IdTagInfo,
    Known,
    Source,
    contradicts,
    decide,
    same_id_tag,
    shortened,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
GROUP = "FLEET"


def info(status: str, *, expires_at: datetime | None = None) -> IdTagInfo:
    return IdTagInfo(status=AuthorizationStatus(status), parent_id_tag=GROUP, expires_at=expires_at)


STATES: dict[str, IdTagInfo | None] = {
    "absent": None,
    "accepted": info("Accepted"),
    "accepted for an hour": info("Accepted", expires_at=NOW + timedelta(hours=1)),
    "run out": info("Accepted", expires_at=NOW),
    "blocked": info("Blocked"),
    "expired": info("Expired"),
    "invalid": info("Invalid"),
    "in another transaction": info("ConcurrentTx"),
}
GOOD = ("accepted", "accepted for an hour", "in another transaction")

COMBINATIONS = list(product((False, True), repeat=len(AuthorizationKey)))


def expected(
    connection: Connection,
    listed: str,
    cached: str,
    *,
    pre: bool,
    offline: bool,
    list_on: bool,
    cache_on: bool,
    strangers: bool,
) -> tuple[str, str]:
    """The table once more, as prose would have it: what is done, and what decided."""
    here, owner = "absent", ""
    if cache_on and cached != "absent":
        here, owner = cached, "cache"
    if list_on and listed != "absent":
        here, owner = listed, "list"

    if connection == "online":
        if pre and here in GOOD:
            return "accept", owner
        return "ask", "csms"
    if here in GOOD and offline:
        return "accept", owner
    if here not in GOOD and here != "absent":
        return "refuse", owner
    if strangers and here == "absent":
        return "accept", "AllowOfflineTxForUnknownId"
    return "refuse", "none"


@pytest.mark.parametrize("connection", Connection)
@pytest.mark.parametrize("listed", STATES)
@pytest.mark.parametrize("cached", STATES)
def test_every_combination_of_the_keys_decides_as_the_table_says(
    connection: Connection, listed: str, cached: str
) -> None:
    known = Known(listed=STATES[listed], cached=STATES[cached])
    for pre, offline, list_on, cache_on, strangers in COMBINATIONS:
        values = (pre, offline, list_on, cache_on, strangers)
        found = decide(connection, known, NOW, dict(zip(AuthorizationKey, values, strict=True)))
        action, source = expected(
            connection,
            listed,
            cached,
            pre=pre,
            offline=offline,
            list_on=list_on,
            cache_on=cache_on,
            strangers=strangers,
        )
        assert (found.action, found.source) == (action, source), values
        # The group of a driver is known where an entry has decided, so that only then it opens or ends anything.
        assert (found.entry is not None and found.entry.parent_id_tag == GROUP) is (
            source in ("list", "cache")
        ), values


def rules(*on: AuthorizationKey) -> AuthorizationRules:
    return {key: key in on for key in AuthorizationKey}


PRE, OFFLINE, LIST, CACHE, STRANGERS = AuthorizationKey
IN_LIST = Known(listed=STATES["accepted"])
IN_CACHE = Known(cached=STATES["accepted"])
BLOCKED = Known(listed=STATES["blocked"])
ONLINE_NOW, OFFLINE_NOW = Connection.ONLINE, Connection.OFFLINE

CHANGES: list[tuple[Connection, Known, AuthorizationRules, str, AuthorizationKey | None]] = [
    (ONLINE_NOW, IN_LIST, rules(LIST), "ask", PRE),
    (ONLINE_NOW, IN_LIST, rules(LIST, PRE), "accept", PRE),
    (ONLINE_NOW, Known(), rules(LIST, CACHE, PRE), "ask", None),
    (OFFLINE_NOW, IN_LIST, rules(LIST), "refuse", OFFLINE),
    (OFFLINE_NOW, IN_LIST, rules(OFFLINE), "refuse", LIST),
    (OFFLINE_NOW, IN_CACHE, rules(OFFLINE), "refuse", CACHE),
    (OFFLINE_NOW, IN_LIST, rules(LIST, OFFLINE), "accept", OFFLINE),
    (OFFLINE_NOW, IN_LIST, rules(LIST, OFFLINE, STRANGERS), "accept", OFFLINE),
    # Whom the list names is no stranger.
    (OFFLINE_NOW, IN_LIST, rules(LIST, STRANGERS), "refuse", OFFLINE),
    (OFFLINE_NOW, Known(), rules(LIST, OFFLINE, CACHE), "refuse", STRANGERS),
    (OFFLINE_NOW, Known(), rules(LIST, OFFLINE, CACHE, STRANGERS), "accept", STRANGERS),
    # Only the CSMS lifts a refusal: nobody is told to switch the list off.
    (OFFLINE_NOW, BLOCKED, rules(LIST, OFFLINE, STRANGERS), "refuse", None),
    (OFFLINE_NOW, BLOCKED, rules(STRANGERS), "accept", LIST),
]


@pytest.mark.parametrize(("connection", "known", "given", "action", "change"), CHANGES)
def test_the_key_to_change_is_one_that_alone_leads_elsewhere(
    connection: Connection,
    known: Known,
    given: AuthorizationRules,
    action: str,
    change: AuthorizationKey | None,
) -> None:
    found = decide(connection, known, NOW, given)
    assert (found.action, found.change) == (action, change)
    if change is not None:
        other = decide(connection, known, NOW, {**given, change: not given[change]})
        assert other.action is not found.action


def test_a_key_whose_feature_profile_is_off_is_off_and_nobody_is_sent_to_it() -> None:
    given = {key: value for key, value in rules(OFFLINE, CACHE).items() if key is not LIST}
    found = decide(OFFLINE_NOW, IN_LIST, NOW, given)
    assert (found.action, found.change) == (Action.REFUSE, STRANGERS)


def test_the_last_row_of_each_connection_fits_everything() -> None:
    for online in (True, False):
        last = [row for row in TABLE if row.online is online][-1]
        assert (last.standing, last.key) == (None, None)


@pytest.mark.parametrize(
    ("known", "verdict"),
    [(BLOCKED, CardVerdict.REFUSED), (Known(), CardVerdict.UNKNOWN_OFFLINE)],
)
def test_who_is_refused_is_told_whether_for_an_entry_or_for_want_of_one(
    known: Known, verdict: CardVerdict
) -> None:
    found: Decision = decide(OFFLINE_NOW, known, NOW, rules(LIST, CACHE, OFFLINE))
    assert (found.action, found.verdict) == (Action.REFUSE, verdict)


def test_the_entry_that_counts_is_that_of_the_list_before_that_of_the_cache() -> None:
    known = Known(listed=STATES["blocked"], cached=STATES["accepted"])
    assert known.counting(rules(LIST, CACHE)) == (Source.LIST, STATES["blocked"])
    assert known.counting(rules(CACHE)) == (Source.CACHE, STATES["accepted"])
    assert known.counting(rules()) is None


@pytest.mark.parametrize(
    ("entry", "answer", "differ"),
    [
        ("accepted", "Accepted", False),
        ("accepted", "Blocked", True),
        ("run out", "Accepted", True),
        ("run out", "Expired", False),
        ("blocked", "Invalid", False),
        ("blocked", "Accepted", True),
        ("in another transaction", "Accepted", False),
    ],
)
def test_the_list_is_contradicted_where_the_csms_disagrees_on_whether_an_id_tag_is_good(
    entry: str, answer: str, differ: bool
) -> None:
    listed = STATES[entry]
    assert listed is not None
    assert contradicts(listed, info(answer), NOW) is differ


@pytest.mark.parametrize(("ahead_s", "status"), [(1, "Accepted"), (0, "Expired"), (-1, "Expired")])
def test_an_accepted_answer_runs_out_at_its_expiry_date(ahead_s: int, status: str) -> None:
    assert info("Accepted", expires_at=NOW + timedelta(seconds=ahead_s)).status_at(NOW) == status


def test_a_refusal_does_not_run_out() -> None:
    blocked = info("Blocked", expires_at=NOW - timedelta(days=1))
    assert blocked.status_at(NOW) is AuthorizationStatus.BLOCKED


def test_id_tags_compare_without_regard_to_case() -> None:
    assert same_id_tag("04a3Ff", "04A3fF")
    assert not same_id_tag("04A3", "04A4")


def test_a_missing_id_tag_equals_nothing() -> None:
    assert not same_id_tag(None, None)
    assert not same_id_tag("04A3", None)


def test_an_id_tag_is_shortened_unless_it_is_short() -> None:
    assert shortened("04A31F02B16180") == "04A3…6180"
    assert shortened("12345678") == "12345678"
