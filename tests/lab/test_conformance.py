"""Frames and dates as OCPP-J 1.6 wants them; what breaks the rules on a link is in test_central_system."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpd.lab.csms.conformance import NonconformingFrame, date_faults, message_from

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(st.text() | st.binary() | VALUES.map(json.dumps))
def test_whatever_comes_is_a_message_or_nonconforming(text: str | bytes) -> None:
    with suppress(NonconformingFrame):
        message_from(text)


@pytest.mark.parametrize(
    "frame",
    [[2, "1", "Heartbeat", {}], [3, "1", {"a": 1}], [4, "1", "GenericError", "", {}]],
)
def test_the_three_kinds_of_message_are_read(frame: list[object]) -> None:
    message = message_from(json.dumps(frame))
    assert json.loads(message.to_json()) == frame


@pytest.mark.parametrize(
    ("timestamp", "faults"),
    [
        ("2026-03-02T10:00:00Z", 0),
        ("2026-03-02T10:00:00.123456Z", 0),
        ("2026-03-02T10:00:00", 1),
        ("2026-03-02T10:00:00+00:00", 1),
        ("2026-03-02 10:00:00Z", 1),
        ("1970-01-01T00:00:00Z", 1),
        (7, 1),
    ],
)
def test_dates_are_utc_with_z_and_from_a_clock_that_was_set(timestamp: object, faults: int) -> None:
    payload = {"meterValue": [{"timestamp": timestamp, "sampledValue": []}], "value": "1970"}
    assert len(list(date_faults(payload))) == faults


def test_a_binary_frame_is_nonconforming() -> None:
    with pytest.raises(NonconformingFrame, match="binary"):
        message_from(b'[3,"1",{}]')
