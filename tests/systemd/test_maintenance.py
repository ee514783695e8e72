"""What root does to the store of the installed service, and a package of firmware that cpd may not install itself."""

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.packaging.package import built_package
from tests.systemd.installed import DAEMON, Installed
from tests.systemd.test_service import AS_DAEMON

pytestmark = pytest.mark.asyncio(loop_scope="session")

LEFT = (
    "/usr/local/lib/cpd",
    "/etc/systemd/system/cpd-firmware.path",
    "/etc/systemd/system/cpd-firmware.service",
    "/etc/systemd/system/cpd-firmware-finish.service",
    "/var/cache/cpd-firmware",
    "/run/cpd-firmware",
    "/root/installed",
    "/root/configuring",
)
"""What an installer adds for updates by apt, and the package cannot know of."""

POSTINST = "/var/lib/dpkg/info/cpd.postinst"
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


async def test_an_update_that_a_power_cut_interrupts_is_finished_before_the_charger_starts(
    here: Installed,
) -> None:
    machine, service = here.service.machine, here.service
    script = "/usr/local/lib/cpd/cpd-firmware"
    machine.write(script, (FIRMWARE / "cpd-firmware").read_text())
    unit = "cpd-firmware-finish.service"
    machine.write(f"/etc/systemd/system/{unit}", (FIRMWARE / unit).read_text())
    await machine.done("chmod", "755", script)
    await service.systemctl("enable", unit)
    try:
        shutil.copy(built_package(), machine.root / "tmp/cpd.deb")
        await machine.done("dpkg", "--force-unsafe-io", "--unpack", "/tmp/cpd.deb")
        waits = "[ -e /root/configuring ] || { touch /root/configuring; sleep infinity; }"
        await machine.done("sed", "-i.own", f"s:^set -e$:&; {waits}:", POSTINST)
        configuring = asyncio.create_task(machine.tried("dpkg", "--configure", "cpd"))
        await machine.done("sh", "-c", "until [ -e /root/configuring ]; do sleep 0.1; done")
        machine.power_cut()
        await configuring
        machine.boot()
        await service.until_online()
        assert await service.told(unit, "Result") == "success"
        state = await machine.done("dpkg-query", "--show", "--showformat=${Status}", "cpd")
        assert state == "install ok installed"
    finally:
        await service.systemctl("disable", unit)
        await machine.done("mv", f"{POSTINST}.own", POSTINST)
        await machine.done("rm", "-rf", script, *LEFT)
        await service.systemctl("daemon-reload")
