"""The file that `cpd init` writes: taken without a warning, with every answer in it and the reasons beside them."""

from dataclasses import replace
from pathlib import Path

import pytest

from cpd.commissioning.choices import Board, board_of, boards
from cpd.commissioning.draft import APPEND, BESIDE, SYSTEM, Answers, Device, render
from cpd.settings import Settings, load_settings

METER = Device(kind="sdm120", port="/dev/serial/by-id/usb-meter")
READER = Device(kind="pn532", port="/dev/serial0")


def board(name: str) -> Board:
    found = board_of(name)
    assert found is not None
    return found


def answered(name: str = "mock", **more: object) -> Answers:
    answers = Answers(station_id="CP-9", url="wss://csms.example/ocpp/", password=None, board=board(name))
    return replace(answers, **more)  # type: ignore[arg-type]


def taken(answers: Answers, folder: Path) -> Settings:
    (folder / "password").write_text(f"{answers.password}\n")
    file = folder / "cpd.toml"
    file.write_text(render(answers, BESIDE), encoding="utf-8")
    return load_settings(file)


@pytest.mark.parametrize("name", [one.name for one in boards()])
def test_what_is_written_is_taken_without_a_warning(tmp_path: Path, name: str) -> None:
    line = ("/dev/line",) if board(name).on_serial_line else ()
    devices = {} if board(name).simulated else {"meter": METER, "reader": READER}
    settings = taken(answered(name, password="hush-hush", max_current_a=10, ports=line, **devices), tmp_path)
    assert settings.warnings == ()
    assert settings.station.id == "CP-9"
    assert settings.csms is not None
    assert (settings.csms.url, settings.csms.password) == ("wss://csms.example/ocpp/", "hush-hush")
    assert [one.max_current_a for one in settings.connectors] == [10]
    assert [one.port for one in settings.meters] == [METER.port][: len(devices)]
    assert [one.kind for one in settings.readers] == [READER.kind][: len(devices)]
    if line:
        assert [one.serial and one.serial.port for one in settings.connectors] == ["/dev/line"]


@pytest.mark.parametrize("place", [SYSTEM, BESIDE])
def test_the_password_is_never_in_it(place: object) -> None:
    text = render(answered(password="hush-hush"), place)  # type: ignore[arg-type]
    assert "hush-hush" not in text
    assert 'password_file = "password"' in text


@pytest.mark.parametrize(
    ("url", "password", "profile"),
    [
        ("ws://h/", None, 0),
        ("ws://h/", "p", 1),
        ("wss://h/", None, 0),
        ("wss://h/", "p", 2),
        ("WSS://h/", "p", 2),
    ],
)
def test_the_security_profile_follows_from_address_and_password(
    tmp_path: Path, url: str, password: str | None, profile: int
) -> None:
    csms = taken(answered(url=url, password=password), tmp_path).csms
    assert csms is not None and csms.security_profile == profile


@pytest.mark.parametrize("station_id", ["RDAM|123", "CP 1", "CP/1", 'a"b\\c', "ünï\x7f", "line\nbreak", "🔌"])
def test_any_id_arrives_as_it_was_given(tmp_path: Path, station_id: str) -> None:
    assert taken(answered(station_id=station_id), tmp_path).station.id == station_id


def test_the_address_that_will_be_dialled_stands_beside_its_parts() -> None:
    assert "# dialled is wss://csms.example/ocpp/CP%2F1\n" in render(answered(station_id="CP/1"), SYSTEM)


def test_without_a_central_system_the_charger_works_alone(tmp_path: Path) -> None:
    assert taken(answered(url=None), tmp_path).csms is None


def test_controllers_have_a_line_each_and_their_meters_an_address_each_on_one(tmp_path: Path) -> None:
    settings = taken(answered("simpleevse", connectors=2, ports=("/dev/a", "/dev/b"), meter=METER), tmp_path)
    assert [one.serial and one.serial.port for one in settings.connectors] == ["/dev/a", "/dev/b"]
    assert [(one.connector, one.unit, one.port) for one in settings.meters] == [
        (1, 1, METER.port),
        (2, 2, METER.port),
    ]


def test_a_meter_is_asked_at_the_speed_that_it_is_delivered_with(tmp_path: Path) -> None:
    (meter,) = taken(answered("raspberry-pi-socket", meter=METER), tmp_path).meters
    assert (meter.model, meter.baudrate) == ("sdm120", 2400)


def test_what_is_not_there_is_not_in_it(tmp_path: Path) -> None:
    settings = taken(answered("raspberry-pi-socket"), tmp_path)
    assert (settings.meters, settings.readers) == ((), ())


@pytest.mark.parametrize("one", boards(), ids=lambda one: one.name)
def test_the_reasons_of_the_ready_section_stay(one: Board) -> None:
    assert f"{APPEND}\n" in one.text
    text = render(answered(one.name, meter=METER, reader=READER), SYSTEM)
    assert APPEND not in text
    pins = [line for line in one.text.splitlines() if line.startswith(("contactor =", "#   dtoverlay"))]
    assert [line for line in pins if line not in text] == []


def test_an_installed_charger_keeps_its_files_where_its_services_may_write() -> None:
    text = render(answered(), SYSTEM)
    assert 'process = "guard"' in text
    assert "[store]" not in text and "[control]" not in text


@pytest.mark.parametrize("one", boards(), ids=lambda one: one.name)
def test_a_trial_has_the_same_outlets_on_simulated_hardware(tmp_path: Path, one: Board) -> None:
    file = tmp_path / "cpd.toml"
    file.write_text(render(answered(one.name, max_current_a=13, ports=("/dev/a",)), BESIDE, simulated=True))
    settings = load_settings(file)
    assert (settings.hal.backend, settings.hal.process) == ("mock", "inside")
    assert settings.hal.state_dir == tmp_path / "hal"
    assert [one.max_current_a for one in settings.connectors] == [13]
