"""Charging profiles as central systems in the field write them: each accepted, and in force on the pilot."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hal.iec61851 import current_ma_for
from tests.scenarios.site import STATION, Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A SetChargingProfile.req of 10:00 on 2 March 2026, and what it makes the pilot offer."""

    by: str
    payload: str
    offers_ma: int
    needs_transaction: bool = False


EVCC = """{"connectorId": 1, "csChargingProfiles": {"chargingProfileId": 100, "stackLevel": 10,
    "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Absolute", "chargingSchedule":
    {"startSchedule": "2026-03-02T09:59:00Z", "chargingRateUnit": "A",
    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": %s}]}}}"""

SENT = [
    Sent(by="evcc", payload=EVCC % "16", offers_ma=16_000),
    Sent(by="evcc, to the milliampere", payload=EVCC % "6.999", offers_ma=6_900),
    Sent(by="evcc, for one phase", payload=EVCC % '10, "numberPhases": 1', offers_ma=10_000),
    Sent(by="evcc, to stop", payload=EVCC % "0", offers_ma=0),
    Sent(
        by="evcc, in W",
        payload=(EVCC % "11040").replace('"A"', '"W"'),
        offers_ma=16_000,
    ),
    Sent(
        by="evcc, without a start",
        payload="""{"connectorId": 1, "csChargingProfiles": {"chargingProfileId": 100, "stackLevel": 10,
            "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Relative", "chargingSchedule":
            {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 13}]}}}""",
        offers_ma=13_000,
    ),
    Sent(
        by="Home Assistant, for the station",
        payload="""{"connectorId": 0, "csChargingProfiles": {"chargingProfileId": 8, "stackLevel": 10,
            "chargingProfileKind": "Relative", "chargingProfilePurpose": "ChargePointMaxProfile",
            "chargingSchedule": {"chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 12}]}}}""",
        offers_ma=12_000,
    ),
    Sent(
        by="Home Assistant, for the station in W",
        payload="""{"connectorId": 0, "csChargingProfiles": {"chargingProfileId": 8, "stackLevel": 10,
            "chargingProfileKind": "Relative", "chargingProfilePurpose": "ChargePointMaxProfile",
            "chargingSchedule": {"chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7000}]}}}""",
        offers_ma=10_100,
    ),
    Sent(
        by="Home Assistant, where the station's is refused",
        payload="""{"connectorId": 1, "csChargingProfiles": {"chargingProfileId": 8, "stackLevel": 9,
            "chargingProfileKind": "Relative", "chargingProfilePurpose": "TxDefaultProfile",
            "chargingSchedule": {"chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 14}]}}}""",
        offers_ma=14_000,
    ),
    Sent(
        by="SteVe, for a year",
        payload="""{"connectorId": 0, "csChargingProfiles": {"chargingProfileId": 2, "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Absolute",
            "validFrom": "2026-01-01T00:00:00.000Z", "validTo": "2027-01-01T00:00:00.000Z", "chargingSchedule":
            {"duration": 86400, "startSchedule": "2026-03-02T00:00:00.000Z", "chargingRateUnit": "A",
            "minChargingRate": 6.0, "chargingSchedulePeriod":
            [{"startPeriod": 0, "limit": 20.0, "numberPhases": 3}]}}}""",
        offers_ma=20_000,
    ),
    Sent(
        by="SteVe, each day",
        payload="""{"connectorId": 1, "csChargingProfiles": {"chargingProfileId": 3, "stackLevel": 1,
            "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Recurring",
            "recurrencyKind": "Daily", "chargingSchedule":
            {"duration": 86400, "startSchedule": "2026-01-01T00:00:00.000+01:00", "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}, {"startPeriod": 25200, "limit": 8.0},
            {"startPeriod": 64800, "limit": 16.0}]}}}""",
        offers_ma=8_000,
    ),
    Sent(
        by="SteVe, for the transaction",
        payload="""{"connectorId": 1, "csChargingProfiles": {"chargingProfileId": 4, "transactionId": 1,
            "stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative",
            "chargingSchedule": {"duration": 7200, "chargingRateUnit": "A", "minChargingRate": 0.0,
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11.0}]}}}""",
        offers_ma=11_000,
        needs_transaction=True,
    ),
    Sent(
        by="CitrineOS",
        payload="""{"connectorId": 1, "csChargingProfiles": {"chargingProfileId": 1, "transactionId": 1,
            "stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Absolute",
            "chargingSchedule": {"duration": 3600, "startSchedule": "2026-03-02T10:00:00.123456Z",
            "chargingRateUnit": "W", "chargingSchedulePeriod":
            [{"startPeriod": 0, "limit": 6900, "numberPhases": 3}]}}}""",
        offers_ma=10_000,
        needs_transaction=True,
    ),
    Sent(
        by="Monta, without the transaction's number",
        payload="""{"connectorId": 1, "csChargingProfiles": {"chargingProfileId": 730147, "stackLevel": 1,
            "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Absolute", "chargingSchedule":
            {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 9.7}]}}}""",
        offers_ma=9_700,
        needs_transaction=True,
    ),
    Sent(
        by="Monta, for what comes",
        payload="""{"connectorId": 0, "csChargingProfiles": {"chargingProfileId": 730148, "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Absolute", "chargingSchedule":
            {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 15.5}]}}}""",
        offers_ma=15_500,
    ),
    Sent(
        by="go-e users, with a number on the wrong purpose",
        payload="""{"connectorId": 1, "csChargingProfiles": {"chargingProfileId": 0, "transactionId": 77,
            "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Absolute",
            "recurrencyKind": "Weekly", "chargingSchedule": {"chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7}]}}}""",
        offers_ma=7_000,
    ),
    Sent(
        by="the standard's own example of a day",
        payload="""{"connectorId": 0, "csChargingProfiles": {"chargingProfileId": 100, "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Recurring",
            "recurrencyKind": "Daily", "chargingSchedule":
            {"duration": 86400, "startSchedule": "2013-01-01T00:00Z", "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11000, "numberPhases": 3},
            {"startPeriod": 28800, "limit": 6000, "numberPhases": 3},
            {"startPeriod": 72000, "limit": 11000, "numberPhases": 3}]}}}""",
        offers_ma=8_600,
    ),
    Sent(
        by="an installer, with members of his own",
        payload="""{"connectorId": 0, "csChargingProfiles": {"chargingProfileId": -1, "stackLevel": 3,
            "chargingProfilePurpose": "ChargePointMaxProfile", "chargingProfileKind": "Absolute", "note": "fuse",
            "chargingSchedule": {"startSchedule": "2020-01-01T00:00:00Z", "chargingRateUnit": "A",
            "tariff": null, "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 25, "x": 1}]}}}""",
        offers_ma=25_000,
    ),
]


