"""Acts upon the mock's world that come as values."""

from typing import assert_never

from hal.boards.mock.world import MockWorld
from hal.world_acts import Break, Deceive, PlugIn, PlugOut, PressStop, Swipe, TurnMeter, Wish, WorldAct


def perform(world: MockWorld, act: WorldAct) -> None:
    """Do *act* in *world*; raises `ValueError` where it is not possible."""
    match act:
        case PlugIn():
            if act.cable_a is None:
                world.plug_in(act.connector)
            else:
                world.plug_in(act.connector, act.cable_a)
        case PlugOut(connector=connector):
            world.plug_out(connector)
        case Wish():
            world.ev(
                act.connector,
                ready=act.ready,
                max_current_a=act.max_current_a,
                phases=act.phases,
                ventilation=act.ventilation,
                personality=act.personality,
            )
        case Swipe(id_tag=id_tag, connector=connector_or_all):
            world.swipe(id_tag, connector_or_all)
        case PressStop(connector=connector):
            world.press_stop(connector)
        case Break(connector=connector, kind=kind, active=active):
            world.fault(connector, kind, active)
        case Deceive(connector=connector, defect=defect, active=active):
            world.deceive(connector, defect, active)
        case TurnMeter(connector=connector, energy_wh=energy_wh, voltage_v=voltage_v):
            world.meter(connector, energy_wh=energy_wh, voltage_v=voltage_v)
        case _:
            assert_never(act)
