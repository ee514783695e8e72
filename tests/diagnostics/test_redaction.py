"""What is taken out of a bundle, wherever it stands."""

import json

import pytest

from cpd.diagnostics.redaction import HIDDEN, Redaction

KEY = 'a "planted" key'
CARD = "04A31F02B16180"

redaction = Redaction([KEY, "pin", None])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("get http://host/new.bin", "get http://host/new.bin"),
        ("from ftp://u:p@host/a", "from ftp://…@host/a"),
        ("ftp://u:p@ss:w@host:21/a", "ftp://…@host:21/a"),
        ("ftp://u:pa/ss@host/a", "ftp://…@host/a"),
        (r"http:\/\/u:p@host\/a", r"http:\/\/…@host\/a"),
        ("https://s3/a?X-Amz-Signature=x&y=z then", "https://s3/a?… then"),
        (f"key={KEY}", f"key={HIDDEN}"),
        (f"frame {json.dumps(KEY)}", f'frame "{HIDDEN}"'),
        ("curl --token=x --proxy-password=y,z", f"curl --token={HIDDEN} --proxy-password={HIDDEN},z"),
        (
            f'frame > [2,"7","Authorize",{{"idTag": "{CARD}"}}]',
            'frame > [2,"7","Authorize",{"idTag": "04A3…6180"}]',
        ),
        ("spinning", "spinning"),
        ("x" * 1_000_000, "x" * 1_000_000),
        ("x" * 1_000 + "://u:p@h", "x" * 1_000 + "://…@h"),
    ],
)
def test_a_line_keeps_no_password_and_no_signature(text: str, shown: str) -> None:
    assert redaction.text(text) == shown


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        ({"password": "x", "url": "ws://h"}, {"password": HIDDEN, "url": "ws://h"}),
        ({"password": None}, {"password": None}),
        (
            {"ocpp": {"WifiPassword": "x", "ApiToken": 7}},
            {"ocpp": {"WifiPassword": HIDDEN, "ApiToken": HIDDEN}},
        ),
        ({"key": "AuthorizationKey", "value": "x"}, {"key": "AuthorizationKey", "value": HIDDEN}),
        ({"key": "HeartbeatInterval", "value": "60"}, {"key": "HeartbeatInterval", "value": "60"}),
        ({"key": ["AuthorizationKey"]}, {"key": ["AuthorizationKey"]}),
        (
            {"data": json.dumps({"wifiPsk": "x", "deep": json.dumps([{"idTag": CARD}])})},
            {"data": json.dumps({"wifiPsk": HIDDEN, "deep": '[{"idTag": "04A3…6180"}]'}, ensure_ascii=False)},
        ),
        ({"data": "{no JSON"}, {"data": "{no JSON"}),
        ({"idTagInfo": {"parentIdTag": CARD}}, {"idTagInfo": {"parentIdTag": "04A3…6180"}}),
        (
            [{"id_tag": CARD}, {"auto_start_tag": CARD}],
            [{"id_tag": "04A3…6180"}, {"auto_start_tag": "04A3…6180"}],
        ),
    ],
)
def test_a_document_is_judged_by_the_names_of_its_members(document: object, shown: object) -> None:
    assert redaction.document(document) == shown


def test_a_frame_keeps_its_meaning() -> None:
    frame = json.dumps([2, "7", "ChangeConfiguration", {"key": "AuthorizationKey", "value": "x"}])
    assert json.loads(redaction.frame(frame)) == [
        *(2, "7", "ChangeConfiguration"),
        {"key": "AuthorizationKey", "value": HIDDEN},
    ]


@pytest.mark.parametrize(
    "frame",
    [
        f'[2,"7","Authorize",{{"idTag":"{CARD}"',
        f'[2,"7","ChangeConfiguration",{{"key":"AuthorizationKey","value":"{CARD}"}}',
        f'[2,"7","X",{{"location":"ftp://{CARD}@h/"',
        "[" * 100_000 + CARD + '"password"',
    ],
)
def test_a_frame_that_is_no_json_loses_what_may_be_secret(frame: str) -> None:
    assert CARD not in redaction.frame(frame)


@pytest.mark.parametrize(
    "frame",
    [
        [2, "1", "ChangeConfiguration", "AuthorizationKey", "a-planted-key"],
        [2, "1", "DataTransfer", {"vendorId": "x", "data": ' \n{"password": "a-planted-key"}'}],
    ],
)
def test_a_secret_where_it_does_not_belong_is_hidden(frame: list[object]) -> None:
    assert "planted" not in Redaction([]).frame(json.dumps(frame))
