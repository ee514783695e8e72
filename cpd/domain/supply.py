"""The electrical facts that bound the current of each connector, and the names of what constrains a limit.

Knows nothing of profiles beyond their identity, nor how the supply is shared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from cpd.domain.profiles import STATION, Purpose, Recurrency
from hal.iec61851 import MIN_CURRENT_MA


class ConstraintKind(StrEnum):
    """What kind of thing holds a limit where it is."""

    PROFILE = "profile"
    CONNECTOR = "connector"
    STATION = "station"
    CABLE = "cable"
    SHARE = "share"
    OFFLINE = "offline"
    CLOCK = "clock"
    TEMPERATURE = "temperature"
    LOCAL = "local"
    WAIT = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """What holds a limit where it is.

    For PROFILE and CLOCK the profile itself (CLOCK: it is held at its lowest limit until the clock is
    trusted). For SHARE the profile that caps the station, or none where the main fuse does. *connector* is
    where it was set, 0 for the station. *received_at_s*: when the profile came, in seconds since 1970 UTC.
    *recurrency*: how often the profile begins anew, None where it does not.
    """

    kind: ConstraintKind
    purpose: Purpose | None = None
    profile_id: int | None = None
    stack_level: int | None = None
    connector: int | None = None
    received_at_s: int | None = field(default=None, compare=False)
    recurrency: Recurrency | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """An upper bound in mA per phase beside the profiles, until *until_s* (exclusive) or without end."""

    kind: ConstraintKind
    current_ma: int
    until_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """One connector: wired phases, nominal voltage to neutral, and the current nothing may ever exceed.

    Less than *min_current_ma* (6 000 and more) is a pause, since its vehicles charge with no less. A pause that a
    limit asks for lasts *min_pause_s* at least: vehicles fail where the current comes and goes.
    """

    id: int
    phases: int
    voltage_v: int
    max_current_ma: int
    min_current_ma: int = MIN_CURRENT_MA
    min_pause_s: int = 0
    phase_switching: bool = False
    caps: tuple[Cap, ...] = ()

    def phases_for(self, wanted: int) -> int:
        """Phases in play when *wanted* (1 … 3) are asked for.

        A connector that cannot switch uses all it has, and a 3-to-1 relay knows no two phases (OCPP 1.6
        §3.13.7).
        """
        if wanted < self.phases and self.phase_switching:
            return 1
        return self.phases

    def bound_at(self, at_s: int) -> Bound:
        own = _constraint(ConstraintKind.CONNECTOR, self.id)
        return _lowest(self.max_current_ma, own, self.caps, at_s, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """All connectors and what they share: the main fuse in mA per phase (None: none known) and caps."""

    connectors: tuple[Connector, ...]
    max_current_ma: int | None = None
    caps: tuple[Cap, ...] = ()

    @property
    def is_capped(self) -> bool:
        return self.max_current_ma is not None or bool(self.caps)

    def bound_at(self, at_s: int) -> Bound:
        fuse = _constraint(ConstraintKind.STATION, STATION)
        return _lowest(self.max_current_ma, fuse, self.caps, at_s, STATION)


class Bound(NamedTuple):
    """The lowest bound in force, None where there is none, and the first instant at which that can change."""

    current_ma: int | None
    constrained_by: Constraint
    until_s: int | None


@lru_cache(maxsize=256)
def _constraint(kind: ConstraintKind, connector: int) -> Constraint:
    """Remembered, because each answer names several, and there are few of them."""
    return Constraint(kind=kind, connector=connector)


def _lowest(
    current_ma: int | None, by: Constraint, caps: tuple[Cap, ...], at_s: int, connector: int
) -> Bound:
    until_s: int | None = None
    for cap in caps:
        if cap.until_s is not None:
            if cap.until_s <= at_s:
                continue
            until_s = cap.until_s if until_s is None else min(until_s, cap.until_s)
        if current_ma is None or cap.current_ma < current_ma:
            current_ma, by = cap.current_ma, _constraint(cap.kind, connector)
    return Bound(current_ma=current_ma, constrained_by=by, until_s=until_s)
