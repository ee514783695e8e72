"""Whether an idTag may charge: by what is known of it here, or by asking the CSMS, whose answers are remembered."""

import logging

from cpd.domain.authorization import (
    AuthorizationRules,
    AuthorizationStatus,
    CardVerdict,
    Decision,
    IdTagInfo,
    decide,
    shortened,
)
from cpd.errors import StorageError
from cpd.station.configuration import Configuration
from cpd.station.csms import Csms, CsmsUnavailable
from cpd.station.repositories import Store
from cpd.station.timebase import Timebase

log = logging.getLogger(__name__)


class Authorizer:
    """Decides on one idTag at a time, and keeps the authorization cache."""

    def __init__(self, store: Store, configuration: Configuration, csms: Csms, timebase: Timebase) -> None:
        self._store = store
        self._configuration = configuration
        self._csms = csms
        self._timebase = timebase

    async def decide(self, id_tag: str) -> IdTagInfo | CardVerdict:
        """What is known of an accepted idTag, else why it is not."""
        known = await self._known(id_tag)
        now = self._timebase.clock.now()
        decision = decide(online=self._csms.online, known=known, now=now, rules=self._rules)
        if decision is Decision.ASK:
            try:
                info = await self._csms.authorize(id_tag)
            except CsmsUnavailable as reason:
                log.warning("authorize id_tag=%s not answered: %s", shortened(id_tag), reason)
                decision = decide(online=False, known=known, now=now, rules=self._rules)
            else:
                await self.remember(id_tag, info)
                accepted = info.status_at(self._timebase.clock.now()) is AuthorizationStatus.ACCEPTED
                return info if accepted else CardVerdict.REFUSED
        if decision is Decision.ACCEPT:
            return known or IdTagInfo(status=AuthorizationStatus.ACCEPTED)
        refused = known is not None and known.status_at(now) is not AuthorizationStatus.ACCEPTED
        return CardVerdict.REFUSED if refused else CardVerdict.UNKNOWN_OFFLINE

    async def group_of(self, id_tag: str) -> str | None:
        """The parent idTag as the cache has it, else as the CSMS says; None where nobody tells of one (§5.13)."""
        info = await self._known(id_tag) or await self.decide(id_tag)
        return info.parent_id_tag if isinstance(info, IdTagInfo) else None

    async def remember(self, id_tag: str, info: IdTagInfo) -> None:
        """Keep an answer of the CSMS, where the cache is on; ConcurrentTx says nothing of the idTag itself."""
        on = self._configuration.variables.boolean("AuthorizationCacheEnabled")
        if not on or info.status is AuthorizationStatus.CONCURRENT_TX:
            return
        try:
            await self._store.relaxed(lambda repositories: repositories.authorizations.put(id_tag, info))
        except StorageError as error:
            log.error("authorization cache cannot be written: %s", error)

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
    def _rules(self) -> AuthorizationRules:
        variables = self._configuration.variables
        return AuthorizationRules(
            local_pre_authorize=variables.boolean("LocalPreAuthorize"),
            local_authorize_offline=variables.boolean("LocalAuthorizeOffline"),
            allow_offline_for_unknown=variables.boolean("AllowOfflineTxForUnknownId"),
            cache_enabled=variables.boolean("AuthorizationCacheEnabled"),
        )

    async def _known(self, id_tag: str) -> IdTagInfo | None:
        if not self._configuration.variables.boolean("AuthorizationCacheEnabled"):
            return None
        try:
            return await self._store.relaxed(lambda repositories: repositories.authorizations.get(id_tag))
        except StorageError as error:
            log.error("authorization cache cannot be read: %s", error)
            return None
