"""An SD card that comes up in another machine: said to whoever looks, and the charger charges on."""

from pathlib import Path

from cpd.belonging import HELD
from tests.scenarios.site import Site, site
from tests.scenarios.test_power_cut import cut
from tests.virtual_time import run_virtual


def machine(folder: Path, serial: str) -> None:
    """The card is in the machine of this serial number from now on."""
    file = folder / "machine/proc/device-tree/serial-number"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{serial}\0")


def test_a_copied_card_is_told_until_a_person_accepts_the_machine(tmp_path: Path) -> None:
    async def scenario() -> None:
        machine(tmp_path, "100000000000000a")
        async with site(tmp_path) as first:
            assert (await first.control("status"))["store"]["moved"] is None
        machine(tmp_path, "100000000000000b")
        async with site(tmp_path, after=first) as second:
            assert "a copied SD card?" in (await second.control("status"))["store"]["moved"]
            findings = (await second.control("doctor"))["findings"]
            (finding,) = [one for one in findings if "a copied SD card?" in one["evidence"]]
            assert (finding["part"], finding["health"]) == ("store", "warning")
            assert finding["next_step"] == "cpd machine tells what to do"
            await second.charge()
            await second.control("machine.accept")
            assert (await second.control("status"))["store"]["moved"] is None
        async with site(tmp_path, after=second) as third:
            assert (await third.control("status"))["store"]["moved"] is None

    run_virtual(scenario())


def stops(here: Site) -> int:
    """How often the end of a session was told."""
    return sum(one.action == "StopTransaction" for one in here.log.calls)


def test_a_copy_neither_ends_nor_tells_what_its_original_has_begun(tmp_path: Path) -> None:
    async def scenario() -> None:
        copy = tmp_path / "copy"
        machine(tmp_path, "100000000000000a")
        async with site(tmp_path, forgives=True) as first:
            await first.charge()
            await first.clock.sleep(60)
            cut(first, copy)
            told = stops(first)
        told = stops(first)
        machine(copy, "100000000000000b")
        for _start in range(2):
            async with site(copy, after=first, forgives=True) as clone:
                await clone.clock.sleep(600)
                assert stops(clone) == told
                (held,) = (await clone.control("queue.list"))["messages"]
                assert (held["action"], held["dead"], held["last_error"]) == ("StopTransaction", True, HELD)
        async with site(copy, after=first, forgives=True) as replaced:
            await replaced.control("machine.accept")
            await replaced.clock.sleep(60)
            assert stops(replaced) == told + 1
            assert (await replaced.control("queue.list"))["messages"] == []

    run_virtual(scenario())
