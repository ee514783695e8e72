"""Gives a plug back on request (OCPP 1.6 §5.18): what runs is ended first, and the bolt moves only in the open."""

import asyncio
import logging
from collections.abc import Mapping

from cpd.domain.transactions import StopReason
from cpd.errors import StorageError
from cpd.station.connector import ConnectorTask
from cpd.station.ending import OPENING_S
from cpd.station.signal import Signal
from hal.values import ContactorState, LockState, UnlockResult

log = logging.getLogger(__name__)


class Unlocking:
    """Unlocks the plugs of *connectors*; *changed* fires whenever one of them changes."""

    def __init__(self, connectors: Mapping[int, ConnectorTask], *, changed: Signal) -> None:
        self._connectors = connectors
        self._changed = changed

    async def unlock(self, connector: int) -> UnlockResult:
        """Returns when the bolt is out, or will not move; NOT_SUPPORTED where there is none of that number."""
        task = self._connectors.get(connector)
        if task is None or task.evse.snapshot().lock is LockState.NONE:
            return UnlockResult.NOT_SUPPORTED
        await task.access.drop()
        try:
            async with asyncio.timeout(OPENING_S):
                while task.is_starting:
                    await self._changed.wait()
                await self._stop(task)
                while _is_closed(task):
                    await self._changed.wait()
        except TimeoutError:
            log.warning("unlock connector=%d: the contactor does not open", connector)
        task.give_plug_back()
        result = await task.evse.unlock()
        log.info("unlock connector=%d %s", connector, result)
        return result

    async def _stop(self, task: ConnectorTask) -> None:
        try:
            await task.stop(StopReason.UNLOCK_COMMAND)
        except StorageError as error:
            log.error("stop connector=%d is not kept: %s", task.id, error)


def _is_closed(task: ConnectorTask) -> bool:
    outlet = task.evse.snapshot()
    return (outlet.contactor, outlet.contactor_commanded) != (ContactorState.OPEN, ContactorState.OPEN)
