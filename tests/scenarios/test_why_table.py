"""Every code of `cpd why` brought about in a whole charging site, and said alike everywhere it is said."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.cli.codes import headline
from cpd.cli.terminal import Terminal, columns_of
from cpd.cli.why import render_why
from cpd.domain.blockers import BlockerCode
from cpd.station.snapshot import ConnectorSnapshot
from hal.values import FaultKind
from tests.scenarios import situations as given
from tests.scenarios.known_situations import TABLE, Known
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

ELSEWHERE = {"CLOCK_UNTRUSTED", "STORE_FAILED", "FAULT_GUARD_LOST"}
"""A restart, a sick disk, a guard that is not inside: test_why.py, test_store_trouble.py, test_guard_process.py."""


def test_every_code_and_every_kind_of_fault_has_its_situation() -> None:
    reached = {code for known in TABLE for code in known.codes}
    faults = {f"FAULT_{kind.upper()}" for kind in FaultKind if kind is not FaultKind.EMERGENCY_STOP}
    assert reached | ELSEWHERE == {str(code) for code in BlockerCode} | faults
    assert reached.isdisjoint(ELSEWHERE)
    assert len(TABLE) >= 30


def name_of(known: Known) -> str:
    return f"{known.set_up.__name__}-{known.codes[0]}"


async def reached(here: Site, known: Known) -> None:
    await known.set_up(here)
    await here.until(lambda one: _stands(one, known), within_s=150)


def _stands(one: ConnectorSnapshot, known: Known) -> bool:
    """The expected status for the expected reasons; an ended transaction is booked, which has other words before."""
    codes = [blocker.code for blocker in one.blockers]
    booked = BlockerCode.TRANSACTION_ENDED not in codes or one.transaction is None
    return booked and (one.status, codes) == (known.status, known.codes)


@pytest.mark.parametrize("known", TABLE, ids=name_of)
def test_a_situation_is_explained_alike_everywhere(tmp_path: Path, known: Known) -> None:
    async def scenario() -> None:
        async with site(tmp_path, **known.config) as here:
            began = here.clock.now()
            await reached(here, known)
            reason = await here.control("why", connector=1)
            status = await here.control("status")
            now = here.clock.now()
            assert status["connectors"][0]["blockers"] == reason["blockers"]
            assert reason["charging"] is (known.status == "Charging")
            assert [blocker["code"] for blocker in reason["blockers"]] == known.codes
            for blocker in reason["blockers"]:
                since = datetime.fromisoformat(blocker["since"])
                assert began - timedelta(seconds=2) <= since <= now
                assert blocker["until"] is None or datetime.fromisoformat(blocker["until"]) > now
                assert blocker["evidence"]
                assert blocker["next_step"]
            primary = reason["blockers"][0]
            assert primary["evidence"] == known.evidence
            assert primary["source"].get("kind", "") == known.source
            assert (primary["until"] is not None) is known.ends
            picture = render_why(reason, status["connectors"][0], status, Terminal(width=40))
            _assert_readable(picture, reason["blockers"], slowed=slowed(known))
            for kind in here.daemon.guard.evses[1].snapshot().faults:
                # What waits for service would still be there for a daemon that starts after this one.
                here.world.fault(1, kind.kind, False)

    run_virtual(scenario())


def slowed(known: Known) -> bool:
    """Whether current flows, only less than could."""
    return known.status == "Charging" and known.source in ("wait", "temperature")


def _assert_readable(picture: str, blockers: list[dict[str, Any]], *, slowed: bool) -> None:
    """The picture fits 40 columns, names each cause, and what to do about the first."""
    assert [line for line in picture.splitlines() if columns_of(line) > 40] == []
    flat = " ".join(picture.split())
    assert ("NOT CHARGING" in flat) is not slowed
    for blocker in blockers:
        assert blocker["evidence"] in flat
        assert slowed or headline(blocker["code"]) in flat
    assert f"Do: {blockers[0]['next_step']}" in flat
    assert slowed or picture.splitlines()[-1] == blockers[0]["code"]


UNTOLD = {"AUTHORIZING", "EV_DRAWS_NOTHING"}
"""The link is taken by the question itself; and the meter, which knows of no change, is read when somebody asks."""

BEGINS_WITH_ITS_CAUSE = {"SuspendedEVSE", "Faulted", "Unavailable"}
"""Statuses that begin for the very reason that keeps the connector from charging."""

TOLD = [
    known for known in TABLE if known.source not in ("wait", "temperature") and known.codes[0] not in UNTOLD
]


@pytest.mark.parametrize("known", TOLD, ids=name_of)
def test_the_csms_is_told_the_primary_cause(tmp_path: Path, known: Known) -> None:
    async def scenario() -> None:
        async with site(tmp_path, **known.config) as here:
            await reached(here, known)
            await here.clock.sleep(2)
            report = here.daemon.station.reports[1]
            assert (str(report.status), report.info) == (known.status, known.codes[0])
            if not here.daemon.csms.online:
                return
            if known.status in BEGINS_WITH_ITS_CAUSE:
                assert (known.status, known.codes[0]) in told_of(here)
            seen = len(here.log.calls)
            request = call.TriggerMessage(requested_message="StatusNotification", connector_id=1)  # type: ignore[arg-type]
            await here.call(request)
            told = await here.log.message(call.StatusNotification, since=seen)
            assert (told.status, told.info) == (known.status, known.codes[0])

    run_virtual(scenario())


def test_a_limit_that_takes_the_place_of_another_is_told_while_the_status_stays(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await given.zero_from_the_csms(here)
            await here.control("limit", connector=1, current_a=0, for_s=3_600)
            await here.clock.sleep(10)
            await here.set_profile(1, **given.profile("TxProfile", 16))
            await here.clock.sleep(10)
            assert told_of(here)[-2:] == [
                ("SuspendedEVSE", "LIMIT_ZERO_CSMS"),
                ("SuspendedEVSE", "LIMIT_LOCAL"),
            ]

    run_virtual(scenario())


def told_of(here: Site) -> list[tuple[str, str | None]]:
    """Status and info of connector 1 as the CSMS was told them."""
    statuses = here.log.messages(call.StatusNotification)
    return [(str(one.status), one.info) for one in statuses if one.connector_id == 1]
