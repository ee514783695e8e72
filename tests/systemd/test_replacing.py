"""A package that is installed over a running charger: what is replaced, and what goes on."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packaging.package import built_package
from tests.process.charger import Finished
from tests.systemd.installed import CONFIG, DAEMON, GUARD, Installed, charges_under_its_limit

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="session")
def another_guard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, as if its guard were made of other code."""
    folder = tmp_path_factory.mktemp("another")
    subprocess.run(["dpkg-deb", "--raw-extract", built_package(), folder / "root"], check=True)
    (folder / "root/usr/share/cpd/guard.digest").write_text("another\n", encoding="utf-8")
    subprocess.run(["dpkg-deb", "-Znone", "--build", folder / "root", folder / "cpd.deb"], check=True)
    return folder / "cpd.deb"


@pytest.fixture(scope="session")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that refuses to be installed, before anything of the old one is touched."""
    folder = tmp_path_factory.mktemp("refused")
    control = folder / "root/DEBIAN"
    control.mkdir(parents=True)
    fields = (
        "Package: cpd",
        "Version: 99",
        "Architecture: all",
        "Maintainer: nobody",
        "Description: refused",
    )
    (control / "control").write_text("\n".join((*fields, "")), encoding="utf-8")
    (control / "preinst").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    (control / "preinst").chmod(0o755)
    subprocess.run(["dpkg-deb", "--build", folder / "root", folder / "cpd.deb"], check=True)
    return folder / "cpd.deb"


async def dpkg(here: Installed, package: Path, *options: str) -> Finished:
    """Run dpkg on *package* over what runs."""
    shutil.copy(package, here.service.machine.root / "tmp/other.deb")
    return await here.service.machine.tried("dpkg", "--force-unsafe-io", *options, "/tmp/other.deb")


async def replaced_by(here: Installed, package: Path, *options: str) -> str:
    """Install *package* over what runs; returns what dpkg says."""
    done = await dpkg(here, package, *options, "--install")
    assert done.status == 0, done
    return done.stdout


async def pids(here: Installed) -> tuple[str, str]:
    return await here.service.pid(DAEMON), await here.service.pid(GUARD)


async def test_an_update_with_the_same_guard_leaves_that_alone(here: Installed) -> None:
    before = await here.session()
    daemon, guard = await pids(here)
    await replaced_by(here, built_package())
    after = await here.service.until_connector(charges_under_its_limit)
    assert (await here.service.pid(DAEMON) != daemon, await here.service.pid(GUARD)) == (True, guard)
    assert before["transaction"] is not None and after["transaction"] is not None
    assert after["transaction"]["local_id"] == before["transaction"]["local_id"]


async def test_an_update_with_another_guard_replaces_both_and_the_session_goes_on(
    here: Installed, another_guard: Path
) -> None:
    """Also where the same update was interrupted: then the new guard is on the disk, and the old one runs."""
    before = await here.session()
    daemon, guard = await pids(here)
    interrupted = await dpkg(here, another_guard, "--unpack")
    assert interrupted.status == 0, interrupted
    await replaced_by(here, another_guard)
    after = await here.service.until_connector(charges_under_its_limit)
    now = await pids(here)
    assert (now[0] != daemon, now[1] != guard) == (True, True)
    assert before["transaction"] is not None and after["transaction"] is not None
    assert after["transaction"]["local_id"] == before["transaction"]["local_id"]


async def test_an_update_that_is_refused_replaces_no_process(here: Installed, refused: Path) -> None:
    await here.session()
    before = await pids(here)
    done = await dpkg(here, refused, "--install")
    assert (done.status, "pre-installation script" in done.stderr) == (1, True), done
    assert await pids(here) == before


async def test_an_update_that_puts_the_example_in_place_of_the_file_replaces_no_process(
    here: Installed,
) -> None:
    """Somebody has answered Y when dpkg asked about it."""
    before = await pids(here)
    machine = here.service.machine
    try:
        told = await replaced_by(here, built_package(), "--force-confask", "--force-confnew")
        assert await pids(here) == before
        [put_back] = re.findall(r"cpd: sudo (mv .*)", told)
        await machine.done(*put_back.split())
        assert (machine.root / "etc/cpd/cpd.toml").read_text(encoding="utf-8") == CONFIG
    finally:
        here.service.configure(CONFIG)


async def test_an_update_over_a_file_with_a_mistake_replaces_no_process(here: Installed) -> None:
    before = await pids(here)
    here.service.configure(CONFIG.replace("max_current_a = 32", "max_current_a = 5"))
    try:
        told = await replaced_by(here, built_package())
        assert "/etc/cpd/cpd.toml has mistakes" in told
        assert await pids(here) == before
    finally:
        here.service.configure(CONFIG)


async def test_what_somebody_has_stopped_stays_stopped(here: Installed) -> None:
    await here.service.systemctl("stop", DAEMON)
    # It may be that of another package, where a test before has left it running.
    await here.service.systemctl("restart", GUARD)
    _, guard = await pids(here)
    await replaced_by(here, built_package())
    state = await here.service.told(DAEMON, "ActiveState")
    assert (state, await here.service.pid(GUARD)) == ("inactive", guard)
