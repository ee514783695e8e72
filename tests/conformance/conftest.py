"""A charger of its own for each test that does not say more about it, or one for all tests of a file.

A charger is shared where a test asks it something and leaves it as it was; the tests of such a file run in one event
loop (``pytestmark``).
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conformance.station import Station, station
from tests.process.site import Site


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Station]:
    """One connector, booted, and the defaults of everything."""
    async with station(tmp_path) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site_of_the_file(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """Two connectors of 32 A, and no vehicle."""
    async with station(tmp_path_factory.mktemp("idle"), connectors=2) as running:
        yield running.site


@pytest_asyncio.fixture(loop_scope="module")
async def idle(site_of_the_file: Site) -> Station:
    """The charger of the file; what was sent in the tests before is not seen."""
    return Station(site_of_the_file, since=len(site_of_the_file.log.entries))
