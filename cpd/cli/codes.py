"""What the codes mean that `cpd why`, the status and the CSMS show: in capitals, in a sentence, and what to do."""

from typing import NamedTuple


class Explained(NamedTuple):
    """A code: what it says in capitals (≤ 27 columns), what it means, and what a technician can do."""

    headline: str
    meaning: str
    remedy: str


CODES = {
    "EMERGENCY_STOP": Explained(
        "EMERGENCY STOP IS PRESSED",
        "The contactor is open, and the transaction has ended.",
        "Find out why it was pressed, then release it.",
    ),
    "UNAVAILABLE_CSMS": Explained(
        "SWITCHED OFF BY THE CSMS",
        "The operator took the connector out of service (ChangeAvailability).",
        "Ask the operator to make it Operative.",
    ),
    "UNAVAILABLE_LOCAL": Explained(
        "SWITCHED OFF HERE",
        "Somebody at the charger took the connector out of service.",
        "cpd availability N on",
    ),
    "UPDATING_FIRMWARE": Explained(
        "FIRMWARE IS BEING UPDATED", "No charging begins while it is installed.", "Wait for the restart."
    ),
    "NO_CABLE": Explained(
        "NO CAR IS PLUGGED IN", "The pilot shows no vehicle (state A).", "Plug in, at both ends of the cable."
    ),
    "CABLE_UNKNOWN": Explained(
        "CABLE IS NOT RECOGNISED",
        "The resistor in the plug (PP) does not tell a rating of 6 A or more.",
        "Replug, try another cable, look at the PP contact.",
    ),
    "LOCK_OPEN": Explained(
        "PLUG IS NOT LOCKED",
        "Without the bolt in its place the contactor stays open.",
        "Push the plug in fully, replug.",
    ),
    "RESERVED": Explained(
        "RESERVED FOR ANOTHER CARD",
        "The operator keeps the connector for somebody.",
        "Present that card, or wait for the end of the reservation.",
    ),
    "WAITING_FOR_CARD": Explained(
        "WAITING FOR A CARD", "A vehicle is plugged in.", "Present a card, or start remotely."
    ),
    "AUTHORIZING": Explained("CSMS IS BEING ASKED", "A card was presented.", "Wait a few seconds."),
    "CARD_REFUSED": Explained(
        "CARD WAS REFUSED",
        "The CSMS, or what is known here, refuses the card: invalid, blocked, expired, or charging elsewhere.",
        "Try another card, or ask the operator; cpd auth explain TAG tells why.",
    ),
    "CARD_UNKNOWN_OFFLINE": Explained(
        "CARD UNKNOWN, CSMS OFFLINE",
        "The CSMS does not answer, and the card is not known here.",
        "Wait for the link, or use a known card; cpd auth explain TAG names the key to change.",
    ),
    "TRANSACTION_ENDED": Explained(
        "CHARGING HAS ENDED",
        "The plug of the last transaction is still in.",
        "Replug, or present a card again.",
    ),
    "STORE_FAILED": Explained(
        "DISK KEEPS NO SESSION",
        "What cannot be kept would be lost, so no transaction begins.",
        "Free disk space, or replace the SD card.",
    ),
    "BOOT_NOT_ACCEPTED": Explained(
        "CSMS HAS NOT ACCEPTED US",
        "The link stands, but the CSMS answered the boot with Pending or Rejected.",
        "Ask the operator to accept the id of this charger.",
    ),
    "LIMIT_ZERO_CSMS": Explained(
        "LIMIT IS 0 A",
        "A charging profile of the CSMS pauses this connector.",
        "Ask the operator to clear the profile that is named.",
    ),
    "LIMIT_BELOW_6A_CSMS": Explained(
        "LIMIT IS BELOW 6 A",
        "A profile of the CSMS allows less than 6 A, the least that can be offered (IEC 61851-1), or less than "
        "min_current_a of this connector, or than its controller can offer (cpd doctor).",
        "Ask the operator to raise or clear the profile.",
    ),
    "LIMIT_LOCAL": Explained(
        "LOCAL LIMIT IS TOO LOW",
        "Somebody at the charger lowered this connector below 6 A for a while.",
        "Wait for its end, or: cpd limit N off",
    ),
    "LIMIT_OFFLINE": Explained(
        "OFFLINE LIMIT IS TOO LOW",
        "The CSMS has been silent for longer than [offline] after_s, and the fail-safe is below 6 A.",
        "Restore the link to the CSMS.",
    ),
    "LIMIT_STATION": Explained(
        "MAIN FUSE IS TOO SMALL",
        "station.max_current_a leaves less than 6 A.",
        "Correct it in cpd.toml, if the supply is larger.",
    ),
    "LIMIT_SHARED": Explained(
        "ANOTHER CONNECTOR HAS IT",
        "The supply is not enough for all, and who came first charges first.",
        "Wait, or end the other transaction.",
    ),
    "LIMIT_TEMPERATURE": Explained(
        "TOO WARM",
        "Above 60 degrees (C) less is offered, above 75 nothing.",
        "Let it cool down; look for loose terminals and for sun.",
    ),
    "CLOCK_UNTRUSTED": Explained(
        "CLOCK IS NOT SET",
        "Nobody has told the time, so a schedule is held at its lowest limit.",
        "Let NTP or the CSMS set the clock.",
    ),
    "WAIT_RANDOM_DELAY": Explained(
        "RANDOM DELAY",
        "A charging profile raises the current, and random_delay_max_s spreads the rises of many chargers.",
        "Wait, or: cpd delay N skip",
    ),
    "WAIT_MIN_PAUSE": Explained(
        "SHORT PAUSE",
        "A pause lasts min_pause_s at least, and 60 s for who gave way to another connector. Two increases are 5 s "
        "apart.",
        "Wait, it goes on by itself.",
    ),
    "WAIT_PHASE_SWITCH": Explained(
        "PHASES ARE BEING SWITCHED",
        "The contactor stays open for a minute (phase_switch_pause_s) in between, and 5 minutes lie between two "
        "changes. With fewer phases than allowed the car charges on meanwhile.",
        "Wait, it goes on by itself.",
    ),
    "WAKING_EV": Explained(
        "CAR IS BEING WOKEN", "A pulse on the pilot wakes a car that sleeps, once per plug-in.", "Wait."
    ),
    "EV_NOT_READY": Explained(
        "CAR DOES NOT ASK",
        "We offer current, the car stays in state B: full, its own timer, or asleep.",
        "Look at the car's own timer, unlock it, or replug.",
    ),
    "EV_NEEDS_VENTILATION": Explained(
        "CAR ASKS FOR VENTILATION",
        "State D, and no ventilation is configured here.",
        "Charge it where there is ventilation.",
    ),
    "EV_STAYS_IN_C": Explained(
        "CAR DOES NOT LET GO",
        "It went on to draw for 6 s after the pilot told it to stop, so the contactor was opened under load.",
        "Nothing to do now; have the car's charger looked at where it happens often.",
    ),
    "EV_DRAWS_NOTHING": Explained(
        "CAR DRAWS NOTHING",
        "The contactor is closed, no current flows.",
        "Look at the car: full, or its own limit.",
    ),
    "FAULT_GROUND_FAULT": Explained(
        "FAULT: GROUND FAULT",
        "The residual-current detector has tripped.",
        "Unplug. If it comes again with another car, the installation needs service.",
    ),
    "FAULT_CONTACTOR_WELDED": Explained(
        "FAULT: CONTACTOR WELDED",
        "The socket may be live though the contactor was told to open.",
        "Switch off upstream, replace the contactor, then cpd fault ack.",
    ),
    "FAULT_CONTACTOR_STUCK_OPEN": Explained(
        "FAULT: CONTACTOR STUCK OPEN",
        "The contactor was told to close, and did not.",
        "Look at the coil and its wiring, then cpd fault ack.",
    ),
    "FAULT_PILOT_SHORT": Explained(
        "FAULT: PILOT SHORT", "The pilot line is shorted to earth.", "Unplug, try another cable."
    ),
    "FAULT_DIODE_MISSING": Explained(
        "FAULT: DIODE MISSING",
        "What is plugged in is no vehicle, or its pilot circuit is broken.",
        "Unplug, try another car.",
    ),
    "FAULT_PILOT_FAULT": Explained(
        "FAULT: PILOT FAULT", "The pilot voltage fits no state.", "Unplug; look at the pilot wiring."
    ),
    "FAULT_OVER_CURRENT": Explained(
        "FAULT: OVER CURRENT", "The car drew more than was offered.", "Unplug, and tell the driver."
    ),
    "FAULT_OVER_TEMPERATURE": Explained(
        "FAULT: OVER TEMPERATURE",
        "The outlet is hotter than 75 degrees (C).",
        "Let it cool down; look for loose terminals.",
    ),
    "FAULT_UNDER_VOLTAGE": Explained(
        "FAULT: UNDER VOLTAGE", "The mains voltage is too low.", "It ends 60 s after the voltage is back."
    ),
    "FAULT_OVER_VOLTAGE": Explained(
        "FAULT: OVER VOLTAGE", "The mains voltage is too high.", "It ends 60 s after the voltage is back."
    ),
    "FAULT_LOCK_FAILURE": Explained(
        "FAULT: LOCK FAILURE", "The bolt does not reach its end.", "Unplug, push the plug in fully."
    ),
    "FAULT_POWER_SWITCH_FAILURE": Explained(
        "FAULT: POWER SWITCH FAILURE",
        "The contactor's feedback contradicts the command.",
        "Look at the mirror contacts, then cpd fault ack.",
    ),
    "FAULT_METER_OFFLINE": Explained(
        "FAULT: METER OFFLINE",
        "What runs goes on, nothing new can be started.",
        "Look at the meter and its wiring.",
    ),
    "FAULT_READER_OFFLINE": Explained(
        "FAULT: READER OFFLINE", "No card can be read.", "Look at the reader, or start remotely."
    ),
    "FAULT_GUARD_LOST": Explained(
        "FAULT: GUARD LOST",
        "The process that drives the hardware, or its line to a controller, is silent: nobody knows whether the "
        "contactor is open. What was offered lapses after 3 s.",
        "cpd doctor, then sudo systemctl status cpd-guard",
    ),
}


def headline(code: str) -> str:
    """A code in capitals that say what it means."""
    known = CODES.get(code)
    return known.headline if known is not None else code.replace("_", " ")
