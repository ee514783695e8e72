"""What completes the words of the command line: the connectors of cpd.toml, and names that cpd has in its tables.

Nothing is asked of the daemon, so that Tab also works while it does not run. Each function is for `shell_complete`
of an argument or an option, and imports what it looks into when it is asked.
"""

from collections.abc import Iterable

import click

from cpd.cli.client_command import config_path


def connectors(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The connectors of cpd.toml; with 0, the station, where the argument takes it. None without a readable file."""
    import tomllib

    given: str | None = None
    asking: click.Context | None = ctx
    while asking is not None and given is None:
        given = asking.params.get("config")
        asking = asking.parent
    try:
        with open(config_path(ctx, given), "rb") as file:  # noqa: PTH123 - see client
            tables = tomllib.load(file).get("connector", [])
    except (OSError, ValueError):
        return []
    station = ["0"] if isinstance(param.type, click.IntRange) and param.type.min == 0 else []
    tables = tables if isinstance(tables, list) else []
    numbers = [str(one["id"]) for one in tables if isinstance(one, dict) and isinstance(one.get("id"), int)]
    return _fitting(station + numbers, incomplete)


def codes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """What `cpd help` explains."""
    from cpd.cli.codes import CODES

    return _fitting(CODES, incomplete.upper())


def fault_kinds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Every fault of an outlet, of its meter or of its reader."""
    from hal.values import FaultKind

    return _fitting(FaultKind, incomplete)


def defects(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """How a simulated part can deceive."""
    from hal.boards.mock.outlet import Defect

    return _fitting(Defect, incomplete)


def personalities(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """How a simulated vehicle can behave."""
    from hal.boards.mock.personalities import PERSONALITIES

    return _fitting(PERSONALITIES, incomplete)


def keys(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The configuration keys of OCPP that are served; they are found in any case of their letters."""
    from cpd.domain.variables import VARIABLES

    return [one.key for one in VARIABLES.values() if one.key.lower().startswith(incomplete.lower())]


def boards(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The boards that `cpd init` knows."""
    from cpd.commissioning.choices import boards as known

    return _fitting((board.name for board in known()), incomplete)


def meter_models(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The energy meters that can be configured."""
    from cpd.commissioning.choices import meter_models as known

    return _fitting(known(), incomplete)


def readers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The kinds of card readers."""
    from cpd.commissioning.choices import READERS

    return _fitting(READERS, incomplete)


def ports(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The serial lines of this machine, and the devices that type as some readers do."""
    from cpd.commissioning.choices import keyboards, serial_ports

    return _fitting([*serial_ports(), *keyboards()], incomplete)


def central_systems(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The central systems that `cpd demo` can meet."""
    from cpd.lab.csms.personalities import PERSONALITIES as known

    return _fitting(known, incomplete)


def vehicles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The vehicles that `cpd demo` can charge."""
    from cpd.lab.vehicles import VEHICLES

    return _fitting(VEHICLES, incomplete)


def _fitting(names: Iterable[str], incomplete: str) -> list[str]:
    return [str(name) for name in names if name.startswith(incomplete)]
