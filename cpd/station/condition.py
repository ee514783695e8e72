"""What is said of one connector: its status for the CSMS, and since when which causes keep it from charging.

It watches for changes and dates them; what the status and the causes are is decided in the domain.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from cpd.domain.blockers import Blocker, Cause, Situation, causes_of
from cpd.domain.connector_status import ERROR_CODES, NO_ERROR, ConnectorStatus, status_of
from cpd.domain.transactions import Moment
from cpd.station.csms import ConnectorReport, Csms
from cpd.station.signal import Signal
from cpd.station.timebase import Timebase

log = logging.getLogger(__name__)

ANSWER_S = 10.0
"""How long a vehicle may take to answer an offer before its connector is called SuspendedEV."""

_SETTLES_FROM = (ConnectorStatus.PREPARING, ConnectorStatus.SUSPENDED_EVSE)


class Condition:
    """The condition of one connector as it was last looked at; *changed* fires after each look."""

    def __init__(self, connector: int, *, csms: Csms, timebase: Timebase, changed: Signal) -> None:
        self._connector = connector
        self._csms = csms
        self._timebase = timebase
        self._changed = changed
        self._causes: tuple[Cause, ...] = ()
        self._since: dict[str, Moment] = {}
        self._offering_since_s: float | None = None
        self._settling_from: ConnectorStatus | None = None
        self.report = ConnectorReport(
            connector=connector,
            status=ConnectorStatus.AVAILABLE,
            error_code=NO_ERROR,
            info=None,
            since=timebase.moment(),
        )

    @property
    def deadline_s(self) -> float | None:
        """When the status changes by itself (monotonic), None where it does not."""
        if self._offering_since_s is None or self._settling_from is None:
            return None
        return self._offering_since_s + ANSWER_S

    def look(self, situation: Situation, offering_since_s: float | None) -> None:
        """Work out status and causes anew; a change of the status is a fact for the CSMS.

        *offering_since_s*: since when current is offered without a break (monotonic), None while none is.
        """
        status = self._status(situation, offering_since_s)
        fault = situation.outlet.opening_fault or next(iter(situation.outlet.faults), None)
        error_code = NO_ERROR if fault is None else ERROR_CODES[fault.kind]
        self._date_causes(situation)
        info = self._causes[0].code if self._causes else None
        if (status, error_code) != (self.report.status, self.report.error_code):
            self.report = ConnectorReport(
                connector=self._connector,
                status=status,
                error_code=error_code,
                info=info,
                since=self._timebase.moment(),
            )
            log.info("status connector=%d status=%s error=%s", self._connector, status, error_code)
            self._csms.status_changed(self.report)
        elif info != self.report.info:
            # A new cause is no new status: it goes along with the next one, or when the CSMS asks.
            self.report = replace(self.report, info=info)
        self._changed.fire()

    def blockers(self, situation: Situation) -> tuple[Blocker, ...]:
        """Why this connector is not charging in *situation*, the primary cause first, each since when it stands.

        The meter tells of no change, so what depends on its reading is dated when somebody asks.
        """
        self._date_causes(situation)
        return tuple(
            Blocker(
                code=cause.code,
                since=self._timebase.date(self._since[cause.code]),
                until=self._end_of(cause),
                constraint=cause.constraint,
                evidence=cause.evidence,
                next_step=cause.next_step,
            )
            for cause in self._causes
        )

    def _date_causes(self, situation: Situation) -> None:
        moment = self._timebase.moment()
        self._causes = causes_of(situation)
        self._since = {cause.code: self._since.get(cause.code, moment) for cause in self._causes}

    def _status(self, situation: Situation, offering_since_s: float | None) -> ConnectorStatus:
        if offering_since_s != self._offering_since_s:
            self._settling_from = self.report.status if self.report.status in _SETTLES_FROM else None
            self._offering_since_s = offering_since_s
        if self.deadline_s is not None and self._timebase.clock.monotonic_s() >= self.deadline_s:
            self._settling_from = None
        status = status_of(
            pilot=situation.outlet.pilot,
            contactor=situation.outlet.contactor,
            faulted=situation.outlet.opening_fault is not None,
            operative=situation.operative,
            authorised=situation.authorised,
            in_transaction=situation.in_transaction,
            ending=situation.stopping,
            ended=situation.ended,
            offering=offering_since_s is not None,
            settling_from=self._settling_from,
        )
        if status is ConnectorStatus.CHARGING:
            self._settling_from = None
        return status

    def _end_of(self, cause: Cause) -> datetime | None:
        if cause.until_s is not None:
            ahead_s = cause.until_s - self._timebase.clock.monotonic_s()
            return self._timebase.clock.now() + timedelta(seconds=ahead_s)
        return self._timebase.wall_time(cause.limit_until_s)
