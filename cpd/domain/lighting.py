"""What the light of a connector tells a driver: one pure function of what the CSMS is told, and two keys of it."""

from collections.abc import Mapping

from cpd.domain.blockers import BlockerCode
from cpd.domain.connector_status import ConnectorStatus
from cpd.domain.variables import Variables
from hal.light import LightMeaning, LightSignal

_BY_CAUSE: Mapping[str | None, LightMeaning] = {
    BlockerCode.UPDATING_FIRMWARE: LightMeaning.UPDATING,
    BlockerCode.CARD_REFUSED: LightMeaning.CARD_REFUSED,
    BlockerCode.CARD_UNKNOWN_OFFLINE: LightMeaning.CARD_REFUSED,
    BlockerCode.WAITING_FOR_CARD: LightMeaning.PRESENT_CARD,
}
_BY_STATUS = {
    ConnectorStatus.AVAILABLE: LightMeaning.READY,
    ConnectorStatus.PREPARING: LightMeaning.PREPARING,
    ConnectorStatus.CHARGING: LightMeaning.CHARGING,
    ConnectorStatus.SUSPENDED_EV: LightMeaning.PAUSED,
    ConnectorStatus.SUSPENDED_EVSE: LightMeaning.PAUSED,
    ConnectorStatus.FINISHING: LightMeaning.FINISHED,
    ConnectorStatus.RESERVED: LightMeaning.RESERVED,
    ConnectorStatus.UNAVAILABLE: LightMeaning.OUT_OF_SERVICE,
    ConnectorStatus.FAULTED: LightMeaning.FAULT,
}
_SIGNALLING = frozenset({LightMeaning.PRESENT_CARD, LightMeaning.CARD_REFUSED})
"""What a driver is to act on: it blinks BlinkRepeat times (OCPP 1.6 §9.1)."""


def meaning_of(status: ConnectorStatus, cause: str | None) -> LightMeaning:
    """The meaning of a status whose primary cause for not charging is *cause*; a fault goes before all."""
    by_status = _BY_STATUS[status]
    return by_status if by_status is LightMeaning.FAULT else _BY_CAUSE.get(cause, by_status)


def signal_of(status: ConnectorStatus, cause: str | None, variables: Variables) -> LightSignal:
    """`meaning_of`, as often and as bright as BlinkRepeat and LightIntensity say."""
    meaning = meaning_of(status, cause)
    return LightSignal(
        meaning=meaning,
        blinks=variables.integer("BlinkRepeat") if meaning in _SIGNALLING else 0,
        intensity_percent=variables.integer("LightIntensity"),
    )
