"""The light of a connector through the day of its driver."""

from pathlib import Path

from cpd.lab.csms.behaviour import Behaviour, Tag
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual


def meanings(here: Site, number: int = 1) -> list[str]:
    """What the light of a connector has shown, each once."""
    shown = [signal.meaning.value for signal in here.world.lights[number].shown]
    return [one for at, one in enumerate(shown) if at == 0 or shown[at - 1] != one]


def test_a_driver_sees_what_becomes_of_the_card_and_the_session(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = Behaviour(tags={"STRANGER": Tag(status="Invalid")})  # type: ignore[arg-type]
        async with site(tmp_path, behaviour=behaviour, ocpp="ConnectionTimeOut = 10") as here:
            here.world.plug_in(1)
            await here.status("Preparing")
            here.world.swipe("STRANGER")
            await here.clock.sleep(30)
            assert meanings(here) == ["ready", "present_card", "preparing", "card_refused", "present_card"]
            here.world.swipe("OWNER")
            await here.status("Charging")
            here.world.swipe("OWNER")
            await here.status("Finishing")
            here.world.plug_out(1)
            await here.status("Available")
            await here.clock.sleep(1)
            assert meanings(here)[-4:] == ["preparing", "charging", "finished", "ready"]
            here.world.fault(1, "ground_fault", True)
            await here.status("Faulted")
            await here.clock.sleep(1)
            assert meanings(here)[-1] == "fault"

    run_virtual(scenario())


def test_each_connector_has_its_own_light(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            here.world.plug_in(2)
            await here.status("Preparing", 2)
            await here.clock.sleep(1)
            assert (meanings(here, 1), meanings(here, 2)[-1]) == (["ready"], "present_card")

    run_virtual(scenario())
