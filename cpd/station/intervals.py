"""The energy of the interval that a meter sample ends (OCPP 1.6 §7.31 Energy.Active.Import.Interval).

Periodic samples of a transaction and those of the clock's grid are two rows of intervals, each without a gap: what
the periodic ones and Transaction.End tell of a transaction adds up to its energy.
"""

from collections.abc import Mapping

from cpd.domain.metering import SampleContext
from cpd.domain.transactions import Transaction


class Intervals:
    """Where the present intervals of each connector began, in Wh of its lifetime register."""

    def __init__(self) -> None:
        self._transactions: dict[int, str] = {}
        self._periodic_wh: dict[int, int] = {}
        self._aligned_wh: dict[int, int] = {}

    def follow(self, running: Mapping[int, Transaction]) -> None:
        """These transactions run, by connector; the first interval of a new one begins at its last known register."""
        for connector, transaction in running.items():
            if self._transactions.get(connector) != transaction.local_id:
                self._periodic_wh[connector] = transaction.last_meter_wh
        self._transactions = {connector: one.local_id for connector, one in running.items()}
        self._periodic_wh = {
            connector: wh for connector, wh in self._periodic_wh.items() if connector in running
        }

    def energy_wh(self, connector: int, context: SampleContext, now_wh: int) -> int | None:
        """What flowed in the interval that a sample of *context* ends with the register at *now_wh*.

        A sample on a grid begins the next interval, any other leaves it as it is. None where nothing began.
        """
        match context:
            case SampleContext.PERIODIC:
                began_wh = self._periodic_wh.get(connector)
                self._periodic_wh[connector] = now_wh
            case SampleContext.CLOCK:
                began_wh = self._aligned_wh.get(connector)
                self._aligned_wh[connector] = now_wh
            case SampleContext.TRIGGER | SampleContext.END:
                began_wh = self._periodic_wh.get(connector, self._aligned_wh.get(connector))
            case SampleContext.BEGIN | SampleContext.INTERRUPTION_BEGIN | SampleContext.INTERRUPTION_END:
                began_wh = None
        return None if began_wh is None else now_wh - began_wh
