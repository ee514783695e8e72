"""The real daemon under a system clock that is unset or stepped (libfaketime)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from ocpp.v16 import call

from cpd.clock import RELEASED, SystemClock
from cpd.control.api import ConnectorDocument
from cpd.lab.csms.behaviour import Behaviour
from cpd.lab.csms.ledger import BookedTransaction
from cpd.lab.csms.station_log import Event
from tests.card import bound, cannot, in_memory, run_apart
from tests.dates import dates_in
from tests.preloaded import compiled
from tests.process.charger import CARD, control
from tests.process.faketime import WallClock, needs_faketime
from tests.process.site import Site, profile, site

pytestmark = needs_faketime

TRUTH = SystemClock()
SYSTEMD = Path("/run/systemd")
NEVER_SET = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
OFFLINE = Behaviour(upgrade_status=503)
EACH_SECOND = "MeterValueSampleInterval = 1\nAllowOfflineTxForUnknownId = true"
HOUR_S = 3_600
YEAR_S = 365 * 86_400
STEPS_S = (HOUR_S, -HOUR_S, 20 * YEAR_S, -3 * YEAR_S)
LITTLE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Within:
    """The real time before and after something happened, which the busy machine may have delayed."""

    earliest: datetime
    latest: datetime

    def holds(self, told: datetime | None) -> bool:
        assert told is not None
        return self.earliest - LITTLE <= told <= self.latest + LITTLE


async def begin(here: Site, number: int = 1) -> Within:
    """A session begins."""
    await here.charger.call("mock.plug_in", connector=number)
    earliest = TRUTH.now()
    await here.charger.call("mock.swipe", id_tag=CARD, connector=number)
    await here.charger.until_status("Charging", number)
    return Within(earliest, TRUTH.now())


async def finish(here: Site, number: int = 1) -> Within:
    """The session ends with the card, and the vehicle leaves."""
    earliest = TRUTH.now()
    await here.charger.call("mock.swipe", id_tag=CARD, connector=number)
    await here.charger.until_status("Finishing", number)
    within = Within(earliest, TRUTH.now())
    await here.charger.call("mock.plug_out", connector=number)
    await here.charger.until_status("Available", number)
    return within


def is_right(booked: BookedTransaction, began: Within, ended: Within) -> bool:
    return began.holds(booked.started_at) and ended.holds(booked.stopped_at)


def assert_no_time_before_the_release(here: Site) -> None:
    dates = dates_in(here.frames(Event.RECEIVED))
    assert dates and min(dates) >= RELEASED


async def test_sessions_from_before_the_time_was_known_have_the_right_times(tmp_path: Path) -> None:
    wall = WallClock(tmp_path, NEVER_SET)
    async with site(
        tmp_path, behaviour=OFFLINE, boots=False, environment=wall.environment, ocpp=EACH_SECOND
    ) as here:
        assert not (await here.charger.status())["station"]["clock"]["trusted"]
        first = await begin(here), await finish(here)
        second = await begin(here)
        cut = TRUTH.now()
        await here.charger.power_cut()
        await here.charger.start()
        recovered = Within(cut, TRUTH.now())
        assert not (await here.charger.status())["station"]["clock"]["trusted"]
        here.csms.behaviour = Behaviour()
        booked = await here.booked(2)
        assert [one.reason for one in booked] == ["Local", "PowerLoss"]
        assert is_right(booked[0], *first)
        assert is_right(booked[1], second, recovered)
        clock = (await here.charger.status())["station"]["clock"]
        assert (clock["trusted"], clock["source"]) == (True, "csms")
        assert_no_time_before_the_release(here)


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A board without a battery clock, apart: what it knows of its boot, and whether NTP has set its clock."""

    wall: WallClock
    folder: Path

    def boot(self) -> None:
        """A fresh one, in 1970."""
        self.wall.shows(NEVER_SET)
        (SYSTEMD / "timesync" / "synchronized").unlink(missing_ok=True)
        (self.folder / "boot_id").write_text(f"{uuid4()}\n", encoding="ascii")

    def ntp(self, error_s: int = 0) -> None:
        """timesyncd sets the clock, wrong by *error_s*."""
        self.wall.shows(TRUTH.now() + timedelta(seconds=error_s))
        (SYSTEMD / "timesync" / "synchronized").touch()


@contextmanager
def board(folder: Path, wall: WallClock) -> Iterator[Board]:
    """Only apart: nobody else's boot and NTP are touched."""
    if not SYSTEMD.is_dir():
        cannot(f"there is no {SYSTEMD}")
    with in_memory(SYSTEMD, megabytes=1):
        (SYSTEMD / "timesync").mkdir()
        boot_id = folder / "boot_id"
        boot_id.touch()
        with bound(boot_id, Path("/proc/sys/kernel/random/boot_id")):
            yield Board(wall=wall, folder=folder)


