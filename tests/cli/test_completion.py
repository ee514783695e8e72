"""What Tab offers, in the shells themselves and in all places of the command line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import get_completion_class

from cpd.cli.codes import CODES
from cpd.cli.main import cpd, main
from hal.values import FaultKind
from tests.command_line import contexts, examples, typed

TWO_CONNECTORS = """\
[[connector]]
id = 1

[[connector]]
id = 2
"""


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cpd.toml with two connectors; no daemon runs."""
    file = tmp_path / "cpd.toml"
    file.write_text(TWO_CONNECTORS)
    monkeypatch.setenv("CPD_CONFIG", str(file))
    monkeypatch.delenv("CPD_SOCKET", raising=False)
    return file


def offered(*words: str) -> list[str]:
    """What is offered for the last of *words*, which may be empty."""
    kind = get_completion_class("bash")
    assert kind is not None
    found = kind(cpd, {}, "cpd", "_CPD_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return [one.value for one in found]


def test_commands_are_offered_by_their_beginning() -> None:
    assert offered("st") == ["status", "start", "stop"]
    assert offered("config", "") == ["check", "diff", "get", "reset", "set"]


def test_no_command_is_loaded_to_tell_its_name() -> None:
    script = (
        "import sys; from cpd.cli.main import cpd; import click; "
        "cpd.shell_complete(click.Context(cpd), ''); print('cpd.cli.status' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"


@pytest.mark.parametrize("ctx", list(contexts()), ids=lambda ctx: ctx.command_path)
def test_every_option_of_every_command_is_offered(ctx: click.Context) -> None:
    path = ctx.command_path.split()[1:]
    options = {
        name
        for one in ctx.command.get_params(ctx)
        if isinstance(one, click.Option) and not one.hidden
        for name in (*one.opts, *one.secondary_opts)
        if name.startswith("--")
    }
    assert options - set(offered(*path, "--")) == set()


@pytest.mark.parametrize(
    ("words", "some"),
    [
        (("why", ""), ["1", "2"]),
        (("availability", ""), ["0", "1", "2"]),
        (("availability", "1", ""), ["on", "off"]),
        (("fault", "ack", "1", "contactor_w"), ["contactor_welded"]),
        (("mock", "fault", "1", ""), list(FaultKind)),
        (("mock", "deceive", "1", "meter"), ["meter_frozen"]),
        (("mock", "ev", "1", "--personality", "z"), ["zoe"]),
        (("config", "set", "heartb"), ["HeartbeatInterval"]),
        (("config", "get", "HeartbeatInterval", "LocalPre"), ["LocalPreAuthorize"]),
        (("help", ""), list(CODES)),
        (("help", "limit_zero"), ["LIMIT_ZERO_CSMS"]),
        (("reset", ""), ["soft", "hard"]),
        (("demo", "--ev", "ev-zo"), ["ev-zoe"]),
        (("demo", "--csms", "csms-stop"), ["csms-stop-hater"]),
        (("init", "--board", "raspberry-pi-s"), ["raspberry-pi-socket"]),
        (("init", "--meter", "sdm6"), ["sdm630"]),
        (("init", "--reader", "r"), ["rdm6300"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("profiles", "clear", "--purpose", "Tx"), ["txdefaultprofile", "txprofile"]),
    ],
)
def test_what_a_place_takes_is_offered(words: tuple[str, ...], some: list[str]) -> None:
    assert offered(*words) == some


def test_the_connectors_are_those_of_the_file_that_the_line_names(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text("[[connector]]\nid = 7\n")
    assert offered("why", "--config", str(other), "") == ["7"]
    assert offered("--config", str(other), "why", "") == ["7"]


@pytest.mark.parametrize(
    "content", [None, "[[connector", "connector = 4", 'connector = [5, {id = "x"}]', "\udc80"]
)
def test_a_file_that_is_not_there_or_broken_offers_no_connector(config: Path, content: str | None) -> None:
    config.unlink()
    if content is not None:
        config.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert offered("why", "") == []


@pytest.mark.parametrize("ctx", list(contexts()), ids=lambda ctx: ctx.command_path)
def test_tab_complains_of_nothing_wherever_it_is_pressed(
    ctx: click.Context, capsys: pytest.CaptureFixture[str]
) -> None:
    for example in [
        *examples(ctx.command),
        f"{ctx.command_path} nonsense --nonsense =",
        f"{ctx.command_path} ' \"",
    ]:
        words = typed(example) if "'" not in example else example.split()[1:]
        for count in range(len(words or ()) + 1):
            offered(*(words or ())[:count], "")
            for word in (words or ())[count : count + 1]:
                offered(*(words or ())[:count], word[: len(word) // 2])
    assert capsys.readouterr() == ("", "")


def test_the_version_is_not_told_to_a_shell_that_asks_what_fits(capsys: pytest.CaptureFixture[str]) -> None:
    assert "status" in offered("--version", "")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_one_that_it_takes(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n", script], check=True)


@pytest.mark.parametrize(
    ("words", "some"),
    [
        ("mock fault 1 gr", "ground_fault"),
        ("wh", "why"),
        ("why ", "1 2"),
        ("status --wa", "--watch"),
    ],
)
def test_bash_completes_with_the_script(words: str, some: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    typed_words = ["cpd", *words.split(" ")]
    line = f"{script}\nCOMP_WORDS=({' '.join(map(repr, typed_words))})\nCOMP_CWORD={len(typed_words) - 1}\n"
    line += '_cpd_completion cpd\necho "${COMPREPLY[*]}"\n'
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    said = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=True, env={**os.environ, "PATH": path}
    )
    assert said.stderr == ""
    assert said.stdout.strip() == some
