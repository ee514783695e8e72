"""The guard process: it owns the devices, serves the outlets over a Unix socket, and ends with every contactor open.

The main thread runs one event loop, the safety loop. Nothing on it waits for a disk, a serial line, a terminal or
the other end of the socket.
"""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from hal.composition import hal_config
from hal.errors import ConfigurationWrong, GuardFailed, HalError
from hal.evse import Evse
from hal.guard import Guard, open_guard
from hal.logging_thread import logging_on_a_thread
from hal.output_record import keep_outputs
from hal.realtime import SAFETY_PRIORITY, SERVICE_PRIORITY, prepare_process, prepare_thread
from hal.safe_outputs import make_safe, record_path
from hal.serving import serving
from hal.settings import GuardSettings, load_guard_settings
from hal.systemd import Notifier, watchdog_s_asked
from hal.unix_socket import GUARD_SOCKET, listening
from hal.values import ContactorState, StopReason
from hal.watchdog import fed_watchdog

log = logging.getLogger(__name__)

DEFAULT_CONFIG = "/etc/cpd/cpd.toml"
_HELP_WIDTH = 40

STOPPED, UNEXPECTED, CONFIGURATION = 0, 1, 2
"""The exit statuses: told to stop, a bug, and a configuration or device that somebody has to put right."""

LET_GO_S = 7.0
"""How long a vehicle may take to stop drawing when the guard is told to stop; its outlet opens on it after 6 s."""


def main(arguments: Sequence[str]) -> int:
    """Run the guard until it is told to stop; returns the exit status."""
    path = Path(_parser().parse_args(arguments).config)
    try:
        settings = load_guard_settings(path)
    except ConfigurationWrong as wrong:
        print(wrong, file=sys.stderr)
        return CONFIGURATION
    with logging_on_a_thread("cpd-guard", lambda: prepare_thread(SERVICE_PRIORITY)) as writer:
        status = STOPPED
        try:
            with listening(settings.hal.guard_socket, GUARD_SOCKET) as listener:
                if settings.hal.backend == "gpio" or record_path(settings.hal.guard_socket).exists():
                    # What a killed guard has left running does not wait until meters and readers are open, and may be
                    # no output of this one. Only now, because it could be a living one's.
                    make_safe(path)
                keep_outputs(settings, path)
                asyncio.run(_run(settings, listener))
        except* GuardFailed:
            log.exception("guard failed, every outlet is safe")
            status = UNEXPECTED
        except* HalError as errors:
            for error in _single(errors):
                log.error("%s", error)
            status = CONFIGURATION
        # The boundary of the process: whatever it is, the outlets are safe and systemd starts the next one.
        except* Exception:
            log.exception("guard ended by a bug, every outlet is safe")
            status = UNEXPECTED
    if writer.is_alive():
        os._exit(status)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hal",
        description="Drive the outlets as the guard process of cpd.",
        epilog="python -m hal safe-outputs sets the outputs of a guard that has died.",
        formatter_class=lambda prog: argparse.HelpFormatter(prog, width=_HELP_WIDTH),
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=os.environ.get("CPD_CONFIG") or DEFAULT_CONFIG,
        help=f"configuration (CPD_CONFIG, {DEFAULT_CONFIG})",
    )
    return parser


def _single(errors: BaseExceptionGroup[HalError]) -> list[HalError]:
    """Every error, however deep the tasks that failed were nested."""
    found: list[HalError] = []
    for error in errors.exceptions:
        found += _single(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


async def _run(settings: GuardSettings, listener: socket.socket) -> None:
    """Open the hardware and serve it on *listener* until SIGTERM or SIGINT."""
    loop, stop, notifier = asyncio.get_running_loop(), asyncio.Event(), Notifier(may_wait=False)

    def terminate() -> None:
        stop.set()
        notifier.stopping()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, terminate)
    async with served(settings, listener) as guard:
        with fed_watchdog(notifier, watchdog_s_asked(), lambda: guard.sees):
            notifier.ready()
            notifier.status(f"{settings.hal.backend}, outlets: {len(guard.evses)}")
            log.info("guard ready backend=%s outlets=%s", settings.hal.backend, len(guard.evses))
            await stop.wait()
            log.info("guard stopping")


@asynccontextmanager
async def served(settings: GuardSettings, listener: socket.socket) -> AsyncIterator[Guard]:
    """The hardware of *settings* on this loop, on time as far as the machine permits, served on *listener*.

    At the end nobody commands any more, and the vehicles may stop drawing before the contactors open.
    """
    # Heavy with the wire's messages, and not needed to tell what is wrong with a configuration.
    from hal.wire.server import serve

    asyncio.get_running_loop().set_default_executor(
        ThreadPoolExecutor(2, "hal-disk", initializer=prepare_thread, initargs=(SERVICE_PRIORITY,))
    )
    async with open_guard(hal_config(settings, real_time=True)) as guard:
        prepare_process()
        prepare_thread(SAFETY_PRIORITY)
        async with serving(serve(guard, listener, settings.hal.backend)):
            yield guard
        await _let_go(guard)


async def _let_go(guard: Guard) -> None:
    """Withdraw every offer and wait until no contactor is closed: none is to break a current without need."""
    try:
        async with asyncio.timeout(LET_GO_S), asyncio.TaskGroup() as tasks:
            for evse in guard.evses.values():
                tasks.create_task(_opened(evse))
    except TimeoutError:
        log.warning("vehicles do not let go within=%.0fs, the contactors are opened now", LET_GO_S)


async def _opened(evse: Evse) -> None:
    events = evse.events()
    evse.stop(StopReason.NORMAL)
    while ContactorState.CLOSED in (evse.snapshot().contactor_commanded, evse.snapshot().contactor):
        await anext(events)
