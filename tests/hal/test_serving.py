import asyncio

import pytest

from hal.serving import pause, serving
from tests.hal.bench import virtual


async def for_ever() -> None:
    await asyncio.Event().wait()


async def broken() -> None:
    raise ZeroDivisionError


async def break_at_the_end() -> None:
    try:
        await for_ever()
    finally:
        raise KeyError


@virtual
async def test_services_live_as_long_as_the_body() -> None:
    lived: list[str] = []

    async def service(name: str) -> None:
        try:
            await for_ever()
        finally:
            lived.append(name)

    async with serving(service("a"), service("b")):
        await pause(1)
        assert lived == []
    assert lived == ["a", "b"]


@virtual
async def test_a_service_that_fails_ends_the_body_and_is_told_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with serving(broken(), for_ever()):
            await for_ever()


@virtual
async def test_what_the_body_raises_is_told_as_it_is() -> None:
    with pytest.raises(LookupError):
        async with serving(for_ever()):
            raise LookupError


@virtual
async def test_two_failures_are_told_both() -> None:
    with pytest.raises(ExceptionGroup) as told:
        async with serving(break_at_the_end()):
            await pause(1)
            raise LookupError
    assert [type(one) for one in told.value.exceptions] == [KeyError, LookupError]


@virtual
async def test_a_pause_lasts_as_long_as_it_is_told() -> None:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await pause(2.5)
    assert loop.time() - began_s == pytest.approx(2.5)
