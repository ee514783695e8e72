"""A package that is installed over a running charger: what is replaced, and what goes on."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packaging.package import built_package
from tests.process.charger import STATION
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


async def replaced_by(here: Installed, package: Path) -> str:
    """Install *package* over what runs; returns what dpkg says."""
    shutil.copy(package, here.service.machine.root / "tmp/other.deb")
    return await here.service.machine.done("dpkg", "--force-unsafe-io", "--install", "/tmp/other.deb")


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
    before = await here.session()
    daemon, guard = await pids(here)
    await replaced_by(here, another_guard)
    after = await here.service.until_connector(charges_under_its_limit)
    now = await pids(here)
    assert (now[0] != daemon, now[1] != guard) == (True, True)
    assert before["transaction"] is not None and after["transaction"] is not None
    assert after["transaction"]["local_id"] == before["transaction"]["local_id"]


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
    _, guard = await pids(here)
    # Not the id of the example, with which nothing is started anyway.
    here.service.configure(CONFIG.replace(f'id = "{STATION}"', 'id = "CP-4711"'))
    try:
        await replaced_by(here, built_package())
        state = await here.service.told(DAEMON, "ActiveState")
        assert (state, await here.service.pid(GUARD)) == ("inactive", guard)
    finally:
        here.service.configure(CONFIG)
