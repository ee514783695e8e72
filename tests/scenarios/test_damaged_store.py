"""The whole daemon starts on a store that is damaged: sessions are booked once, and the charger charges again."""

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from tests.scenarios.site import Site, site
from tests.storage.damage import DAMAGES, PAGE_BYTES, StoreFiles
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
OCPP = "MeterValueSampleInterval = 60\nAllowOfflineTxForUnknownId = true"
PROFILE: dict[str, Any] = {
    "charging_profile_id": 1,
    "stack_level": 0,
    "charging_profile_purpose": "TxDefaultProfile",
    "charging_profile_kind": "Relative",
    "charging_schedule": {
        "charging_rate_unit": "A",
        "charging_schedule_period": [{"start_period": 0, "limit": 10}],
    },
}


async def a_week(folder: Path) -> Site:
    """A profile, a session that the CSMS knows, one that it does not know, and one that the power cut ends."""
    async with site(folder, connectors=2, ocpp=OCPP) as here:
        assert await here.set_profile(0, **PROFILE) == "Accepted"
        await a_session(here)
        await told_everything(here)
        here.network.cut()
        await a_session(here)
        await here.charge(TAG)
        await here.clock.sleep(120)
    return here


async def a_session(here: Site) -> None:
    await here.charge(TAG)
    await here.clock.sleep(120)
    here.world.plug_out(1)
    await here.status("Available")


async def told_everything(here: Site) -> None:
    while here.daemon.station.journal.queued:
        await here.clock.sleep(1)


def store_of(folder: Path) -> Path:
    return folder / "cpd.db"


def lay_zeros(path: Path, page: int) -> None:
    content = bytearray(path.read_bytes())
    content[(page - 1) * PAGE_BYTES : page * PAGE_BYTES] = bytes(PAGE_BYTES)
    path.write_bytes(content)


def root_of(path: Path, table: str) -> int:
    connection = sqlite3.connect(path)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    connection.close()
    return int(page)


@pytest.mark.parametrize("lost", ["header", "journal"])
def test_every_session_is_booked_once_although_the_store_is_damaged(tmp_path: Path, lost: str) -> None:
    async def scenario() -> None:
        before = await a_week(tmp_path)
        path = store_of(tmp_path)
        lay_zeros(path, 1 if lost == "header" else root_of(path, lost))
        async with site(tmp_path, connectors=2, ocpp=OCPP, after=before) as here:
            await told_everything(here)
            booked = here.log.ledger.transactions
            assert [(one.starts, one.stops) for one in booked] == [(1, 1)] * 3
            assert booked[2].reason == "PowerLoss"
            assert [one.profile.id for one in here.daemon.station.ledger.book.profiles] == [1]
            charging = await here.charge(TAG)
            assert charging.offer_ma == 10_000

    run_virtual(scenario())


def test_a_stop_that_was_perhaps_not_delivered_can_be_sent_by_a_technician(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=OCPP) as before:
            await before.charge(TAG)
            await before.clock.sleep(120)
            before.network.cut()
            before.world.plug_out(1)
            await before.status("Available")
        lay_zeros(store_of(tmp_path), root_of(store_of(tmp_path), "journal"))
        async with site(tmp_path, ocpp=OCPP, after=before) as here:
            await here.clock.sleep(60)
            (booked,) = here.log.ledger.transactions
            assert booked.stops == 0
            (lost,) = (await here.control("queue.list", dead=True))["messages"]
            assert (lost["action"], lost["transaction_id"]) == ("StopTransaction", booked.id)
            assert "perhaps not delivered" in lost["last_error"]
            await here.control("queue.retry", id=lost["id"])
            await told_everything(here)
            assert (booked.stops, booked.reason) == (1, "EVDisconnected")

    run_virtual(scenario())


def test_the_technician_and_the_csms_are_told_what_was_damaged(tmp_path: Path) -> None:
    async def scenario() -> None:
        before = await a_week(tmp_path)
        lay_zeros(store_of(tmp_path), root_of(store_of(tmp_path), "journal"))
        async with site(tmp_path, connectors=2, ocpp=OCPP, after=before, forgives=True) as here:
            document = (await here.control("status"))["store"]
            told = [one for one in here.log.messages(call.StatusNotification) if one.connector_id == 0]
            assert [one.info for one in told] == [None, "STORE_DAMAGED"], "the CSMS is told, too"
        assert document["failure"] is None
        assert "journal not whole" in document["damage"]
        assert str(tmp_path / "cpd.db.damaged-1") in document["damage"]
        async with site(tmp_path, connectors=2, ocpp=OCPP, after=before, forgives=True) as here:
            assert (await here.control("status"))["store"]["damage"] is None

    run_virtual(scenario())


