"""A charging transaction and the facts that the journal keeps of it.

The key is our own: the CSMS's transaction number may be unknown, late, or given twice, so it is only an attribute.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class StopReason(StrEnum):
    """Why a transaction ended, as OCPP 1.6 §7.36 and later versions name it."""

    DEAUTHORIZED = "DeAuthorized"
    EMERGENCY_STOP = "EmergencyStop"
    EV_DISCONNECTED = "EVDisconnected"
    HARD_RESET = "HardReset"
    LOCAL = "Local"
    OTHER = "Other"
    POWER_LOSS = "PowerLoss"
    REBOOT = "Reboot"
    REMOTE = "Remote"
    SOFT_RESET = "SoftReset"
    UNLOCK_COMMAND = "UnlockCommand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When something happened: wall time where it was known, and always the boot and its monotonic clock.

    *boot* names the boot of the machine, *monotonic_s* counts within it. *at* is None where the wall clock was not
    trusted then.
    """

    boot: str
    monotonic_s: float
    at: datetime | None

    def dated(self, at_zero: datetime) -> datetime:
        """The wall time of this moment; *at_zero* is that at which the monotonic clock of its boot was 0."""
        return at_zero + timedelta(seconds=self.monotonic_s) if self.at is None else self.at


@dataclass(frozen=True, slots=True, kw_only=True)
class UndatedBoot:
    """A boot that ended before its wall clock was set: between these instants lies what happened in it."""

    boot: str
    first_s: float
    last_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One charging transaction; *order* rises with each start and breaks ties of seniority.

    *csms_id* is kept exactly as the CSMS gave it (0 and negatives included). *refused*: the CSMS gave it with
    another status of the idTag than Accepted, so no power cut may lead to charging on. *reservation_id* is the
    reservation that the start used up. *stop_reason* is set as soon as the stop is intended, *stopped* once the
    outlet is open and the meter was read.
    """

    local_id: str
    order: int
    connector: int
    id_tag: str
    parent_id_tag: str | None
    started: Moment
    meter_start_wh: int
    last_meter_wh: int
    csms_id: int | None = None
    refused: bool = False
    stop_reason: StopReason | None = None
    stop_id_tag: str | None = None
    stopped: Moment | None = None
    meter_stop_wh: int | None = None
    reservation_id: int | None = None

    @property
    def active(self) -> bool:
        """True until the stop is booked."""
        return self.stopped is None

    def ending(self, reason: StopReason, id_tag: str | None) -> "Transaction":
        """The transaction with the intent to stop; the first intent stands."""
        if self.stop_reason is not None:
            return self
        return replace(self, stop_reason=reason, stop_id_tag=id_tag)

    def ended(self, moment: Moment, register_wh: int | None) -> "Transaction":
        """The transaction stopped at *moment* with the meter at *register_wh* (None: not readable).

        meterStop is never below what was reported before, and never below meterStart.
        """
        meter_stop_wh = max(self.last_meter_wh, register_wh or 0)
        reason = self.stop_reason or StopReason.LOCAL
        return replace(self, stopped=moment, meter_stop_wh=meter_stop_wh, stop_reason=reason)


class FactKind(StrEnum):
    """What a journal entry tells the CSMS."""

    STARTED = "started"
    METERED = "metered"
    STOPPED = "stopped"
