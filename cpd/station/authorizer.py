"""Whether an idTag may charge: by what is known of it here, or by asking the CSMS, whose answers are remembered."""

import logging

from cpd.domain.authorization import (
    Action,
    AuthorizationKey,
    AuthorizationRules,
    AuthorizationStatus,
    CardVerdict,
    Connection,
    Decision,
    IdTagInfo,
    Known,
    decide,
    shortened,
)
from cpd.errors import StorageError
from cpd.station.configuration import Configuration
from cpd.station.csms import Csms, CsmsUnavailable
from cpd.station.local_list import LocalList
from cpd.station.repositories import Repositories, Store
from cpd.station.timebase import Timebase

log = logging.getLogger(__name__)


class Authorizer:
    """Decides on one idTag at a time, and keeps the authorization cache."""

    def __init__(
        self,
        store: Store,
        configuration: Configuration,
        csms: Csms,
        timebase: Timebase,
        local_list: LocalList,
    ) -> None:
        self._store = store
        self._configuration = configuration
        self._csms = csms
        self._timebase = timebase
        self._local_list = local_list

    async def decide(self, id_tag: str) -> IdTagInfo | CardVerdict:
        """What is known of an accepted idTag, else why it is not."""
        known = await self._usable(id_tag)
        decision = self.decision(self.connection, known)
        if decision.action is Action.ASK:
            try:
                info = await self._csms.authorize(id_tag)
            except CsmsUnavailable as reason:
                log.warning("authorize id_tag=%s not answered: %s", shortened(id_tag), reason)
                decision = self.decision(Connection.UNANSWERED, known)
            else:
                await self.remember(id_tag, info)
                accepted = info.status_at(self._timebase.clock.now()) is AuthorizationStatus.ACCEPTED
                return info if accepted else CardVerdict.REFUSED
        log.info("authorization id_tag=%s %s by=%s", shortened(id_tag), decision.action, decision.source)
        if decision.action is Action.REFUSE:
            return decision.verdict
        return decision.entry or IdTagInfo(status=AuthorizationStatus.ACCEPTED)

    async def group_of(self, id_tag: str) -> str | None:
        """The parent idTag as it is known here, else as the CSMS says; None where nobody tells of one (§5.13)."""
        counting = (await self._usable(id_tag)).counting(self.rules)
        info = await self.decide(id_tag) if counting is None else counting[1]
        return info.parent_id_tag if isinstance(info, IdTagInfo) else None

    async def remember(self, id_tag: str, info: IdTagInfo) -> None:
        """Keep an answer of the CSMS where the cache is on, and hold it against the list, which is not changed by it.

        ConcurrentTx says nothing of the idTag itself.
        """
        if info.status is AuthorizationStatus.CONCURRENT_TX:
            return
        cache, listing = self._caches, self._local_list.enabled

        def work(repositories: Repositories) -> IdTagInfo | None:
            entry = repositories.local_list.get(id_tag) if listing else None
            if entry is None and cache:
                repositories.authorizations.put(id_tag, info)
            return entry

        if not (cache or listing):
            return
        try:
            entry = await self._store.relaxed(work)
        except StorageError as error:
            log.error("authorization cache cannot be written: %s", error)
            return
        if entry is not None:
            self._local_list.compare(id_tag, entry, info)

    async def forget(self) -> bool:
        """Empty the cache, whether it is on or not; False where the store fails."""
        try:
            await self._store.commit(lambda repositories: repositories.authorizations.clear())
        except StorageError as error:
            log.error("authorization cache cannot be cleared: %s", error)
            return False
        log.info("authorization cache cleared")
        return True

    @property
    def connection(self) -> Connection:
        """Whether the CSMS would be asked now."""
        return Connection.ONLINE if self._csms.online else Connection.OFFLINE

    @property
    def rules(self) -> AuthorizationRules:
        """The keys in force, in the order in which they are named to people."""
        variables = self._configuration.variables
        return {key: variables.boolean(key) for key in AuthorizationKey if variables.known(key)}

    def decision(self, connection: Connection, known: Known) -> Decision:
        """What is to be done with an idTag of which *known* is all that is known here."""
        return decide(connection, known, self._timebase.clock.now(), self.rules)

    async def known(self, id_tag: str) -> Known:
        """What list and cache hold about *id_tag*: nothing, where the store cannot be read."""
        try:
            return await self._store.relaxed(
                lambda repositories: Known(
                    listed=repositories.local_list.get(id_tag),
                    cached=repositories.authorizations.get(id_tag),
                )
            )
        except StorageError as error:
            log.error("what is known of an idTag cannot be read: %s", error)
            return Known()

    @property
    def _caches(self) -> bool:
        return self._configuration.variables.boolean("AuthorizationCacheEnabled")

    async def _usable(self, id_tag: str) -> Known:
        """What is known of *id_tag*; a store that may be slow is not asked for what cannot count."""
        return await self.known(id_tag) if self._caches or self._local_list.enabled else Known()
