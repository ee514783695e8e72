"""When `make deb` builds anew: in a tree of its own, where a stand-in for build.py writes down that it was called."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packaging.package import ROOT, SYSTEM_PYTHON

BUILD = """\
import sys, pathlib
out = pathlib.Path(sys.argv[1]).resolve()
with open(out / "builds", "a") as builds:
    builds.write("built\\n")
(out / "cpd.deb").touch()
print(out / "cpd.deb")
"""


class Tree:
    """A tree with a source in each place that `make deb` looks at."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for place in ("cpd/run.py", "hal/guard.py", "systemd/debian/build.py", "config/cpd.toml"):
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            (root / place).write_text(BUILD, encoding="utf-8")
        for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
            (root / name).touch()
        shutil.copy(ROOT / "Makefile", root)

    def builds(self) -> int:
        """How often a package was built in all, once `make deb` has run again."""
        subprocess.run(["make", "deb"], cwd=self.root, check=True, capture_output=True)
        return len((self.root / "dist/builds").read_text(encoding="utf-8").splitlines())


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tried = subprocess.run([SYSTEM_PYTHON, "-c", "import ensurepip"], capture_output=True, check=False)
    if shutil.which("make") is None or tried.returncode:
        pytest.skip(f"no make, or no venv module of {SYSTEM_PYTHON}")
    return Tree(tmp_path)


def test_what_was_built_is_not_built_again(tree: Tree):
    assert [tree.builds(), tree.builds()] == [1, 1]


def test_a_source_that_is_gone_is_not_in_the_next_package(tree: Tree):
    tree.builds()
    (tree.root / "cpd/run.py").unlink()
    assert [tree.builds(), tree.builds()] == [2, 2]


def test_a_package_that_is_gone_is_built_again(tree: Tree):
    tree.builds()
    (tree.root / "dist/cpd.deb").unlink()
    assert [tree.builds(), tree.builds()] == [2, 2]
