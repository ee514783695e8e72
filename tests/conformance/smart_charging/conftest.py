"""The charger of the file, without a profile."""

import pytest_asyncio

from tests.conformance.smart_charging.profiles import clear
from tests.conformance.station import Station


@pytest_asyncio.fixture(loop_scope="module")
async def idle(idle: Station) -> Station:
    """Nothing is on it of the test before."""
    await clear(idle)
    return idle
