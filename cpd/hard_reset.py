"""Restarting the machine on a Hard reset: the installer's command, or a word to the service manager."""

import asyncio
import logging
import subprocess
from collections.abc import Sequence

log = logging.getLogger(__name__)

HARD_RESET_STATUS = 64
"""The exit status with which the process asks the service manager to restart the machine."""

LONGEST_S = 60.0
"""How long the command may take; it may as well never return."""


async def reset_machine(command: Sequence[str] | None, *, retries: int) -> int:
    """Run *command*, *retries* times more where it fails; returns the status with which the process is to end.

    Without a command, or where it fails for good, that is `HARD_RESET_STATUS`.
    """
    if command is None:
        return HARD_RESET_STATUS
    for _ in range(retries + 1):
        failure = await asyncio.to_thread(_failure_of, command)
        if failure is None:
            return 0
        log.error("hard reset command %s failed: %s", command[0], failure)
    return HARD_RESET_STATUS


def _failure_of(command: Sequence[str]) -> str | None:
    """Run *command* to its end; what went wrong, None where nothing did."""
    try:
        status = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=LONGEST_S, check=False).returncode
    except OSError as error:
        return str(error)
    except subprocess.TimeoutExpired:
        return f"it did not end within {LONGEST_S:.0f} s"
    return None if status == 0 else f"exit status {status}"
