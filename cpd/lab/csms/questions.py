"""What every central system asks now and then, in one line each, and how it waits for what a charge point tells."""

from collections.abc import AsyncIterator
from typing import Any, TypeVar

from ocpp.v16 import call

from cpd.lab.csms.session import Session

M = TypeVar("M")

PERIOD_S = 60
"""How long each limit of `profile` holds, but for the last."""


async def until_told(link: Session) -> None:
    """Return once the charge point tells its status over this link: it is registered, and may be asked."""
    await link.log.message(call.StatusNotification, since=len(link.log.calls))


async def each(
    link: Session, kinds: type[M] | tuple[type[M], ...], *, since: int | None = None
) -> AsyncIterator[M]:
    """Every message of these `ocpp.v16.call` dataclasses from now on, or behind the first *since* CALLs."""
    seen = len(link.log.calls) if since is None else since
    while True:
        await link.log.message(object, since=seen)
        message, seen = link.log.calls[seen].message, seen + 1
        if isinstance(message, kinds):
            yield message


async def get_configuration(link: Session, *keys: str) -> Any:
    """GetConfiguration of *keys*, of all where none is named; returns the answer's payload, None without one."""
    return await link.try_to_ask("GetConfiguration", {"key": list(keys)} if keys else {})


async def change(link: Session, key: str, value: str) -> bool:
    """ChangeConfiguration; True where it was accepted."""
    answer = await link.try_to_ask("ChangeConfiguration", {"key": key, "value": value})
    return bool(answer) and answer.get("status") == "Accepted"


async def trigger(link: Session, message: str, connector: int | None = None) -> None:
    """TriggerMessage; returns with its answer, before the message itself."""
    where = {} if connector is None else {"connectorId": connector}
    await link.try_to_ask("TriggerMessage", {"requestedMessage": message} | where)


def profile(purpose: str, kind: str, *limits_a: int) -> dict[str, Any]:
    """A charging profile as on the wire: *limits_a* for `PERIOD_S` each, the last for ever."""
    periods = [{"startPeriod": number * PERIOD_S, "limit": limit} for number, limit in enumerate(limits_a)]
    return {
        "chargingProfileId": 8,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": periods},
    }
