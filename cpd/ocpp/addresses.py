"""From the name of a host to a TCP connection: its addresses are looked up, and tried one after the other.

The C library may take a minute where no name server answers, and cannot be interrupted. So each look-up has a thread
of its own, which a process that ends leaves behind; and what is being looked up already is waited for, not asked
twice.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final

Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]
"""As `socket.getaddrinfo` gives it."""

_ADDRESS_S: Final = 4.0
"""How long an address may be silent while there is another one to try …"""
_ADDRESSES_S: Final = 8.0
"""… and all of them but the last together."""


def _system(host: str, port: int) -> list[Address]:
    return [*socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Names:
    """Looks up with *look_up*, by default as the system does; may be shared by several event loops."""

    def __init__(self, look_up: Callable[[str, int], list[Address]] = _system) -> None:
        self._look_up = look_up
        self._asked: dict[tuple[str, int], Future[list[Address]]] = {}

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Those of *host*, for TCP. Raises what `socket.getaddrinfo` does: OSError, UnicodeError."""
        asked = self._asked.get((host, port))
        if asked is None or asked.done():
            self._asked = {key: one for key, one in self._asked.items() if not one.done()}
            asked = self._asked[host, port] = Future()
            # So that nobody who stops waiting takes it from the others.
            asked.set_running_or_notify_cancel()
            work = (asked, host, port)
            threading.Thread(target=self._answer, args=work, name="names", daemon=True).start()
        return await asyncio.wrap_future(asked)

    def _answer(self, asked: Future[list[Address]], host: str, port: int) -> None:
        try:
            found = self._look_up(host, port)
        except (OSError, UnicodeError) as error:
            asked.set_exception(error)
        else:
            asked.set_result(found)


async def first_connected(addresses: Sequence[Address], *, silent_s: float = _ADDRESS_S) -> socket.socket:
    """A connection to the first of *addresses* that takes one; each but the last may be silent for *silent_s*.

    Raises the OSError that tells most: a refusal, else silence (TimeoutError), else what is left.
    """
    share_s = min(silent_s, _ADDRESSES_S / max(1, len(addresses) - 1))
    errors: list[OSError] = []
    for number, (family, kind, protocol, _, address) in enumerate(addresses, 1):
        try:
            fresh = socket.socket(family, kind, protocol)
            return await _connected(fresh, address, share_s if number < len(addresses) else None)
        except OSError as error:
            errors.append(error)
    for telling in (ConnectionRefusedError, TimeoutError, OSError):
        for one in errors:
            if isinstance(one, telling):
                raise one
    raise OSError("the name has no address")


async def _connected(
    fresh: socket.socket, address: tuple[Any, ...], patience_s: float | None
) -> socket.socket:
    """*fresh*, connected to *address*; closed where that fails. Raises OSError."""
    try:
        fresh.setblocking(False)
        async with asyncio.timeout(patience_s):
            await asyncio.get_running_loop().sock_connect(fresh, address)
    except BaseException:
        fresh.close()
        raise
    return fresh
