"""`limit`: what a person at the charger allows on a connector for a while. It only lowers, and ends by itself."""

from cpd.control.api import LocalLimitDocument
from cpd.control.documents import limit_document, optional_instant
from cpd.control.method import Caller, Method, connector_of
from cpd.control.params import LocalLimitParams
from cpd.control.target import ControlRefused, ControlTarget


async def limit(target: ControlTarget, params: LocalLimitParams, _caller: Caller) -> LocalLimitDocument:
    number = connector_of(target, params.connector).id
    current_a, for_s, until = params.current_a, params.for_s, None
    if current_a is None:
        await target.end_local_limit(number)
    elif for_s is None:
        raise ControlRefused(
            "invalid_params", "a local limit needs an end", "say for how long: for_s, --for 30m"
        )
    else:
        # Whole tenths, rounded down as every limit is; 16.1 * 1000 is a little more than 16100.
        current_ma = round(current_a * 1_000) // 100 * 100
        until = await target.set_local_limit(number, current_ma, for_s)
        current_a = current_ma / 1_000
    connector = connector_of(target, number)
    return {
        "schema": "cpd.limit/1",
        "connector": number,
        "current_a": current_a,
        "until": optional_instant(until),
        "limit": limit_document(connector.limit, connector.limit_until),
    }


METHODS = {"limit": Method(LocalLimitParams, limit, mutating=True)}
