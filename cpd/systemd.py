"""The daemon's log under systemd."""

import logging

from hal.systemd import log_to, stderr_handler


def log_to_stderr() -> None:
    """Send the log to standard error."""
    log_to(stderr_handler())
    # The library's own lines repeat what the link says, one by one.
    logging.getLogger("websockets").setLevel(logging.WARNING)
