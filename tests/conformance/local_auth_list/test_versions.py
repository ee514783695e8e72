"""SendLocalList: which version is kept, and which list is none (OCPP 1.6 §5.15)."""

import pytest

from tests.conformance.local_auth_list.lists import entry, send, version
from tests.conformance.station import Station

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_full_list_has_the_version_that_was_sent_with_it(idle: Station) -> None:
    assert await send(idle, 5, "Full", entry("ONE")) == "Accepted"
    assert await version(idle) == 5


async def test_a_full_list_may_have_any_version(idle: Station) -> None:
    for number in (9, 3):
        assert await send(idle, number, "Full", entry("ONE")) == "Accepted"
        assert await version(idle) == number


async def test_a_differential_list_of_no_later_version_is_a_version_mismatch(idle: Station) -> None:
    await send(idle, 5, "Full", entry("ONE"))
    for number in (5, 4):
        assert await send(idle, number, "Differential", entry("TWO")) == "VersionMismatch"
    assert await version(idle) == 5


async def test_a_list_with_an_idtag_twice_is_failed_and_changes_nothing(idle: Station) -> None:
    await send(idle, 1, "Full", entry("ONE"))
    assert await send(idle, 2, "Full", entry("TWO"), entry("two")) == "Failed"
    assert await version(idle) == 1


async def test_a_full_list_with_an_entry_without_a_status_is_failed(idle: Station) -> None:
    await send(idle, 1, "Full", entry("ONE"))
    assert await send(idle, 2, "Full", entry("ONE"), entry("TWO", None)) == "Failed"
    assert await version(idle) == 1
