"""`cpd demo` as a process: right, broken, and interrupted."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cpd.clock import SystemClock

BLOCKED = '{"tags": {"DEMO-CARD": {"status": "Blocked"}}}'


@contextmanager
def demo(tmp_path: Path, *arguments: str, columns: int = 80) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"TMPDIR": str(tmp_path), "COLUMNS": str(columns), "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-m", "cpd.cli.main", "demo", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def left_behind(tmp_path: Path) -> list[str]:
    """Files in the demo's temporary folder, and processes that still know of it."""
    files = [str(path) for path in tmp_path.rglob("*")]
    processes = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={tmp_path}" in (folder / "environ").read_text().split("\0"):
                processes.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return files + processes


def test_the_fast_demo_sees_all_that_it_expects(tmp_path: Path) -> None:
    clock = SystemClock()
    started_s = clock.monotonic_s()
    with demo(tmp_path, "--fast") as process:
        output, _ = process.communicate()
    assert process.returncode == 0, output
    assert clock.monotonic_s() - started_s < 45, "it takes 23 s on an idle machine"
    assert "30 of 30 as expected" in output
    assert "✗" not in output
    assert max(map(len, output.splitlines())) <= 80
    assert left_behind(tmp_path) == []


def test_a_demo_that_goes_wrong_says_where_and_fails(tmp_path: Path) -> None:
    with demo(tmp_path, "--fast", "--csms-behaviour", BLOCKED, columns=40) as process:
        output, _ = process.communicate()
    assert process.returncode == 1, output
    assert "✗ a transaction is booked, once, on that\n  card → no transaction" in output
    assert "the rest was not\nreached" in output
    assert max(map(len, output.splitlines())) <= 40
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path, ending: signal.Signals) -> None:
    with demo(tmp_path, "--fast") as process:
        assert process.stdout is not None
        while "an EV is plugged in" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(ending)
        output, _ = process.communicate()
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        (("--csms", "tx0"), "the transaction is stopped again, by its own number → #0 CARD-1"),
        (("--csms", "csms-404", "--ev", "hw-diode"), "✓ the charger is not online, and says why → HTTP 404"),
    ],
    ids=["csms-tx0", "csms-404 and hw-diode"],
)
def test_a_personality_is_met_and_the_ledger_is_exact(
    tmp_path: Path, arguments: tuple[str, ...], seen: str
) -> None:
    with demo(tmp_path, *arguments, columns=200) as process:
        output, _ = process.communicate()
    assert process.returncode == 0, output
    assert seen in output
    assert "✓ the ledger is exact: every session once, every Wh once" in output
    assert "✗" not in output
    assert left_behind(tmp_path) == []


def test_a_ledger_that_is_not_exact_fails_the_demo(tmp_path: Path) -> None:
    """The central system thanks for a StopTransaction, and forgets to book it."""
    forgets = '{"reactions": {"StopTransaction": {"answer": {}}}}'
    with demo(tmp_path, "--ev", "full", "--csms-behaviour", forgets, columns=40) as process:
        output, _ = process.communicate()
    assert process.returncode == 1, output
    assert "✗ the ledger is exact: every session\n  once, every Wh once → transaction 1 of\n" in output
    assert max(map(len, output.splitlines())) <= 40


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [(("--csms", "silence"), "did you mean 'csms-silent'?"), (("--ev", "zo"), "did you mean 'ev-zoe'?")],
)
def test_a_name_that_nobody_knows_is_told_with_the_one_that_was_meant(
    tmp_path: Path, arguments: tuple[str, ...], hint: str
) -> None:
    with demo(tmp_path, *arguments) as process:
        output, _ = process.communicate()
    assert process.returncode == 2
    assert hint in output
