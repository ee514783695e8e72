"""One idle charger for all tests of a file that ask for `idle`; each finds it without a profile."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.conformance.smart_charging.profiles import clear, without_profiles
from tests.conformance.station import Station


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def charger_of_the_file(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Station]:
    """Two connectors of 32 A, and no vehicle."""
    async with without_profiles(tmp_path_factory.mktemp("profiles")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def idle(charger_of_the_file: Station) -> Station:
    """The charger of the file, and nothing on it of the test before."""
    await clear(charger_of_the_file)
    return charger_of_the_file
