from pathlib import Path

import pytest

from cpd.domain.profiles import RateUnit
from cpd.domain.variables import ChangeOutcome
from cpd.errors import StorageError
from cpd.station.configuration import Configuration
from cpd.station.repositories import StoredVariable
from cpd.storage.database import Database
from tests.hal.bench import virtual
from tests.station.bench import SlowStore

FILE = {"HeartbeatInterval": "600", "VendorKey": "x"}


async def stored(store: SlowStore) -> dict[str, StoredVariable]:
    return dict(await store.relaxed(lambda repositories: repositories.variables.all()))


@virtual
async def test_a_change_is_kept_and_wins_over_the_file_after_a_restart(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "cpd.db") as database:
        store = SlowStore(database)
        configuration = Configuration(store, FILE, {})
        assert await configuration.change("heartbeatinterval", "60", "csms") is ChangeOutcome.ACCEPTED
        assert await configuration.change("VENDORKEY", "y", "local") is ChangeOutcome.ACCEPTED
        assert list(await stored(store)) == ["HeartbeatInterval", "VendorKey"]
        again = Configuration(store, FILE, await stored(store))
        key = again.key("HEARTBEATINTERVAL")
        assert key is not None
        assert (key.key, key.value, key.source, key.file_value) == ("HeartbeatInterval", "60", "csms", "600")
        assert again.variables.text("VendorKey") == "y"


@virtual
async def test_nothing_is_in_force_that_is_not_kept(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "cpd.db") as database:
        store = SlowStore(database)
        configuration = Configuration(store, FILE, {})
        store.failures = 1
        with pytest.raises(StorageError):
            await configuration.change("HeartbeatInterval", "60", "csms")
        assert configuration.variables.integer("HeartbeatInterval") == 600
        assert configuration.key("HeartbeatInterval").source == "file"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("key", "value", "outcome"),
    [
        ("HeartbeatInterval", "0", ChangeOutcome.REJECTED),
        ("NumberOfConnectors", "2", ChangeOutcome.REJECTED),
        ("Bogus", "1", ChangeOutcome.NOT_SUPPORTED),
    ],
)
@virtual
async def test_what_is_refused_writes_nothing(
    tmp_path: Path, key: str, value: str, outcome: ChangeOutcome
) -> None:
    async with Database.open(tmp_path / "cpd.db") as database:
        store = SlowStore(database)
        assert await Configuration(store, FILE, {}).change(key, value, "csms") is outcome
        assert store.commits == 0


@virtual
async def test_a_reset_goes_back_to_the_file(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "cpd.db") as database:
        store = SlowStore(database)
        configuration = Configuration(store, FILE, {})
        await configuration.change("HeartbeatInterval", "60", "local")
        assert await configuration.reset("heartbeatinterval")
        assert configuration.variables.integer("HeartbeatInterval") == 600
        assert await stored(store) == {}
        assert not await configuration.reset("Bogus")


@virtual
async def test_a_kept_value_that_is_none_any_more_leaves_the_files_in_force(tmp_path: Path) -> None:
    kept = {
        "HeartbeatInterval": StoredVariable(value="0", source="csms"),
        "Gone": StoredVariable(value="1", source="csms"),
    }
    async with Database.open(tmp_path / "cpd.db") as database:
        configuration = Configuration(SlowStore(database), FILE, kept)
        key = configuration.key("HeartbeatInterval")
        assert key is not None
        assert (key.value, key.source) == ("600", "file")
        assert configuration.key("Gone") is None


@virtual
async def test_capabilities_are_those_of_the_file(tmp_path: Path) -> None:
    given = {
        "ChargingScheduleAllowedChargingRateUnit": "Power,W, current",
        "ChargeProfileMaxStackLevel": "3",
        "SupportedFeatureProfiles": "Core",
    }
    async with Database.open(tmp_path / "cpd.db") as database:
        capabilities = Configuration(SlowStore(database), given, {}).capabilities
        assert capabilities.allowed_units == (RateUnit.W, RateUnit.A)
        assert capabilities.max_stack_level == 3
        assert not capabilities.smart_charging_enabled


@virtual
async def test_all_keys_are_listed_once_in_their_own_spelling(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "cpd.db") as database:
        names = [entry.key for entry in Configuration(SlowStore(database), FILE, {}).entries()]
        assert names == sorted(set(names), key=str.casefold)
        assert {"HeartbeatInterval", "VendorKey", "MaxChargingProfilesInstalled"} <= set(names)


@virtual
async def test_the_list_follows_every_change(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "cpd.db") as database:
        configuration = Configuration(SlowStore(database), FILE, {})

        def listed() -> str:
            return next(entry.value for entry in configuration.entries() if entry.key == "VendorKey")

        seen = [listed()]
        await configuration.change("VendorKey", "y", "csms")
        seen.append(listed())
        await configuration.reset("VendorKey")
        seen.append(listed())
        assert seen == ["x", "y", "x"]
