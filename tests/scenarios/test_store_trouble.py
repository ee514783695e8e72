"""The disk takes nothing any more: charging goes on within its limits, and nothing is promised that is not kept.

Triggers that another connection lays into the store refuse every write, as a full disk does.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.lab.csms.behaviour import Behaviour, Reaction
from cpd.lab.csms.requests import CallRefused
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
OCPP = "MeterValueSampleInterval = 60"


@contextmanager
def full_disk(here: Site) -> Iterator[None]:
    """The store refuses every write."""
    with closing(sqlite3.connect(here.folder / "cpd.db", isolation_level=None)) as store:
        tables = [
            name
            for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith("sqlite_")
        ]
        names = [
            (f"full_{table}_{act}", table, act) for table in tables for act in ("INSERT", "UPDATE", "DELETE")
        ]
        for name, table, act in names:
            store.execute(
                f"CREATE TRIGGER {name} BEFORE {act} ON {table} BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )
        try:
            yield
        finally:
            for name, _, _ in names:
                store.execute(f"DROP TRIGGER {name}")


def profile(number: int, limit_a: int) -> dict[str, Any]:
    return {
        "charging_profile_id": number,
        "stack_level": number,
        "charging_profile_purpose": "TxDefaultProfile",
        "charging_profile_kind": "Relative",
        "charging_schedule": {
            "charging_rate_unit": "A",
            "charging_schedule_period": [
                {"start_period": 0, "limit": limit_a},
                {"start_period": 900, "limit": limit_a - 2},
            ],
        },
    }


def test_a_session_goes_on_within_its_limits_and_is_metered(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=OCPP) as here:
            assert await here.set_profile(0, **profile(1, 16)) == "Accepted"
            await here.charge(TAG)
            await here.clock.sleep(60)
            with full_disk(here):
                samples = len(here.log.messages(call.MeterValues))
                await here.clock.sleep(600)
                assert here.connector().offer_ma == 16_000
                assert len(here.log.messages(call.MeterValues)) == samples + 10
                await here.clock.sleep(600)
                assert here.connector().offer_ma == 14_000, "the schedule goes on"
                assert here.connector().status == "Charging"

    run_virtual(scenario())


def test_what_cannot_be_kept_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=OCPP) as here:
            await here.charge(TAG)
            with full_disk(here):
                assert await here.set_profile(0, **profile(1, 10)) == "Rejected"
                change = await here.call(call.ChangeConfiguration(key="MeterValueSampleInterval", value="5"))
                assert change.status == "Rejected"
                availability = await here.call(call.ChangeAvailability(connector_id=1, type="Inoperative"))
                assert availability.status == "Rejected"
                await here.refusal("limit", connector=1, current_a=10, for_s=600)
                assert (await here.control("status"))["store"]["failure"] is not None
                assert here.connector().offer_ma == 32_000
                keys = await here.call(call.GetConfiguration(key=["MeterValueSampleInterval"]))
                assert keys.configuration_key[0]["value"] == "60"
            assert await here.set_profile(0, **profile(1, 10)) == "Accepted"
            assert (await here.control("status"))["store"]["failure"] is None

    run_virtual(scenario())


def test_a_session_that_cannot_be_kept_does_not_begin_and_why_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=f"{OCPP}\nConnectionTimeOut = 120") as here:
            with full_disk(here):
                here.world.plug_in(1)
                await here.status("Preparing")
                here.world.swipe(TAG)
                await here.clock.sleep(20)
                assert [one.code for one in here.connector().blockers] == ["STORE_FAILED"]
                assert here.connector().offer_ma == 0
                assert here.connector().outlet.duty_ns is None
                assert (await here.control("why", connector=1))["charging"] is False
            await here.status("Charging")
            (booked,) = here.log.ledger.transactions
            assert booked.starts == 1

    run_virtual(scenario())


@pytest.mark.parametrize("end", ["card", "unplugging", "remote"])
def test_a_stop_is_booked_once_and_as_it_was_when_the_disk_has_room_again(tmp_path: Path, end: str) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=OCPP) as here:
            await here.charge(TAG)
            await here.clock.sleep(100)
            with full_disk(here):
                ended = here.clock.now()
                if end == "card":
                    here.world.swipe(TAG)
                elif end == "unplugging":
                    here.world.plug_out(1)
                else:
                    (running,) = here.log.ledger.transactions
                    with pytest.raises(CallRefused):
                        await here.call(call.RemoteStopTransaction(transaction_id=running.id))
                await here.clock.sleep(10)
                assert here.connector().outlet.contactor == "open"
                meter = here.connector().outlet.meter
                await here.clock.sleep(3_600)
                assert here.log.messages(call.StopTransaction) == []
            (booked,) = await here.stopped()
            reasons = {"card": "Local", "unplugging": "EVDisconnected", "remote": "Remote"}
            assert (booked.stops, booked.reason) == (1, reasons[end])
            assert meter is not None
            assert booked.meter_stop_wh == meter.energy_wh
            assert booked.stopped_at is not None
            assert 0 <= (booked.stopped_at - ended).total_seconds() < 10

    run_virtual(scenario())


def test_what_the_csms_has_answered_is_not_sent_again_for_want_of_room(tmp_path: Path) -> None:
    async def scenario() -> None:
        reactions = {"StartTransaction": Reaction(delay_s=5.0)}
        async with site(tmp_path, ocpp=OCPP, behaviour=Behaviour(reactions=reactions)) as here:
            await here.charge(TAG)
            with full_disk(here):
                await here.clock.sleep(600)
                assert here.connector().status == "Charging"
            await here.clock.sleep(30)
            (booked,) = here.log.ledger.transactions
            assert booked.starts == 1
            transaction = here.connector().transaction
            assert transaction is not None
            assert transaction.csms_id == booked.id

    run_virtual(scenario())


def test_without_link_and_room_only_samples_are_lost(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=OCPP) as here:
            await here.charge(TAG)
            await here.clock.sleep(100)
            here.network.cut()
            with full_disk(here):
                await here.clock.sleep(3_600)
                assert here.connector().status == "Charging"
            here.network.up = True
            await here.clock.sleep(600)
            here.world.plug_out(1)
            (booked,) = await here.stopped()
            assert (booked.starts, booked.stops) == (1, 1)

    run_virtual(scenario())
