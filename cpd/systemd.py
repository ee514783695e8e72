"""The daemon's log: under systemd in the journal, elsewhere on standard error."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hal.journal import log_to, reaches_journal, stderr_handler


@contextmanager
def logging_as_a_service() -> Iterator[threading.Thread | None]:
    """Send the log of the body to where it belongs; the journal may wait for the disk, so that is for a thread.

    That thread, where there is one, may outlive the body: see `hal.logging_thread.logging_on_a_thread`.
    """
    # The library's own lines repeat what the link says, one by one.
    logging.getLogger("websockets").setLevel(logging.WARNING)
    if not reaches_journal():
        log_to(stderr_handler())
        yield None
        return
    # On a terminal nobody pays for loading it.
    from hal.logging_thread import logging_on_a_thread

    with logging_on_a_thread("cpd") as writer:
        yield writer


def runtime_directory() -> Path | None:
    """The first RuntimeDirectory= of the service, which is in memory and outlives a crash (systemd.exec(5))."""
    first = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(first) if first else None