def offered_ma(here: Site) -> int:
    """What the vehicle reads off the pilot: 0 while it is steady."""
    duty_ns = here.connector().outlet.duty_ns
    return 0 if duty_ns is None else current_ma_for(duty_ns)


async def ask(here: Site, action: str, payload: str) -> Any:
    """Send the text as it is written, as a CALL."""
    return await here.csms.call_raw(STATION, action, json.loads(payload))


async def in_force(here: Site, wanted_ma: int) -> None:
    """On the pilot, and in the answer that central systems read to see whether it worked."""
    assert offered_ma(here) == wanted_ma
    answer = await ask(here, "GetCompositeSchedule", '{"connectorId": 1, "duration": 60}')
    first = answer["chargingSchedule"]["chargingSchedulePeriod"][0]
    assert (answer["status"], first["limit"] * 1_000) == ("Accepted", wanted_ma)


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: sent.by)
def test_it_is_in_force_at_once_while_a_vehicle_charges(tmp_path: Path, sent: Sent) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.charge()
            await here.clock.sleep(10)
            assert offered_ma(here) == 32_000
            assert (await ask(here, "SetChargingProfile", sent.payload))["status"] == "Accepted"
            await in_force(here, sent.offers_ma)
            await here.clock.sleep(1_800)
            await in_force(here, sent.offers_ma)
            assert here.connector().status == ("Charging" if sent.offers_ma else "SuspendedEVSE")

    run_virtual(scenario())


@pytest.mark.parametrize("sent", [one for one in SENT if not one.needs_transaction], ids=lambda sent: sent.by)
def test_it_is_in_force_for_the_session_that_comes_and_after_a_restart(tmp_path: Path, sent: Sent) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as before:
            assert (await ask(before, "SetChargingProfile", sent.payload))["status"] == "Accepted"
        async with site(tmp_path, after=before) as here:
            here.world.plug_in(1)
            here.world.swipe(TAG)
            await here.status("Charging" if sent.offers_ma else "SuspendedEVSE")
            await here.clock.sleep(10)
            await in_force(here, sent.offers_ma)

    run_virtual(scenario())


def test_the_same_id_again_replaces_whatever_purpose_and_connector_it_had(tmp_path: Path) -> None:
    """evcc has one id for all connectors, Home Assistant one for all purposes."""

    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            await here.charge()
            for number, limit_a in enumerate((16, 6, 0, 20, 10)):
                payload = EVCC % limit_a
                if number % 2:
                    payload = payload.replace("TxDefaultProfile", "TxProfile")
                assert (await ask(here, "SetChargingProfile", payload))["status"] == "Accepted"
                await here.clock.sleep(20)
                await in_force(here, limit_a * 1_000)
                assert len(here.daemon.station.ledger.book.profiles) == 1
            other = (EVCC % 7).replace('"connectorId": 1', '"connectorId": 2')
            assert (await ask(here, "SetChargingProfile", other))["status"] == "Accepted"
            await here.clock.sleep(20)
            await in_force(here, 32_000)

    run_virtual(scenario())
