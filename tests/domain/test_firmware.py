"""How a start is judged that meets an update: by the version that runs, and how often that was seen before."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cpd.domain.firmware import (
    MAX_INSTALLS,
    MAX_NEW_STARTS,
    MAX_ROLLBACKS,
    FirmwareStatus,
    FirmwareUpdate,
    Phase,
    resumed,
)

OLD, NEW = "1.0", "2.0"
UPDATE = FirmwareUpdate(
    location="http://host/new.bin",
    retrieve_at=datetime(2026, 3, 2, tzinfo=UTC),
    retries=0,
    retry_interval_s=60,
    version=OLD,
)
FAILED = FirmwareStatus.INSTALLATION_FAILED

STARTS = [
    (Phase.WAITING, 1, OLD, Phase.WAITING),
    (Phase.WAITING, 1, NEW, Phase.WAITING),
    (Phase.DOWNLOADING, 1, OLD, Phase.DOWNLOADING),
    (Phase.DOWNLOADED, 1, OLD, Phase.DOWNLOADED),
    (Phase.INSTALLING, 1, OLD, Phase.INSTALLING),
    (Phase.INSTALLING, MAX_INSTALLS, OLD, FAILED),
    (Phase.INSTALLING, 1, NEW, Phase.CONFIRMING),
    (Phase.INSTALLING, MAX_INSTALLS, NEW, Phase.CONFIRMING),
    (Phase.RESTARTING, 1, OLD, FAILED),
    (Phase.RESTARTING, 1, NEW, Phase.CONFIRMING),
    (Phase.CONFIRMING, 1, OLD, FAILED),
    (Phase.CONFIRMING, 1, NEW, Phase.CONFIRMING),
    (Phase.CONFIRMING, MAX_NEW_STARTS, NEW, Phase.ROLLING_BACK),
    (Phase.ROLLING_BACK, 1, OLD, FAILED),
    (Phase.ROLLING_BACK, 1, NEW, Phase.ROLLING_BACK),
    (Phase.ROLLING_BACK, MAX_ROLLBACKS, NEW, Phase.STAYING),
    (Phase.STAYING, 9, OLD, FAILED),
    (Phase.STAYING, 9, NEW, Phase.STAYING),
]


@pytest.mark.parametrize(("phase", "begun", "version", "becomes"), STARTS)
def test_a_start_is_judged_by_the_version_that_runs(
    phase: Phase, begun: int, version: str, becomes: Phase | FirmwareStatus
) -> None:
    step = resumed(replace(UPDATE, phase=phase, begun=begun, online=True), version)
    if isinstance(becomes, FirmwareStatus):
        assert (step.update, step.told) == (None, becomes)
    else:
        assert step.update is not None
        assert (step.update.phase, step.told) == (becomes, None)


def test_every_phase_is_in_the_table() -> None:
    assert {phase for phase, _, _, _ in STARTS} == set(Phase)


def test_where_the_csms_was_not_there_before_no_number_of_starts_says_that_a_version_is_bad() -> None:
    update = replace(UPDATE, phase=Phase.CONFIRMING, begun=MAX_NEW_STARTS, online=False)
    assert resumed(update, NEW).update == replace(update, begun=MAX_NEW_STARTS + 1)
