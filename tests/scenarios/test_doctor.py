"""`cpd doctor` over the control socket of a whole daemon."""

from pathlib import Path
from typing import Any

from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual


async def findings(here: Site) -> dict[tuple[str, int | None], dict[str, Any]]:
    """What was found, by part and connector."""
    document = await here.control("doctor")
    assert document["schema"] == "cpd.doctor/1"
    return {(one["part"], one["connector"]): one for one in document["findings"]}


def test_a_healthy_charger_has_no_problem(tmp_path: Path) -> None:
    async def examined() -> None:
        async with site(tmp_path) as here:
            await here.status("Available")
            found = await findings(here)
            assert [one for one in found.values() if one["health"] == "failed"] == []
            assert found["pilot", 1]["evidence"] == "state A, +12.0 V, steady"
            assert found["central system", None]["health"] == "ok"

    run_virtual(examined())


def test_a_part_that_breaks_is_found_where_it_is(tmp_path: Path) -> None:
    async def examined() -> None:
        async with site(tmp_path) as here:
            await here.status("Available")
            here.world.fault(1, "meter_offline", True)
            await here.until(lambda connector: bool(connector.outlet.faults))
            found = await findings(here)
            assert found["meter", 1]["health"] == "failed"
            assert found["fault", 1]["next_step"] == "cpd why 1"

    run_virtual(examined())
