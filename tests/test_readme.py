"""The README and the texts beside it name functions, commands and files; this holds them to the code."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import cpd
import hal
from tests.command_line import complaint, typed, unknown_in
from tests.conformance import counts

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXTS = [
    file.relative_to(ROOT)
    for pattern in ("*.md", "config/*.md", "config/**/*.toml")
    for file in sorted(ROOT.glob(pattern))
]


def fenced(text: str) -> list[str]:
    """The lines in blocks of code, without their indentation and what is remarked behind them."""
    blocks = re.findall(r"^ *```\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    return [re.sub(r"\s+# .*", "", line).strip() for block in blocks for line in block.splitlines()]


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


@pytest.mark.parametrize("name", TEXTS, ids=str)
def test_every_command_that_a_text_names_exists_with_its_options(name: Path) -> None:
    spans = re.findall(r"`([^`\n]+)`", (ROOT / name).read_text(encoding="utf-8"))
    # `.venv/bin/cpd …` and `sudo cpd …` are commands as well.
    named = [
        span[found.start(1) :] for span in spans if (found := re.match(r"(?:sudo |\S*/)?(cpd(?: |$))", span))
    ]
    assert {span: unknown for span in named if (unknown := unknown_in(span))} == {}


@pytest.mark.parametrize("name", [name for name in TEXTS if name.suffix == ".md"], ids=str)
def test_every_command_in_a_block_of_code_is_one_that_cpd_takes(name: Path) -> None:
    lines = [
        line for line in fenced((ROOT / name).read_text(encoding="utf-8")) if re.match("(sudo )?cpd ", line)
    ]
    assert {line: said for line in lines if (said := complaint(typed(line) or [])) is not None} == {}


def test_ten_numbered_steps_lead_to_a_charging_car() -> None:
    section = README.split("## From a blank SD card to a charging car")[1].split("\n## ")[0]
    assert re.findall(r"^(\d+)\. ", section, re.MULTILINE) == [str(number) for number in range(1, 11)]
    for number, step in enumerate(re.split(r"^\d+\. ", section, flags=re.MULTILINE)[1:], 1):
        assert re.search(r"\b[Yy]ou\s+see\b", step), f"step {number} does not say what one sees"
        assert re.search(r"`\S+[^`]*`|Raspberry Pi Imager", step), f"step {number} names nothing to do"


def test_the_steps_set_up_the_pins_as_the_ready_section_says() -> None:
    socket = (ROOT / "config/boards/raspberry-pi-socket.toml").read_text(encoding="utf-8")
    wanted = re.findall(r"^#   (\w+=\S+)", socket, re.MULTILINE)
    assert len(wanted) > 5
    assert sorted(line for line in fenced(README) if line in wanted) == sorted(wanted)
