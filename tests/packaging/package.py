"""The Debian package of this tree, built once for all tests that need it."""

import fcntl
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SYSTEM_PYTHON = "/usr/bin/python3"


@cache
def built_package() -> Path:
    """The package for this machine; skips where none can be built, unless CPD_REQUIRE_SYSTEMD is set."""
    missing = _missing()
    if missing is not None:
        if os.environ.get("CPD_REQUIRE_SYSTEMD"):
            pytest.fail(f"no package can be built here: {missing}")
        pytest.skip(f"no package can be built here: {missing}")
    (ROOT / "dist").mkdir(exist_ok=True)
    # One test process builds, those beside it find it built.
    with (ROOT / "dist/.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = subprocess.run(["make", "deb"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stdout + made.stderr
        return ROOT / (ROOT / "dist/.built").read_text(encoding="utf-8").strip()


def _missing() -> str | None:
    if shutil.which("dpkg-deb") is None:
        return "this is not Debian"
    if shutil.which("make") is None:
        return "there is no make"
    found = subprocess.run(
        [SYSTEM_PYTHON, "-c", "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"],
        capture_output=True,
        check=False,
    )
    if found.returncode and os.geteuid() != 0:
        return f"{SYSTEM_PYTHON} has no venv, or is older than 3.11"
    return None
