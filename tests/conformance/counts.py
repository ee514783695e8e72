"""How much of each feature profile the suite shows: ``python -m tests.conformance.counts`` prints the README's table.

It counts what pytest collects: a behaviour is a test function, a case one run of it.
"""

import subprocess
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent

TITLES = {
    "core": "Core",
    "smart_charging": "Smart Charging",
    "reservation": "Reservation",
    "remote_trigger": "Remote Trigger",
    "local_auth_list": "Local Auth List Management",
    "firmware_management": "Firmware Management",
    "framing": "OCPP-J framing and link",
}
"""The folders, as the table names them."""


def collected() -> list[str]:
    """The id of every case, as in ``core/test_boot.py::test_…[Pending]``."""
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", str(HERE)],
        capture_output=True,
        text=True,
        check=True,
        cwd=HERE.parent.parent,
    )
    prefix = f"{HERE.relative_to(HERE.parent.parent).as_posix()}/"
    return [line.removeprefix(prefix) for line in listed.stdout.splitlines() if line.startswith(prefix)]


def table() -> str:
    """Behaviours and cases by feature profile, and all of them, as Markdown."""
    cases = collected()
    behaviours = {case.partition("[")[0] for case in cases}
    counted = Counter(case.partition("/")[0] for case in cases)
    named = Counter(behaviour.partition("/")[0] for behaviour in behaviours)
    rows = [f"| {title} | {named[folder]} | {counted[folder]} |" for folder, title in TITLES.items()]
    head = ["| feature profile | behaviours | cases |", "|---|---|---|"]
    return "\n".join([*head, *rows, f"| all | {len(behaviours)} | {len(cases)} |"])


if __name__ == "__main__":
    print(table())
