"""What the configuration says of real hardware, as the guard reads it, and what is said about its mistakes."""

from pathlib import Path

import pytest

from hal.errors import ConfigurationWrong
from hal.settings import GuardSettings, load_guard_settings

GPIO = """\
[hal]
backend = "gpio"
process = "guard"
[[connector]]
id = 1
{connector}
[connector.gpio]
contactor = 23
feedback = 24
heartbeat = 25
proximity_channel = 1
lock_in = 20
lock_out = 21
lock_feedback = 22
{gpio}
"""

TWO = (
    GPIO
    + """
[[connector]]
id = 2
lock = false
[connector.gpio]
contactor = 15
feedback = 14
heartbeat = 12
pilot_channel = 2
{second}
"""
)

SERIAL = """\
[hal]
backend = "openevse"
[[connector]]
id = 1
[connector.serial]
port = "/dev/ttyUSB0"
"""

MOCK = "[[connector]]\nid = 1\n"

METER = '[[meter]]\nconnector = 1\nmodel = "sdm630"\nport = "/dev/ttyUSB1"\n'


def load(folder: Path, text: str) -> GuardSettings:
    file = folder / "cpd.toml"
    file.write_text(text)
    return load_guard_settings(file)


def mistakes(folder: Path, text: str) -> str:
    with pytest.raises(ConfigurationWrong) as raised:
        load(folder, text)
    return " ".join(str(raised.value).split())


def gpio(text: str = GPIO, *, connector: str = "", gpio: str = "", second: str = "") -> str:
    return text.format(connector=connector, gpio=gpio, second=second)


def test_the_tables_of_others_are_not_looked_at(tmp_path: Path) -> None:
    settings = load(tmp_path, MOCK + "[station]\nid = 7\n[csms]\nurl = 1\n[colour]\nx = 1\n")
    assert [connector.id for connector in settings.connectors] == [1]


def test_connectors_come_in_the_order_of_their_ids_and_paths_are_absolute(tmp_path: Path) -> None:
    text = '[hal]\nstate_dir = "state"\n[[connector]]\nid = 2\n[[connector]]\nid = 1\n'
    settings = load(tmp_path, text)
    assert [connector.id for connector in settings.connectors] == [1, 2]
    assert settings.hal.state_dir == tmp_path / "state"


def test_pins_have_their_defaults(tmp_path: Path) -> None:
    pins = load(tmp_path, gpio()).connectors[0].gpio
    assert pins is not None
    assert (pins.pilot_pwm, pins.adc, pins.spi, pins.pilot_channel) == (
        18,
        "mcp3208",
        Path("/dev/spidev0.0"),
        0,
    )
    assert (pins.feedback_closed, pins.pilot_low, pins.thermometer) == ("low", None, None)


def test_a_calibration_and_a_thermometer_are_taken(tmp_path: Path) -> None:
    more = 'pilot_low = [410, -12000]\npilot_high = [3686, 12000]\nthermometer = "/sys/w1"'
    pins = load(tmp_path, gpio(gpio=more)).connectors[0].gpio
    assert pins is not None
    assert (pins.pilot_low, pins.pilot_high) == ((410, -12_000), (3_686, 12_000))
    assert pins.thermometer == Path("/sys/w1")


def test_meters_share_a_line(tmp_path: Path) -> None:
    other = METER.replace("connector = 1", "connector = 2\nunit = 2")
    assert len(load(tmp_path, MOCK + "[[connector]]\nid = 2\n" + METER + other).meters) == 2


