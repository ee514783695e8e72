"""Start the services of an installed charger, now and at each boot."""

import subprocess
from pathlib import Path
from typing import Final

COMMANDS: Final = (
    ("systemctl", "enable", "cpd-guard", "cpd"),
    # Not start: what runs has the old configuration, the guard as well.
    ("systemctl", "restart", "cpd-guard", "cpd"),
)
"""What root does for it, in order."""


def start_services(root: Path = Path("/")) -> str | None:
    """Enable both, and restart them; returns what went wrong, else None."""
    if not (root / "run/systemd/system").is_dir():
        return "systemd does not run here"
    for command in COMMANDS:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            return f"{command[0]}: {error.strerror}"
        if done.returncode != 0:
            return (done.stderr.strip() or f"{' '.join(command)} failed").splitlines()[-1]
    return None
