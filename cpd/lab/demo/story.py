"""What happens in the demo, step by step, and what is expected to be seen at each."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from cpd.cli.schedule import render_schedule
from cpd.cli.words import amperes
from cpd.control.api import ScheduleDocument
from cpd.lab.demo import profiles
from cpd.lab.demo.picture import Picture
from cpd.lab.demo.profiles import Step
from cpd.lab.demo.stage import Stage

CHARGER_A = 63
MAX_A = 50
TX_DEFAULT_A = 40
CARD = "DEMO-CARD"
LEASE_S = 3.0
LETS_GO_S = 6.0
"""How long a vehicle may take to stop drawing once its lease has lapsed."""

_FOLLOWS_A = 0.5
"""How far below the limit a vehicle may draw that reads its pilot exactly."""

_FIRST_TOLD = ("Available", "Preparing", "Charging", "SuspendedEVSE", "Charging")
_THEN_TOLD = ("Charging", "Finishing", "Available")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long things are looked at. *steps* is the stepped profile."""

    linger_s: float
    steps: tuple[Step, ...]


def pace(*, fast: bool) -> Pace:
    """The slow pace is for people, and takes less than a minute; the fast one less than 30 s."""
    starts = (0, 2, 3, 5) if fast else (0, 6, 12, 20)
    steps = (Step(start_s=start, limit_a=limit) for start, limit in zip(starts, (32, 10, 0, 16), strict=True))
    return Pace(linger_s=0.0 if fast else 2.5, steps=tuple(steps))


async def play(stage: Stage, pace: Pace) -> None:
    """The whole story; raises Unexpected as soon as something is not right."""
    await _comes_up(stage)
    await _charges(stage, pace)
    await _obeys_profiles(stage, pace)
    await _obeys_steps(stage, pace)
    register_wh = await _loses_its_daemon(stage)
    await _goes_on(stage, pace, register_wh)
    await _ends(stage)


async def _comes_up(stage: Stage) -> None:
    stage.tell("the central system listens; the charger starts")
    await stage.until_up()
    stage.say_heads()
    await stage.expect(
        "the central system accepts the charger's BootNotification",
        lambda seen: seen.report["registration"] == "Accepted" and seen.status["csms"]["connected"],
        lambda seen: f"registration {seen.report['registration']}",
    )
    await _expect_status(stage, "connector 1 is reported Available", "Available")


async def _charges(stage: Stage, pace: Pace) -> None:
    stage.tell(f"an EV is plugged in with a {CHARGER_A} A cable, and a card is presented")
    await _plug_in_and_swipe(stage)
    await stage.expect(
        "a transaction is booked, once, on that card",
        lambda seen: (
            [(booked["id_tag"], booked["starts"], booked["stopped_at"]) for booked in seen.transactions]
            == [(CARD, 1, None)]
        ),
        _books,
    )
    await _expect_charging(
        stage, f"it charges with all that the charger has, {CHARGER_A} A", CHARGER_A, "connector"
    )
    await _expect_status(stage, "connector 1 is reported Charging", "Charging")
    await stage.linger(pace.linger_s)


async def _obeys_profiles(stage: Stage, pace: Pace) -> None:
    for limit_a, connector, profile in (
        (MAX_A, 0, profiles.charge_point_max(MAX_A)),
        (TX_DEFAULT_A, 1, profiles.tx_default(TX_DEFAULT_A)),
    ):
        purpose = profile["chargingProfilePurpose"]
        stage.tell(f"the central system installs a {purpose} of {limit_a} A")
        await _install(stage, connector, profile)
        await _expect_charging(stage, f"the {purpose} holds it to {limit_a} A", limit_a, purpose)
        await stage.linger(pace.linger_s)


