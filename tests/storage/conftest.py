"""A store on disk, and values to keep in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cpd.storage.database import Database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cpd.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Database]:
    async with Database.open(path) as opened:
        yield opened
