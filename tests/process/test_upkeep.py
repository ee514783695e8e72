"""`cpd backup`, `cpd restore` and `cpd factory-reset` at a real charger: what was billed is billed once."""

import shutil
from pathlib import Path

from tests.process.charger import Finished, charger, run_cpd
from tests.process.site import Site, site


async def upkeep(folder: Path, *arguments: str, columns: int = 40) -> Finished:
    """A command at the files of the charger in *folder*."""
    return await run_cpd(*arguments, "--config", folder / "cpd.toml", columns=columns)


async def backed_up_while_a_session_waits(here: Site, file: Path) -> None:
    """A backup of a charger that has a whole session for the CSMS, which is delivered afterwards."""
    await here.charger.charge()
    await here.charger.call("csms.disconnect")
    await here.charger.call("stop", connector=1)
    await here.charger.until(lambda status: status["csms"]["queued"] >= 1)
    assert (await upkeep(file.parent, "backup", str(file))).status == 0
    await here.charger.call("csms.connect")
    await here.booked()
    await here.charger.until(lambda status: status["csms"]["queued"] == 0)


async def test_a_restored_backup_tells_nothing_twice(tmp_path: Path) -> None:
    file = tmp_path / "CP-0042.backup"
    async with site(tmp_path) as here:
        await backed_up_while_a_session_waits(here, file)
        await here.charger.call("configuration.set", key="HeartbeatInterval", value="77")
        await here.charger.terminate()
        restored = await upkeep(tmp_path, "restore", str(file), "--yes")
        assert restored.status == 0, restored
        await here.charger.start()
        status = await here.charger.until_online()
        assert (status["csms"]["queued"], status["csms"]["dead"]) == (0, 0)
        (interval,) = (await here.charger.call("configuration.get", key="HeartbeatInterval"))["keys"]
        assert interval["source"] != "local"
        assert len(here.transactions) == 1
        assert (tmp_path / "cpd.db.replaced-1").exists()


async def test_on_a_new_card_what_waited_in_the_backup_waits_for_a_person(tmp_path: Path) -> None:
    file = tmp_path / "CP-0042.backup"
    async with site(tmp_path) as here:
        await backed_up_while_a_session_waits(here, file)
        await here.charger.terminate()
        (tmp_path / "cpd.db").unlink()
        shutil.rmtree(tmp_path / "hal")
        told = (await upkeep(tmp_path, "restore", str(file), "--yes", "--json")).document
        assert (told["sessions"], told["messages"] >= 1, told["kept_as"]) == (1, True, None)
        await here.charger.start()
        status = await here.charger.until_online()
        assert status["csms"]["dead"] == told["messages"]
        assert len(here.transactions) == 1


async def test_neither_is_done_to_a_charger_that_runs(tmp_path: Path) -> None:
    file = tmp_path / "CP-0042.backup"
    async with charger(tmp_path) as here:
        assert (await upkeep(tmp_path, "backup", str(file))).status == 0
        assert file.stat().st_mode & 0o777 == 0o600
        for command in (("restore", str(file)), ("factory-reset",)):
            refused = await upkeep(tmp_path, *command, "--yes")
            assert refused.status == 5
            assert "cpd is running" in refused.stderr
            assert "sudo systemctl stop cpd" in refused.stderr
        assert await here.call("status")


async def test_a_factory_reset_waits_for_what_is_not_delivered(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        await here.charger.charge()
        await here.charger.call("csms.disconnect")
        await here.charger.call("stop", connector=1)
        await here.charger.until(lambda status: status["csms"]["queued"] >= 1)
        await here.charger.call("configuration.set", key="HeartbeatInterval", value="77")
        await here.charger.terminate()
        refused = await upkeep(tmp_path, "factory-reset", "--yes", columns=200)
        assert refused.status == 5
        assert "have not reached the CSMS" in refused.stderr
        asked = await upkeep(tmp_path, "factory-reset", "--keep-journal")
        assert asked.status == 2
        kept = await upkeep(tmp_path, "factory-reset", "--keep-journal", "--yes", "--json")
        assert kept.document["messages"] >= 1
        assert kept.document["rows"]["variables"] >= 1
        await here.charger.start()
        (booked,) = await here.booked()
        assert not booked.open