@pytest.mark.timeout(1_800)
def test_the_daemon_starts_and_charges_whatever_was_damaged(
    tmp_path: Path, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    seeds = range(100 if request.config.getoption("torture") else 6)

    async def scenario() -> None:
        before = await a_week(tmp_path)
        sound = StoreFiles(database=store_of(tmp_path).read_bytes(), log=b"")
        for seed in seeds:
            chance = random.Random(seed)
            folder = tmp_path / str(seed)
            folder.mkdir()
            chance.choice(DAMAGES[:8])(sound, chance).write(store_of(folder))
            async with site(folder, connectors=2, ocpp=OCPP, after=before, forgives=True) as here:
                await here.charge("ANYBODY", 2)
        record_property("daemons started on a damaged store", len(seeds))

    run_virtual(scenario())


IMPOSSIBLE = {
    "a profile without periods": (
        "UPDATE profiles SET document = json_set(document, '$.schedule.periods', json('[]'))"
    ),
    "a profile that is no JSON": "UPDATE profiles SET document = '{'",
    "a profile with a limit below 0": (
        "UPDATE profiles SET document = json_set(document, '$.schedule.periods[0][1]', -160)"
    ),
    "a profile that begins after the end of time": (
        "UPDATE profiles SET document ="
        " json_set(document, '$.kind', 'Absolute', '$.schedule.start_at_s', 9223372036854775807)"
    ),
    "a profile of an unknown purpose": (
        "UPDATE profiles SET document = json_set(document, '$.purpose', 'TxDefaultProfilf')"
    ),
    "a profile that came before the beginning of time": (
        "UPDATE profiles SET received_at_s = -9223372036854775807"
    ),
    "a running transaction with a meter below 0": (
        "UPDATE transactions SET last_meter_wh = -5 WHERE stopped_boot IS NULL"
    ),
    "a transaction that began at the end of the world": (
        "UPDATE transactions SET started_monotonic_s = 1e300, started_at_us = NULL"
    ),
    "a transaction that began beyond all calendars": (
        "UPDATE transactions SET started_at_us = 9223372036854775807"
    ),
    "a transaction on a connector that is not there": "UPDATE transactions SET connector = 4711",
    "a transaction that ended for an unknown reason": (
        "UPDATE transactions SET stop_reason = 'Boredom' WHERE stopped_boot IS NOT NULL"
    ),
    "a number that OCPP cannot carry": "UPDATE transactions SET csms_id = 9223372036854775807",
    "a fact of an unknown kind": "UPDATE journal SET kind = 'dreamt'",
    "a sample that is no JSON": "UPDATE journal SET sample = 'x' WHERE sample IS NOT NULL",
    "facts without their moment": "UPDATE journal SET created_monotonic_s = 9e999",
    "keys with values that they do not take": (
        "INSERT INTO variables VALUES ('HeartbeatInterval', 'often', 'csms'), ('', '', 'nobody')"
    ),
    "a state that is neither": "INSERT INTO availability VALUES (1, 2, NULL)",
    "a state of a connector that is not there": "INSERT INTO availability VALUES (4711, 0, NULL)",
    "a local limit below 0 for ever": (
        "INSERT INTO local_limits VALUES (1, -5, 9223372036854775807, 'boot', 1e300, NULL)"
    ),
}


@pytest.mark.parametrize("statement", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_rows_that_cannot_be_true_neither_stop_the_charger_nor_vanish(tmp_path: Path, statement: str) -> None:
    async def scenario() -> None:
        before = await a_week(tmp_path)
        rows = change(tmp_path, lambda store: store.execute(statement).rowcount)
        assert rows > 0
        async with site(tmp_path, connectors=2, ocpp=OCPP, after=before, forgives=True) as here:
            await here.charge("ANYBODY", 2)
            await here.clock.sleep(60)
            for method in ("status", "profiles.list", "transactions.list", "queue.list"):
                await here.control(method)
        kept = change(
            tmp_path, lambda store: store.execute("SELECT count(*) FROM transactions").fetchone()[0]
        )
        aside = change(
            tmp_path,
            lambda store: store.execute(
                "SELECT count(*) FROM quarantine WHERE from_table = 'transactions'"
            ).fetchone()[0],
        )
        assert kept + aside == 4

    run_virtual(scenario())


def change(folder: Path, work: Callable[[sqlite3.Connection], int]) -> int:
    """Look at the store, or change it, behind the daemon's back."""
    connection = sqlite3.connect(store_of(folder), isolation_level=None)
    try:
        return work(connection)
    finally:
        connection.close()
