"""`delay.skip`: a person does not want to wait for the random delay of a connector."""

from cpd.control.api import DoneDocument
from cpd.control.method import DONE, Caller, Method, connector_of
from cpd.control.params import ConnectorParams
from cpd.control.target import ControlRefused, ControlTarget


async def skip(target: ControlTarget, params: ConnectorParams, _caller: Caller) -> DoneDocument:
    number = connector_of(target, params.connector).id
    if not target.skip_delay(number):
        raise ControlRefused(
            "refused",
            f"no random delay runs on connector {number}",
            f"cpd why {number} tells what it waits for",
        )
    return DONE


METHODS = {"delay.skip": Method(ConnectorParams, skip, mutating=True)}
