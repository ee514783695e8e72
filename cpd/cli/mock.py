"""`cpd mock`: plug, swipe, stop, break and meter the simulated hardware."""

import math
from collections.abc import Callable

import click

from cpd.cli.arguments import connectors, defects, fault_kinds, personalities
from cpd.cli.client_command import Session, client_command, client_group


def _quantity(unit: str) -> Callable[[str], float]:
    """A number that may carry its unit: ``16``, ``16A``, ``16 A``."""

    def amount(text: str) -> float:
        try:
            value = float(text.strip().lower().removesuffix(unit.lower()))
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise click.BadParameter(f"{text!r} is not a number of {unit}")
        return value

    return amount


_CONNECTOR = click.IntRange(min=1)


@client_group("mock")
def mock() -> None:
    """Act on the simulated hardware.

    \b
    cpd mock plug-in 1
    cpd mock swipe 04A31F02
    cpd mock fault 1 ground_fault on
    """


@client_command("plug-in", of=mock)
@click.argument("connector", type=_CONNECTOR, metavar="N", shell_complete=connectors)
@click.option("--cable", type=_quantity("A"), metavar="A", help="Ampacity of the cable.")
def plug_in(session: Session, connector: int, cable: float | None) -> int:
    """Plug the EV in.

    \b
    cpd mock plug-in 1
    cpd mock plug-in 1 --cable 20A
    """
    cable_a = int(cable) if cable is not None else None
    return _act(session, "mock.plug_in", {"connector": connector, "cable_a": cable_a})


@client_command("plug-out", of=mock)
@click.argument("connector", type=_CONNECTOR, metavar="N", shell_complete=connectors)
def plug_out(session: Session, connector: int) -> int:
    """Unplug the EV.

    \b
    cpd mock plug-out 1
    cpd mock plug-out 2
    """
    return _act(session, "mock.plug_out", {"connector": connector})


@client_command("ev", of=mock)
@click.argument("connector", type=_CONNECTOR, metavar="N", shell_complete=connectors)
@click.option("--ready/--not-ready", default=None, help="Wants to charge, or is full.")
@click.option("--max", "maximum", type=_quantity("A"), metavar="A", help="The most that it draws.")
@click.option("--phases", type=click.IntRange(1, 3), help="Phases that it uses.")
@click.option("--vent/--no-vent", "ventilation", default=None, help="Asks for it (state D).")
@click.option("--personality", metavar="NAME", help="How it behaves.", shell_complete=personalities)
def ev(
    session: Session,
    connector: int,
    ready: bool | None,
    maximum: float | None,
    phases: int | None,
    ventilation: bool | None,
    personality: str | None,
) -> int:
    """Change what the EV wants.

    \b
    cpd mock ev 1 --not-ready
    cpd mock ev 1 --max 13A --phases 1
    """
    wishes = {
        "ready": ready,
        "max_current_a": maximum,
        "phases": phases,
        "ventilation": ventilation,
        "personality": personality,
    }
    return _act(session, "mock.ev", {"connector": connector, **wishes})


@client_command("swipe", of=mock)
@click.argument("tag")
@click.argument("connector", type=_CONNECTOR, required=False, metavar="[N]", shell_complete=connectors)
def swipe(session: Session, tag: str, connector: int | None) -> int:
    """Present a card.

    \b
    cpd mock swipe 04A31F02
    cpd mock swipe 04A31F02 1
    """
    return _act(session, "mock.swipe", {"id_tag": tag, "connector": connector})


@client_command("stop-button", of=mock)
@click.argument("connector", type=_CONNECTOR, metavar="N", shell_complete=connectors)
def stop_button(session: Session, connector: int) -> int:
    """Press the stop button.

    \b
    cpd mock stop-button 1
    cpd mock stop-button 2
    """
    return _act(session, "mock.stop_button", {"connector": connector})


@client_command("fault", of=mock)
@click.argument("connector", type=_CONNECTOR, metavar="N", shell_complete=connectors)
@click.argument("kind", shell_complete=fault_kinds)
@click.argument("active", type=click.Choice(["on", "off"]), metavar="on|off")
def fault(session: Session, connector: int, kind: str, active: str) -> int:
    """Raise a fault, or take its cause away.

    \b
    cpd mock fault 1 ground_fault on
    cpd mock fault 1 ground_fault off
    """
    return _act(session, "mock.fault", {"connector": connector, "kind": kind, "active": active == "on"})


@client_command("deceive", of=mock)
@click.argument("connector", type=_CONNECTOR, metavar="N", shell_complete=connectors)
@click.argument("defect", shell_complete=defects)
@click.argument("active", type=click.Choice(["on", "off"]), metavar="on|off")
def deceive(session: Session, connector: int, defect: str, active: str) -> int:
    """Let a part say what is not so.

    \b
    cpd mock deceive 1 meter_frozen on
    cpd mock deceive 1 reader_bounces on
    """
    return _act(session, "mock.deceive", {"connector": connector, "defect": defect, "active": active == "on"})


@client_command("meter", of=mock)
@click.argument("connector", type=_CONNECTOR, metavar="N", shell_complete=connectors)
@click.option("--energy", type=_quantity("Wh"), metavar="WH", help="The register.")
@click.option("--voltage", type=_quantity("V"), metavar="V", help="Mains voltage.")
def meter(session: Session, connector: int, energy: float | None, voltage: float | None) -> int:
    """Set the simulated meter.

    \b
    cpd mock meter 1 --energy 12000
    cpd mock meter 1 --voltage 207
    """
    energy_wh = int(energy) if energy is not None else None
    return _act(session, "mock.meter", {"connector": connector, "energy_wh": energy_wh, "voltage_v": voltage})


def _act(session: Session, method: str, params: dict[str, object]) -> int:
    given = {name: value for name, value in params.items() if value is not None}
    session.show(session.call(method, given), "ok")
    return 0
