"""The file of a backup: what goes in comes out, and what is not whole is not believed."""

import gzip
import io
import tarfile
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cpd.upkeep.backup_file import Backup, NoBackup, packed, unpacked

BACKUP = Backup(
    station_id="CP-0042",
    made_at=datetime(2026, 11, 22, 21, 0, tzinfo=UTC),
    version="0.1.0",
    store=bytes(range(256)) * 40,
    configuration=b'[station]\nid = "CP-0042"\n',
    latches=b"{}",
)


def archive(**files: bytes) -> bytes:
    """A tar.gz that somebody else has made."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as made:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    return written.getvalue()


@pytest.mark.parametrize("backup", [BACKUP, replace(BACKUP, configuration=None, latches=None)])
def test_what_goes_in_comes_out(backup: Backup) -> None:
    assert unpacked(packed(backup)) == backup


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"not an archive", id="text"),
        pytest.param(gzip.compress(b"no tar"), id="no tar"),
        pytest.param(archive(), id="an empty archive"),
        pytest.param(archive(**{"manifest.json": b"{}"}), id="an empty manifest"),
        pytest.param(archive(**{"manifest.json": b"["}), id="a broken manifest"),
        pytest.param(archive(**{"etc/passwd": b"root"}), id="another file"),
        pytest.param(archive(**{"../cpd.db": b"up"}), id="a path that leads out"),
    ],
)
def test_what_is_no_backup_is_refused(content: bytes) -> None:
    with pytest.raises(NoBackup, match="no backup of cpd"):
        unpacked(content)


def test_a_file_of_a_later_release_is_refused_with_its_version() -> None:
    later = archive(
        **{
            "manifest.json": b'{"schema": "cpd.backup/2", "station_id": "CP-0042", "version": "9",'
            b' "made_at": "2036-11-22T21:00:00Z", "files": {}}'
        }
    )
    with pytest.raises(NoBackup, match=r"cpd\.backup/2, and this release of cpd reads cpd\.backup/1"):
        unpacked(later)


def test_a_store_that_was_exchanged_is_refused() -> None:
    with tarfile.open(fileobj=io.BytesIO(packed(BACKUP)), mode="r:gz") as whole:
        files = {name: whole.extractfile(name).read() for name in whole.getnames()}  # type: ignore[union-attr]
    with pytest.raises(NoBackup, match="not what its manifest says"):
        unpacked(archive(**{**files, "cpd.db": files["cpd.db"][:-1] + b"x"}))
    del files["latches.json"]
    with pytest.raises(NoBackup, match="not what its manifest says"):
        unpacked(archive(**files))


def test_a_backup_that_is_cut_off_anywhere_is_refused() -> None:
    content = packed(BACKUP)
    for length in range(0, len(content) - 8, 37):
        with pytest.raises(NoBackup):
            unpacked(content[:length])
