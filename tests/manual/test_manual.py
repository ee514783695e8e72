"""The manual says all that the command line and the configuration have, in roff that nobody complains of."""

import os
import re
import shutil
import subprocess
from datetime import datetime
from functools import cache
from pathlib import Path

import click
import pytest

from cpd.cli.main import SECTIONS, cpd
from cpd.domain.variables import VARIABLES
from cpd.manual.__main__ import main, manual
from cpd.manual.configuration import sections
from cpd.manual.roff import Page, text
from cpd.settings.tables import Document
from hal.settings.mistakes import KeyPath
from hal.settings.schema import Schema
from tests.command_line import complaint, contexts, examples, typed

ROOT = Path(__file__).parents[2]
SAMPLE = (ROOT / "config/cpd.toml").read_text(encoding="utf-8")


@cache
def pages() -> dict[str, str]:
    return dict(manual(SAMPLE))


def page_of(ctx: click.Context) -> str:
    """The source of the page that tells of a command."""
    source = pages()[f"man1/{ctx.command_path.replace(' ', '-')}.1"]
    return pages()[source.removeprefix(".so ").strip()] if source.startswith(".so ") else source


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manual as it is installed."""
    folder = tmp_path_factory.mktemp("manual") / "man"
    assert main([str(folder), str(ROOT / "config/cpd.toml")]) == 0
    return folder


def groff() -> str:
    """The formatter; skips where there is none, unless CPD_REQUIRE_SYSTEMD is set."""
    found = shutil.which("groff")
    if found is None and os.environ.get("CPD_REQUIRE_SYSTEMD"):
        pytest.fail("groff is not installed")
    return found or pytest.skip("groff is not installed")


def shown(file: Path) -> tuple[str, str]:
    """A page as a terminal of 78 columns shows it, and what the formatter said against it."""
    command = [groff(), "-s", "-man", "-Tutf8", "-ww", "-P-cbou", "-rLL=78n", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=file.parents[1])
    return done.stdout, done.stderr


@pytest.mark.parametrize("ctx", list(contexts()), ids=lambda ctx: ctx.command_path)
def test_every_command_has_a_page_with_all_of_its_options_and_examples(ctx: click.Context) -> None:
    source = page_of(ctx)
    options = [one for one in ctx.command.params if isinstance(one, click.Option) and not one.hidden]
    names = [name for one in options for name in (*one.opts, *one.secondary_opts)]
    lines = [*names, *(" ".join(example.split()) for example in examples(ctx.command))]
    squeezed = re.sub(r" +", " ", source)
    assert [line for line in lines if text(line) not in squeezed] == []


@pytest.mark.parametrize("ctx", list(contexts()), ids=lambda ctx: ctx.command_path)
def test_every_example_is_a_command_that_cpd_takes(ctx: click.Context) -> None:
    lines = [line for line in examples(ctx.command) if line.startswith(("cpd", "sudo cpd"))]
    assert lines
    said = {line: complaint(words) for line in lines if (words := typed(line)) is not None}
    assert {line: words for line, words in said.items() if words is not None} == {}


def test_a_command_is_summed_up_in_what_fits_a_narrow_terminal() -> None:
    words = [words for commands in SECTIONS.values() for _, words in commands.values()]
    assert [one for one in words if len(one) > 24] == []


def test_the_help_of_cpd_fits_40_columns_with_a_line_for_each_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        cpd.main(["--help"], prog_name="cpd", terminal_width=40)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 40] == []
    listed = lines[lines.index("See:") : lines.index("  Exit status:")]
    heads = [f"{title}:" for title in SECTIONS]
    named = [name for commands in SECTIONS.values() for name in commands]
    assert [line.split()[0] for line in listed if line and line not in heads] == named


def test_every_key_of_every_table_is_in_the_page_of_the_configuration() -> None:
    schema, missing = Schema(Document), []
    source = pages()["man5/cpd.toml.5"]
    shown_keys = {(section.path, key.name) for section in sections(SAMPLE) for key in section.keys}
    tables: list[KeyPath] = [section.path for section in sections(SAMPLE) if section.name != "ocpp"]
    for table in tables:
        for key in schema.keys_at(table):
            inner = any(other[: len(table) + 1] == (*table, key) for other in tables if other != table)
            if (table, key) not in shown_keys and not inner:
                missing.append((table, key))
    assert missing == []
    assert {path[0] for path in tables} | {"ocpp"} == set(schema.keys_at(()))
    assert [
        key.line for section in sections(SAMPLE) for key in section.keys if text(key.line) not in source
    ] == []
    assert [one.key for one in VARIABLES.values() if one.key not in source] == []


def test_a_key_is_told_with_its_remark_what_is_allowed_and_what_holds_without_it(folder: Path) -> None:
    words = " ".join(shown(folder / "man5/cpd.toml.5")[0].split())
    assert (
        "min_pause_s = 5 5 … 600; a pause that a limit asks for is not shorter: some vehicles need 30 "
        "Allowed: a whole number, 5 … 600. Default: 5." in words
    )
    assert (
        "[connector.gpio] The pins of this outlet on a Raspberry Pi, by BCM number, each used once" in words
    )
    assert "(4 of the 5 of a 125 kHz card: the number that is printed on it)" in words
    assert "HeartbeatInterval Allowed: a whole number, 1 … 2678400. Default: 300." in words


def test_the_formatter_complains_of_no_page_and_every_line_fits(folder: Path) -> None:
    files = sorted(file for file in folder.rglob("*.[158]") if not file.read_text().startswith(".so"))
    assert len(files) > 30
    for file in files:
        lines, complaints = shown(file)
        assert complaints == "", file
        assert [line for line in lines.splitlines() if len(line) > 78] == [], file


def test_a_page_is_found_by_the_words_that_are_typed(folder: Path) -> None:
    if shutil.which("man") is None:
        pytest.skip("man is not installed")
    for words, head in (
        (["cpd"], "cpd - charge point controller"),
        (["cpd", "status"], "cpd-status - what the charger does"),
        (["cpd-config-set"], "cpd-config - OCPP keys; check a file"),
        (["5", "cpd.toml"], "cpd.toml - configuration"),
        (["cpd-guard"], "cpd-guard - drives the outlets"),
    ):
        done = subprocess.run(
            ["man", "--warnings", *words],
            capture_output=True,
            text=True,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "MANPATH": str(folder),
                "LC_ALL": "C.UTF-8",
                "GROFF_NO_SGR": "1",
            },
        )
        if "minimized" in done.stdout:
            pytest.skip("this system is one without manual pages")
        assert (done.returncode, done.stderr) == (0, "")
        assert head in re.sub(r".\x08", "", done.stdout)


def test_whatever_is_written_is_read_and_never_taken_for_roff(tmp_path: Path) -> None:
    nasty = [r".TH \fB 'x' \n(.x -- `a` ^~", "'quoted first", '"a" … → 10 kΩ', "\\", "."]
    page = Page(
        name="x", section=1, summary="x", lines=[line for one in nasty for line in (".PP", text(one))]
    )
    file = tmp_path / "man1/x.1"
    file.parent.mkdir()
    file.write_text(page.source("1", datetime(2026, 1, 1)), encoding="ascii")
    lines, complaints = shown(file)
    assert complaints == ""
    assert [one for one in nasty if one not in lines] == []


def test_the_command_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "DIR" in capsys.readouterr().err
