"""The worked cases of vectors/smart_charging.json, each from its request to its answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.domain.charge_point import ChargePoint, from_wire, seconds

CASES = json.loads((Path(__file__).parent / "vectors" / "smart_charging.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['rule']}:{case['name']}")
def test_worked_case(case: dict[str, Any]) -> None:
    station = prepared(case)
    query = dict(case["query"])
    expected = from_wire(case["expect"])
    installed_after = expected.pop("installed_after", None)

    assert station.call(query.pop("op"), from_wire(query), station.now_s) == expected
    if installed_after is not None:
        assert station.installed() == sorted(installed_after)


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if "chargingSchedule" in case["expect"] and case["query"]["connectorId"] != 0],
    ids=lambda case: f"{case['rule']}:{case['name']}",
)
def test_scheduler_applies_what_the_worked_case_reports(case: dict[str, Any]) -> None:
    station = prepared(case)
    connector = case["query"]["connectorId"]
    (facts,) = [one for one in case["connectors"] if one["id"] == connector]
    schedule = case["expect"]["chargingSchedule"]
    idle = connector not in station.sessions

    for period in schedule["chargingSchedulePeriod"]:
        if idle and period["startPeriod"] > 0:
            break
        at_s = station.now_s + period["startPeriod"]
        current_ma, phases = station.limits(at_s)[connector]
        assert phases == period["numberPhases"]
        if schedule["chargingRateUnit"] == "A":
            assert current_ma // 100 == round(period["limit"] * 10)
        else:
            exact_ma = period["limit"] * 1000 / (facts["voltage"] * phases)
            assert current_ma == pytest.approx(exact_ma, abs=1)


def prepared(case: dict[str, Any]) -> ChargePoint:
    station = ChargePoint(case)
    for request in case["profiles"]:
        payload = from_wire({key: request[key] for key in ("connectorId", "csChargingProfiles")})
        at_s = seconds(request["at"]) if "at" in request else station.now_s
        answer = station.call("SetChargingProfile", payload, at_s)
        assert answer == request.get("expect", {"status": "Accepted"})
    for event in case.get("events", []):
        if "request" not in event:
            station.happen(event)
            continue
        at_s = seconds(event["at"]) if "at" in event else station.now_s
        assert station.call(event["type"], from_wire(event["request"]), at_s) == event["expect"]
    return station
