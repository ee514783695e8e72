"""Where in the file a key is, for everything that TOML allows."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.settings.mistakes import KeyPath, line_of

TEXT = '''\
# comment = 1
title = "[not.a] = table"

[station]            # line 4
id = "x"

[a.b]                # line 7
"quoted key" = 1
c.d.e = 2
text = """
[station]
f = 3
"""
f = 4

[[connector]]        # line 16
id = 1
[[connector]]
id = 2
inline = { g = 1, h = { i = 2 } }
list = [
  { j = 1 },
  { j = 2 },  # k = 9
]
[connector.sub]
l = 5
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("station",), 4),
        (("station", "id"), 5),
        (("a",), 7),
        (("a", "b", "quoted key"), 8),
        (("a", "b", "c", "d", "e"), 9),
        (("a", "b", "text"), 10),
        (("a", "b", "f"), 14),
        (("connector",), 16),
        (("connector", 0, "id"), 17),
        (("connector", 1), 18),
        (("connector", 1, "id"), 19),
        (("connector", 1, "inline", "h", "i"), 20),
        (("connector", 1, "list", 1, "j"), 21),
        (("connector", 1, "sub", "l"), 26),
    ],
)
def test_a_key_is_found_where_its_statement_begins(path: KeyPath, line: int):
    assert line_of(TEXT, path) == line


def test_a_missing_key_is_looked_for_in_its_table():
    assert line_of(TEXT, ("station", "vendor")) == 4
    assert line_of(TEXT, ("connector", 1, "phases")) == 18


def test_a_missing_table_has_no_line():
    assert line_of(TEXT, ("csms", "url")) is None
    assert line_of("", ("station",)) is None


KEYS = st.text("abc", min_size=1, max_size=2)
VALUES = st.sampled_from(["1", '"x"', "[\n1,\n2,\n]", "'''\na = 1\n'''", "{ a = 1 }"])


@settings(max_examples=60)
@given(st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=3), max_size=3))
def test_the_line_found_is_the_line_written(tables: dict[str, dict[str, str]]):
    lines: list[str] = []
    expected: dict[KeyPath, int] = {}
    for table, keys in tables.items():
        lines.append(f"[{table}]")
        expected[(table,)] = len(lines)
        for key, value in keys.items():
            expected[(table, key)] = len(lines) + 1
            lines.extend(f"{key} = {value}".split("\n"))
    text = "\n".join(lines)
    tomllib.loads(text)
    assert {path: line_of(text, path) for path in expected} == expected
