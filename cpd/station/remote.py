"""What a CSMS may start and stop from afar (OCPP 1.6 §5.11, §5.12)."""

from collections.abc import Mapping

from cpd.domain.profiles import ChargingProfile
from cpd.domain.reservations import Driver
from cpd.domain.transactions import StopReason
from cpd.station.admission import Admission
from cpd.station.authorizer import Authorizer
from cpd.station.configuration import Configuration
from cpd.station.connector import ConnectorTask
from cpd.station.ledger import Ledger
from cpd.station.reservations import Reservations


class Remote:
    """Remote starts and stops; *connectors* are all of the station."""

    def __init__(
        self,
        connectors: Mapping[int, ConnectorTask],
        *,
        ledger: Ledger,
        admission: Admission,
        authorizer: Authorizer,
        reservations: Reservations,
        configuration: Configuration,
    ) -> None:
        self._connectors = connectors
        self._ledger = ledger
        self._admission = admission
        self._authorizer = authorizer
        self._reservations = reservations
        self._configuration = configuration

    async def start(self, id_tag: str, connector: int | None, profile: ChargingProfile | None) -> str | None:
        """Accept a remote start; None when it was accepted, else why not."""
        capabilities = self._configuration.capabilities
        if not capabilities.smart_charging_enabled:
            profile = None
        with_profile = profile is not None
        driver = await self._driver(id_tag, connector)
        target = self._admission.remote_target(connector, driver, with_profile=with_profile)
        if target is None:
            return "no such connector is free for this idTag"
        named = connector is not None or target.id == self._reservations.connector_of(driver)
        waits = named or len(self._connectors) == 1 or target.waits_for_card
        place = target.id if waits else None
        if profile is not None:
            refusal = await self._ledger.hold(profile, place, capabilities)
            if refusal is not None:
                return str(refusal)
            # Another change of the book may have held this one up for seconds.
            if self._admission.remote_target(place, driver, with_profile=with_profile) is None:
                await self._ledger.drop_pending(place)
                return "the connector was taken meanwhile"
        if not self._admission.start_remotely(driver, place, with_profile=with_profile):
            if with_profile:
                await self._ledger.drop_pending(place)
            return "too many requests wait already"
        return None

    async def _driver(self, id_tag: str, connector: int | None) -> Driver:
        """Whom *id_tag* names; of which group is asked only where a reservation depends on it."""
        driver = Driver(id_tag=id_tag)
        if not self._reservations.asks_for_group(connector):
            return driver
        if connector is not None and self._reservations.admits(connector, driver):
            return driver
        return Driver(id_tag=id_tag, parent_id_tag=await self._authorizer.group_of(id_tag))

    async def stop(self, csms_id: int) -> bool:
        """Stop the transaction that the CSMS calls *csms_id*; False where none runs.

        Central systems give a number twice: of several running transactions the newest one is meant.
        """
        named = [one for one in self._ledger.running.values() if one.csms_id == csms_id]
        if not named:
            return False
        newest = max(named, key=lambda one: one.order)
        await self._connectors[newest.connector].stop(StopReason.REMOTE)
        return True
