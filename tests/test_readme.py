"""The README names functions; this holds it to the code."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import cpd
import hal
from tests.conformance import counts

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def follow_a_message() -> set[str]:
    """The dotted names between "Follow a message" and the next heading."""
    section = README.split("### Follow a message")[1].split("\n## ")[0]
    return set(re.findall(r"`((?:\w+\.)+\w+)`", section))


def named() -> dict[str, set[str]]:
    """Everything public or private that a module or class of ours has, by the owner's last name."""
    found: dict[str, set[str]] = {}
    for package in (cpd, hal):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if info.name.endswith("__main__"):
                continue
            module = importlib.import_module(info.name)
            found.setdefault(info.name.rpartition(".")[2], set()).update(vars(module))
            for name, member in vars(module).items():
                if inspect.isclass(member) and member.__module__ == info.name:
                    found.setdefault(name, set()).update(dir(member))
    return found


def test_every_function_of_the_message_paths_exists() -> None:
    owners = named()
    paths = follow_a_message()
    assert len(paths) > 20
    missing = {path for path in paths if path.split(".")[-1] not in owners.get(path.split(".")[-2], set())}
    assert missing == set()


def test_the_readme_counts_the_conformance_tests_that_there_are() -> None:
    """`python -m tests.conformance.counts` prints the table as it should stand in the README."""
    table = counts.table()
    assert table in README, f"the README's table of conformance tests should be:\n{table}"
