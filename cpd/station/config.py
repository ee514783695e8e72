"""What the installer has decided about a station, as the composition root hands it over."""

from collections.abc import Mapping
from dataclasses import dataclass

from cpd.domain.composite import Supply
from cpd.domain.local_time import LocalTime
from cpd.station.fail_safe import FailSafe
from cpd.station.free_vend import AutoStart
from cpd.station.journal import QUOTA_BYTES
from cpd.station.snapshot import StationIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfig:
    """What the installer decided: identity, electrical facts, behaviour after a power cut, initial OCPP values.

    *keep_days*: how long delivered transactions and the audit are kept. *auto_starts*: with what a connector charges
    without a card, by connector. *local_time*: the clocks by which Recurring charging profiles recur,
    None for UTC. *random_delay_max_s*: see `RandomDelay`, 0 for none. *quota_bytes*: how large the store may be
    before samples are thinned. *stops_without_meter*: the connectors whose transaction ends where the meter is lost.
    """

    identity: StationIdentity
    supply: Supply
    fail_safe: FailSafe | None
    keep_days: int
    resume_after_power_loss: bool
    auto_starts: Mapping[int, AutoStart]
    ocpp: Mapping[str, str]
    hal_backend: str
    hal_process: str
    local_time: LocalTime | None = None
    random_delay_max_s: int = 0
    quota_bytes: int = QUOTA_BYTES
    stops_without_meter: frozenset[int] = frozenset()
    meters_behind_contactor: frozenset[int] = frozenset()
