"""A charger of its own for each test that does not say more about it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conformance.station import Station, station


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Station]:
    """One connector, booted, and the defaults of everything."""
    async with station(tmp_path) as running:
        yield running