async def _obeys_steps(stage: Stage, pace: Pace) -> None:
    picture = await stage.look()
    profile = profiles.tx_profile(
        pace.steps, transaction_id=picture.transactions[-1]["id"], start_at=_now(picture)
    )
    limits = ", ".join(str(step.limit_a) for step in pace.steps)
    stage.tell(f"the central system installs a TxProfile in steps: {limits} A")
    await _install(stage, 1, profile)
    await _show_schedule(stage, duration_s=pace.steps[-1].start_s + 10)
    for step in pace.steps:
        await _expect_charging(
            stage,
            f"the TxProfile's step of {step.limit_a} A is obeyed",
            step.limit_a,
            "TxProfile",
            within_s=12.0,
        )
        if step.limit_a == 0:
            await _expect_status(stage, "the pause is reported SuspendedEVSE", "SuspendedEVSE")
            picture = await stage.look()
            stage.check("the transaction stays open in the pause", _books(picture), right=_is_open(picture))
    await stage.linger(pace.linger_s)


async def _loses_its_daemon(stage: Stage) -> int:
    """Kill the daemon while current flows; returns the register as it was seen last."""
    assert stage.guard is not None
    register_wh = (await stage.look()).energy_wh
    stage.tell("SIGKILL: the daemon dies in the middle of the transaction; its guard lives")
    mark = len(stage.guard.log)
    await stage.daemon.power_cut()
    stage.hang_up()
    opened_s = await stage.guard_says(
        "contactor connector=1 state=open", since=mark, within_s=LEASE_S + LETS_GO_S + 1.0
    )
    stage.check(
        f"nobody renews its lease of {LEASE_S:g} s: the guard lets the vehicle stop, and opens",
        f"open after {opened_s:.1f} s",
        right=opened_s < LEASE_S + LETS_GO_S,
    )
    booked = (await stage.report())["transactions"][-1]
    stage.check("the central system heard of no stop", _booking(booked), right=booked["stops"] == 0)
    return register_wh


async def _goes_on(stage: Stage, pace: Pace, register_wh: int) -> None:
    stage.tell("the daemon starts again; the vehicle has stayed")
    await stage.daemon.start()
    await stage.until_up()
    await _expect_charging(
        stage,
        f"the session goes on under its TxProfile: {pace.steps[-1].limit_a} A",
        pace.steps[-1].limit_a,
        "TxProfile",
        within_s=12.0,
    )
    await _expect_status(stage, "connector 1 is reported Charging", "Charging")
    await _expect_profiles(
        stage, "the accepted profiles are kept", "ChargePointMaxProfile, TxDefaultProfile, TxProfile"
    )
    await stage.linger(pace.linger_s)
    stage.tell("the card is presented once more, and the EV leaves")
    await stage.charger("mock.swipe", id_tag=CARD, connector=1)
    picture = await stage.expect(
        "it is one transaction, booked once",
        lambda seen: (
            [(booked["starts"], booked["stops"], booked["reason"]) for booked in seen.transactions]
            == [(1, 1, "Local")]
        ),
        _books,
    )
    booked = picture.transactions[0]
    stage.check(
        f"no energy is lost: the register was at {register_wh} Wh as the daemon died",
        f"meterStart {booked['meter_start_wh']} Wh, meterStop {booked['meter_stop_wh']} Wh",
        right=booked["meter_start_wh"] < booked["meter_stop_wh"] >= register_wh,
    )
    await _expect_profiles(
        stage, "the TxProfile went with its transaction", "ChargePointMaxProfile, TxDefaultProfile"
    )
    await stage.charger("mock.plug_out", connector=1)
    await _expect_status(stage, "connector 1 is reported Available again", "Available")


async def _ends(stage: Stage) -> None:
    notifications = await stage.received("StatusNotification")
    reported = [message["status"] for message in notifications if message["connectorId"] == 1]
    # A vehicle may take a moment from the offer to its first current.
    told = [status for status in reported if status != "SuspendedEV"]
    stage.check(
        "the statuses tell the same story",
        ", ".join(reported),
        right=told == [*_FIRST_TOLD, *_THEN_TOLD],
    )
    picture = await stage.look()
    violations = picture.report["violations"]
    stage.check(
        "the central system saw nothing against OCPP 1.6",
        "; ".join(violations) or "no violation",
        right=not violations,
    )
    stage.hang_up()
    status = await stage.daemon.stop()
    stage.check("the charger stops when asked", f"exit status {status}", right=status == 0)
    assert stage.guard is not None
    unsafe = stage.guard.unsafe_outlets
    stage.check("no outlet was ever unsafe", "; ".join(unsafe) or "never", right=not unsafe)


