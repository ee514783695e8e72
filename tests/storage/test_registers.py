"""The lifetime register of each connector on disk."""

from cpd.domain.register import Register
from cpd.storage.database import Database


async def put(store: Database, connector: int, register: Register) -> None:
    await store.commit(lambda repositories: repositories.registers.put(connector, register))


async def test_a_register_is_replaced_by_its_next_state(store: Database) -> None:
    first, later = Register(lifetime_wh=2**40, raw_wh=7), Register(lifetime_wh=2**40 + 1, raw_wh=8)
    for connector, register in ((1, first), (2, first), (1, later)):
        await put(store, connector, register)
    assert await store.relaxed(lambda repositories: repositories.registers.all()) == {1: later, 2: first}
