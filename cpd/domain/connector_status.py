"""The status of a connector: one pure function from what is true of it (OCPP 1.6 §4.9, §7.7)."""

from enum import StrEnum

from hal.values import ContactorState, FaultKind, PilotState


class ConnectorStatus(StrEnum):
    """Operating states of a connector (OCPP 1.6 §7.7 ChargePointStatus)."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


NO_ERROR = "NoError"

ERROR_CODES: dict[FaultKind, str] = {
    FaultKind.GROUND_FAULT: "GroundFailure",
    FaultKind.CONTACTOR_WELDED: "PowerSwitchFailure",
    FaultKind.CONTACTOR_STUCK_OPEN: "PowerSwitchFailure",
    FaultKind.PILOT_SHORT: "EVCommunicationError",
    FaultKind.DIODE_MISSING: "EVCommunicationError",
    FaultKind.PILOT_FAULT: "EVCommunicationError",
    FaultKind.OVER_CURRENT: "OverCurrentFailure",
    FaultKind.OVER_TEMPERATURE: "HighTemperature",
    FaultKind.UNDER_VOLTAGE: "UnderVoltage",
    FaultKind.OVER_VOLTAGE: "OverVoltage",
    FaultKind.LOCK_FAILURE: "ConnectorLockFailure",
    FaultKind.EMERGENCY_STOP: "OtherError",
    FaultKind.POWER_SWITCH_FAILURE: "PowerSwitchFailure",
    FaultKind.METER_OFFLINE: "PowerMeterFailure",
    FaultKind.READER_OFFLINE: "ReaderFailure",
    FaultKind.GUARD_LOST: "InternalError",
}
"""ChargePointErrorCode of each fault (OCPP 1.6 §7.6)."""


def status_of(
    *,
    pilot: PilotState,
    contactor: ContactorState,
    faulted: bool,
    operative: bool,
    authorised: bool,
    in_transaction: bool,
    ending: bool,
    ended: bool,
    reserved: bool,
    offering: bool,
    settling_from: ConnectorStatus | None,
) -> ConnectorStatus:
    """The status of one connector.

    *authorised*: somebody may charge here and no transaction has begun yet. *ending*: the transaction was
    stopped and its outlet is not open yet. *ended*: a transaction ended and its plug is still in the socket.
    *reserved*: kept for somebody who is not here yet; a plug changes nothing of it, their card does.
    *offering*: current is offered. *settling_from*: the status
    from before the offer began, while the vehicle still has time to answer it: a session that starts well goes
    from Preparing to Charging without a SuspendedEV between.
    """
    if faulted:
        return ConnectorStatus.FAULTED
    if in_transaction:
        if ending:
            return ConnectorStatus.FINISHING
        if not offering:
            return ConnectorStatus.SUSPENDED_EVSE
        if contactor is ContactorState.CLOSED and pilot in (PilotState.C, PilotState.D):
            return ConnectorStatus.CHARGING
        return settling_from or ConnectorStatus.SUSPENDED_EV
    if not operative:
        return ConnectorStatus.UNAVAILABLE
    if authorised:
        return ConnectorStatus.PREPARING
    if ended:
        return ConnectorStatus.FINISHING
    if reserved:
        return ConnectorStatus.RESERVED
    return ConnectorStatus.PREPARING if pilot.plugged else ConnectorStatus.AVAILABLE
