"""The local authorization list: changed by the CSMS alone, kept before it is answered, read from the store.

It also knows where the CSMS has contradicted the list, of which the CSMS is told (OCPP 1.6 §3.5.2).
"""

import logging
from collections.abc import Callable

from cpd.domain.authorization import IdTagInfo, contradicts, shortened
from cpd.domain.local_list import UNSUPPORTED_VERSION, ListUpdate, Refused, UpdateOutcome, refusal_of
from cpd.errors import StorageError
from cpd.station.configuration import Configuration
from cpd.station.repositories import Repositories, Store
from cpd.station.timebase import Timebase

log = logging.getLogger(__name__)

FEATURE_PROFILE = "LocalAuthListManagement"


class LocalList:
    """The list of the station; *changed* is called when a contradiction begins, or the last one is gone."""

    def __init__(
        self, store: Store, configuration: Configuration, timebase: Timebase, *, changed: Callable[[], None]
    ) -> None:
        self._store = store
        self._configuration = configuration
        self._timebase = timebase
        self._changed = changed
        self._contradicted: set[str] = set()

    @property
    def enabled(self) -> bool:
        """True where the list counts."""
        variables = self._configuration.variables
        return variables.serves(FEATURE_PROFILE) and variables.boolean("LocalAuthListEnabled")

    @property
    def contradicted(self) -> bool:
        """True while the CSMS has said of an idTag that it is good, or is not, where its list says otherwise."""
        return self.enabled and bool(self._contradicted)

    async def version(self) -> int:
        """The version of the list: 0 while it is empty, -1 while it is not enabled. Raises `StorageError`."""
        if not self.enabled:
            return UNSUPPORTED_VERSION
        return await self._store.relaxed(lambda repositories: repositories.local_list.version())

    async def update(self, update: ListUpdate) -> UpdateOutcome:
        """Change the list as a whole or not at all; kept, and in force, once this returns ACCEPTED."""
        if not self.enabled:
            return UpdateOutcome.NOT_SUPPORTED
        variables = self._configuration.variables
        most_tags = variables.integer("SendLocalListMaxLength")
        longest = variables.integer("LocalAuthListMaxLength")

        def work(repositories: Repositories) -> Refused | None:
            version = repositories.local_list.version()
            refusal = refusal_of(update, version=version, most_tags=most_tags)
            if refusal is None:
                length = repositories.local_list.apply(update)
                if length > longest:
                    raise _TooLong(f"the list would have {length} idTags, allowed are {longest}")
            return refusal

        try:
            refusal = await self._store.commit(work)
        except _TooLong as error:
            refusal = Refused(outcome=UpdateOutcome.FAILED, reason=str(error))
        except StorageError as error:
            log.error("local list version=%d is refused, the store failed: %s", update.version, error)
            return UpdateOutcome.FAILED
        if refusal is not None:
            log.warning("local list version=%d %s: %s", update.version, refusal.outcome.value, refusal.reason)
            return refusal.outcome
        kind = "full" if update.full else "differential"
        log.info("local list version=%d %s tags=%d", update.version, kind, len(update.tags))
        self._settle(set())
        return UpdateOutcome.ACCEPTED

    def compare(self, id_tag: str, entry: IdTagInfo, answer: IdTagInfo) -> None:
        """The CSMS has given *answer* about an idTag that stands in its list as *entry*."""
        folded = id_tag.casefold()
        if not contradicts(entry, answer, self._timebase.clock.now()):
            self._settle(self._contradicted - {folded})
            return
        log.warning(
            "local list id_tag=%s is %s, the CSMS says %s", shortened(id_tag), entry.status, answer.status
        )
        self._settle(self._contradicted | {folded})

    def _settle(self, contradicted: set[str]) -> None:
        before, self._contradicted = self._contradicted, contradicted
        if bool(before) is not bool(contradicted):
            self._changed()


class _TooLong(Exception):
    """The list would be longer than it may be; raised to undo the change."""
