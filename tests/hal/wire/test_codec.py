"""Everything that crosses the wire comes out as it went in, and nothing else comes out."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.evse import CardRead, Offer, OutletEvent, OutletSnapshot
from hal.light import LightSignal
from hal.wire.codec import WireError, coder, decode_line, encode_line
from hal.wire.messages import Content, FromGuard, Hello, Order
from hal.world_acts import WorldAct

TYPES = (
    *get_args(FromGuard),
    *get_args(Content),
    *get_args(OutletEvent),
    *get_args(WorldAct),
    OutletSnapshot,
    CardRead,
    LightSignal,
    Hello,
    Order,
)

st.register_type_strategy(float, st.floats(allow_nan=False))
st.register_type_strategy(
    Offer,
    st.builds(
        Offer,
        current_ma=st.integers(6_000, 80_000),
        phases=st.integers(1, 3),
        valid_for_s=st.floats(0, 3, exclude_min=True),
    ),
)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_type_comes_back_as_it_was(kind: type[Any], data: st.DataObject) -> None:
    value = data.draw(st.from_type(kind))
    line = encode_line(kind, value)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    back = decode_line(kind, line)
    assert back == value
    assert type(back) is kind


@given(st.from_type(Order))
def test_an_order_comes_back_with_the_types_that_it_had(order: Order) -> None:
    back = decode_line(Order, encode_line(Order, order))
    assert repr(back) == repr(order)


@given(st.from_type(Order), st.data())
def test_a_torn_or_altered_line_is_refused_or_a_message_never_anything_else(
    order: Order, data: st.DataObject
) -> None:
    line = bytearray(encode_line(Order, order))
    at = data.draw(st.integers(0, len(line) - 1))
    line[at : at + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    try:
        back = decode_line(Order, bytes(line))
    except WireError:
        return
    assert decode_line(Order, encode_line(Order, back)) == back


HELLO = {"version": 1}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "Hello",
        {},
        {"version": True},
        {"version": 1.0},
        {"version": "1"},
        {"version": None},
        HELLO | {"more": 1},
    ],
)
def test_what_is_no_message_is_refused(document: object) -> None:
    with pytest.raises(WireError):
        decode_line(Hello, json.dumps(document).encode())


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[" * 60_000,
        b"1" * 10_000,
        b'{"version":NaN}',
        b'["Nothing",{}]',
        b'["Wake",{"connector":1},1]',
        b'{"number":1,"sent_at_s":NaN,"content":["Wake",{"connector":1}]}',
        b'{"number":1,"sent_at_s":%s,"content":["Wake",{"connector":1}]}' % (b"1" * 400),
        b'{"number":1,"sent_at_s":1,"content":["Stop",{"connector":1,"reason":"whim"}]}',
        b'{"number":1,"sent_at_s":1,"content":["GiveOffer",{"connector":1,"offer":'
        b'{"current_ma":90000,"phases":1,"valid_for_s":3.0}}]}',
    ],
)
def test_garbage_is_refused_as_such(line: bytes) -> None:
    with pytest.raises(WireError):
        decode_line(Order, line)


@pytest.mark.parametrize("kind", [dict, bytes, int | float, tuple[complex, ...], Hello | int])
def test_a_type_without_a_form_on_the_wire_is_a_mistake_of_ours(kind: Any) -> None:
    with pytest.raises(TypeError):
        coder(kind)
