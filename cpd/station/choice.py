"""Which connector a driver gets: the one that is plugged in and waits, is reserved for them, or theirs already."""

from collections.abc import Mapping

from cpd.domain.reservations import Driver
from cpd.station.connector import ConnectorTask
from cpd.station.reservations import Reservations


class ConnectorChoice:
    """Chooses among all *connectors* of the station."""

    def __init__(self, connectors: Mapping[int, ConnectorTask], reservations: Reservations) -> None:
        self._connectors = connectors
        self._reservations = reservations

    def is_open(self, task: ConnectorTask, driver: Driver) -> bool:
        """True where *driver* may start on *task*, perhaps in the place of leave that nobody has used."""
        return task.startable and self._reservations.admits(task.id, driver)

    def free_for(self, driver: Driver) -> list[ConnectorTask]:
        """The connectors that are open to *driver* and promised to nobody, by number."""
        return [
            task
            for task in self._connectors.values()
            if task.access.authorisation is None and self.is_open(task, driver)
        ]

    def waiting_or_reserved(self, driver: Driver) -> ConnectorTask | None:
        """Of the vehicles that wait, the one at the connector reserved for *driver*, else the last one plugged in.

        Where none waits, the connector that is reserved for *driver*, if one is.
        """
        own, free = self._reservations.connector_of(driver), self.free_for(driver)
        waiting = [task for task in free if task.waits_for_card]
        last = max(waiting, key=lambda task: (task.id == own, task.plug.plugged_at_s or 0.0), default=None)
        return last or next((task for task in free if task.id == own), None)

    def for_card(self, connector: int | None, driver: Driver) -> ConnectorTask | None:
        """The connector that a card starts, at the reader of *connector* or of all; None: none that stands yet."""
        if connector is None and len(self._connectors) > 1:
            return self.waiting_or_reserved(driver) or self._given(driver)
        task = next(iter(self._connectors.values())) if connector is None else self._connectors.get(connector)
        return task if task is not None and self.is_open(task, driver) else None

    def _given(self, driver: Driver) -> ConnectorTask | None:
        """The connector that *driver* was given before, and has not used: nobody gets a second one by one card."""
        own = (task for task in self._connectors.values() if task.access.leave_of(driver.id_tag) is not None)
        return next((task for task in own if self.is_open(task, driver)), None)
