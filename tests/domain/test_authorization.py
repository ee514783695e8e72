from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from cpd.domain.authorization import (
    AuthorizationRules,
    AuthorizationStatus,
    Decision,
    IdTagInfo,
    decide,
    same_id_tag,
    shortened,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ACCEPTED = IdTagInfo(status=AuthorizationStatus.ACCEPTED)
BLOCKED = IdTagInfo(status=AuthorizationStatus.BLOCKED)
EXPIRED = IdTagInfo(status=AuthorizationStatus.ACCEPTED, expires_at=NOW)

ACCEPT, ASK, REFUSE = Decision.ACCEPT, Decision.ASK, Decision.REFUSE

# Whether the cache's entry counts: unknown, accepted, refused (blocked, or run out).
ONLINE = {
    # LocalPreAuthorize: unknown, accepted, refused
    False: (ASK, ASK, ASK),
    True: (ASK, ACCEPT, ASK),
}
OFFLINE = {
    # (LocalAuthorizeOffline, AllowOfflineTxForUnknownId): unknown, accepted, refused
    (False, False): (REFUSE, REFUSE, REFUSE),
    (False, True): (ACCEPT, REFUSE, REFUSE),
    (True, False): (REFUSE, ACCEPT, REFUSE),
    (True, True): (ACCEPT, ACCEPT, REFUSE),
}


@pytest.mark.parametrize(
    ("online", "pre", "offline", "unknown", "cache"), list(product((False, True), repeat=5))
)
@pytest.mark.parametrize(("known", "column"), [(None, 0), (ACCEPTED, 1), (BLOCKED, 2), (EXPIRED, 2)], ids=str)
def test_every_combination_of_the_keys_decides_as_the_table_says(
    online: bool, pre: bool, offline: bool, unknown: bool, cache: bool, known: IdTagInfo | None, column: int
) -> None:
    rules = AuthorizationRules(
        local_pre_authorize=pre,
        local_authorize_offline=offline,
        allow_offline_for_unknown=unknown,
        cache_enabled=cache,
    )
    row = ONLINE[pre] if online else OFFLINE[offline, unknown]
    assert decide(online=online, known=known, now=NOW, rules=rules) is row[column if cache else 0]


@pytest.mark.parametrize(("ahead_s", "status"), [(1, "Accepted"), (0, "Expired"), (-1, "Expired")])
def test_an_accepted_answer_runs_out_at_its_expiry_date(ahead_s: int, status: str) -> None:
    info = IdTagInfo(status=AuthorizationStatus.ACCEPTED, expires_at=NOW + timedelta(seconds=ahead_s))
    assert info.status_at(NOW) == status


def test_a_refusal_does_not_run_out() -> None:
    info = IdTagInfo(status=AuthorizationStatus.BLOCKED, expires_at=NOW - timedelta(days=1))
    assert info.status_at(NOW) is AuthorizationStatus.BLOCKED


def test_id_tags_compare_without_regard_to_case() -> None:
    assert same_id_tag("04a3Ff", "04A3fF")
    assert not same_id_tag("04A3", "04A4")


def test_a_missing_id_tag_equals_nothing() -> None:
    assert not same_id_tag(None, None)
    assert not same_id_tag("04A3", None)


def test_an_id_tag_is_shortened_unless_it_is_short() -> None:
    assert shortened("04A31F02B16180") == "04A3…6180"
    assert shortened("12345678") == "12345678"
