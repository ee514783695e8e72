"""The file is replaced whole or not at all, the old one is kept, and a secret is nobody's but its owner's."""

import os
from pathlib import Path

import pytest

from cpd.commissioning.writing import write_configuration
from cpd.errors import SettingsError


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o7777


def test_the_configuration_is_for_everybody_and_the_password_for_one(tmp_path: Path) -> None:
    file = tmp_path / "etc/cpd.toml"
    umask = os.umask(0o077)
    try:
        assert write_configuration(file, "a = 1\n", "hush") is None
    finally:
        os.umask(umask)
    assert (file.read_text(), mode(file)) == ("a = 1\n", 0o644)
    secret = file.with_name("password")
    assert (secret.read_text(), mode(secret)) == ("hush\n", 0o600)
    assert sorted(one.name for one in file.parent.iterdir()) == ["cpd.toml", "password"]


def test_a_folder_that_is_made_for_it_is_open_to_all_as_the_file_is(tmp_path: Path) -> None:
    umask = os.umask(0o077)
    try:
        write_configuration(tmp_path / "a/b/cpd.toml", "a = 1\n", None)
    finally:
        os.umask(umask)
    assert [mode(tmp_path / folder) for folder in ("a", "a/b")] == [0o755, 0o755]


def test_an_old_password_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    for password in ("old", "new", "new"):
        write_configuration(tmp_path / "cpd.toml", "a = 1\n", password)
    kept = tmp_path / "password.bak"
    assert (kept.read_text(), mode(kept)) == ("old\n", 0o600)


@pytest.mark.parametrize("old", ["old\n", None])
def test_a_file_that_cannot_be_written_leaves_its_password_as_it_was(tmp_path: Path, old: str | None) -> None:
    secret = tmp_path / "password"
    if old is not None:
        secret.write_text(old)
    # The folder of the file is there, and in the place of what is written first.
    (tmp_path / ".cpd.toml.new").mkdir()
    with pytest.raises(SettingsError, match="cannot be written"):
        write_configuration(tmp_path / "cpd.toml", "a = 1\n", "new")
    assert (secret.read_text() if secret.exists() else None) == old


def test_a_password_file_that_was_open_to_all_is_closed(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("old")
    secret.chmod(0o666)
    write_configuration(tmp_path / "cpd.toml", "a = 1\n", "hush")
    assert (secret.read_text(), mode(secret)) == ("hush\n", 0o600)


def test_every_old_file_is_kept_under_a_name_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "cpd.toml"
    kept = [write_configuration(file, f"a = {number}\n", None) for number in range(3)]
    assert [one and one.name for one in kept] == [None, "cpd.toml.bak", "cpd.toml.bak-2"]
    assert [one.read_text() for one in kept if one] == ["a = 0\n", "a = 1\n"]


def test_the_same_again_is_no_change(tmp_path: Path) -> None:
    file = tmp_path / "cpd.toml"
    write_configuration(file, "a = 1\n", None)
    assert write_configuration(file, "a = 1\n", None) is None
    assert [one.name for one in tmp_path.iterdir()] == ["cpd.toml"]


def test_where_it_cannot_be_written_what_was_there_stays_and_the_reason_is_told(tmp_path: Path) -> None:
    file = tmp_path / "cpd.toml"
    file.mkdir()
    (file / "inside").touch()
    with pytest.raises(SettingsError, match="cannot be written"):
        write_configuration(file, "a = 1\n", None)
    assert [one.name for one in tmp_path.iterdir()] == ["cpd.toml"]


def test_a_half_written_file_of_an_earlier_attempt_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".cpd.toml.new").write_text("a =")
    write_configuration(tmp_path / "cpd.toml", "a = 1\n", None)
    assert (tmp_path / "cpd.toml").read_text() == "a = 1\n"


def test_a_link_in_the_place_of_the_new_file_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / ".cpd.toml.new").symlink_to(precious)
    write_configuration(tmp_path / "cpd.toml", "a = 1\n", None)
    assert precious.read_text() == "mine"
