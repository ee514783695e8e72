"""What central systems call the time: any spelling is understood, nonsense leaves the clock as it is."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cpd.clock import RELEASED, ClockSource
from cpd.lab.csms.behaviour import Behaviour, Reaction
from cpd.lab.csms.station_log import Event
from tests.dates import dates_in
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

NEVER_SET = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
HOUR_S = 3_600
YEAR_S = 365 * 86_400

SPELLINGS = [
    "2026-05-01T08:00:00Z",
    "2026-05-01T08:00:00.000Z",
    "2026-05-01T08:00:00.000000Z",
    "2026-05-01T08:00:00.000000001Z",
    "2026-05-01T08:00:00,000Z",
    "2026-05-01t08:00:00z",
    "2026-05-01 08:00:00Z",
    "2026-05-01 08:00:00 Z",
    "2026-05-01T08:00:00",
    "2026-05-01T08:00:00.000000",
    "2026-05-01 08:00:00",
    "2026-05-01T08:00:00+00:00",
    "2026-05-01T08:00:00-00:00",
    "2026-05-01T10:00:00+02:00",
    "2026-05-01T10:00:00.000000+0200",
    "2026-05-01T03:00:00-05",
    "2026-05-01T13:45:00+05:45",
    "2026-04-30T23:00:00-09:00",
]
NONSENSE = [
    "",
    "soon",
    "08:00:00",
    "2026-05-01",
    "1777622400",
    "01.05.2026 08:00:00",
    "2026-05-01T08:00:00 CEST",
    "2026-13-01T08:00:00Z",
    "2026-02-30T08:00:00Z",
    "2026-05-01T24:30:00Z",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+10:00",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-10:00",
]


def booting_with(text: str, *, interval_s: int = 300) -> Behaviour:
    answer = {"currentTime": text, "interval": interval_s, "status": "Accepted"}
    return Behaviour(reactions={"BootNotification": Reaction(answer=answer)})


def unset(
    folder: Path, behaviour: Behaviour | None = None, *, online: bool = True
) -> AbstractAsyncContextManager[Site]:
    """A site whose clock nobody has set."""
    return site(folder, behaviour=behaviour, shown=NEVER_SET, source=ClockSource.NONE, online=online)


def ignored(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.levelname for one in caplog.records if "currentTime of the CSMS is ignored" in one.message]


@pytest.mark.parametrize("text", SPELLINGS)
def test_every_spelling_of_an_instant_sets_the_clock_to_it(tmp_path: Path, text: str) -> None:
    async def scenario() -> None:
        async with unset(tmp_path, booting_with(text)) as here:
            assert here.clock.source is ClockSource.CSMS
            passed = here.truth.now() - datetime(2026, 3, 2, 10, tzinfo=UTC)
            told = here.clock.now() - datetime(2026, 5, 1, 8, tzinfo=UTC)
            assert abs(told - passed) < timedelta(seconds=1)

    run_virtual(scenario())


def test_a_leap_second_is_the_second_before_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        behaviour = booting_with("2028-12-31T23:59:60Z")
        async with site(tmp_path, behaviour=behaviour, source=ClockSource.NONE) as here:
            told = here.clock.now() - datetime(2028, 12, 31, 23, 59, 59, tzinfo=UTC)
            assert timedelta(0) <= told < timedelta(seconds=2)

    run_virtual(scenario())


@pytest.mark.parametrize("text", NONSENSE)
def test_nonsense_is_ignored_with_one_warning_and_the_boot_counts(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        behaviour = booting_with(text, interval_s=10)
        heartbeat = Reaction(answer={"currentTime": text}, times=3)
        behaviour = behaviour.changed({"reactions": {**behaviour.reactions, "Heartbeat": heartbeat}})
        async with asyncio.timeout(300), unset(tmp_path, behaviour) as here:
            await here.clock.sleep(35)
            assert here.daemon.csms.online
            assert here.clock.source is ClockSource.NONE
            assert ignored(caplog) == ["WARNING"]
            frames = [one.text for one in here.log.entries if one.event is Event.RECEIVED]
            assert all(at >= RELEASED for at in dates_in(frames))
            # The fourth Heartbeat is answered with the right time.
            await here.clock.sleep(10)
            assert here.clock.source is ClockSource.CSMS
            assert abs(here.clock.now() - here.truth.now()) < timedelta(seconds=1)

    run_virtual(scenario())


def test_nonsense_moves_no_clock_that_was_right(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        heartbeats = {"Heartbeat": Reaction(answer={"currentTime": "1970-01-01T00:00:00Z"})}
        behaviour = Behaviour(interval_s=10, reactions=heartbeats)
        async with unset(tmp_path, behaviour) as here:
            await here.clock.sleep(100)
            assert ignored(caplog) == ["WARNING"]
            assert abs(here.clock.now() - here.truth.now()) < timedelta(seconds=1)

    run_virtual(scenario())


@pytest.mark.parametrize("error_s", [5, HOUR_S, -HOUR_S, 20 * YEAR_S, -20 * YEAR_S])
def test_a_clock_that_ntp_keeps_does_not_listen_to_the_csms(
    tmp_path: Path, error_s: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, behaviour=Behaviour(clock_error_s=error_s, interval_s=10)) as here:
            await here.clock.sleep(100)
            assert here.clock.source is ClockSource.NTP
            assert here.clock.now() == here.truth.now()
            warned = [one.levelname for one in caplog.records if "clock" in one.name] + ignored(caplog)
            assert warned == ["WARNING"]

    run_virtual(scenario())


def test_a_clock_that_the_csms_sets_is_trusted_from_then_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with unset(tmp_path, online=False) as here:
            assert not (await here.control("status"))["station"]["clock"]["trusted"]
            here.network.up = True
            while not here.daemon.csms.online:
                await here.clock.sleep(1)
            clock = (await here.control("status"))["station"]["clock"]
            assert (clock["trusted"], clock["source"]) == (True, "csms")

    run_virtual(scenario())


def test_a_csms_that_drifts_against_this_clock_is_followed_in_steps_of_two_seconds(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, behaviour=Behaviour(interval_s=60), source=ClockSource.NONE) as here:
            for error_s in range(30):
                here.behave(clock_error_s=error_s)
                await here.clock.sleep(60)
                told = here.truth.now() + timedelta(seconds=error_s)
                assert abs(here.clock.now() - told) <= timedelta(seconds=3)

    run_virtual(scenario())


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01T00:00:00Z"])
def test_an_expiry_that_cannot_be_read_does_not_make_an_answer_void(tmp_path: Path, text: str) -> None:
    async def scenario() -> None:
        answer = {"transactionId": 5, "idTagInfo": {"status": "Accepted", "expiryDate": text}}
        behaviour = Behaviour(
            reactions={
                "Authorize": Reaction(answer={"idTagInfo": answer["idTagInfo"]}),
                "StartTransaction": Reaction(answer=answer),
            }
        )
        async with site(tmp_path, behaviour=behaviour) as here:
            await here.charge()
            await here.clock.sleep(10)
            transaction = here.connector().transaction
            assert transaction is not None and transaction.csms_id == 5
            assert here.daemon.station.journal.queued == 0

    run_virtual(scenario())
