"""Removal and purge of the package: what is left on the machine."""

import pytest

from tests.systemd.installed import DROP_INS, Installed

NOT_OF_THE_PACKAGE = (
    *(path.lstrip("/") for path in DROP_INS),
    "etc/group",
    "etc/gshadow",
    "etc/passwd",
    "etc/shadow",
    "var/lib/dpkg/",
    "var/lib/systemd/",
    "var/log/",
)
"""What these tests have put there, and what the system writes in the course of it; users and groups stay."""

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_purge_keeps_sessions_that_nobody_was_told_of(here: Installed) -> None:
    machine = here.service.machine
    await here.session()
    await here.service.call("csms.disconnect")
    await here.service.call("mock.plug_out", connector=1)
    await here.service.until_connector(lambda connector: connector["transaction"] is None)
    told = await machine.done("dpkg", "--remove", "cpd")
    assert "have not reached the central system" in told
    told = await machine.done("dpkg", "--purge", "cpd")
    assert "sudo rm -r /var/lib/cpd /var/lib/cpd-guard" in told
    assert (machine.root / "var/lib/cpd/cpd.db").exists()
    assert not (machine.root / "etc/cpd").exists()
    here.service.install()
    await here.service.until_online()
    booked = await here.stopped()
    assert (booked.starts, booked.stops, booked.reason) == (1, 1, "EVDisconnected")


async def test_a_purge_leaves_nothing_of_what_was_installed(here: Installed) -> None:
    machine = here.service.machine
    await here.unplug()
    assert "have not reached" not in await machine.done("dpkg", "--purge", "cpd")
    left = machine.written() - here.service.bare
    assert {path for path in left if not path.startswith(NOT_OF_THE_PACKAGE)} == set()
    assert "cpd" not in await machine.done("systemctl", "list-units", "--all", "--no-legend")
    assert list((machine.root / "run").glob("cpd*")) == []
