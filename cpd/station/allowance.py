"""The energy that a driver still gets after the CSMS has refused them within their transaction.

OCPP 1.6 §4.8: so that the vehicle is able to drive away; the key MaxEnergyOnInvalidId says how much.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from cpd.clock import Clock
from cpd.domain.metering import energy_lasts_s
from cpd.station.connector import ConnectorTask
from cpd.station.ledger import Ledger
from cpd.station.signal import Signal

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""A register is looked at this often at least, because the offer may rise meanwhile."""

STOPPING_S = 8.0
"""What flows this long is set aside: the vehicle has 6 s to stop drawing, and the register is a second old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Allowed:
    local_id: str
    until_wh: int


class Allowances:
    """Counts the energy of the transactions that may take a little more, and calls *spent* when it runs out."""

    def __init__(
        self,
        connectors: Mapping[int, ConnectorTask],
        *,
        ledger: Ledger,
        clock: Clock,
        nominal_v: Mapping[int, int],
        spent: Callable[[ConnectorTask], Awaitable[None]],
    ) -> None:
        self._connectors = connectors
        self._ledger = ledger
        self._clock = clock
        self._nominal_v = nominal_v
        self._spent = spent
        self._allowed: dict[int, _Allowed] = {}
        self._begun = Signal()

    async def begin(self, task: ConnectorTask, energy_wh: int) -> None:
        """The transaction of *task* may take *energy_wh* from now on, and no more."""
        transaction, meter = task.transaction, task.evse.snapshot().meter
        if transaction is None or meter is None or energy_wh == 0:
            await self._spent(task)
            return
        log.info("transaction connector=%d goes on for energy_wh=%d", task.id, energy_wh)
        until_wh = meter.energy_wh + energy_wh
        self._allowed[task.id] = _Allowed(local_id=transaction.local_id, until_wh=until_wh)
        self._begun.fire()

    async def run(self) -> None:
        """Watch the registers for ever, while there is anything to watch."""
        while True:
            while not self._allowed:
                await self._begun.wait()
            await self._look()
            if self._allowed:
                await self._clock.sleep(LOOK_S)

    async def _look(self) -> None:
        for connector, allowed in list(self._allowed.items()):
            task = self._connectors[connector]
            running = task.transaction
            ended = running is None or running.stop_reason is not None or running.local_id != allowed.local_id
            if ended or self._lasts_s(task, allowed) <= STOPPING_S:
                del self._allowed[connector]
                if not ended:
                    await self._spent(task)

    def _lasts_s(self, task: ConnectorTask, allowed: _Allowed) -> float:
        """How long the rest lasts if all that is offered is taken."""
        outlet = task.evse.snapshot()
        if outlet.meter is None:
            return 0.0
        offered_w = outlet.offer_ma * outlet.phases * self._nominal_v[task.id] // 1_000
        return energy_lasts_s(
            allowed.until_wh - outlet.meter.energy_wh, max(offered_w, outlet.meter.power_w or 0)
        )