def test_a_board_without_a_battery_books_every_session_once_and_right_over_ntp_steps_and_boots(
    tmp_path: Path,
) -> None:
    """From 1970 and without a link: NTP comes while charging and steps back, then never again, but the CSMS."""
    notice = compiled(Path(__file__).with_name("step_notice.c"), tmp_path)

    async def story() -> None:
        wall = WallClock(tmp_path, NEVER_SET)
        environment = dict(wall.environment)
        environment["LD_PRELOAD"] = f"{notice}:{environment['LD_PRELOAD']}"
        with board(tmp_path, wall) as machine:
            machine.boot()
            async with site(
                tmp_path,
                behaviour=OFFLINE,
                boots=False,
                connectors=3,
                environment=environment,
                ocpp=EACH_SECOND,
            ) as here:
                # Each at its own connector, because a vehicle is not let in again at once.
                began = await begin(here, 1)
                short = await begin(here, 2), await finish(here, 2)
                machine.ntp()
                await here.charger.until(lambda status: status["station"]["clock"]["source"] == "ntp")
                machine.ntp(-HOUR_S)
                await here.charger.logged("clock stepped by=-3600")
                assert (await here.charger.connector(1))["offer_a"] == 32
                right = [(began, await finish(here, 1)), short]
                machine.ntp()
                await here.charger.logged("clock stepped by=3600")

                cut_off = await begin(here, 3)
                await here.charger.power_cut()
                machine.boot()
                await here.charger.start()
                clock = (await here.charger.status())["station"]["clock"]
                assert not clock["trusted"]
                assert datetime.fromisoformat(clock["now"]) >= cut_off.earliest - LITTLE
                recovered = TRUTH.now()
                last = await begin(here), await finish(here)

                here.csms.behaviour = Behaviour()
                right += [(cut_off, Within(cut_off.earliest, recovered)), last]
                booked = await here.booked(len(right))
                assert [(one.starts, one.stops) for one in booked] == [(1, 1)] * len(right)
                assert [one.reason for one in booked] == ["Local", "Local", "PowerLoss", "Local"]
                assert all(is_right(one, *times) for one, times in zip(booked, right, strict=True))
                clock = (await here.charger.status())["station"]["clock"]
                assert (clock["trusted"], clock["source"]) == (True, "csms")
                assert_no_time_before_the_release(here)
                told = [one.started_at for one in booked]
                assert told == sorted(told)

    run_apart(story)


class Pilot:
    """Every state of connector 1 that was told while it was watched."""

    def __init__(self) -> None:
        self.seen: list[ConnectorDocument] = []

    async def watch(self, here: Site) -> None:
        async with control(here.charger.socket) as connection:
            await connection.call("watch")
            while True:
                message = await connection.message()
                self.seen.append(message["params"]["connectors"][0])


async def stepped(folder: Path, shown: datetime | None) -> None:
    """A session during which the system's clock is stepped time and again."""
    wall = WallClock(folder, shown)
    async with site(folder, environment=wall.environment, ocpp=EACH_SECOND) as here:
        began = await begin(here)
        duty = (await here.charger.connector())["pilot"]["duty_percent"]
        pilot = Pilot()
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(pilot.watch(here))
            for step_s in STEPS_S:
                wall.off_by(step_s)
                # Whoever samples asks for the time, and meanwhile the offer is renewed.
                await here.log.message(call.MeterValues, since=len(here.log.calls))
                clock = (await here.charger.status())["station"]["clock"]
                assert clock["trusted"]
                if clock["source"] == "csms":
                    assert abs(datetime.fromisoformat(clock["now"]) - TRUTH.now()) < LITTLE
            watching.cancel()
        assert {one["pilot"]["duty_percent"] for one in pilot.seen} == {duty}
        assert {one["contactor"]["commanded"] for one in pilot.seen} == {"closed"}
        ended = await finish(here)
        (booked,) = await here.booked()
        assert (booked.starts, booked.stops, booked.reason) == (1, 1, "Local")
        assert is_right(booked, began, ended)
        for received in here.log.calls:
            if isinstance(received.message, call.MeterValues):
                taken = datetime.fromisoformat(received.message.meter_value[0]["timestamp"])
                assert booked.started_at <= taken <= received.at + LITTLE
                assert taken > received.at - LITTLE
        assert_no_time_before_the_release(here)


async def test_steps_of_the_system_clock_do_not_touch_a_session(tmp_path: Path) -> None:
    # Side by side: each of them mostly waits for a vehicle.
    await asyncio.gather(stepped(tmp_path / "right", None), stepped(tmp_path / "unset", NEVER_SET))


async def test_a_step_of_the_central_systems_time_moves_the_schedule_at_once_and_nothing_else(
    tmp_path: Path,
) -> None:
    wall = WallClock(tmp_path, NEVER_SET)
    async with site(tmp_path, environment=wall.environment, ocpp=EACH_SECOND) as here:
        hour = TRUTH.now().replace(microsecond=0)
        schedule = {
            "charging_rate_unit": "A",
            "start_schedule": (hour - timedelta(minutes=30)).isoformat(),
            "charging_schedule_period": [
                {"start_period": 0, "limit": 16},
                {"start_period": 3_600, "limit": 10},
            ],
        }
        absolute = profile(
            7, "TxDefaultProfile", 16, charging_profile_kind="Absolute", charging_schedule=schedule
        )
        assert await here.set_profile(absolute) == "Accepted"
        began = await begin(here)
        assert (await here.charger.connector())["offer_a"] == 16
        pilot = Pilot()
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(pilot.watch(here))
            here.csms.behaviour = Behaviour(clock_error_s=HOUR_S)
            await here.call(call.TriggerMessage(requested_message="Heartbeat"))
            await here.charger.until_connector(lambda one: one["offer_a"] == 10)
            await here.charger.logged("clock set by=csms step=3600")
            watching.cancel()
        offers = [one["offer_a"] for one in pilot.seen]
        assert offers == sorted(offers, reverse=True) and set(offers) <= {16, 10}
        assert all(one["pilot"]["pwm"] for one in pilot.seen)
        ended = await finish(here)
        (booked,) = await here.booked()
        assert is_right(booked, began, ended)
