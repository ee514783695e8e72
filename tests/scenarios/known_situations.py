"""The table of `cpd why`: each situation, and what is to be said of it."""

from dataclasses import dataclass, field
from typing import Any

from ocpp.v16.enums import RegistrationStatus

from cpd.lab.csms.behaviour import Behaviour
from hal.values import FaultKind
from tests.scenarios import situations as given
from tests.scenarios.situations import SetUp, broken_while_charging, broken_while_plugged


@dataclass(frozen=True, kw_only=True)
class Known:
    """A situation and what is to be said of it: the codes, the primary one's evidence, source and end.

    *source* is its kind, empty where nothing set it; *ends*: it is known when it will. *config* is the site's.
    """

    set_up: SetUp
    status: str
    codes: list[str]
    evidence: str
    source: str = ""
    ends: bool = False
    config: dict[str, Any] = field(default_factory=dict)


PENDING_BOOT = Behaviour(registration=RegistrationStatus.pending, interval_s=200)
WAITING = "WAITING_FOR_CARD"
ENDED = "TRANSACTION_ENDED"

ACCESS = [
    Known(
        set_up=given.nothing_plugged,
        status="Available",
        codes=["NO_CABLE"],
        evidence="no vehicle on the pilot (state A)",
    ),
    Known(
        set_up=given.plugged,
        status="Preparing",
        codes=[WAITING],
        evidence="plugged in, nobody is authorised",
    ),
    Known(
        set_up=given.taken_out_of_service_by_the_csms,
        status="Unavailable",
        codes=["UNAVAILABLE_CSMS"],
        evidence="set Inoperative by the CSMS",
    ),
    Known(
        set_up=given.station_taken_out_of_service_by_the_csms,
        status="Unavailable",
        codes=["UNAVAILABLE_CSMS", WAITING],
        evidence="set Inoperative by the CSMS",
    ),
    Known(
        set_up=given.taken_out_of_service_here,
        status="Unavailable",
        codes=["UNAVAILABLE_LOCAL"],
        evidence="switched off by somebody at the charger",
    ),
    Known(
        set_up=given.firmware_that_waits_for_the_other_connector,
        status="Unavailable",
        codes=["UPDATING_FIRMWARE"],
        evidence="new firmware is being installed",
        config={
            "connectors": 2,
        },
    ),
    Known(
        set_up=given.reserved_for_another_card,
        status="Reserved",
        codes=["RESERVED", WAITING],
        evidence="reserved for another card",
        ends=True,
    ),
    Known(
        set_up=given.cable_that_tells_nothing,
        status="Preparing",
        codes=["CABLE_UNKNOWN"],
        evidence="the cable does not tell its rating (PP)",
    ),
    Known(
        set_up=given.card_being_asked_about,
        status="Preparing",
        codes=["AUTHORIZING"],
        evidence="the CSMS is asked about the card",
    ),
    Known(
        set_up=given.card_refused,
        status="Preparing",
        codes=["CARD_REFUSED"],
        evidence="the card was refused",
    ),
    Known(
        set_up=given.card_refused_in_a_transaction,
        status="SuspendedEVSE",
        codes=["CARD_REFUSED"],
        evidence="the card was refused",
        config={"ocpp": "StopTransactionOnInvalidId = false"},
    ),
    Known(
        set_up=given.card_unknown_offline,
        status="Preparing",
        codes=["CARD_UNKNOWN_OFFLINE"],
        evidence="the CSMS does not answer, the card is not known here",
    ),
    Known(
        set_up=given.transaction_ended,
        status="Finishing",
        codes=[ENDED],
        evidence="the transaction has ended",
    ),
    Known(
        set_up=given.boot_left_pending,
        status="Preparing",
        codes=[WAITING, "BOOT_NOT_ACCEPTED"],
        evidence="plugged in, nobody is authorised",
        config={"behaviour": PENDING_BOOT, "online": False},
    ),
]

