"""Types and ranges of the params of each control method; what they do is not known here."""

from enum import Enum, EnumMeta
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, Struct
from msgspec.structs import fields

from cpd.domain.local_limits import LONGEST_S
from cpd.domain.profiles import Purpose
from cpd.station.reset import ResetKind
from hal.values import FaultKind

ConnectorNumber = Annotated[int, Meta(ge=1)]
StationOrConnector = Annotated[int, Meta(ge=0)]
IdTag = Annotated[str, Meta(min_length=1, max_length=20)]
"""OCPP 1.6 §7.28."""
ConfigurationName = Annotated[str, Meta(min_length=1, max_length=50)]
"""OCPP 1.6 §6.8."""


class Params(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No params; root of the others."""


class StatusParams(Params, frozen=True):
    """*full*: idTags whole, for root."""

    full: bool = False


class ConnectorParams(Params, frozen=True):
    """One connector."""

    connector: ConnectorNumber


class ScheduleParams(Params, frozen=True):
    """*connector* 0 is the station; *unit* None: the first that is allowed."""

    connector: StationOrConnector
    duration_s: Annotated[int, Meta(ge=0, le=1_000_000_000)]
    unit: Literal["A", "W"] | None = None


class ClearProfilesParams(Params, frozen=True):
    """The filter of ClearChargingProfile, with its names (OCPP 1.6 §6.13)."""

    id: int | None = None
    connectorId: StationOrConnector | None = None
    chargingProfilePurpose: Purpose | None = None
    stackLevel: Annotated[int, Meta(ge=0)] | None = None


class TransactionsParams(StatusParams, frozen=True):
    """The newest *limit* transactions."""

    limit: Annotated[int, Meta(ge=1, le=10_000)] = 50


class QueueParams(Params, frozen=True):
    """*dead*: only what was given up, or only what still waits; None: both."""

    dead: bool | None = None


class RetryParams(Params, frozen=True):
    """*id*: a message's number, or a transaction as ``L-91`` or by its local id: all that is dead of it."""

    id: Annotated[int, Meta(ge=1)] | Annotated[str, Meta(min_length=1, max_length=50)]


class ConfigurationGetParams(Params, frozen=True):
    """One key, or all."""

    key: ConfigurationName | None = None


class ConfigurationKeyParams(Params, frozen=True):
    """One key."""

    key: ConfigurationName


class ConfigurationSetParams(ConfigurationKeyParams, frozen=True):
    """A value as it would go over the wire."""

    value: Annotated[str, Meta(max_length=500)]


class LocalLimitParams(ConnectorParams, frozen=True):
    """*current_a* None ends the limit; else it holds for *for_s* seconds."""

    current_a: Annotated[float, Meta(ge=0, le=80)] | None
    for_s: Annotated[int, Meta(ge=1, le=LONGEST_S)] | None = None


class StartParams(ConnectorParams, frozen=True):
    """*id_tag* None: the one with which the connector charges without a card."""

    id_tag: IdTag | None = None


class AvailabilityParams(Params, frozen=True):
    """*connector* 0 is the station and every connector."""

    connector: StationOrConnector
    operative: bool


class UnlockParams(ConnectorParams, frozen=True):
    """*dry_run*: only tell what would happen."""

    dry_run: bool = False


class AcknowledgeParams(ConnectorParams, frozen=True, kw_only=True):
    """*code*: the fault's kind, or its code as `why` names it; *dry_run* as above."""

    code: Annotated[str, Meta(min_length=1, max_length=50)]
    dry_run: bool = False


class ResetParams(Params, frozen=True):
    """What restarts (OCPP 1.6 §7.40); *dry_run* as above."""

    type: ResetKind
    dry_run: bool = False


DangerousParams = UnlockParams | AcknowledgeParams | ResetParams
"""Params of what ends sessions or overrules a fault, and can be tried without."""


class BundleParams(Params, frozen=True):
    """The journal of the last *hours*; None: of all that is kept."""

    hours: Annotated[int, Meta(ge=1, le=24 * 366)] | None = None


class TraceParams(Params, frozen=True):
    """The newest *limit* frames: all, those behind number *after*, or those that are kept of *since_s* seconds."""

    after: Annotated[int, Meta(ge=0)] | None = None
    limit: Annotated[int, Meta(ge=1, le=2_000)] = 50
    since_s: Annotated[float, Meta(gt=0)] | None = None


class ShownCardsParams(Params, frozen=True):
    """The cards behind number *after*."""

    after: Annotated[int, Meta(ge=0)] = 0


class IdTagParams(Params, frozen=True):
    """An idTag that is asked about."""

    id_tag: IdTag


class CardParams(Params, frozen=True):
    """A card, presented at one connector or for any."""

    id_tag: IdTag
    connector: ConnectorNumber | None = None


class PlugInParams(ConnectorParams, frozen=True):
    """*cable_a*: ampacity of the cable."""

    cable_a: Annotated[int, Meta(ge=1, le=100)] | None = None


class EvParams(ConnectorParams, frozen=True):
    """The wishes of the simulated EV."""

    ready: bool | None = None
    max_current_a: Annotated[float, Meta(ge=0, le=100)] | None = None
    phases: Annotated[int, Meta(ge=1, le=3)] | None = None
    ventilation: bool | None = None
    personality: str | None = None


class FaultParams(ConnectorParams, frozen=True):
    """A fault of the simulated hardware, raised or taken away."""

    kind: FaultKind
    active: bool


class DeceiveParams(ConnectorParams, frozen=True):
    """A part of the simulated hardware deceives the outlet, or does so no more."""

    defect: str
    active: bool


class MeterParams(ConnectorParams, frozen=True):
    """The simulated register and mains voltage."""

    energy_wh: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    voltage_v: Annotated[float, Meta(ge=0, le=500)] | None = None


def described(params: type[Params]) -> str:
    """What a method takes, in words: names in brackets may be left out, values follow where they are few."""
    words = [_described(field.name, field.type, optional=not field.required) for field in fields(params)]
    return ", ".join(words) or "no params"


def _described(name: str, annotation: Any, *, optional: bool) -> str:
    values = [str(value) for kind in (annotation, *get_args(annotation)) for value in _members(kind)]
    word = f"{name} ({', '.join(values)})" if values else name
    return f"[{word}]" if optional else word


def _members(kind: object) -> list[Enum]:
    return list(kind.__members__.values()) if isinstance(kind, EnumMeta) else []
