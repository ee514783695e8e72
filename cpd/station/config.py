"""What the installer has decided about a station, as the composition root hands it over."""

from collections.abc import Mapping
from dataclasses import dataclass

from cpd.domain.composite import Supply
from cpd.station.fail_safe import FailSafe
from cpd.station.snapshot import StationIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfig:
    """What the installer decided: identity, electrical facts, behaviour after a power cut, initial OCPP values.

    *keep_days*: how long delivered transactions and the audit are kept. *auto_start_tags*: the idTag with which a
    connector charges without a card, by connector.
    """

    identity: StationIdentity
    supply: Supply
    fail_safe: FailSafe | None
    keep_days: int
    resume_after_power_loss: bool
    auto_start_tags: Mapping[int, str]
    ocpp: Mapping[str, str]
    hal_backend: str
    hal_process: str
