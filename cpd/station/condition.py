"""What is said of one connector: its status for the CSMS, and since when which causes keep it from charging.

It watches for changes and dates them; what the status and the causes are is decided in the domain.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from cpd.domain.blockers import Blocker, BlockerCode, Cause, Situation
from cpd.domain.causes import causes_of
from cpd.domain.connector_status import ERROR_CODES, NO_ERROR, ConnectorStatus, status_of
from cpd.domain.supply import ConstraintKind
from cpd.domain.transactions import Moment
from cpd.station.csms import ConnectorReport, Csms
from cpd.station.fault_news import FaultNews
from cpd.station.signal import Signal
from cpd.station.timebase import Timebase
from hal.values import Fault

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
        self._faults = FaultNews()
        self._offering_since_s: float | None = None
        self._settling_from: ConnectorStatus | None = None
        self._answer_by_s = 0.0
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
        return None if self._settling_from is None else self._answer_by_s

    def look(self, situation: Situation, offering_since_s: float | None) -> None:
        """Work out status and causes anew; a change of the status is a fact for the CSMS.

        *offering_since_s*: since when current is offered without a break (monotonic), None while none is.
        """
        self._date_causes(situation)
        switching = any(
            cause.code == BlockerCode.WAIT_PHASE_SWITCH and not cause.flowing for cause in self._causes
        )
        # Until the phases are switched nothing is offered, though it is permitted.
        status = self._status(situation, None if switching else offering_since_s)
        fault = situation.outlet.opening_fault or next(iter(situation.outlet.faults), None)
        error_code = NO_ERROR if fault is None else ERROR_CODES[fault.kind]
        info = next((cause.code for cause in self._causes if not cause.flowing), None)
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
            if status is ConnectorStatus.SUSPENDED_EVSE and _is_held(self._causes):
                # A CSMS that has just raised its limit is to know that another one holds now.
                self.report = replace(self.report, since=self._timebase.moment())
                self._csms.status_changed(self.report)
        self._tell_faults(situation, status)
        self._changed.fire()

    def raised(self, fault: Fault) -> None:
        """A fault began; it is told though it be gone at the next look."""
        self._faults.raised(fault)

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
                set_at=_set_at(cause, self._timebase),
                evidence=cause.evidence,
                next_step=cause.next_step,
            )
            for cause in self._causes
        )

    def _tell_faults(self, situation: Situation, status: ConnectorStatus) -> None:
        """Each distinct error gets through beside the one that the status carries, and the present truth after it."""
        new, gone = self._faults.take(situation.outlet.faults)
        for fault in new:
            if ERROR_CODES[fault.kind] != self.report.error_code:
                told = ConnectorReport(
                    connector=self._connector,
                    status=ConnectorStatus.FAULTED if fault.rule.opens else status,
                    error_code=ERROR_CODES[fault.kind],
                    info=f"FAULT_{fault.kind.upper()}",
                    since=self._timebase.moment(),
                )
                self._csms.status_changed(told)
        if gone:
            self._csms.status_changed(self.report)

    def _date_causes(self, situation: Situation) -> None:
        moment = self._timebase.moment()
        self._causes = causes_of(situation)
        self._since = {cause.code: self._since.get(cause.code, moment) for cause in self._causes}

    def _status(self, situation: Situation, offering_since_s: float | None) -> ConnectorStatus:
        if offering_since_s != self._offering_since_s:
            settles = offering_since_s is not None and self.report.status in _SETTLES_FROM
            self._settling_from = self.report.status if settles else None
            self._answer_by_s = self._timebase.clock.monotonic_s() + ANSWER_S
            self._offering_since_s = offering_since_s
        if self.deadline_s is not None and self._timebase.clock.monotonic_s() >= self.deadline_s:
            self._settling_from = None
        status = status_of(
            pilot=situation.outlet.pilot,
            contactor=situation.outlet.contactor,
            faulted=situation.outlet.opening_fault is not None,
            operative=situation.withdrawn_by is None and not situation.updating_firmware,
            authorised=situation.authorised,
            in_transaction=situation.in_transaction,
            ending=situation.stopping,
            ended=situation.ended,
            reserved=situation.reserved,
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
        return self._timebase.wall_time(cause.until_epoch_s)


def _is_held(causes: tuple[Cause, ...]) -> bool:
    """True where a limit is the primary cause, or a random delay: the other waits pass within a minute or so."""
    if not causes or causes[0].constraint is None:
        return False
    waits = causes[0].constraint.kind is ConstraintKind.WAIT
    return not waits or causes[0].code == BlockerCode.WAIT_RANDOM_DELAY


def _set_at(cause: Cause, timebase: Timebase) -> datetime | None:
    return None if cause.constraint is None else timebase.wall_time(cause.constraint.received_at_s)
