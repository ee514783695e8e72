"""A bundle that cannot be made is an upload that failed, and no end of the daemon."""

import logging

import pytest

from cpd.diagnostics.uploader import DiagnosticsUploader
from cpd.domain.diagnostics import Window
from cpd.station.diagnostics import Bundle, UploadFailure
from tests.hal.bench import virtual
from tests.virtual_time import VirtualClock


@virtual
async def test_a_bug_in_making_the_bundle_is_a_failed_upload(caplog: pytest.LogCaptureFixture) -> None:
    async def make(_window: Window, _name: str) -> Bundle:
        raise KeyError("a bug")

    uploader = DiagnosticsUploader(make, station_id="CP", clock=VirtualClock(), ca_file=None)
    with caplog.at_level(logging.ERROR), pytest.raises(UploadFailure):
        await uploader.upload("http://127.0.0.1:1/", "cpd.tar.gz", Window())
    assert "a bug" in caplog.text


@virtual
async def test_a_file_is_named_by_the_station_and_the_time_in_letters_that_every_server_takes() -> None:
    async def make(_window: Window, _name: str) -> Bundle:
        raise AssertionError

    uploader = DiagnosticsUploader(
        make, station_id="../Säule 1/" + "x" * 300, clock=VirtualClock(), ca_file=None
    )
    name = uploader.file_name()
    assert name.startswith("cpd-_S_ule_1_xxx") and name.endswith("-20260302T100000Z.tar.gz")
    assert len(name) < 100 and "/" not in name and ".." not in name
