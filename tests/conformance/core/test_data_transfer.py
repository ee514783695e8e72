"""DataTransfer from the central system (OCPP 1.6 §5.6)."""

import pytest

from tests.conformance.station import Station

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_vendor_that_is_not_known_is_said_to_be_so(idle: Station) -> None:
    for more in ({}, {"messageId": "Hello"}, {"data": "{}"}):
        assert await idle.ask("DataTransfer", more, vendorId="com.example") == {"status": "UnknownVendorId"}


async def test_a_message_of_our_own_that_does_not_exist_is_said_to_be_so(idle: Station) -> None:
    assert await idle.ask("DataTransfer", vendorId="cpd", messageId="Hello") == {"status": "UnknownMessageId"}


async def test_long_data_are_no_reason_to_refuse_the_frame(idle: Station) -> None:
    answer = await idle.ask("DataTransfer", vendorId="com.example", data="x" * 100_000)
    assert answer == {"status": "UnknownVendorId"}