LIMITS = [
    Known(
        set_up=given.zero_from_the_csms,
        status="SuspendedEVSE",
        codes=["LIMIT_ZERO_CSMS"],
        evidence="limit 0 A by TxProfile #7; without it 32 A by connector (cpd.toml)",
        source="profile",
    ),
    Known(
        set_up=given.zero_until_five_over_another_profile,
        status="SuspendedEVSE",
        codes=["LIMIT_ZERO_CSMS"],
        evidence="limit 0 A by TxProfile #7; without it 16 A by TxDefault #100",
        source="profile",
        ends=True,
    ),
    Known(
        set_up=given.zero_for_everybody_before_the_start,
        status="SuspendedEVSE",
        codes=["LIMIT_ZERO_CSMS"],
        evidence="limit 0 A by TxDefault #100; without it 32 A by connector (cpd.toml)",
        source="profile",
    ),
    Known(
        set_up=given.too_little_from_the_csms,
        status="SuspendedEVSE",
        codes=["LIMIT_BELOW_6A_CSMS"],
        evidence="limit 5.9 A by ChargePointMax #7; without it 32 A by connector (cpd.toml)",
        source="profile",
    ),
    Known(
        set_up=given.lowered_here,
        status="SuspendedEVSE",
        codes=["LIMIT_LOCAL"],
        evidence="limit 0 A by cpd limit; without it 32 A by connector (cpd.toml)",
        source="local",
        ends=True,
    ),
    Known(
        set_up=given.silent_csms,
        status="SuspendedEVSE",
        codes=["LIMIT_OFFLINE"],
        evidence="limit 5 A by [offline] (cpd.toml); without it 32 A by connector (cpd.toml)",
        source="offline",
        config={"more": "[offline]\nafter_s = 40\nmax_current_a = 5"},
    ),
    Known(
        set_up=given.plugged_with_card,
        status="SuspendedEVSE",
        codes=["LIMIT_STATION"],
        evidence="limit 5 A by main fuse (cpd.toml); without it 32 A by connector (cpd.toml)",
        source="station",
        config={"station": "max_current_a = 5"},
    ),
    Known(
        set_up=given.share_of_the_other_connector,
        status="SuspendedEVSE",
        codes=["LIMIT_SHARED"],
        evidence="limit 0 A by main fuse, shared; without it 10 A by main fuse (cpd.toml)",
        source="share",
        config={"connectors": 2, "station": "max_current_a = 10"},
    ),
    Known(
        set_up=given.warm_outlet,
        status="Charging",
        codes=["LIMIT_TEMPERATURE"],
        evidence="limit 19 A by temperature; without it 32 A by connector (cpd.toml)",
        source="temperature",
    ),
]

WAITS = [
    Known(
        set_up=given.resumed_after_a_random_delay,
        status="SuspendedEVSE",
        codes=["WAIT_RANDOM_DELAY"],
        evidence="increase to 16 A waits, random delay",
        source="wait",
        ends=True,
        config={"station": "random_delay_max_s = 600"},
    ),
    Known(
        set_up=given.raised_after_a_random_delay,
        status="Charging",
        codes=["WAIT_RANDOM_DELAY"],
        evidence="increase to 16 A waits, random delay",
        source="wait",
        ends=True,
        config={"station": "random_delay_max_s = 600"},
    ),
    Known(
        set_up=given.resuming_after_a_pause,
        status="SuspendedEVSE",
        codes=["WAIT_MIN_PAUSE"],
        evidence="minimum pause before charging again",
        source="wait",
        ends=True,
    ),
    Known(
        set_up=given.resuming_before_the_pause_has_begun,
        status="SuspendedEVSE",
        codes=["WAIT_MIN_PAUSE"],
        evidence="minimum pause before charging again",
        source="wait",
        ends=True,
    ),
    Known(
        set_up=given.raised_twice_while_charging,
        status="Charging",
        codes=["WAIT_MIN_PAUSE"],
        evidence="increase to 16 A waits, 5 s between increases",
        source="wait",
        ends=True,
    ),
    Known(
        set_up=given.raised_while_another_one_gives_way,
        status="Charging",
        codes=["WAIT_MIN_PAUSE"],
        evidence="increase to 24 A waits, others give way first",
        source="wait",
        ends=True,
        config={"connectors": 2, "station": "max_current_a = 32"},
    ),
    Known(
        set_up=given.fewer_phases_from_the_csms,
        status="SuspendedEVSE",
        codes=["WAIT_PHASE_SWITCH"],
        evidence="switches from 3 phases to 1 phase with the contactor open",
        source="wait",
        ends=True,
        config={"connector": "phase_switching = true"},
    ),
]

