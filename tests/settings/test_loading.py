"""What the configuration file may say, and what is said about its mistakes."""

import re
from pathlib import Path

import pytest

from cpd import __version__
from cpd.errors import SettingsError
from cpd.settings import Settings, load_settings

SAMPLE = Path(__file__).parents[2] / "config" / "cpd.toml"

MINIMAL = """\
[station]
id = "CP-1"

[[connector]]
id = 1
"""

CSMS = """\
[csms]
url = "wss://csms.example/ocpp/"
"""


def load(directory: Path, text: str) -> Settings:
    file = directory / "cpd.toml"
    file.write_text(text)
    return load_settings(file)


def mistake(directory: Path, text: str) -> str:
    with pytest.raises(SettingsError) as raised:
        load(directory, text)
    return str(raised.value).removeprefix(str(directory / "cpd.toml")).strip()


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_sample_file_is_valid():
    settings = load_settings(SAMPLE)
    assert settings.station.id == "CP-0042"
    assert settings.warnings == ()


def test_every_commented_line_of_the_sample_is_valid_too(tmp_path: Path):
    # A comment that is TOML is one where "# " is followed by a key, a table or a list of tables.
    uncommented = re.sub(r"^# (?=\[|\w+ = )", "", SAMPLE.read_text(), flags=re.MULTILINE)
    text = uncommented.replace('password = "…"', "")
    (tmp_path / "password").write_text("secret")
    settings = load(tmp_path, text)
    assert settings.csms is not None and settings.csms.password == "secret"
    assert settings.offline is not None and settings.offline.max_current_a == 10
    assert settings.ocpp == {
        "HeartbeatInterval": "300",
        "LocalAuthListMaxLength": "10000",
        "MeterValueSampleInterval": "60",
        "SendLocalListMaxLength": "1000",
    }
    # The sample has the mock, and shows what other hardware needs besides.
    assert [warning.partition(":")[0] for warning in settings.warnings] == [
        "the mock has a meter and a reader of its own"
    ]


def test_the_commented_defaults_of_the_sample_are_the_defaults(tmp_path: Path):
    minimal = load(tmp_path, MINIMAL)
    sample = SAMPLE.read_text()
    for table in (minimal.store, minimal.control, minimal.hal, minimal.connectors[0]):
        for key in table.__struct_fields__:
            value = getattr(table, key)
            if value is None:
                continue
            shown = str(value).lower() if isinstance(value, (bool, int)) else f'"{value}"'
            assert re.search(rf"^(# )?{key} = {re.escape(shown)}(\s|$)", sample, re.MULTILINE), key


def test_what_is_left_out_has_its_default(tmp_path: Path):
    settings = load(tmp_path, MINIMAL)
    assert settings.csms is None and settings.offline is None
    assert settings.station.firmware_version == __version__
    assert settings.hal.backend == "mock"
    assert settings.store.path == Path("/var/lib/cpd/cpd.db")
    assert settings.connectors[0].max_current_a == 32


def test_connectors_come_in_the_order_of_their_ids(tmp_path: Path):
    text = '[station]\nid = "X"\n' + "".join(f"[[connector]]\nid = {number}\n" for number in (3, 1, 2))
    assert [connector.id for connector in load(tmp_path, text).connectors] == [1, 2, 3]


def test_relative_paths_count_from_the_directory_of_the_file(tmp_path: Path):
    settings = load(tmp_path, MINIMAL + '[store]\npath = "data/cpd.db"\n')
    assert settings.store.path == tmp_path / "data" / "cpd.db"


def test_seconds_may_have_a_fraction(tmp_path: Path):
    settings = load(tmp_path, MINIMAL + CSMS + "reconnect_min_s = 0.5\n")
    assert settings.csms is not None and settings.csms.reconnect_min_s == 0.5


def test_a_byte_order_mark_and_foreign_line_ends_are_taken(tmp_path: Path):
    file = tmp_path / "cpd.toml"
    file.write_bytes(b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode())
    assert load_settings(file).station.id == "CP-1"


