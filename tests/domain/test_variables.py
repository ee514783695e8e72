import pytest

from cpd.domain.measurands import MEASURANDS, measurand_of
from cpd.domain.variables import (
    OPTIONAL_KEYS,
    VARIABLES,
    ChangeOutcome,
    ValueType,
    Variable,
    Variables,
    spelling,
)

ACCEPTED, REJECTED = ChangeOutcome.ACCEPTED, ChangeOutcome.REJECTED
DEFAULTS = Variables.initial({})

ALL = list(VARIABLES.values())
WRITABLE = [one for one in ALL if one.writable]
INTEGERS = [one for one in WRITABLE if one.value_type is ValueType.INTEGER]


def key_of(variable: Variable) -> str:
    return variable.key


@pytest.mark.parametrize("variable", ALL, ids=key_of)
def test_the_default_is_a_value_of_its_key(variable: Variable) -> None:
    assert variable.normalised(variable.default) == variable.default


@pytest.mark.parametrize("variable", INTEGERS, ids=key_of)
def test_an_integer_is_taken_from_its_lowest_to_its_highest_value_and_no_further(variable: Variable) -> None:
    for number, outcome in [
        (variable.minimum - 1, REJECTED),
        (variable.minimum, ACCEPTED),
        (variable.maximum, ACCEPTED),
        (variable.maximum + 1, REJECTED),
    ]:
        answer, after = DEFAULTS.changed(variable.key, str(number))
        assert answer is outcome
        assert after.integer(variable.key) == (number if outcome is ACCEPTED else int(variable.default))


BAD = {
    ValueType.INTEGER: ["", "x", "1.5", "-1", "1e3", "0x10", "٣", "²", "1 0", "99999999999", "true"],
    ValueType.BOOLEAN: ["", "1", "yes", "truee", "True or false"],
    ValueType.MEASURANDS: ["Bogus", "Voltage,Bogus", "Current.Import.L4", "energy.active.import.register"],
}


@pytest.mark.parametrize("variable", WRITABLE, ids=key_of)
def test_a_bad_value_is_rejected_and_the_old_one_stays(variable: Variable) -> None:
    for text in BAD[variable.value_type]:
        outcome, after = DEFAULTS.changed(variable.key, text)
        assert outcome is REJECTED, text
        assert after == DEFAULTS


@pytest.mark.parametrize("variable", [one for one in ALL if not one.writable], ids=key_of)
def test_a_read_only_key_is_rejected_even_with_its_own_value(variable: Variable) -> None:
    assert DEFAULTS.changed(variable.key, variable.default) == (REJECTED, DEFAULTS)


@pytest.mark.parametrize("text", ["", "RST", "1.RST,", "1.ABC", "x.RST", "1.rst", "1.RST;2.RST", "1.RST,2"])
def test_a_phase_rotation_is_named_for_each_connector(text: str) -> None:
    rotation = VARIABLES["connectorphaserotation"]
    assert rotation.normalised(text) is None
    assert rotation.normalised("0.RST, 1.NotApplicable ,12.TSR") == "0.RST,1.NotApplicable,12.TSR"


def test_a_list_may_have_as_many_entries_as_its_key_of_lengths_says() -> None:
    given = Variables.initial({"MeterValuesSampledDataMaxLength": "2"})
    assert given.changed("MeterValuesSampledData", "Voltage,Current.Import")[0] is ACCEPTED
    assert given.changed("MeterValuesSampledData", "Voltage,Current.Import,Current.Offered")[0] is REJECTED
    assert given.changed("StopTxnSampledData", "Voltage,Current.Import,Current.Offered")[0] is ACCEPTED


def test_the_file_may_name_what_only_other_chargers_measure_and_the_csms_may_not() -> None:
    variable = VARIABLES["metervaluessampleddata"]
    for text in ("SoC", "RPM,Voltage.L1", "Power.Offered.L2"):
        assert variable.initial(text) == text
        assert variable.normalised(text) is None
    assert variable.initial("Colour") is None


def test_values_are_kept_in_one_spelling() -> None:
    after = DEFAULTS
    for key, text in [("HeartbeatInterval", " +0060 "), ("LocalPreAuthorize", "TRUE")]:
        outcome, after = after.changed(key, text)
        assert outcome is ACCEPTED
    assert after.text("HeartbeatInterval") == "60"
    assert after.text("LocalPreAuthorize") == "true"
    assert after.boolean("LocalPreAuthorize")


def test_key_names_compare_without_regard_to_case() -> None:
    outcome, after = DEFAULTS.changed("HEARTBEATinterval", "77")
    assert outcome is ACCEPTED
    assert after.integer("heartbeatINTERVAL") == 77
    assert spelling("heartbeatinterval") == "HeartbeatInterval"


def test_every_measurand_is_accepted_in_any_order_many_at_once() -> None:
    names = ",".join(reversed(MEASURANDS)) + ",Voltage.L1-N,Current.Import.L3"
    outcome, after = DEFAULTS.changed("MeterValuesSampledData", names)
    assert outcome is ACCEPTED
    assert ",".join(after.names("MeterValuesSampledData")) == names


def test_no_measurand_at_all_is_a_value() -> None:
    outcome, after = DEFAULTS.changed("MeterValuesSampledData", "")
    assert (outcome, after.names("MeterValuesSampledData")) == (ACCEPTED, ())


@pytest.mark.parametrize(
    ("name", "measurand"),
    [
        ("Voltage", "Voltage"),
        ("Voltage.L2-N", "Voltage"),
        ("Current.Import.L1", "Current.Import"),
        ("Current.Import.N", None),
        ("Power.Active.Import.L1", "Power.Active.Import"),
        ("Power.Offered.L1", None),
        ("Frequency", "Frequency"),
        ("SoC", None),
        ("", None),
    ],
)
def test_a_measurand_may_name_a_phase_that_is_measured(name: str, measurand: str | None) -> None:
    assert measurand_of(name) == measurand


def test_an_unknown_key_is_not_supported() -> None:
    assert DEFAULTS.changed("Bogus", "1") == (ChangeOutcome.NOT_SUPPORTED, DEFAULTS)
    assert not DEFAULTS.known("Bogus")


def test_an_unknown_key_of_the_file_is_a_plain_one() -> None:
    given = Variables.initial({"MyKey": "any thing"})
    outcome, after = given.changed("mykey", "x" * 400)
    assert (outcome, after.text("MYKEY")) == (ACCEPTED, "x" * 400)
    assert spelling("mykey", ["MyKey"]) == "MyKey"
    assert "mykey" in given.served


def test_the_file_wins_over_the_default() -> None:
    assert Variables.initial({"heartbeatinterval": "30"}).integer("HeartbeatInterval") == 30


def test_the_keys_of_a_feature_profile_that_is_off_are_unknown() -> None:
    off = Variables.initial({"SupportedFeatureProfiles": "Core"})
    assert OPTIONAL_KEYS.keys().isdisjoint(off.served)
    assert {*off.served, *OPTIONAL_KEYS} == set(DEFAULTS.served)
    for key in OPTIONAL_KEYS:
        assert off.changed(key, "5") == (ChangeOutcome.NOT_SUPPORTED, off)


def test_feature_profiles_are_named_in_any_case() -> None:
    assert Variables.initial({"SupportedFeatureProfiles": "core, smartcharging"}).serves("SmartCharging")


@pytest.mark.parametrize("key", ["ChargeProfileMaxStackLevel", "NumberOfConnectors"])
def test_a_number_in_the_file_that_is_none_is_no_value_even_where_only_the_file_sets_it(key: str) -> None:
    assert VARIABLES[key.casefold()].normalised("many") is None
