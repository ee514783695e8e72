"""What root does to the store of the installed service, and a package of firmware that cpd may not install itself."""

from pathlib import Path

import pytest

from tests.systemd.installed import DAEMON, Installed
from tests.systemd.test_service import AS_DAEMON

pytestmark = pytest.mark.asyncio(loop_scope="session")

LEFT = (
    "/usr/local/lib/cpd",
    "/etc/systemd/system/cpd-firmware.path",
    "/etc/systemd/system/cpd-firmware.service",
    "/var/cache/cpd-firmware",
    "/run/cpd-firmware",
    "/root/installed",
)
"""What an installer adds for updates by apt, and the package cannot know of."""

FIRMWARE = Path(__file__).parents[2] / "config" / "firmware"


async def test_a_store_that_root_restored_or_cleared_is_still_the_daemons(here: Installed) -> None:
    service = here.service
    assert (await service.cpd("backup", "/root/backup")).status == 0
    await service.systemctl("stop", DAEMON)
    for command in (("restore", "/root/backup"), ("factory-reset", "--drop-journal")):
        done = await service.cpd(*command, "--yes", "--json")
        assert (done.status, done.document["done"]) == (0, True), done
        owners = await service.machine.done("find", "/var/lib/cpd", "-printf", "%u %m %P\\n")
        assert {line.split()[0] for line in owners.splitlines()} == {"cpd"}, owners
        await service.systemctl("start", DAEMON)
        await service.until_told(DAEMON, "1 Available; CSMS online")
        await service.systemctl("stop", DAEMON)
    await service.machine.done("rm", "/root/backup")


async def test_technicians_may_not_read_the_passwords_of_a_backup(here: Installed) -> None:
    as_technician = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--groups=cpd")
    refused = await here.service.machine.tried(*as_technician, "cpd", "backup", "/tmp/backup")
    assert (refused.status, refused.stdout) == (7, ""), refused
    assert "sudo cpd backup" in refused.stderr


async def test_cpd_asks_and_root_installs_what_was_signed(here: Installed) -> None:
    machine = here.service.machine
    ask = "/usr/local/lib/cpd/cpd-firmware"
    machine.write(ask, (FIRMWARE / "cpd-firmware").read_text())
    for unit in ("cpd-firmware.path", "cpd-firmware.service"):
        machine.write(f"/etc/systemd/system/{unit}", (FIRMWARE / unit).read_text())
    # In place of gpgv, dpkg-deb and apt-get: one file is signed, and what is installed is written down.
    machine.write("/usr/local/sbin/gpgv", '#!/bin/sh\nset -e\ngrep -q signed "$6"\ncp "$6" "$5"\n')
    machine.write("/usr/local/sbin/dpkg-deb", "#!/bin/sh\necho cpd\n")
    machine.write("/usr/local/sbin/apt-get", "#!/bin/sh\nid -un >>/root/installed\n")
    commands = [f"/usr/local/sbin/{name}" for name in ("gpgv", "dpkg-deb", "apt-get")]
    try:
        await machine.done("chmod", "755", ask, *commands)
        await machine.done("systemctl", "daemon-reload")
        await machine.done("systemctl", "start", "cpd-firmware.path")
        for content, status in (("signed", 0), ("forged", 1), ("signed", 0)):
            machine.write("/var/lib/cpd/firmware", content)
            asked = await machine.tried(*AS_DAEMON, ask, "ask", "install", "/var/lib/cpd/firmware")
            assert asked.status == status, asked
        assert (await machine.done("cat", "/root/installed")).split() == ["root", "root"]
    finally:
        await machine.done("systemctl", "stop", "cpd-firmware.path")
        await machine.done("rm", "-rf", ask, *commands, *LEFT)
        await machine.done("systemctl", "daemon-reload")