async def _plug_in_and_swipe(stage: Stage) -> None:
    await stage.charger("mock.ev", connector=1, max_current_a=CHARGER_A)
    await stage.charger("mock.plug_in", connector=1, cable_a=CHARGER_A)
    await stage.charger("mock.swipe", id_tag=CARD, connector=1)


async def _install(stage: Stage, connector: int, profile: dict[str, Any]) -> None:
    answer = await stage.call("SetChargingProfile", {"connectorId": connector, "csChargingProfiles": profile})
    stage.check(
        f"SetChargingProfile #{profile['chargingProfileId']} is accepted",
        answer["status"],
        right=answer["status"] == "Accepted",
    )


async def _show_schedule(stage: Stage, *, duration_s: int) -> None:
    schedule = await stage.charger("schedule", connector=1, duration_s=duration_s, unit="A")
    answer = await stage.call(
        "GetCompositeSchedule", {"connectorId": 1, "duration": duration_s, "chargingRateUnit": "A"}
    )
    stage.say(render_schedule(cast(ScheduleDocument, schedule), stage.terminal))
    told = [period["limit"] for period in answer["chargingSchedule"]["chargingSchedulePeriod"]]
    own = [period["limit"] for period in schedule["periods"]]
    # Between the two questions a period may have ended.
    stage.check(
        "GetCompositeSchedule tells what the charger plans",
        ", ".join(amperes(limit) for limit in told),
        right=bool(told) and told == own[-len(told) :],
    )


async def _expect_charging(
    stage: Stage, expectation: str, limit_a: int, set_by: str, *, within_s: float = 8.0
) -> None:
    """The limit and who set it, and all that must follow from it electrically."""
    duty = profiles.duty_percent(limit_a)

    def holds(seen: Picture) -> bool:
        connector = seen.connector
        limit = connector["limit"]
        setter = limit["constrained_by"].get("purpose", limit["constrained_by"]["kind"])
        paused = limit_a == 0
        return (
            (limit["current_a"], setter) == (limit_a, set_by)
            and connector["pilot"]["duty_percent"] == duty
            and connector["contactor"]["confirmed"] == ("open" if paused else "closed")
            and limit_a - (0 if paused else _FOLLOWS_A) <= seen.draws_a <= limit_a
        )

    await stage.expect(expectation, holds, lambda seen: seen.charging, within_s=within_s)


async def _expect_profiles(stage: Stage, expectation: str, purposes: str) -> None:
    installed = (await stage.charger("profiles.list"))["profiles"]
    kept = ", ".join(sorted(entry["profile"]["chargingProfilePurpose"] for entry in installed))
    stage.check(expectation, kept, right=kept == purposes)


async def _expect_status(stage: Stage, expectation: str, status: str) -> None:
    await stage.expect(
        expectation,
        lambda seen: seen.report["statuses"].get("1") == status,
        lambda seen: f"StatusNotification {seen.report['statuses'].get('1', 'never')}",
    )


def _is_open(seen: Picture) -> bool:
    return bool(seen.transactions) and seen.transactions[-1]["stopped_at"] is None


def _books(seen: Picture) -> str:
    if not seen.transactions:
        return "no transaction"
    return "; ".join(_booking(booked) for booked in seen.transactions)


def _booking(booked: dict[str, Any]) -> str:
    words = f"#{booked['id']} {booked['id_tag']}, started {booked['starts']}×"
    if booked["stopped_at"] is None:
        return f"{words}, open"
    return f"{words}, stopped {booked['stops']}× ({booked['reason']})"


def _now(seen: Picture) -> datetime:
    return datetime.fromisoformat(seen.status["station"]["clock"]["now"])
