"""What the central system has booked: each transaction once, and how often it was told of it.

It judges what the messages say of energy and time; what is wrong goes to `report`. It knows no frames.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True, kw_only=True)
class BookedTransaction:
    """One transaction. *starts* and *stops* count the messages: more than 1 is a repetition.

    *stop_refused*: a StopTransaction came and was answered with an error, so that it is not the charge point's
    fault if the transaction stays open.
    """

    id: int
    connector: int
    id_tag: str
    started_at: datetime
    meter_start_wh: int
    last_meter_wh: int
    meter_values: int = 0
    stopped_at: datetime | None = None
    meter_stop_wh: int | None = None
    reason: str | None = None
    stop_id_tag: str | None = None
    starts: int = 1
    stops: int = 0
    stop_refused: bool = False

    @property
    def open(self) -> bool:
        """True until a StopTransaction came."""
        return self.stopped_at is None

    @property
    def energy_wh(self) -> int:
        """What is booked: up to the stop, or to the last meter value."""
        return self.last_meter_wh - self.meter_start_wh


class Ledger:
    """The transactions of one charge point in the order of their start."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self.transactions: list[BookedTransaction] = []
        self._report = report
        self._registers_wh: dict[int, int] = {}
        self._metered: set[tuple[int, int | None, int | None, datetime]] = set()

    def start(
        self,
        *,
        transaction_id: Callable[[], int],
        connector: int,
        id_tag: str,
        started_at: datetime,
        meter_start_wh: int,
    ) -> BookedTransaction:
        """Book a start. The same message again is the same transaction; only a new one asks for an id."""
        for known in self.transactions:
            same_place = (known.connector, known.id_tag) == (connector, id_tag)
            if same_place and (known.started_at, known.meter_start_wh) == (started_at, meter_start_wh):
                known.starts += 1
                return known
        if any(one.open and not one.stop_refused and one.connector == connector for one in self.transactions):
            self._report(f"StartTransaction on connector {connector}, whose transaction is still open")
        self._read(connector, meter_start_wh, "meterStart")
        booked = BookedTransaction(
            id=transaction_id(),
            connector=connector,
            id_tag=id_tag,
            started_at=started_at,
            meter_start_wh=meter_start_wh,
            last_meter_wh=meter_start_wh,
        )
        self.transactions.append(booked)
        return booked

    def meter(
        self, *, connector: int, transaction_id: int | None, register_wh: int | None, at: datetime
    ) -> None:
        """Book one set of meter values, with the energy register where it carries one; the same again is no news."""
        values = (connector, transaction_id, register_wh, at)
        if values in self._metered:
            return
        self._metered.add(values)
        if register_wh is not None:
            self._read(connector, register_wh, "MeterValues")
        if transaction_id is None:
            return
        booked = self._named(transaction_id, connector)
        if booked is None:
            self._report(f"MeterValues of transaction {transaction_id}, unknown on connector {connector}")
            return
        if not booked.open:
            self._report(f"MeterValues of transaction {transaction_id} after its StopTransaction")
        booked.meter_values += 1
        if register_wh is not None:
            booked.last_meter_wh = max(booked.last_meter_wh, register_wh)

    def stop(
        self,
        *,
        transaction_id: int,
        stopped_at: datetime,
        meter_stop_wh: int,
        reason: str | None,
        id_tag: str | None,
    ) -> BookedTransaction | None:
        """Book a stop; None where no such transaction is known. Repetitions are only counted."""
        booked = self._named(transaction_id)
        if booked is None:
            self._report(f"StopTransaction of the unknown transaction {transaction_id}")
            return None
        booked.stops += 1
        if not booked.open:
            return booked
        if meter_stop_wh < booked.last_meter_wh:
            last_wh = booked.last_meter_wh
            self._report(
                f"meterStop {meter_stop_wh} Wh of transaction {transaction_id} is below {last_wh} Wh"
            )
        if stopped_at < booked.started_at:
            self._report(f"transaction {transaction_id} stopped before it started")
        self._registers_wh[booked.connector] = max(self._registers_wh[booked.connector], meter_stop_wh)
        booked.stopped_at = stopped_at
        booked.meter_stop_wh = booked.last_meter_wh = meter_stop_wh
        # OCPP 1.6 §6.49: a StopTransaction without a reason means Local.
        booked.reason = reason or "Local"
        booked.stop_id_tag = id_tag
        return booked

    def refuse_stop(self, transaction_id: int) -> None:
        """A stop came, and the central system would not have it."""
        booked = self._named(transaction_id)
        if booked is not None:
            booked.stop_refused = True

    def _named(self, transaction_id: int, connector: int | None = None) -> BookedTransaction | None:
        """The open transaction of this id, else the last one: ids may be given twice."""
        named = [
            booked
            for booked in self.transactions
            if booked.id == transaction_id and connector in (None, booked.connector)
        ]
        return next((booked for booked in named if booked.open), named[-1] if named else None)

    def _read(self, connector: int, register_wh: int, source: str) -> None:
        last_wh = self._registers_wh.get(connector, 0)
        if register_wh < last_wh:
            self._report(f"{source} of connector {connector} runs back from {last_wh} to {register_wh} Wh")
        self._registers_wh[connector] = max(last_wh, register_wh)


def discrepancies(
    booked: Sequence[BookedTransaction], *, id_tags: Sequence[str], moved_wh: int | None, hidden_wh: int = 0
) -> list[str]:
    """What keeps the books of one connector from being exact; empty: every session once, and every Wh once.

    *id_tags* are those of the sessions that were charged, in order; *moved_wh* is what the true register moved
    meanwhile, None where nobody knows. A meter that fails may have kept *hidden_wh* of it for itself.
    """
    faults = []
    if [one.id_tag for one in booked] != list(id_tags):
        told = ", ".join(one.id_tag for one in booked) or "none"
        faults.append(f"charged were {', '.join(id_tags)}; booked are {told}")
    faults += [f"transaction {one.id} of {one.id_tag} is still open" for one in booked if one.open]
    total_wh = sum(one.energy_wh for one in booked)
    if moved_wh is not None and not moved_wh - hidden_wh <= total_wh <= moved_wh:
        faults.append(f"{total_wh} Wh are booked, the register moved {moved_wh} Wh")
    for before, after in itertools.pairwise(booked):
        gap_wh = after.meter_start_wh - before.last_meter_wh
        if gap_wh:
            faults.append(f"{gap_wh} Wh between {before.id_tag} and {after.id_tag} are nobody's")
    return faults
