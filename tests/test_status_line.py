"""The one line of `systemctl status`."""

from dataclasses import replace

import pytest

from cpd.domain.connector_status import ConnectorStatus
from cpd.station.repositories import StoreHealth
from cpd.station.snapshot import LinkSnapshot
from cpd.status_line import status_line
from tests.control.fake_target import LINK, a_charging_connector, a_snapshot, an_idle_connector

ALONE = replace(LINK, url=None, connected=False, online=False)


def test_a_connector_that_charges_tells_what_flows() -> None:
    seen = replace(a_snapshot(a_charging_connector(), an_idle_connector(2)), queued=2)
    assert status_line(seen) == "1 Charging 16.0 A 11.0 kW, 2 Available; CSMS online; 2 queued"


def test_without_a_meter_it_tells_what_is_offered() -> None:
    charging = a_charging_connector()
    dark = replace(charging, outlet=replace(charging.outlet, meter=None))
    assert status_line(a_snapshot(dark)) == "1 Charging 16.0 A; CSMS online"


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (replace(LINK, online=False), "CSMS connected, not accepted"),
        (replace(LINK, online=False, connected=False), "CSMS offline"),
        (ALONE, "no CSMS"),
    ],
)
def test_the_link_is_told(link: LinkSnapshot, words: str) -> None:
    assert status_line(a_snapshot(an_idle_connector(1), link=link)) == f"1 Available; {words}"


def test_what_is_wrong_is_told() -> None:
    faulted = replace(an_idle_connector(1), status=ConnectorStatus.FAULTED, error_code="GroundFailure")
    seen = replace(
        a_snapshot(faulted, link=ALONE), clock_trusted=False, dead=1, store=StoreHealth(failure="disk full")
    )
    words = "1 Faulted GroundFailure; no CSMS; clock not set; 1 refused for good; store fails"
    assert status_line(seen) == words
