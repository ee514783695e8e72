"""What would become of an idTag now, with and without the CSMS, and why: nobody is asked and nothing changes."""

from dataclasses import dataclass
from datetime import datetime

from cpd.domain.authorization import AuthorizationRules, Connection, Decision, Known, Source
from cpd.domain.spellings import Spelling, other_spellings
from cpd.station.authorizer import Authorizer
from cpd.station.configuration import Configuration
from cpd.station.csms import Csms
from cpd.station.local_list import LocalList
from cpd.station.timebase import Timebase


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The decisions on *id_tag* in both cases, and everything that they follow from.

    *connection*: online where the CSMS would be asked at *now*; *has_csms*: one is configured. *list_version* is as
    GetLocalListVersion says. *found*: other spellings of the idTag, and where there is an entry for each. A driver
    whom the CSMS refuses once they charge gets *energy_wh* more, and then the transaction is stopped, or left
    without current, by *stops*.
    """

    id_tag: str
    now: datetime
    connection: Connection
    has_csms: bool
    online: Decision
    offline: Decision
    known: Known
    rules: AuthorizationRules
    list_version: int
    found: tuple[tuple[Spelling, Source], ...]
    stops: bool
    energy_wh: int


class Explaining:
    """Explains what `Authorizer` would decide."""

    def __init__(
        self,
        authorizer: Authorizer,
        local_list: LocalList,
        *,
        configuration: Configuration,
        csms: Csms,
        timebase: Timebase,
    ) -> None:
        self._authorizer = authorizer
        self._local_list = local_list
        self._configuration = configuration
        self._csms = csms
        self._timebase = timebase

    async def explain(self, id_tag: str) -> Explanation:
        """What would become of *id_tag*. Raises `StorageError`."""
        known = await self._authorizer.known(id_tag)
        variables = self._configuration.variables
        return Explanation(
            id_tag=id_tag,
            now=self._timebase.clock.now(),
            connection=self._authorizer.connection,
            has_csms=self._csms.link.url is not None,
            online=self._authorizer.decision(Connection.ONLINE, known),
            offline=self._authorizer.decision(Connection.OFFLINE, known),
            known=known,
            rules=self._authorizer.rules,
            list_version=await self._local_list.version(),
            found=await self._found(id_tag),
            stops=variables.boolean("StopTransactionOnInvalidId"),
            energy_wh=variables.integer("MaxEnergyOnInvalidId"),
        )

    async def _found(self, id_tag: str) -> tuple[tuple[Spelling, Source], ...]:
        found = []
        for spelling in other_spellings(id_tag):
            counting = (await self._authorizer.known(spelling.id_tag)).counting(self._authorizer.rules)
            if counting is not None:
                found.append((spelling, counting[0]))
        return tuple(found)
