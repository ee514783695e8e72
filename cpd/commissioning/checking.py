"""Whether answers make a configuration: asked of `cpd.settings`, with the very file that would be written."""

from pathlib import Path
from tempfile import TemporaryDirectory

from cpd.commissioning.draft import SYSTEM, Answers, render
from cpd.settings.loading import mistakes_in
from hal.settings.mistakes import Mistake


def mistakes(answers: Answers) -> tuple[Mistake, ...]:
    """What `cpd config check` would find in their file, in its order."""
    with TemporaryDirectory(prefix="cpd-init-") as folder:
        file = Path(folder) / "cpd.toml"
        file.write_text(render(answers, SYSTEM, inline=True), encoding="utf-8")
        return mistakes_in(file)
