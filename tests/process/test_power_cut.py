"""SIGKILL, the power cut of a process: what was promised before it holds after it, and nothing is booked twice."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from ocpp.v16 import call

from cpd.lab.csms.behaviour import Behaviour, Reaction
from cpd.lab.csms.station_log import Event
from tests.process.charger import CARD, STATION
from tests.process.site import Site, profile, site

EACH_SECOND = "MeterValueSampleInterval = 1"


async def before_the_start_is_answered(here: Site) -> None:
    here.csms.behaviour = Behaviour(reactions={"StartTransaction": Reaction(held=True)})
    await here.charger.call("mock.plug_in", connector=1)
    await here.charger.call("mock.swipe", id_tag=CARD, connector=1)
    await here.log.message(call.StartTransaction)


async def while_it_charges(here: Site) -> None:
    await here.charger.charge()
    while len(here.log.messages(call.MeterValues)) < 2:
        await here.grown.wait()


async def before_the_stop_is_answered(here: Site) -> None:
    await here.charger.charge()
    here.csms.behaviour = Behaviour(reactions={"StopTransaction": Reaction(held=True)})
    await here.charger.call("mock.plug_out", connector=1)
    await here.log.message(call.StopTransaction)


async def interrupted(folder: Path, moment: Callable[[Site], Awaitable[None]], reason: str) -> None:
    """A session that is cut at *moment*, and must end with *reason*."""
    async with site(folder, ocpp=EACH_SECOND) as here:
        await moment(here)
        await here.charger.power_cut()
        here.csms.behaviour = Behaviour()
        await here.charger.start()
        (booked,) = await here.booked()
        assert (booked.reason, booked.id_tag) == (reason, CARD)
        assert booked.meter_stop_wh is not None
        connector = await here.charger.connector()
        assert connector["meter"] is not None
        assert booked.last_meter_wh <= booked.meter_stop_wh <= connector["meter"]["energy_wh"]
        assert (connector["transaction"], connector["contactor"]["confirmed"]) == (None, "open")
        await here.charger.until(lambda status: not status["csms"]["queued"])


async def test_an_interrupted_session_is_booked_once_whenever_it_is_cut(tmp_path: Path) -> None:
    # Side by side: each of them mostly waits for a vehicle.
    await asyncio.gather(
        interrupted(tmp_path / "start", before_the_start_is_answered, "PowerLoss"),
        interrupted(tmp_path / "charging", while_it_charges, "PowerLoss"),
        interrupted(tmp_path / "stop", before_the_stop_is_answered, "EVDisconnected"),
    )


async def composite(here: Site, connector: int) -> list[tuple[datetime, float]]:
    """The instants at which the composite schedule changes, and the limits, the one in force first."""
    answer = await here.call(call.GetCompositeSchedule(connector_id=connector, duration=86_400))
    start = datetime.fromisoformat(answer.schedule_start)
    schedule = answer.charging_schedule
    return [
        (start + timedelta(seconds=period["start_period"]), period["limit"])
        for period in schedule["charging_schedule_period"]
    ]


async def test_a_composite_schedule_is_the_same_after_a_power_cut(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        now = here.log.entries[0].at
        stepped = {
            "charging_rate_unit": "A",
            "start_schedule": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
            "charging_schedule_period": [
                {"start_period": 0, "limit": 10.0},
                {"start_period": 7_200, "limit": 7.5},
                {"start_period": 14_400, "limit": 0.0},
            ],
        }
        station = profile(
            1, "ChargePointMaxProfile", 0, charging_profile_kind="Absolute", charging_schedule=stepped
        )
        assert await here.set_profile(station) == "Accepted"
        assert await here.set_profile(profile(2, "TxDefaultProfile", 8.0), 1) == "Accepted"
        before = await composite(here, 0), await composite(here, 1)
        listed = await here.charger.call("profiles.list")
        await here.charger.power_cut()
        calls = len(here.log.calls)
        await here.charger.start()
        await here.log.message(call.StatusNotification, since=calls)
        after = await composite(here, 0), await composite(here, 1)
        assert [limit for _, limit in after[1]] == [8.0, 7.5, 0.0]
        for one, other in zip(before, after, strict=True):
            assert [limit for _, limit in one] == [limit for _, limit in other]
            assert one[1:] == other[1:]
        assert await here.charger.call("profiles.list") == listed
        assert (await here.charger.connector())["limit"]["current_a"] == 8.0


async def test_what_was_answered_accepted_survives_a_cut_at_that_very_moment(tmp_path: Path) -> None:
    rng = Random(1_6)
    answered: dict[int, float] = {}
    key = "ConnectionTimeOut"
    async with site(tmp_path) as here:
        for number in range(1, 5):
            for _ in range(rng.randint(1, 3)):
                profile_id = len(answered) + 1
                limit_a = 6.0 + profile_id
                request = profile(profile_id, "TxDefaultProfile", limit_a, stack_level=profile_id % 10)
                assert await here.set_profile(request, 1) == "Accepted"
                answered = {
                    other: limit for other, limit in answered.items() if other % 10 != profile_id % 10
                } | {profile_id: limit_a}
            changed = await here.call(call.ChangeConfiguration(key=key, value=str(100 + number)))
            assert changed.status == "Accepted"
            await here.charger.power_cut()

            calls = len(here.log.calls)
            await here.charger.start()
            await here.log.message(call.StatusNotification, since=calls)
            kept = (await here.charger.call("profiles.list"))["profiles"]
            limits = {
                one["profile"]["chargingProfileId"]: one["profile"]["chargingSchedule"][
                    "chargingSchedulePeriod"
                ][0]["limit"]
                for one in kept
            }
            assert limits == answered
            read = await here.call(call.GetConfiguration(key=[key]))
            assert read.configuration_key == [{"key": key, "readonly": False, "value": str(100 + number)}]


async def test_a_cut_before_the_answer_leaves_a_profile_whole_or_not_at_all(tmp_path: Path) -> None:
    async with site(tmp_path, tolerates="no CALL that waits") as here:
        for number in range(1, 4):
            entries = len(here.log.entries)
            payload = {
                "connectorId": 0,
                "csChargingProfiles": {
                    "chargingProfileId": number,
                    "stackLevel": number,
                    "chargingProfilePurpose": "ChargePointMaxProfile",
                    "chargingProfileKind": "Relative",
                    "chargingSchedule": {
                        "chargingRateUnit": "A",
                        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10 + number}],
                    },
                },
            }
            text = json.dumps([2, f"cut-{number}", "SetChargingProfile", payload])
            await here.csms.send_raw(STATION, text)
            await here.charger.power_cut()
            accepted = any(
                f'[3,"cut-{number}",{{"status":"Accepted"' in frame.replace(" ", "")
                for frame in here.frames(Event.RECEIVED, entries)
            )
            calls = len(here.log.calls)
            await here.charger.start()
            await here.log.message(call.StatusNotification, since=calls)
            kept = [
                one["profile"]
                for one in (await here.charger.call("profiles.list"))["profiles"]
                if one["profile"]["chargingProfileId"] == number
            ]
            assert kept in ([], [payload["csChargingProfiles"]])
            assert kept or not accepted
