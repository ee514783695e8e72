"""A virtual car charges once at a charger with a configuration of somebody's own, on simulated hardware."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from cpd.cli.terminal import Terminal
from cpd.lab.csms.ledger import BookedTransaction, discrepancies
from cpd.lab.demo.checklist import Checklist
from cpd.lab.demo.stage import FAILURES, Stage, Unexpected, staged
from cpd.lab.demo.words import energies

CARD = "VIRTUAL-CAR"
CABLE_A = 32

_CHARGES_S = 2.0
_WITHIN_S = 15.0


async def charge_virtual_car(
    terminal: Terminal, station: str, write: Callable[[Path, int], Path]
) -> Checklist:
    """Charge at connector 1, and check the ledger of a central system that is only here for this.

    *write* puts the configuration into a directory, for a central system on a port of this machine, and returns its
    file; its socket is ``cpd.sock`` there.
    """
    checklist = Checklist()
    try:
        async with staged(terminal, checklist, station=station, csms=(), write=write) as stage:
            await _charge(stage)
    except Unexpected as unexpected:
        checklist.interrupted = f"it ends here: {unexpected}"
    except FAILURES as failure:
        checklist.interrupted = str(failure)
    return checklist


async def _charge(stage: Stage) -> None:
    await stage.until_up()
    stage.say_heads()
    await stage.expect(
        "a central system accepts the charger",
        lambda seen: seen.report["registration"] == "Accepted" and "1" in seen.report["statuses"],
        lambda seen: f"registration {seen.report['registration']}",
        within_s=_WITHIN_S,
    )
    before_wh = (await stage.look()).energy_wh
    await stage.charger("mock.plug_in", connector=1, cable_a=CABLE_A)
    await stage.charger("mock.swipe", id_tag=CARD, connector=1)
    await stage.expect(
        "a virtual car charges",
        lambda seen: seen.connector["contactor"]["confirmed"] == "closed" and seen.draws_a > 0,
        lambda seen: seen.charging,
        within_s=_WITHIN_S,
    )
    await stage.linger(_CHARGES_S)
    await stage.charger("mock.swipe", id_tag=CARD, connector=1)
    picture = await stage.expect(
        "it stops, and all is delivered",
        lambda seen: (
            seen.connector["transaction"] is None
            and (seen.connector["contactor"]["confirmed"], seen.status["csms"]["queued"]) == ("open", 0)
            and all(one["stopped_at"] for one in seen.transactions)
        ),
        lambda seen: f"{seen.connector['ocpp_status']}, contactor {seen.connector['contactor']['confirmed']}",
        within_s=_WITHIN_S,
    )
    booked = msgspec.convert(picture.transactions, list[BookedTransaction])
    wrong = discrepancies(booked, id_tags=(CARD,), moved_wh=picture.energy_wh - before_wh)
    stage.check(
        "the session is booked once, every Wh once",
        "; ".join(wrong) or energies(picture.report),
        right=not wrong,
    )