class TestOcpp:
    def test_values_become_the_text_that_goes_over_the_wire(self, tmp_path: Path):
        settings = load(
            tmp_path,
            MINIMAL
            + "[ocpp]\nHeartbeatInterval = 60\nLocalPreAuthorize = true\n"
            + 'MeterValuesSampledData = "Voltage, Current.Import"\nStopTransactionOnInvalidId = "FALSE"\n',
        )
        assert settings.ocpp == {
            "HeartbeatInterval": "60",
            "LocalPreAuthorize": "true",
            "MeterValuesSampledData": "Voltage,Current.Import",
            "StopTransactionOnInvalidId": "false",
        }

    def test_keys_get_the_spelling_of_the_specification(self, tmp_path: Path):
        assert load(tmp_path, MINIMAL + "[ocpp]\nheartbeatinterval = 60\n").ocpp == {
            "HeartbeatInterval": "60"
        }

    def test_an_unknown_key_is_kept_and_warned_about(self, tmp_path: Path):
        settings = load(tmp_path, MINIMAL + '[ocpp]\nHeartBeatIntervall = 60\nTariff = 0.10\nNote = "x"\n')
        assert settings.ocpp == {"HeartBeatIntervall": "60", "Tariff": "0.10", "Note": "x"}
        assert len(settings.warnings) == 3
        assert settings.warnings[0].endswith('did you mean "HeartbeatInterval"?')

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            (
                "HeartbeatInterval = 0",
                "ocpp.HeartbeatInterval = 0 This value is not allowed. Allowed: a whole",
            ),
            ("LocalPreAuthorize = 1", "Allowed: true or false."),
            ('MeterValuesSampledData = "Colour"', "Allowed: measurands"),
            ("Tariff = [1, 2]", "Allowed: text, a number, true or false."),
            ("HeartbeatInterval = 60\nheartbeatInterval = 70", "capitals do not count"),
        ],
    )
    def test_values_that_a_key_cannot_have_are_refused(self, tmp_path: Path, line: str, expected: str):
        text = words(mistake(tmp_path, MINIMAL + "[ocpp]\n" + line))
        assert expected in text
        assert "line 7" in text or "line 8" in text


