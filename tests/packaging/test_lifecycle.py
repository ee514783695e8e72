"""The package over the system of this machine, in a copy of it that is gone afterwards: see lifecycle_inside.sh.

Continuous integration pays for it; `make deb-test` does the same on fresh Debian releases.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packaging.package import ROOT, built_package

pytestmark = pytest.mark.timeout(600)

INSIDE = ROOT / "tests/packaging/lifecycle_inside.sh"
STEPS = (
    "installed without a network",
    "cpd run up",
    "updated, store migrated",
    "update refused: configuration",
    "gone back, both sessions there",
    "removed and purged, sessions that wait kept",
    "purged without a trace",
)


def in_a_copy(shared: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "systemd/debian/root.sh", "run", "here", "native", *command],
        env=os.environ | {"CPD_SHARED": str(shared)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """What the copy sees in /mnt: the package, and the script that has it there."""
    if not os.environ.get("CPD_REQUIRE_SYSTEMD"):
        pytest.skip("only with CPD_REQUIRE_SYSTEMD=1, as in continuous integration")
    (tmp_path / "deb").mkdir()
    shutil.copy(built_package(), tmp_path / "deb")
    shutil.copy(INSIDE, tmp_path)
    tried = in_a_copy(tmp_path, "unshare", "--net", "sh", "-c", "! dpkg --status cpd >/dev/null 2>&1")
    assert tried.returncode == 0, f"no copy of this system without cpd can be had: {tried.stdout}"
    return tmp_path


def test_the_package_is_installed_updated_taken_back_and_purged_without_a_network(shared: Path):
    run = in_a_copy(shared, "unshare", "--net", "sh", "/mnt/lifecycle_inside.sh", "here", "guard")
    assert run.returncode == 0, run.stdout
    figures = (shared / "figures").read_text(encoding="utf-8")
    assert [step for step in STEPS if step not in figures] == []
