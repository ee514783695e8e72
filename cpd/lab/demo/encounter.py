"""A vehicle charges at a charger whose central system is one of the field: what happens, and the books behind it."""

from typing import Any

import msgspec

from cpd.lab.csms.ledger import BookedTransaction, discrepancies
from cpd.lab.csms.personality import CURED, Personality, Sessions
from cpd.lab.demo.picture import Picture
from cpd.lab.demo.stage import Stage
from cpd.lab.demo.words import answered, energies, trouble
from cpd.lab.vehicles import VEHICLES, LabVehicle, When

CARDS = ("CARD-1", "CARD-2")
CABLE_A = 32

_CHARGES_S = 2.0
_BETWEEN_S = 5.0
"""Longer than a contactor must rest, so that nobody wonders why the next vehicle waits."""
_STOPS_WITHIN_S = 15.0
_DELIVERS_WITHIN_S = 40.0


async def meet(stage: Stage, personality: Personality, vehicle: LabVehicle) -> None:
    """The whole story; raises Unexpected as soon as something is not right."""
    _introduce(stage, personality, vehicle)
    await stage.until_up()
    stage.say_heads()
    await _expect_first_contact(stage, personality)
    before_wh = (await stage.look()).energy_wh
    # What is broken is not mended here, and some vehicles take their time.
    cards = CARDS if vehicle is VEHICLES["ev-plain"] else CARDS[:1]
    for number, card in enumerate(cards, 1):
        if number > 1:
            await stage.linger(_BETWEEN_S)
        await _charge(stage, personality, vehicle, card, number)
    if personality.refuses:
        await _cure(stage)
    await _forgive(stage, personality)
    await _settle(stage)
    picture = await stage.look()
    stage.say(*stage.terminal.wrap(answered(picture.report)))
    _check_ledger(stage, picture, vehicle, cards, moved_wh=picture.energy_wh - before_wh)
    await _end(stage, picture)


def _introduce(stage: Stage, personality: Personality, vehicle: LabVehicle) -> None:
    stage.tell(f"{personality.name} {personality.about} (seen in: {personality.seen_in})")
    stage.tell(f"the charger {personality.copes}")
    if personality.hurry is not None:
        stage.tell(f"to keep this short: {personality.hurry.words}")
    stage.tell(f"{vehicle.name} {vehicle.about} (seen in: {vehicle.seen_in})")


async def _expect_first_contact(stage: Stage, personality: Personality) -> None:
    if personality.refuses:
        await stage.expect(
            "the charger is not online, and says why",
            lambda seen: trouble(seen.status) is not None,
            lambda seen: trouble(seen.status) or "nothing is said",
            within_s=15.0,
        )
        return
    await stage.expect(
        "the central system accepts the charger",
        lambda seen: seen.report["registration"] == "Accepted" and "1" in seen.report["statuses"],
        lambda seen: f"registration {seen.report['registration']}",
        within_s=15.0,
    )


async def _charge(
    stage: Stage, personality: Personality, vehicle: LabVehicle, card: str, number: int
) -> None:
    ending = vehicle.ending
    by_card = personality.sessions is not Sessions.REMOTE
    stage.tell(f"session {number}: an EV is plugged in" + (", and a card presented" if by_card else ""))
    if vehicle.wishes:
        await stage.charger("mock.ev", connector=1, **vehicle.wishes)
    await _act(stage, vehicle, When.BEFORE_PLUG_IN)
    await stage.charger("mock.plug_in", connector=1, cable_a=CABLE_A)
    if by_card:
        await stage.charger("mock.swipe", id_tag=card, connector=1)
    if personality.sessions is Sessions.DEAUTHORISED:
        await stage.expect(
            "the transaction is stopped again, by its own number",
            lambda seen: (
                len(seen.transactions) == number and seen.transactions[-1]["reason"] == "DeAuthorized"
            ),
            lambda seen: energies(seen.report),
            within_s=_STOPS_WITHIN_S,
        )
    elif ending.charges:
        await stage.expect(
            "it charges",
            lambda seen: seen.connector["contactor"]["confirmed"] == "closed" and seen.draws_a > 0,
            lambda seen: seen.charging,
            within_s=vehicle.starts_within_s + 15.0,
        )
        await _act(stage, vehicle, When.WHILE_CHARGING)
        await stage.linger(_CHARGES_S)
    elif not ending.ends_itself:
        await stage.linger(_CHARGES_S)
    # Where no current is wanted, nothing of it breaks.
    fault = None if personality.sessions is Sessions.DEAUTHORISED else ending.fault
    if fault is not None and ending.ends_itself:
        await _expect_fault(stage, fault)
    else:
        await _ask_to_stop(stage, personality, card)
    await stage.expect(
        "the transaction has ended, and the contactor is open",
        lambda seen: (
            seen.connector["transaction"] is None and seen.connector["contactor"]["commanded"] == "open"
        ),
        lambda seen: f"{seen.connector['ocpp_status']}, contactor {seen.connector['contactor']['confirmed']}",
        within_s=_STOPS_WITHIN_S,
    )
    if fault is not None and not ending.ends_itself:
        await _expect_fault(stage, fault)
    await stage.charger("mock.plug_out", connector=1)
    await stage.expect(
        "the EV leaves",
        lambda seen: seen.connector["pilot"]["state"] not in ("B", "C", "D"),
        lambda seen: f"{seen.connector['ocpp_status']}, pilot {seen.connector['pilot']['state']}",
        within_s=_STOPS_WITHIN_S,
    )


