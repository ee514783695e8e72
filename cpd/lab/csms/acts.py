"""What central systems of the field do by themselves over a link, each as a coroutine of its own.

They ask as those systems do, right or wrong, and keep no answer: what came back is in the station's log.
"""

from collections import Counter

from ocpp.v16 import call

from cpd.lab.csms.questions import change, each, get_configuration, profile, trigger, until_told
from cpd.lab.csms.session import Session

NO_START_LIMITS_A = (16, 10)
CAPITALS_LIMIT_A = 24
CROSSED = (call.StartTransaction, call.StopTransaction, call.StatusNotification)
"""What `cross` crosses."""
NOWHERE = ("C:", "ftp://user:secret@127.0.0.1:9/", "http://127.0.0.1:9/")
"""Locations to which nothing can be sent: no URL at all, and nobody there."""


async def ask_with_numeric_ids(link: Session) -> None:
    """A few harmless questions; the behaviour gives them numbers for ids."""
    await until_told(link)
    await get_configuration(link)
    await trigger(link, "StatusNotification", 1)
    await change(link, "HeartbeatInterval", "77")


async def ask_in_capitals(link: Session) -> None:
    """A profile whose periods have a capital letter, then the same as it should be, with members of its own."""
    await until_told(link)
    right = profile("TxDefaultProfile", "Relative", CAPITALS_LIMIT_A)
    periods = right["chargingSchedule"].pop("chargingSchedulePeriod")
    capital = right | {"chargingSchedule": right["chargingSchedule"] | {"ChargingSchedulePeriod": periods}}
    await link.try_to_ask("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": capital})
    right["chargingSchedule"]["chargingSchedulePeriod"] = [period | {"tariff": "low"} for period in periods]
    request = {"connectorId": 0, "csChargingProfiles": right, "vendorNote": None}
    await link.try_to_ask("SetChargingProfile", request)


async def limit_without_start(link: Session) -> None:
    """To each transaction an Absolute profile that does not say from when it counts."""
    async for started in each(link, call.StartTransaction):
        # The number of the transaction is given with the answer.
        await link.clock.sleep(0.5)
        for booked in link.log.ledger.transactions:
            if booked.open and booked.connector == started.connector_id:
                steps = profile("TxProfile", "Absolute", *NO_START_LIMITS_A) | {"transactionId": booked.id}
                request = {"connectorId": booked.connector, "csChargingProfiles": steps}
                await link.try_to_ask("SetChargingProfile", request)


async def clear_the_cache(link: Session) -> None:
    """ClearCache at once, and at each transaction message while others wait behind it."""
    await link.try_to_ask("ClearCache", {})
    async for _ in each(link, call.StartTransaction):
        await link.try_to_ask("ClearCache", {})


async def want_diagnostics_anywhere(link: Session) -> None:
    """GetDiagnostics to one impossible place after the other, without a second try."""
    await until_told(link)
    for location in NOWHERE:
        seen = len(link.log.calls)
        answer = await link.try_to_ask("GetDiagnostics", {"location": location, "retries": 0})
        if answer and answer.get("fileName"):
            await link.log.message(
                call.DiagnosticsStatusNotification, lambda told: told.status != "Uploading", since=seen
            )


async def ask_two_at_once(link: Session) -> None:
    """Two CALLs at once while a transaction message of the charge point waits for its answer."""
    async for _ in each(link, (call.StartTransaction, call.StopTransaction)):
        schedule = {"connectorId": 1, "duration": 60}
        await link.requests.ask_together([("GetConfiguration", {}), ("GetCompositeSchedule", schedule)])


async def cross(link: Session) -> None:
    """A CALL that crosses every other one of the charge point of the same kind."""
    counts = Counter[type]()
    async for message in each(link, CROSSED):
        counts[type(message)] += 1
        if counts[type(message)] % 2:
            await get_configuration(link, "HeartbeatInterval")
