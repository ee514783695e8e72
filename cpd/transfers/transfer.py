"""Fetching and sending a file off the event loop: whole or not at all, and given up at once where nobody waits."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Final

from cpd.transfers.location import Location, TransferFailed, parse
from cpd.transfers.wire import SILENCE_S, FileSink, Patience, plain_words, tls_context

LONGEST_S: Final = 3 * 3_600.0
"""A server that sends a byte now and then is not waited for longer than this."""


async def fetch(location: str, file: Path, *, ca_file: Path | None, silence_s: float = SILENCE_S) -> None:
    """Fetch a file into the place of *file*, where it survives a power cut. Raises `TransferFailed`."""
    await _aside(lambda patience: _fetch(location, file, ca_file, patience), silence_s)


async def send(
    location: str, name: str, content: bytes, *, ca_file: Path | None, silence_s: float = SILENCE_S
) -> None:
    """Send a file; a location that is a folder gets *name* appended. Raises `TransferFailed`."""
    await _aside(lambda patience: _send(location, name, content, ca_file, patience), silence_s)


async def _aside(work: Callable[[Patience], None], silence_s: float) -> None:
    patience = Patience(silence_s)
    try:
        async with asyncio.timeout(LONGEST_S):
            await asyncio.to_thread(work, patience)
    except TimeoutError as error:
        raise TransferFailed(f"it took longer than {LONGEST_S / 3_600:g} h") from error
    finally:
        patience.give_up()


def _fetch(text: str, file: Path, ca_file: Path | None, patience: Patience) -> None:
    part = file.with_name(f"{file.name}.part")
    try:
        with _in_words(), part.open("wb", buffering=0) as target:
            location = parse(text)
            # Two files may be one too many for the disk.
            file.unlink(missing_ok=True)
            sink = FileSink(target.fileno(), patience)
            _protocol(location).fetch(location, tls_context(ca_file), sink, patience)
            sink.finish()
            os.fsync(target.fileno())
            part.replace(file)
            _sync_folder(file.parent)
    finally:
        with suppress(OSError):
            part.unlink()


def _send(text: str, name: str, content: bytes, ca_file: Path | None, patience: Patience) -> None:
    with _in_words():
        location = parse(text)
        _protocol(location).send(location, tls_context(ca_file), name, content, patience)


def _protocol(location: Location) -> ModuleType:
    # Needed once in months, and slow to import.
    if location.scheme in ("http", "https"):
        from cpd.transfers import http

        return http
    from cpd.transfers import ftp

    return ftp


@contextmanager
def _in_words() -> Iterator[None]:
    """Whatever a server or disk does wrong is a `TransferFailed`."""
    import ftplib
    import http.client

    try:
        yield
    except ftplib.Error as error:
        # The number of the reply; its words may repeat the address.
        raise TransferFailed(f"the server answers {str(error)[:3]}") from error
    except (OSError, EOFError, http.client.HTTPException, ValueError) as error:
        raise TransferFailed(plain_words(error)) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
