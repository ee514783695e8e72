"""The ready sections of config/boards: each is taken as it is, by the daemon and by the guard."""

from pathlib import Path

import pytest

from cpd.settings import Settings, load_settings
from hal.composition import hal_config
from hal.meters.family import models
from hal.settings.tables import Hal
from tests.hal.contract.discovery import backends

BOARDS = Path(__file__).parents[2] / "config" / "boards"
FILES = sorted(BOARDS.glob("*.toml"))


def taken(section: Path, folder: Path) -> Settings:
    """The settings of a charger that has *section* behind its own tables."""
    file = folder / "cpd.toml"
    file.write_text('[station]\nid = "CP-0042"\n\n' + section.read_text())
    return load_settings(file)


@pytest.mark.parametrize("section", FILES, ids=lambda file: file.stem)
def test_a_ready_section_is_taken_without_a_warning(section: Path, tmp_path: Path) -> None:
    assert taken(section, tmp_path).warnings == ()


@pytest.mark.parametrize("section", FILES, ids=lambda file: file.stem)
def test_a_ready_section_names_devices_that_there_are(section: Path, tmp_path: Path) -> None:
    settings = taken(section, tmp_path)
    config = hal_config(settings)
    assert config.backend == settings.hal.backend
    assert {meter.model for meter in config.meters} <= set(models())


def test_there_is_a_ready_section_for_every_backend(tmp_path: Path) -> None:
    assert {taken(section, tmp_path).hal.backend for section in FILES} == set(backends())


@pytest.mark.parametrize("section", FILES, ids=lambda file: file.stem)
def test_whoever_holds_a_contactor_is_not_on_the_network(section: Path, tmp_path: Path) -> None:
    hal = taken(section, tmp_path).hal
    assert hal.process == "guard" or hal.backend == Hal().backend
