"""Programs that run where systemd-python is installed, and where it is not.

The package stands in for the real one, which needs libsystemd: its two functions write down what they are given.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

_RECORD = """
import json, os

def {name}(*arguments):
    if os.environ.get("LIBRARY_FAILS"):
        raise OSError(111, "Connection refused")
    for argument in arguments:
        argument.encode()
    with open(os.environ["RECORD"], "a") as record:
        record.write(json.dumps(["{name}", *arguments]) + "\\n")
    return True
"""


def run(folder: Path, script: str, *, library: bool, **environment: str) -> tuple[str, list[Any]]:
    """Run *script*; what it wrote to standard error, and what the library was given."""
    record = folder / "record"
    record.touch()
    places = [str(ROOT)]
    if library:
        package = folder / "with-library" / "systemd"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "daemon.py").write_text(_RECORD.format(name="notify"))
        (package / "journal.py").write_text(_RECORD.format(name="sendv"))
        places.append(str(package.parent))
    given: Mapping[str, str] = {"PYTHONPATH": os.pathsep.join(places), "RECORD": str(record), **environment}
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env={"PATH": os.environ["PATH"], **given},
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr, [json.loads(line) for line in record.read_text().splitlines()]
