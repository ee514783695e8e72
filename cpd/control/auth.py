"""`auth.explain`: what would become of an idTag, by the decision table and everything that it looks at."""

from datetime import datetime

from cpd.control.api import (
    AuthDocument,
    AuthEntryDocument,
    AuthTableRowDocument,
    AuthVerdictDocument,
)
from cpd.control.documents import instant
from cpd.control.method import Caller, Method
from cpd.control.params import IdTagParams
from cpd.control.target import ControlTarget
from cpd.domain.authorization import TABLE, AuthorizationKey, Decision, IdTagInfo, shortened
from cpd.station.explanation import Explanation


async def explain(target: ControlTarget, params: IdTagParams, _caller: Caller) -> AuthDocument:
    return auth_document(await target.explain(params.id_tag))


def auth_document(explanation: Explanation) -> AuthDocument:
    """`auth.explain`."""
    known, rules = explanation.known, explanation.rules
    return {
        "schema": "cpd.auth/1",
        "id_tag": explanation.id_tag,
        "now": instant(explanation.now),
        "csms": explanation.has_csms,
        "connection": "online" if explanation.connection == "online" else "offline",
        "online": _verdict(explanation.online),
        "offline": _verdict(explanation.offline),
        "table": _TABLE,
        "keys": {key.value: value for key, value in rules.items()},
        "local_list": {
            "enabled": rules.get(AuthorizationKey.LOCAL_AUTH_LIST_ENABLED, False),
            "version": explanation.list_version,
            "entry": _entry(known.listed, explanation.now),
        },
        "cache": {
            "enabled": rules.get(AuthorizationKey.AUTHORIZATION_CACHE_ENABLED, False),
            "entry": _entry(known.cached, explanation.now),
        },
        "spellings": [
            {"id_tag": spelling.id_tag, "kind": spelling.kind.value, "source": source.value}
            for spelling, source in explanation.found
        ],
        "if_refused_later": {"stops": explanation.stops, "energy_wh": explanation.energy_wh},
    }


METHODS = {"auth.explain": Method(IdTagParams, explain)}

_TABLE: list[AuthTableRowDocument] = [
    {
        "row": number,
        "connection": "online" if row.online else "offline",
        "entry": None if row.standing is None else row.standing.value,
        "key": None if row.key is None else row.key.value,
        "action": row.action.value,
    }
    for number, row in enumerate(TABLE, 1)
]


def _verdict(decision: Decision) -> AuthVerdictDocument:
    return {
        "action": decision.action.value,
        "source": decision.source.value,
        "row": decision.row,
        "change": None if decision.change is None else decision.change.value,
    }


def _entry(info: IdTagInfo | None, now: datetime) -> AuthEntryDocument | None:
    if info is None:
        return None
    return {
        "status": info.status_at(now).value,
        "parent_id_tag": None if info.parent_id_tag is None else shortened(info.parent_id_tag),
        "expires_at": None if info.expires_at is None else instant(info.expires_at),
    }
