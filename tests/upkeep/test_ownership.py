"""What root makes for the service, the service can use."""

import os
from pathlib import Path

import pytest

from cpd.upkeep.ownership import as_owner_of

SOMEBODY = 12_345

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


@needs_root
def test_a_file_that_root_makes_belongs_to_the_owner_of_the_directory(tmp_path: Path) -> None:
    os.chown(tmp_path, SOMEBODY, SOMEBODY)
    # The directories above it are pytest's, and nobody else may walk through them.
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        with as_owner_of(tmp_path):
            os.close(os.open("made", os.O_CREAT, dir_fd=directory))
    finally:
        os.close(directory)
    made = (tmp_path / "made").stat()
    assert (made.st_uid, made.st_gid) == (SOMEBODY, SOMEBODY)
    assert (os.geteuid(), os.getegid()) == (0, 0)


@needs_root
def test_root_is_root_again_after_a_failure(tmp_path: Path) -> None:
    os.chown(tmp_path, SOMEBODY, SOMEBODY)
    with pytest.raises(ValueError), as_owner_of(tmp_path):
        raise ValueError
    assert (os.geteuid(), os.getegid()) == (0, 0)


def test_in_a_directory_of_ones_own_nothing_changes(tmp_path: Path) -> None:
    user = os.geteuid()
    with as_owner_of(tmp_path):
        assert os.geteuid() == user
