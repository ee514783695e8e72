"""A charger that nobody has configured, and what `cpd init` makes of it."""

import pytest

from tests.process.charger import STATION
from tests.systemd.installed import CONFIG, CSMS_PORT, DAEMON, GUARD, Installed

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXAMPLE = "/usr/share/cpd/cpd.toml"
SECRET = "correct horse battery"


async def states(here: Installed) -> list[tuple[str, str]]:
    """What both are, and what came of them last."""
    shown = [await here.service.shown(unit) for unit in (GUARD, DAEMON)]
    return [(one["ActiveState"], one["Result"]) for one in shown]


async def test_a_charger_with_the_example_does_not_run_until_init_has_written_its_own_file(
    here: Installed,
) -> None:
    """The example drives simulated hardware, and its id is everybody's."""
    machine, service = here.service.machine, here.service
    machine.write("/root/password", SECRET)
    options = (
        "--yes",
        "--no-checks",
        "--board=mock",
        f"--id={STATION}",
        f"--url=ws://127.0.0.1:{CSMS_PORT}/ocpp",
        "--password-file=/root/password",
    )
    try:
        await machine.done("cp", EXAMPLE, "/etc/cpd/cpd.toml")
        await service.systemctl("restart", GUARD, DAEMON)
        assert await states(here) == [("inactive", "exec-condition")] * 2
        done = await service.cpd("init", "--start", *options)
        assert done.status == 0, done
        assert await states(here) == [("active", "success")] * 2
        answered = await service.cpd("status", "--json")
        hal = answered.document["hal"]
        assert (answered.document["station"]["id"], hal["process"]) == (STATION, "guard")
        assert await machine.done("stat", "--format=%U:%G %a", "/etc/cpd/password") == "cpd:cpd 600\n"
        # Whoever changes it later has to restart the guard as well: it has the hardware of the older file.
        again = await service.cpd("init", "--max-current=16", *options)
        assert again.status == 0, again
        for step in ("sudo systemctl enable cpd-guard cpd", "sudo systemctl restart cpd-guard cpd"):
            assert step in again.stdout
    finally:
        service.configure(CONFIG)
        await machine.done("sh", "-c", "rm -f /etc/cpd/password* /root/password /etc/cpd/cpd.toml?*")
        await service.systemctl("restart", GUARD, DAEMON)
