"""`cpd run` with a wrong configuration: exit 2, words that an installer can act on, and nothing touched."""

from pathlib import Path

import pytest

from tests.process.charger import configuration, run_cpd

MISTAKES = [
    # What is replaced in the file, by what, and what the installer is told: line, value, range or remedy.
    ('id = "CP-0042"', "", ("station.id", "required", "1 … 255 characters")),
    ('id = "CP-0042"', 'id = "CP-0042"\nvendor = "123456789012345678901"', ("line 3", "1 … 20 characters")),
    ('id = "CP-0042"', 'id = "CP-0042"\nmodle = "Pi"', ("line 3", "station.modle", 'Did you mean "model"?')),
    ('id = "CP-0042"', 'id = "CP-0042"\nmax_current_a = 0', ("station.max_current_a = 0", "1 … 1000")),
    (
        'id = "CP-0042"',
        'id = "CP-0042"\non_power_loss = "resum"',
        ("line 3", '"resum"', 'Did you mean "resume"?'),
    ),
    ("id = 1", "id = 2", ("connector[1].id = 2", "there is no connector 1", "1 … 1")),
    ("id = 1", "id = 1\nphases = 2", ("connector[1].phases = 2", "1 or 3")),
    ("id = 1", 'id = 1\nmax_current_a = "16"', ("max_current_a", '"16"', "a whole number")),
    ("id = 1", "id = 1\nfree_vend = true", ("free_vend = true", "needs an idTag", "auto_start_tag")),
    ("[[connector]]", "[[conector]]", ("conector", 'Did you mean "connector"?')),
    ("[ocpp]", "[ocpp]\nHeartbeatInterval = 0", ("ocpp.HeartbeatInterval = 0", "1 … ")),
    ("[ocpp]", '[ocpp]\nAuthorizeRemoteTxRequests = "maybe"', ('"maybe"', "true or false")),
    (
        "[ocpp]",
        '[csms]\nurl = "http://csms.example"',
        ('csms.url = "http://csms.example"', "ws://… or wss://…"),
    ),
    (
        "[ocpp]",
        '[csms]\nurl = "ws://csms.example/ocpp"\nsecurity_profile = 2\npassword = "hush-hush"',
        ("csms.url", "Security profile 2 needs TLS", "wss://"),
    ),
    (
        "[ocpp]",
        '[csms]\nurl = "wss://csms.example/ocpp"\nsecurity_profile = 1',
        ("security_profile = 1", "needs a password", "password_file"),
    ),
    (
        "[ocpp]",
        '[csms]\nurl = "wss://csms.example/ocpp"\npassword_file = "nowhere"',
        ("csms.password_file", "No such file", "Check its path"),
    ),
    ("[hal]", '[hal]\nbackend = "gipo"', ('hal.backend = "gipo"', 'Did you mean "gpio"?')),
    ("[ocpp]", "[ocpp", ("not TOML", "line ")),
    ('"cpd.sock"', f'"{"s" * 120}"', ("control.socket", "at most 107 bytes", "shorter")),
]


def contents(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


@pytest.mark.parametrize(
    ("right", "wrong", "words"), MISTAKES, ids=lambda value: value[0] if isinstance(value, tuple) else ""
)
async def test_a_mistake_is_told_in_words_and_nothing_is_touched(
    tmp_path: Path, right: str, wrong: str, words: tuple[str, ...]
) -> None:
    config = configuration(tmp_path)
    config.write_text(config.read_text().replace(right, wrong, 1))
    before = contents(tmp_path)
    finished = await run_cpd("run", "--config", config)
    assert (finished.status, finished.stdout) == (2, ""), finished
    said = " ".join(finished.stderr.split())
    assert said.startswith(str(config))
    for word in words:
        assert word in said, finished.stderr
    assert "hush-hush" not in said
    assert "Traceback" not in said
    assert contents(tmp_path) == before


async def test_the_check_of_a_file_says_the_same_as_the_start(tmp_path: Path) -> None:
    config = configuration(tmp_path, connector="phases = 2")
    started = await run_cpd("run", "--config", config)
    checked = await run_cpd("config", "check", config)
    assert checked == started
    configuration(tmp_path)
    assert (await run_cpd("config", "check", config)).status == 0


async def test_a_configuration_that_is_not_there_is_named(tmp_path: Path) -> None:
    finished = await run_cpd("run", "--config", tmp_path / "cpd.toml")
    assert finished.status == 2
    said = " ".join(finished.stderr.split())
    assert "cpd.toml: It cannot be read: No such file or directory. Name the file with --config" in said
