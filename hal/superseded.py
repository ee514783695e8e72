"""Which event an outlet's reader can do without when it lags behind."""

from collections import deque

from hal.evse import FaultCleared, FaultRaised, OutletEvent


def forget_superseded(backlog: deque[OutletEvent]) -> None:
    """Drop the oldest event of which a later one says more; a fault or a state is never lost that way."""
    later = [_subject(event) for event in backlog]
    for index, subject in enumerate(later):
        if subject in later[index + 1 :]:
            del backlog[index]
            return


def _subject(event: OutletEvent) -> object:
    """What an event is about: of two about the same, the later one is enough."""
    match event:
        case FaultRaised(fault=fault):
            return fault.kind
        case FaultCleared(kind=kind):
            return kind
        case _:
            return type(event)
