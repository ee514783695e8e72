"""`cpd run`: the daemon, in the foreground."""

import gc
import logging
import os
from pathlib import Path

import click

from cpd.cli.client_command import config_path

log = logging.getLogger(__name__)


@click.command("run")
@click.option(
    "--config", metavar="FILE", help="Configuration (CPD_CONFIG, /etc/cpd/cpd.toml).", type=click.Path()
)
@click.pass_context
def run(ctx: click.Context, config: str | None) -> int:
    """Run the daemon until it is told to stop.

    \b
    cpd run
    cpd run --config ./cpd.toml

    Exits 2 where the file has mistakes, or a device or the guard is not there, and 64 where the machine is to be
    restarted.
    """
    # Loading makes no garbage, and what is loaded stays: a collector that searched all of it time and again would
    # hold the event loop up for ten milliseconds.
    gc.disable()
    from cpd.daemon import run as run_daemon
    from cpd.errors import CpdError, SettingsError
    from cpd.systemd import logging_as_a_service
    from hal.errors import DeviceUnavailable, GuardUnavailable, HalError

    gc.freeze()
    gc.enable()
    file = Path(config_path(ctx, config))
    with logging_as_a_service() as writer:
        status = 0
        try:
            status = run_daemon(file)
        except* (SettingsError, DeviceUnavailable, GuardUnavailable) as mistakes:
            _complain(mistakes)
            status = 2
        except* (CpdError, HalError) as failures:
            _complain(failures)
            status = 1
        # The boundary of the process: whatever it is, the outlets are safe and systemd starts the next one.
        except* Exception:
            log.exception("daemon ended by a bug, every outlet is safe")
            status = 1
    if writer is not None and writer.is_alive():
        # Nobody reads the log: an orderly end would wait for them for ever, and what the status asks for be lost.
        os._exit(status)
    return status


def _complain(failures: BaseExceptionGroup[Exception]) -> None:
    """One message for each failure, however deep the tasks that failed were nested."""
    for failure in failures.exceptions:
        if isinstance(failure, BaseExceptionGroup):
            _complain(failure)
        else:
            click.echo(failure, err=True)
