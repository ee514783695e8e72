"""When a guard counts as silent."""

import asyncio

from hal.wire.link import Link
from hal.wire.messages import SILENCE_S
from tests.hal.bench import virtual


class Wire(asyncio.Transport):
    """A connection on which the test says what comes."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Nobody reads it."""

    def abort(self) -> None:
        """It is gone."""


@virtual
async def test_what_came_while_this_process_was_stopped_is_read_before_the_guard_is_given_up() -> None:
    reasons: list[str] = []
    link = Link(lambda message: None, lambda _, reason: reasons.append(reason))
    link.connection_made(Wire())
    await asyncio.sleep(SILENCE_S + 0.01)
    link.data_received(b'{"')
    await asyncio.sleep(SILENCE_S - 0.01)
    assert reasons == []
    await asyncio.sleep(0.1)
    assert len(reasons) == 1 and reasons[0].startswith("silent for 3")
