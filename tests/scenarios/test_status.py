"""StatusNotification: what comes and goes too fast is spared, the last state and every distinct error get through."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"


def told(here: Site, since: int = 0, connector: int = 1) -> list[tuple[str, str]]:
    """Status and error of every notification of one connector."""
    return [
        (str(one.message.status), str(one.message.error_code))
        for one in here.log.calls[since:]
        if one.action == "StatusNotification" and one.message.connector_id == connector
    ]


def minimum(seconds: int) -> str:
    return f"MinimumStatusDuration = {seconds}"


@pytest.mark.parametrize("minimum_s", [0, 5])
def test_two_faults_a_millisecond_apart_are_both_told(tmp_path: Path, minimum_s: int) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=minimum(minimum_s)) as here:
            seen = len(here.log.calls)
            here.world.fault(1, "ground_fault", True)
            await here.clock.sleep(0.001)
            here.world.fault(1, "over_temperature", True)
            await here.clock.sleep(30)
            assert set(told(here, seen)) == {("Faulted", "GroundFailure"), ("Faulted", "HighTemperature")}
            assert len(told(here, seen)) == 2

    run_virtual(scenario())


def test_two_faults_at_the_same_instant_are_both_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            seen = len(here.log.calls)
            here.world.fault(1, "ground_fault", True)
            here.world.fault(1, "over_temperature", True)
            await here.clock.sleep(30)
            assert set(told(here, seen)) == {("Faulted", "GroundFailure"), ("Faulted", "HighTemperature")}

    run_virtual(scenario())


def test_a_fault_that_nobody_looked_at_while_it_stood_is_told_all_the_same(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            seen = len(here.log.calls)
            here.world.fault(1, "over_temperature", True)
            here.world.fault(1, "over_temperature", False)
            await here.clock.sleep(400)
            assert told(here, seen) == [("Faulted", "HighTemperature"), ("Available", "NoError")]

    run_virtual(scenario())


def test_the_error_that_is_left_is_told_again_when_the_later_one_has_gone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            seen = len(here.log.calls)
            here.world.fault(1, "emergency_stop", True)
            await here.clock.sleep(5)
            here.world.fault(1, "over_temperature", True)
            await here.clock.sleep(5)
            here.world.fault(1, "over_temperature", False)
            await here.clock.sleep(600)
            here.world.fault(1, "emergency_stop", False)
            await here.clock.sleep(30)
            assert told(here, seen) == [
                ("Faulted", "OtherError"),
                ("Faulted", "HighTemperature"),
                ("Faulted", "OtherError"),
                ("Available", "NoError"),
            ]

    run_virtual(scenario())


@pytest.mark.parametrize("minimum_s", [0, 2])
def test_a_vehicle_that_cannot_decide_floods_nobody_and_ends_with_the_truth(
    tmp_path: Path, minimum_s: int
) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=minimum(minimum_s)) as here:
            await here.charge(TAG)
            await here.clock.sleep(30)
            seen = len(here.log.calls)
            for ready in itertools.islice(itertools.cycle([False, True]), 600):
                here.world.ev(1, ready=ready)
                await here.clock.sleep(0.1)
            here.world.ev(1, ready=False)
            await here.clock.sleep(30)
            notifications = told(here, seen)
            assert len(notifications) <= 30, notifications
            assert notifications[-1] == ("SuspendedEV", "NoError")
            assert here.connector().status == "SuspendedEV"
            here.world.ev(1, ready=True)
            await here.status("Charging", within_s=600)

    run_virtual(scenario())


def test_a_plug_that_chatters_floods_nobody_and_ends_with_the_truth(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=minimum(2)) as here:
            seen = len(here.log.calls)
            for _ in range(300):
                here.world.plug_in(1)
                await here.clock.sleep(0.1)
                here.world.plug_out(1)
                await here.clock.sleep(0.1)
            here.world.plug_in(1)
            await here.clock.sleep(30)
            assert told(here, seen) == [("Preparing", "NoError")]

    run_virtual(scenario())


def test_after_a_reconnect_the_present_status_goes_before_what_is_queued(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, connectors=2) as here:
            await here.charge(TAG)
            here.network.cut()
            here.world.swipe(TAG, 1)
            await here.status("Finishing")
            seen = len(here.log.calls)
            here.network.up = True
            await here.log.message(call.StopTransaction, since=seen)
            first: list[Any] = [one.message for one in here.log.calls[seen:]][:3]
            assert [(one.connector_id, str(one.status)) for one in first] == [
                (0, "Available"),
                (1, "Finishing"),
                (2, "Available"),
            ]

    run_virtual(scenario())
