"""The charging profiles of the demo, as they go over the wire, and the duty cycles that follow from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

MAX_ID, TX_DEFAULT_ID, TX_ID = 1, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From *start_s* after the schedule's start on, *limit_a* per phase."""

    start_s: int
    limit_a: int


def charge_point_max(limit_a: int) -> dict[str, Any]:
    """What the whole charge point may take, always."""
    return _profile(MAX_ID, "ChargePointMaxProfile", "Relative", (Step(start_s=0, limit_a=limit_a),))


def tx_default(limit_a: int) -> dict[str, Any]:
    """What any transaction may take that has no profile of its own."""
    return _profile(TX_DEFAULT_ID, "TxDefaultProfile", "Relative", (Step(start_s=0, limit_a=limit_a),))


def tx_profile(steps: Sequence[Step], *, transaction_id: int, start_at: datetime) -> dict[str, Any]:
    """What one transaction may take, in steps from *start_at* (UTC) on."""
    profile = _profile(TX_ID, "TxProfile", "Absolute", steps)
    profile["transactionId"] = transaction_id
    profile["chargingSchedule"]["startSchedule"] = f"{start_at:%Y-%m-%dT%H:%M:%SZ}"
    return profile


def duty_percent(current_a: int) -> float | None:
    """The duty cycle that offers *current_a*, rounded down to 0.1; None where nothing is offered.

    IEC 61851-1 Annex A, worked out here once more so that the demo checks the charger and not itself.
    """
    if current_a < 6:
        return None
    tenths = current_a * 100 // 6 if current_a <= 51 else current_a * 4 + 640
    return tenths / 10


def _profile(profile_id: int, purpose: str, kind: str, steps: Sequence[Step]) -> dict[str, Any]:
    periods = [{"startPeriod": step.start_s, "limit": float(step.limit_a)} for step in steps]
    return {
        "chargingProfileId": profile_id,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": periods},
    }
