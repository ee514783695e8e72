"""A card in the minutes in which the way to the central system is gone and nobody has noticed: judged as offline."""

from pathlib import Path

import pytest
from ocpp.v16 import call

from cpd.lab.csms.behaviour import Behaviour, Tag
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
ANSWER_S = 30
"""The default of csms.answer_timeout_s: so long the central system is believed to be there."""

RULES = [
    ("", None, False),
    ("", "Accepted", True),
    ("", "Blocked", False),
    ("LocalAuthorizeOffline = false", "Accepted", False),
    ("AllowOfflineTxForUnknownId = true", None, True),
    ("AllowOfflineTxForUnknownId = true", "Blocked", False),
]


async def known(here: Site, status: str | None) -> None:
    """The charge point has learnt what the central system thinks of the card."""
    if status is not None:
        here.world.swipe(TAG)
        await here.log.message(call.Authorize)
        await here.clock.sleep(90)
    here.world.plug_in(1)
    await here.status("Preparing")
    await here.clock.sleep(5)


async def starts_after_s(here: Site) -> float | None:
    """How long after the card a session begins; None where none does in a minute."""
    began_s = here.clock.monotonic_s()
    here.world.swipe(TAG)
    while here.connector().transaction is None:
        if here.clock.monotonic_s() - began_s > 60:
            return None
        await here.clock.sleep(0.25)
    return here.clock.monotonic_s() - began_s


@pytest.mark.parametrize("noticed", [True, False])
@pytest.mark.parametrize(("rules", "status", "starts"), RULES)
def test_a_card_is_judged_by_what_is_known_of_it(
    tmp_path: Path, rules: str, status: str | None, starts: bool, noticed: bool
) -> None:
    async def scenario() -> None:
        tags = {} if status is None else {TAG: Tag(status=status)}  # type: ignore[arg-type]
        async with site(tmp_path, behaviour=Behaviour(tags=tags), ocpp=rules) as here:
            await known(here, status)
            if noticed:
                here.network.cut()
            else:
                here.network.swallows = True
            took_s = await starts_after_s(here)
            assert (took_s is not None) == starts
            assert took_s is None or took_s <= (2 if noticed else ANSWER_S + 2)
            here.network.swallows, here.network.up = False, True

    run_virtual(scenario())


def test_a_card_that_is_known_needs_no_answer_where_the_keys_say_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        tags = {TAG: Tag()}
        async with site(tmp_path, behaviour=Behaviour(tags=tags), ocpp="LocalPreAuthorize = true") as here:
            await known(here, "Accepted")
            here.network.swallows = True
            took_s = await starts_after_s(here)
            assert took_s is not None and took_s <= 2
            here.network.swallows = False

    run_virtual(scenario())
