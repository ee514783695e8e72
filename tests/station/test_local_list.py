"""The local authorization list where the store, or a key, stands in its way."""

from pathlib import Path

import pytest

from cpd.domain.authorization import AuthorizationStatus, IdTagInfo
from cpd.domain.local_list import ListedTag, ListUpdate, UpdateOutcome
from cpd.errors import StorageError
from tests.hal.bench import virtual
from tests.station.bench import Bench, bench

GOOD = IdTagInfo(status=AuthorizationStatus.ACCEPTED)
BLOCKED = IdTagInfo(status=AuthorizationStatus.BLOCKED)


def listing(version: int, info: IdTagInfo = GOOD) -> ListUpdate:
    return ListUpdate(version=version, full=True, tags=(ListedTag(id_tag="TAG", info=info),))


def station_error(here: Bench) -> str:
    return here.station.reports[0].error_code


@virtual
async def test_what_the_store_refuses_has_failed_and_the_list_before_holds(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        assert await here.station.local_list.update(listing(1)) is UpdateOutcome.ACCEPTED
        here.store.failures = 1
        assert await here.station.local_list.update(listing(2, BLOCKED)) is UpdateOutcome.FAILED
        assert await here.station.local_list.version() == 1
        here.csms.online = False
        assert await here.station.authorizer.decide("TAG") == GOOD


@virtual
async def test_a_version_that_cannot_be_read_is_not_made_up(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.store.failures = 1
        with pytest.raises(StorageError):
            await here.station.local_list.version()


@virtual
async def test_a_list_that_is_switched_off_is_contradicted_by_nobody(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        await here.station.local_list.update(listing(1, BLOCKED))
        here.csms.knows("TAG")
        await here.station.authorizer.decide("TAG")
        assert station_error(here) == "LocalListConflict"
        await here.station.configuration.change("LocalAuthListEnabled", "false", "csms")
        await here.clock.sleep(1)
        assert station_error(here) == "NoError"


@virtual
async def test_another_transaction_of_a_listed_card_contradicts_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        await here.station.local_list.update(listing(1))
        here.csms.answers["TAG"] = IdTagInfo(status=AuthorizationStatus.CONCURRENT_TX)
        assert await here.station.authorizer.decide("TAG") == "refused"
        assert station_error(here) == "NoError"