MISTAKES = [
    # text, what the error says (spaces collapsed)
    (gpio().replace('process = "guard"', ""), 'hal.process A process that talks to the network must not hold'),
    (MOCK + '[hal]\nbackend = "gpio"\nprocess = "guard"\n', "connector[1].gpio backend = \"gpio\" needs the pins"),
    (gpio().replace("contactor = 23\n", ""), "connector[1].gpio.contactor This key is required. Add it: a whole "
                                             "number, 9 … 27."),
    (gpio().replace("heartbeat = 25\n", ""), "connector[1].gpio.heartbeat This key is required."),
    (gpio().replace("contactor = 23", "contactor = 8"), "contactor = 8 This value is not allowed. Allowed: a whole "
                                                        "number, 9 … 27."),
    (gpio().replace("feedback = 24", "feedback = 28"), "feedback = 28 This value is not allowed. Allowed: a whole "
                                                       "number, 2 … 27."),
    (gpio(gpio="pilot_pwm = 17"), "Allowed: 12 or 13 or 18 or 19."),
    (gpio(gpio="stop_button = 23"), "gpio.stop_button = 23 This pin is connector 1's contactor."),
    (gpio(gpio="buzzer = 10"), "gpio.buzzer = 10 This pin is the bus of /dev/spidev0.0."),
    (gpio(gpio="buzzer = 2"), "gpio.buzzer = 2 This value is not allowed. Allowed: a whole number, 4 … 27"),
    (gpio(gpio="stop_buton = 17"), 'Did you mean "stop_button"?'),
    (gpio().replace("lock_feedback = 22\n", ""), "gpio.lock_feedback A socket (lock = true) needs this"),
    (gpio().replace("proximity_channel = 1\n", ""), "gpio.proximity_channel A socket (lock = true) needs this"),
    (gpio(gpio="pilot_channel = 1"), "gpio.proximity_channel = 1 This channel is connector 1's pilot_channel."),
    (gpio(connector="phase_switching = true"), "gpio.phase_relay phase_switching = true needs the pin"),
    (gpio(gpio="ground_fault_test = 6"), "gpio.ground_fault A self-test needs the input"),
    (gpio(gpio="pilot_low = [1, 2]"), "gpio.pilot_high A calibration has two points."),
    (gpio(gpio="pilot_low = [1]"), "pilot_low = a list This value is not allowed. Allowed: a list: a whole number, "
                                   "0 … 4095, then a whole number, -20000 … 20000."),
    (gpio(gpio="pilot_low = [1, 99999]"), "pilot_low[2] = 99999 This value is not allowed. Allowed: a whole number, "
                                          "-20000 … 20000."),
    (gpio(gpio="pilot_low = [9, 1]\npilot_high = [8, 2]"), "Both its numbers must be above those of pilot_low."),
    (gpio(gpio='adc = "mcp3008"\npilot_low = [9, 1]\npilot_high = [1024, 2]'), "raw values up to 1023."),
    (gpio(TWO), "connector[2].gpio.pilot_pwm This pin is connector 1's pilot_pwm."),
    (gpio(TWO, second="pilot_pwm = 19\nled_red = 23"), "connector[2].gpio.led_red = 23 This pin is connector 1's"),
    (gpio(TWO, gpio="stop_button = 17", second="pilot_pwm = 19\nstop_button = 17"),
     "connector[2].gpio.stop_button = 17 This pin is connector 1's stop_button."),
    (gpio(TWO, gpio="emergency_stop = 17", second="pilot_pwm = 19\nstop_button = 17"),
     "connector[2].gpio.stop_button = 17 This pin is connector 1's emergency_stop."),
    (gpio(TWO, gpio="stop_button = 17", second="pilot_pwm = 19\nemergency_stop = 17"),
     "connector[2].gpio.emergency_stop = 17 This pin is connector 1's stop_button."),
    (gpio(TWO, second="pilot_pwm = 19").replace("pilot_channel = 2", "pilot_channel = 1"), "connector 1's proximity"),
    (SERIAL.replace('[connector.serial]\nport = "/dev/ttyUSB0"\n', ""), "Add [connector.serial] with port"),
    (SERIAL + METER.replace("ttyUSB1", "ttyUSB0"), "This line belongs to connector 1."),
    (MOCK + METER + '[[reader]]\nkind = "pn532"\nport = "/dev/ttyUSB1"\n', "This line belongs to a meter."),
    (MOCK + '[[reader]]\nkind = "pn532"\nport = "/dev/ttyS0"\n' * 2, "reader[2].port = \"/dev/ttyS0\" This line"),
    (MOCK + "[[connector]]\nid = 2\n" + METER + METER.replace("connector = 1", "connector = 2"),
     "meter[2].unit Another meter on this line has this address."),
    (MOCK + "[[connector]]\nid = 2\n" + METER
     + METER.replace("connector = 1", 'connector = 2\nunit = 2\nparity = "E"'),
     'meter[2].parity = "E" Another meter on this line has another one.'),
    (MOCK + METER.replace("sdm630", "sdm360"), 'model = "sdm360" No such meter is known. Did you mean "sdm630"?'),
    (MOCK + METER + 'parity = "X"\n', 'Allowed: "E" or "N" or "O".'),
    (MOCK + '[[reader]]\nkind = "pn532"\nport = "p"\nconnector = 2\n', "reader[1].connector = 2 There is no such"),
    (MOCK + '[[reader]]\nkind = "pn532"\nport = "p"\nid_bytes = 5\n', "Allowed: 0 or 4 or 7 or 10."),
    (MOCK + "voltage_v = 300\n", "Allowed: a whole number, 100 … 260."),
    ("", "connector This key is required."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), MISTAKES)
def test_a_mistake_is_told_with_key_value_and_remedy(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in mistakes(tmp_path, text)


def test_the_circuit_of_one_emergency_stop_may_be_that_of_all_outlets(tmp_path: Path) -> None:
    loop = "emergency_stop = 17"
    connectors = load(tmp_path, gpio(TWO, gpio=loop, second=f"pilot_pwm = 19\n{loop}")).connectors
    assert [one.gpio and one.gpio.emergency_stop for one in connectors] == [17, 17]


def test_pins_of_a_backend_that_is_not_used_are_not_judged(tmp_path: Path) -> None:
    assert load(tmp_path, gpio(gpio="buzzer = 23").replace('"gpio"', '"mock"')).hal.backend == "mock"


def test_a_wrong_number_in_a_list_does_not_hide_the_next_mistake(tmp_path: Path) -> None:
    told = mistakes(tmp_path, gpio(gpio="pilot_low = [1, 99999]\nspi = 3"))
    assert "pilot_low[2]" in told and "gpio.spi = 3" in told
