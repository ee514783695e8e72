"""What the central system saw of a charge point that boots."""

import itertools

from ocpp.v16 import call

from tests.scenarios.site import Site


async def boots(here: Site, count: int) -> list[float]:
    """The instants of the first *count* BootNotifications, waited for."""
    while len(here.log.messages(call.BootNotification)) < count:
        await here.log.message(call.BootNotification, since=len(here.log.calls))
    return [received.at_s for received in here.log.calls if received.action == "BootNotification"]


def gaps(instants: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(instants)]


def actions(here: Site) -> list[str]:
    return [received.action for received in here.log.calls]


async def value_of(here: Site, key: str) -> str:
    answer = await here.call(call.GetConfiguration(key=[key]))
    return str(answer.configuration_key[0]["value"])