async def _act(stage: Stage, vehicle: LabVehicle, when: When) -> None:
    for act in vehicle.acts:
        if act.when is when:
            await stage.charger(act.method, connector=1, **act.params)


async def _ask_to_stop(stage: Stage, personality: Personality, card: str) -> None:
    """What ends a transaction that runs at this central system."""
    running = (await stage.look()).connector["transaction"]
    if running is not None and personality.sessions is Sessions.REMOTE:
        await stage.call("RemoteStopTransaction", {"transactionId": running["id"]})
    elif running is not None:
        await stage.charger("mock.swipe", id_tag=card, connector=1)


async def _expect_fault(stage: Stage, fault: str) -> None:
    await stage.expect(
        "what is broken is found",
        lambda seen: fault in [one["kind"] for one in seen.connector["faults"]],
        lambda seen: ", ".join(one["kind"] for one in seen.connector["faults"]) or "no fault",
        within_s=_STOPS_WITHIN_S,
    )


async def _cure(stage: Stage) -> None:
    picture = await stage.look()
    waiting = picture.status["csms"]["queued"]
    stage.check("what was charged is kept", f"{waiting} messages wait", right=waiting > 0)
    stage.tell("the central system is mended")
    await stage.csms.ask("behave", behaviour=msgspec.to_builtins(CURED))
    if picture.report["registration"] == "Pending":
        await stage.call("TriggerMessage", {"requestedMessage": "BootNotification"})
        return
    stage.tell("the charger is told to dial at once")
    # A link over which nothing is ever answered would be kept for a while.
    await stage.charger("csms.disconnect")
    await stage.charger("csms.connect")


async def _forgive(stage: Stage, personality: Personality) -> None:
    """Where a central system answers with errors only, its dead letters are sent again once it is mended."""
    refused = [action for action, reaction in personality.behaviour.reactions.items() if reaction.error]
    if not refused:
        return
    picture = await stage.expect(
        "what it refuses for good is laid aside, and holds nothing up",
        lambda seen: seen.status["csms"]["dead"] > 0 and seen.status["csms"]["queued"] == 0,
        lambda seen: f"{seen.status['csms']['dead']} dead letters, {seen.status['csms']['queued']} wait",
        within_s=_DELIVERS_WITHIN_S,
    )
    stage.tell(f"the central system is mended, and {picture.status['csms']['dead']} × cpd queue retry")
    await stage.csms.ask("behave", behaviour=msgspec.to_builtins(CURED))
    for letter in (await stage.charger("queue.list", dead=True))["messages"]:
        await stage.charger("queue.retry", id=letter["id"])


async def _settle(stage: Stage) -> None:
    await stage.expect(
        "all is delivered, and nothing laid aside",
        lambda seen: (seen.status["csms"]["queued"], seen.status["csms"]["dead"]) == (0, 0),
        lambda seen: f"{len(seen.transactions)} booked, {seen.status['csms']['queued']} wait",
        within_s=_DELIVERS_WITHIN_S,
    )


def _check_ledger(
    stage: Stage, picture: Picture, vehicle: LabVehicle, cards: tuple[str, ...], *, moved_wh: int
) -> None:
    booked = msgspec.convert(picture.transactions, list[BookedTransaction])
    given = [
        one["payload"]["idTag"]
        for one in picture.report["asked"]
        if one["action"] == "RemoteStartTransaction" and one["answer"] == {"status": "Accepted"}
    ]
    trusted_wh = None if vehicle.ending.meter_hides else moved_wh
    wrong = discrepancies(booked, id_tags=given or cards, moved_wh=trusted_wh)
    moved = "nobody knows what flowed" if trusted_wh is None else f"the register moved {trusted_wh} Wh"
    stage.check(
        "the ledger is exact: every session once, every Wh once",
        "; ".join(wrong) or f"{energies(picture.report)}; {moved}",
        right=not wrong,
    )


async def _end(stage: Stage, picture: Picture) -> None:
    violations: list[Any] = picture.report["violations"]
    stage.check(
        "the charger did nothing against OCPP 1.6",
        "; ".join(violations) or "no violation",
        right=not violations,
    )
    stage.hang_up()
    status = await stage.daemon.stop()
    stage.check("the charger stops when asked", f"exit status {status}", right=status == 0)
    unsafe = stage.daemon.unsafe_outlets
    stage.check("no outlet was ever unsafe", "; ".join(unsafe) or "never", right=not unsafe)
