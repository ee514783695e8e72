"""The stop button ends a session as its driver would, and does nothing where there is none."""

from pathlib import Path

from ocpp.v16 import call

from tests.scenarios.site import site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"


def test_the_stop_button_ends_the_session_in_good_order_and_books_it_as_local(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            await here.charge(TAG)
            await here.clock.sleep(60)
            await here.control("mock.stop_button", connector=1)
            here.world.press_stop(1)
            await here.status("Finishing")
            (booked,) = await here.stopped()
            assert (booked.starts, booked.stops, booked.reason, booked.stop_id_tag) == (1, 1, "Local", None)
            await here.clock.sleep(600)
            assert here.connector().status == "Finishing"
            assert here.connector().outlet.contactor == "open"

    run_virtual(scenario())


def test_the_stop_button_of_a_free_connector_or_of_another_one_ends_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            here.world.press_stop(1)
            await here.charge(TAG)
            here.world.press_stop(2)
            await here.clock.sleep(60)
            assert here.connector().status == "Charging"
            assert here.log.messages(call.StopTransaction) == []

    run_virtual(scenario())