VEHICLES = [
    Known(
        set_up=given.sleeping_vehicle,
        status="SuspendedEV",
        codes=["WAKING_EV"],
        evidence="the vehicle is being woken by a pulse",
    ),
    Known(
        set_up=given.vehicle_does_not_ask,
        status="SuspendedEV",
        codes=["EV_NOT_READY"],
        evidence="we offer 32 A, the vehicle does not ask (state B)",
    ),
    Known(
        set_up=given.vehicle_needs_ventilation,
        status="SuspendedEV",
        codes=["EV_NEEDS_VENTILATION"],
        evidence="the vehicle asks for ventilation (state D)",
    ),
    Known(
        set_up=given.vehicle_that_does_not_let_go,
        status="SuspendedEVSE",
        codes=["LIMIT_ZERO_CSMS", "EV_STAYS_IN_C"],
        evidence="limit 0 A by TxProfile #7; without it 32 A by connector (cpd.toml)",
        source="profile",
    ),
    Known(
        set_up=given.vehicle_draws_nothing,
        status="Charging",
        codes=["EV_DRAWS_NOTHING"],
        evidence="we offer 32 A, contactor closed, no current flows",
    ),
]


def fault(set_up: SetUp, codes: list[str], evidence: str, *, status: str = "Faulted") -> Known:
    return Known(set_up=set_up, status=status, codes=codes, evidence=evidence)


FAULTS = [
    fault(
        broken_while_charging(FaultKind.GROUND_FAULT),
        ["FAULT_GROUND_FAULT", ENDED],
        "a residual current was measured",
    ),
    fault(
        given.welded_contactor,
        ["FAULT_CONTACTOR_WELDED", ENDED],
        "the contactor shows closed, it was told to open",
    ),
    fault(
        given.contactor_that_does_not_close,
        ["FAULT_CONTACTOR_STUCK_OPEN", ENDED],
        "the contactor shows open, it was told to close",
    ),
    fault(
        broken_while_charging(FaultKind.PILOT_SHORT),
        ["FAULT_PILOT_SHORT", ENDED],
        "the pilot line is shorted to earth",
    ),
    fault(
        broken_while_charging(FaultKind.DIODE_MISSING),
        ["FAULT_DIODE_MISSING", ENDED],
        "the vehicle shows no diode on the pilot",
    ),
    fault(
        broken_while_plugged(FaultKind.PILOT_FAULT), ["FAULT_PILOT_FAULT"], "the pilot voltage cannot be read"
    ),
    fault(
        broken_while_charging(FaultKind.OVER_CURRENT),
        ["FAULT_OVER_CURRENT", ENDED],
        "the vehicle drew more than is offered",
    ),
    fault(
        broken_while_charging(FaultKind.OVER_TEMPERATURE), ["FAULT_OVER_TEMPERATURE"], "the outlet is too hot"
    ),
    fault(
        broken_while_plugged(FaultKind.UNDER_VOLTAGE),
        ["FAULT_UNDER_VOLTAGE", WAITING],
        "the mains voltage is too low",
    ),
    fault(
        broken_while_charging(FaultKind.OVER_VOLTAGE), ["FAULT_OVER_VOLTAGE"], "the mains voltage is too high"
    ),
    fault(given.broken_lock, ["FAULT_LOCK_FAILURE", WAITING], "the plug lock does not reach its end"),
    fault(
        broken_while_charging(FaultKind.LOCK_FAILURE),
        ["FAULT_LOCK_FAILURE", "LOCK_OPEN"],
        "the plug lock does not reach its end",
    ),
    fault(
        broken_while_charging(FaultKind.EMERGENCY_STOP),
        ["EMERGENCY_STOP", ENDED],
        "the emergency stop is pressed",
    ),
    fault(
        broken_while_plugged(FaultKind.POWER_SWITCH_FAILURE),
        ["FAULT_POWER_SWITCH_FAILURE", WAITING],
        "the contactor's feedback contradicts itself",
    ),
    fault(
        broken_while_plugged(FaultKind.METER_OFFLINE),
        ["FAULT_METER_OFFLINE", WAITING],
        "the meter does not answer, so nothing can be started",
        status="Preparing",
    ),
    fault(
        broken_while_plugged(FaultKind.READER_OFFLINE),
        ["FAULT_READER_OFFLINE", WAITING],
        "the card reader does not answer",
        status="Preparing",
    ),
    fault(
        given.broken_while_the_csms_allows_nothing,
        ["FAULT_UNDER_VOLTAGE", "LIMIT_ZERO_CSMS"],
        "the mains voltage is too low",
    ),
    fault(
        given.broken_twice_and_out_of_service,
        ["FAULT_OVER_TEMPERATURE", "EMERGENCY_STOP", "UNAVAILABLE_CSMS"],
        "the outlet is too hot",
    ),
]

TABLE = [*ACCESS, *LIMITS, *WAITS, *VEHICLES, *FAULTS]
