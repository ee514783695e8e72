"""The data files of the meters, and what is refused there."""

import pytest

from hal.errors import DeviceUnavailable
from hal.meters.family import FILES, FamilyWrong, Quantity, family_of, models, read_family

KNOWN = (
    *("sdm120", "sdm220", "sdm230", "sdm630", "sdm72dm_v2", "sdm72"),
    *("abb_b23", "abb_b24", "em330", "em340", "et330", "et340"),
    *("we504", "we514", "we516", "we517", "pro1", "pro380"),
    *("iem3155", "iem3255", "iem3355", "dtsu666", "eem350", "mpm3pm"),
)

RIGHT = """
function = 4
word_order = "big"
phases = 1
reads = [[0, 2], [10, 4]]

[power]
addresses = [0]
type = "f32"
unit = "W"

[energy]
addresses = [10]
type = "f32"
unit = "kWh"

[models.some]
title = "Some Meter"
baudrate = 9600
"""


@pytest.mark.parametrize("name", KNOWN)
def test_a_meter_is_known_by_its_name(name: str) -> None:
    family = family_of(name)
    assert family.model(name).title
    assert {Quantity.ENERGY} <= set(family.fields)


def test_no_file_has_a_meter_that_this_list_does_not() -> None:
    assert models() == tuple(sorted(KNOWN))


def test_a_name_is_known_in_capitals() -> None:
    assert family_of("SDM630") is family_of("sdm630")


def test_an_unknown_meter_names_the_nearest_and_all_known() -> None:
    with pytest.raises(DeviceUnavailable, match=r"'sdm360'.*Did you mean \"sdm630\".*abb_b23") as refused:
        family_of("sdm360")
    assert "we517" in refused.value.next_step


def test_what_resembles_nothing_names_all_known() -> None:
    with pytest.raises(DeviceUnavailable, match="Known: abb_b23"):
        family_of("42")


def test_an_alternative_is_a_meter_that_is_known() -> None:
    families = [read_family(file.read_text(), file.name) for file in FILES.glob("*.toml")]
    alternatives = [family.alternative for family in families if family.alternative is not None]
    assert alternatives == ["sdm72"]
    assert set(alternatives) <= set(models())


def test_a_right_file_is_read() -> None:
    assert read_family(RIGHT, "right.toml").model("some").baudrate == 9600


@pytest.mark.parametrize(
    ("right", "wrong", "reason"),
    [
        ("[10, 4]", "[10, 2]", "two reads of one length"),
        ("[10, 4]", "[10, 126]", "more than 125"),
        ("addresses = [10]", "addresses = [13]", "energy at 0x000d is not within one read"),
        ("addresses = [10]", "addresses = [10, 12]", "energy has 2 addresses"),
        ("function = 4", "function = 6", "function 6"),
        ("phases = 1", "phases = 2", "phases 2"),
        ("[power]", "[powr]", "unknown keys: .*powr"),
        ('unit = "W"', 'unit = "W"\nscale = 3', "unknown keys in power: .*scale"),
        ('unit = "W"', 'unit = "A"', "'A'"),
        ('unit = "W"', 'unit = "W"\ndivisor = 0', "divisor 0"),
        ('type = "f32"', 'type = "f64"', "f64"),
        ('word_order = "big"', 'word_order = "middle"', "middle"),
        ('[power]\naddresses = [0]\ntype = "f32"\nunit = "W"', "", "without power"),
        ("[energy]", "[frequency]", "'kWh'"),
        ("[models.some]", "[models]\n[other]", "other"),
        ("phases = 1", "phases", "TOMLDecodeError"),
    ],
)
def test_a_wrong_file_is_refused_with_its_reason(right: str, wrong: str, reason: str) -> None:
    assert right in RIGHT
    with pytest.raises(FamilyWrong, match=f"wrong.toml.*{reason}"):
        read_family(RIGHT.replace(right, wrong, 1), "wrong.toml")