MISTAKES = [
    # text, what the error says (spaces collapsed)
    ("", "station This key is required. Add it: a table, under a heading in [ ]."),
    ('[station]\nid = "X"\n', "connector This key is required. Add it: tables of their own"),
    ("[station]\n[[connector]]\nid = 1\n", "line 1: station.id This key is required. Add it: text of 1 … 255"),
    ('connector = []\n[station]\nid = "X"\n', "line 1: connector = a list There is no connector."),
    (MINIMAL + "max_curent_a = 20\n", 'line 6: connector[1].max_curent_a = (not shown) This key is unknown. '
                                      'Did you mean "max_current_a"?'),
    (MINIMAL + "xyzzy = 20\n", "This key is unknown. Known here: id, max_current_a, min_current_a,"),
    (MINIMAL + "[stor]\n", 'line 6: stor = (not shown) This key is unknown. Did you mean "store"?'),
    (MINIMAL + "max_current_a = 90\n", "line 6: connector[1].max_current_a = 90 This value is not allowed. "
                                       "Allowed: a whole number, 6 … 80."),
    (MINIMAL + "max_current_a = 5\n", "Allowed: a whole number, 6 … 80."),
    (MINIMAL + "max_current_a = 16.5\n", "= 16.5 This value is not allowed. Allowed: a whole number, 6 … 80."),
    (MINIMAL + "max_current_a = true\n", "max_current_a = true This value is not allowed."),
    (MINIMAL + 'max_current_a = "16"\n', 'max_current_a = "16" This value is not allowed.'),
    (MINIMAL + "phases = 2\n", "phases = 2 This value is not allowed. Allowed: 1 or 3."),
    (
        MINIMAL + "max_current_a = 10\nmin_current_a = 13\n",
        "line 7: connector[1].min_current_a = 13 It is above max_current_a",
    ),
    (MINIMAL + "phases = 1\nphase_switching = true\n", "line 7: connector[1].phase_switching = true One phase"),
    (MINIMAL + "free_vend = true\n", "Set auto_start_tag, 1 … 20 characters."),
    (MINIMAL + 'free_vend = true\nauto_start_tag = "  "\n', "There is nothing but space in it."),
    (MINIMAL + f'auto_start_tag = "{"x" * 21}"\n', "Allowed: text of at most 20 characters."),
    (MINIMAL + '[hal]\nbackend = "gpoi"\n', 'hal.backend = "gpoi" This value is not allowed. '
                                            'Allowed: "gpio" or "mock" or "openevse" or "simpleevse". '
                                            'Did you mean "gpio"?'),
    (MINIMAL + "[store]\npath = 3\n", "store.path = 3 This value is not allowed. Allowed: the path of a file"),
    (MINIMAL + '[store]\npath = ""\n', 'store.path = ""'),
    (MINIMAL + f'[control]\nsocket = "/{"x" * 107}"\n', "has at most 107 bytes, this one 108."),
    (MINIMAL + "[[connector]]\nid = 1\n", "line 7: connector[2].id = 1 Another connector has this id."),
    (MINIMAL + "[[connector]]\nid = 3\n", "line 7: connector[2].id = 3 Ids count from 1 without a gap, and there "
                                          "is no connector 2. Allowed for 2 connectors: 1 … 2."),
    (MINIMAL + '[firmware]\ninstall_command = ["dpkg"]\n', 'Add "{file}"'),
    (MINIMAL + "[firmware]\ninstall_command = []\n", "Allowed: a list of texts, not empty."),
    (MINIMAL + "[offline]\nafter_s = 300\n", "line 6: offline.max_current_a This key is required."),
    (MINIMAL + '[[meter]]\nconnector = 2\nmodel = "m"\nport = "p"\n', "line 7: meter[1].connector = 2 There is no"),
    (MINIMAL + '[[meter]]\nconnector = 1\nmodel = "m"\nport = "p"\n' * 2, "This connector has a meter already."),
    (MINIMAL + '[[reader]]\nkind = "nfc"\nport = "p"\n', 'Allowed: "keyboard" or "pn532" or "rdm6300".'),
    (MINIMAL.replace("CP-1", ""), 'line 2: station.id = ""'),
    (f'vendor = "{"x" * 21}"\n'.join(("[station]\n", MINIMAL.removeprefix("[station]\n"))),
     "Allowed: text of 1 … 20 characters."),
    (MINIMAL.replace("[station]", '[station]\nrecurring_local_time = "europe/pariss"'),
     'station.recurring_local_time = "europe/pariss" There is no such time zone. Allowed: names such as '
     '"Europe/Paris". Did you mean "Europe/Paris"?'),
    (MINIMAL.replace("[station]", '[station]\nrecurring_local_time = "../x"'),
     "There is no such time zone. Allowed: names such as \"Europe/Paris\". timedatectl list-timezones"),
    (MINIMAL.replace("[station]", "[station]\nrandom_delay_max_s = 1801"),
     "station.random_delay_max_s = 1801 This value is not allowed. Allowed: a whole number, 0 … 1800."),
    (MINIMAL + '[csms]\nurl = "http://csms"\n', 'csms.url = "http://csms" This is not the address of a central'),
    (MINIMAL + '[csms]\nurl = "wss://"\n', "Allowed: ws://… or wss://… with a host."),
    (MINIMAL + '[csms]\nurl = "wss://h:99999/"\n', "This is not the address of a central"),
    (MINIMAL + '[csms]\nurl = "wss://h/?a=b"\n', "This is not the address of a central"),
    (MINIMAL + '[csms]\nurl = "ws://h"\nsecurity_profile = 2\npassword = "p"\n', "line 7: csms.url"),
    (MINIMAL + '[csms]\nurl = "ws://h"\nsecurity_profile = 3\n', "Security profile 3 needs TLS."),
    (MINIMAL + CSMS + "security_profile = 4\n", "csms.security_profile = 4 This value is not allowed. Allowed: a "
                                                "whole number, 0 … 3."),
    (MINIMAL + CSMS + "security_profile = 2\n", "Set password or password_file."),
    (MINIMAL + CSMS + "security_profile = 3\n", "Set cert_file and key_file."),
    (MINIMAL + CSMS + 'cert_file = "c"\n', "A certificate needs its key."),
    (MINIMAL + CSMS + 'key_file = "c"\n', "A key needs its certificate."),
    (MINIMAL + CSMS + 'password = "p"\npassword_file = "f"\n', "Keep only one of the two."),
    (MINIMAL + CSMS + 'password_file = "nowhere"\n', "It cannot be read: No such file or directory."),
    (MINIMAL + CSMS + "reconnect_min_s = 301\n", "csms.reconnect_max_s It is below reconnect_min_s. Allowed: 301 …"),
    (MINIMAL + CSMS + "reconnect_jitter_s = nan\n", "Allowed: a number, 0 … 3600."),
    (MINIMAL.replace("CP-1", "a:b") + CSMS + 'security_profile = 2\npassword = "p"\n', "cannot have a colon"),
    ("[station\n", "This is not TOML: "),
    (MINIMAL + "id = 2\n", "Cannot overwrite a value (at line 6"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), MISTAKES)
def test_a_mistake_is_told_with_line_key_value_and_remedy(tmp_path: Path, text: str, expected: str):
    assert expected in words(mistake(tmp_path, text))


@pytest.mark.parametrize("text", [text for text, _ in MISTAKES])
def test_no_line_is_longer_than_40_columns_unless_one_word_is(tmp_path: Path, text: str):
    for line in mistake(tmp_path, text).splitlines():
        assert len(line) <= 40 or " " not in line


@pytest.mark.parametrize(
    "text",
    [
        CSMS + "password = 12345\n",
        CSMS + "password = ['12345']\n",
        CSMS + f"password = '{'12345' * 60}'\n",
        CSMS + "pasword = '12345'\n",
        CSMS + "password = '12345'\npassword_file = 'f'\n",
        CSMS + "password = '12345'\nsecurity_profile = 3\n",
        "[csms]\nurl = 'wss://cp:12345@host/'\n",
        CSMS + "password = '12345\n",
        "[ocpp]\nAuthorizationKey = ['12345']\n",
    ],
)
def test_a_secret_is_never_in_the_text_of_an_error(tmp_path: Path, text: str):
    assert "12345" not in mistake(tmp_path, MINIMAL + text)


