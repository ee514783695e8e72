"""`machine.accept`: a person says that the store was put into this machine on purpose."""

from cpd.control.api import DoneDocument
from cpd.control.method import DONE, Caller, Method
from cpd.control.params import Params
from cpd.control.target import ControlRefused, ControlTarget


async def accept(target: ControlTarget, _params: Params, _caller: Caller) -> DoneDocument:
    if not await target.accept_machine():
        raise ControlRefused("refused", "the store belongs to this machine already", "there is nothing to do")
    return DONE


METHODS = {"machine.accept": Method(Params, accept, mutating=True)}
