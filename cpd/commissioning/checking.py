"""Whether answers make a configuration: asked of `cpd.settings`, with the very file that would be written."""

from pathlib import Path
from tempfile import TemporaryDirectory

from cpd.commissioning.draft import SYSTEM, Answers, render
from cpd.errors import SettingsError
from cpd.settings.loading import mistakes_in, read_password
from hal.settings.mistakes import Mistake


def mistakes(answers: Answers) -> tuple[Mistake, ...]:
    """What `cpd config check` would find in their file, in its order."""
    with TemporaryDirectory(prefix="cpd-init-") as folder:
        file = Path(folder) / "cpd.toml"
        file.write_text(render(answers, SYSTEM, inline=True), encoding="utf-8")
        return mistakes_in(file)


def password_in(file: Path) -> str:
    """The password that *file* holds. Raises `SettingsError`, a sentence without the name of the file."""
    try:
        return read_password(file)
    except Mistake as mistake:
        raise SettingsError(f"{mistake.problem} {mistake.remedy}") from mistake