def test_a_secret_is_in_no_repr_and_no_warning(tmp_path: Path):
    text = MINIMAL + CSMS + "password = '12345'\n[ocpp]\nAuthorizationKey = '12345'\n"
    settings = load(tmp_path, text)
    assert settings.csms is not None and settings.csms.password == "12345"
    assert "12345" not in repr(settings.csms)
    assert "12345" not in repr(settings)
    assert all("12345" not in warning for warning in settings.warnings)


def test_a_password_file_is_read_without_its_line_end(tmp_path: Path):
    (tmp_path / "password").write_text(" with spaces \n")
    settings = load(tmp_path, MINIMAL + CSMS + 'password_file = "password"\n')
    assert settings.csms is not None and settings.csms.password == " with spaces "


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"x" * 256])
def test_a_password_file_without_a_password_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "password").write_bytes(content)
    assert "csms.password_file" in mistake(tmp_path, MINIMAL + CSMS + 'password_file = "password"\n')


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path):
    for file, reason in ((tmp_path / "none.toml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(SettingsError) as raised:
            load_settings(file)
        assert str(file) in str(raised.value) and reason in words(str(raised.value))


def test_a_file_that_is_not_text_is_refused(tmp_path: Path):
    file = tmp_path / "cpd.toml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load_settings(file)


def test_a_host_name_that_is_not_verified_is_warned_about(tmp_path: Path) -> None:
    path = tmp_path / "cpd.toml"
    text = '[station]\nid = "CP-1"\n[[connector]]\nid = 1\n[csms]\nurl = "wss://csms.example"\n'
    path.write_text(text + "verify_hostname = false\n")
    (warning,) = load_settings(path).warnings
    assert warning.startswith("csms.verify_hostname = false: ")


def test_all_mistakes_are_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
[station]
id = ""
max_current_a = "much"
speling = 1

[csms]
url = "http://csms.example"
security_profile = 2

[[connector]]
id = 1
phases = 2

[[connector]]
id = 3
max_current_a = 5

[ocpp]
HeartbeatInterval = "soon"
MeterValueSampleInterval = -1
"""
    file = tmp_path / "cpd.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as raised:
        load_settings(file)
    places = re.findall(r"line (\d+):\n(\S+)", str(raised.value))
    assert [(int(line), key) for line, key in places] == [
        (2, "station.id"),
        (3, "station.max_current_a"),
        (4, "station.speling"),
        (7, "csms.url"),
        (8, "csms.security_profile"),
        (12, "connector[1].phases"),
        (16, "connector[2].max_current_a"),
        (19, "ocpp.HeartbeatInterval"),
        (20, "ocpp.MeterValueSampleInterval"),
    ]


@pytest.mark.parametrize(
    "text", ["connector = 3", "connector = [1]", "station = 1\n[[connector]]\nid = 1", ""]
)
def test_what_cannot_be_judged_at_all_is_one_mistake(tmp_path: Path, text: str) -> None:
    file = tmp_path / "cpd.toml"
    file.write_text(text)
    with pytest.raises(SettingsError):
        load_settings(file)


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("ws://h/ocpp/CP%201", True),
        ("ws://h/ocpp/CP 1//", True),
        ("ws://h/ocpp/", False),
        ("ws://h/CP 1/ocpp", False),
        ("ws://h/ocpp/CP 12", False),
    ],
)
def test_an_id_that_stands_in_the_address_already_is_warned_about(
    tmp_path: Path, url: str, warned: bool
) -> None:
    path = tmp_path / "cpd.toml"
    path.write_text(f'[station]\nid = "CP 1"\n[csms]\nurl = "{url}"\n[[connector]]\nid = 1\n')
    warnings = load_settings(path).warnings
    assert [warning.startswith("csms.url ends with CP 1 already") for warning in warnings] == [True] * warned


def test_a_fail_safe_for_the_silence_of_nobody_is_warned_of_and_holds(tmp_path: Path) -> None:
    settings = load(tmp_path, MINIMAL + "[offline]\nafter_s = 60\nmax_current_a = 10\n")
    assert settings.offline is not None
    (warning,) = settings.warnings
    assert "[offline] without [csms]" in warning and "10 A" in warning


def test_a_meter_beside_the_mock_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "cpd.toml"
    path.write_text(
        '[station]\nid = "A"\n[[connector]]\nid = 1\n'
        '[[meter]]\nconnector = 1\nmodel = "sdm630"\nport = "/dev/ttyUSB0"\n'
    )
    (warning,) = load_settings(path).warnings
    assert "[[meter]] and [[reader]] are not used" in warning
