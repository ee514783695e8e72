"""What the light of a connector says, for each status and the causes that a driver can do something about."""

import pytest

from cpd.domain.connector_status import ConnectorStatus
from cpd.domain.lighting import meaning_of, signal_of
from cpd.domain.variables import Variables
from hal.light import LightMeaning


@pytest.mark.parametrize("status", ConnectorStatus)
@pytest.mark.parametrize("cause", [None, "NO_CABLE", "STORE_DAMAGED", "FAULT_READER_OFFLINE"])
def test_each_status_has_a_meaning_whatever_else_is_told(status: ConnectorStatus, cause: str | None) -> None:
    assert meaning_of(status, cause) is meaning_of(status, None)


@pytest.mark.parametrize(
    ("status", "cause", "meaning"),
    [
        ("Available", None, "ready"),
        ("Preparing", "WAITING_FOR_CARD", "present_card"),
        ("Preparing", "CARD_REFUSED", "card_refused"),
        ("Preparing", "CARD_UNKNOWN_OFFLINE", "card_refused"),
        ("Preparing", "AUTHORIZING", "preparing"),
        ("Charging", None, "charging"),
        ("SuspendedEVSE", "LIMIT_ZERO_CSMS", "paused"),
        ("SuspendedEV", "EV_NOT_READY", "paused"),
        ("Finishing", "TRANSACTION_ENDED", "finished"),
        ("Finishing", "CARD_REFUSED", "card_refused"),
        ("Reserved", "RESERVED", "reserved"),
        ("Unavailable", "UNAVAILABLE_CSMS", "out_of_service"),
        ("Unavailable", "UPDATING_FIRMWARE", "updating"),
        ("Faulted", "FAULT_GROUND_FAULT", "fault"),
        ("Faulted", "UPDATING_FIRMWARE", "fault"),
    ],
)
def test_the_meaning_is_what_a_driver_can_act_on(status: str, cause: str | None, meaning: str) -> None:
    assert meaning_of(ConnectorStatus(status), cause) == meaning


def test_only_what_asks_for_an_act_blinks_and_all_is_as_bright_as_the_key_says() -> None:
    variables = Variables.initial({"BlinkRepeat": "5", "LightIntensity": "30"})
    signals = {
        signal_of(status, cause, variables)
        for status in ConnectorStatus
        for cause in (None, "CARD_REFUSED", "WAITING_FOR_CARD")
    }
    assert {one.intensity_percent for one in signals} == {30}
    blinking = {LightMeaning.PRESENT_CARD, LightMeaning.CARD_REFUSED}
    assert {(one.meaning in blinking, one.blinks) for one in signals} == {(True, 5), (False, 0)}
