from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from cpd.domain.authorization import AuthorizationStatus, IdTagInfo
from cpd.domain.connector_status import ConnectorStatus
from cpd.domain.measurands import MEASURANDS
from cpd.domain.metering import MeterSample, SampleContext
from cpd.domain.transactions import Moment, StopReason, Transaction
from cpd.ocpp.v16.translate import (
    UNKNOWN_TRANSACTION,
    boot_notification,
    id_tag_info_from,
    meter_values,
    sampled_values,
    start_transaction,
    status_notification,
    stop_transaction,
)
from cpd.ocpp.validation import check_outbound
from cpd.station.csms import ConnectorReport
from cpd.station.snapshot import StationIdentity

AT = datetime(2026, 3, 2, 12, 30, 15, 678_901, tzinfo=UTC)
STAMP = "2026-03-02T12:30:15.678Z"
MOMENT = Moment(boot="boot", monotonic_s=1_000.0, at=AT)

TRANSACTION = Transaction(
    local_id="tx",
    order=1,
    connector=2,
    id_tag="04A31F02",
    parent_id_tag="FLEET",
    started=MOMENT,
    meter_start_wh=1_000,
    last_meter_wh=1_000,
    csms_id=77,
)

SAMPLE = MeterSample(
    taken=MOMENT,
    context=SampleContext.PERIODIC,
    energy_wh=12_840,
    power_w=11_040,
    current_ma=(16_059, 15_900, 0),
    voltage_mv=(230_999, 229_000, 231_005),
    offered_ma=16_050,
    offered_w=11_074,
    interval_wh=184,
    phase_power_w=(3_700, 3_640, 0),
    reactive_var=120,
    power_factor_permille=985,
    frequency_mhz=49_987,
    temperature_mc=-5_250,
)


def test_a_boot_carries_the_serial_number_twice_or_not_at_all() -> None:
    identity = StationIdentity(
        id="CP", vendor="cpd", model="Pi", serial_number="SN-1", firmware_version="1.2.3"
    )
    payload = boot_notification(identity)
    check_outbound("BootNotification", payload, kind="call")
    assert payload == {
        "chargePointVendor": "cpd",
        "chargePointModel": "Pi",
        "firmwareVersion": "1.2.3",
        "chargeBoxSerialNumber": "SN-1",
        "chargePointSerialNumber": "SN-1",
    }
    bare = boot_notification(replace(identity, serial_number=None))
    assert not {"chargeBoxSerialNumber", "chargePointSerialNumber"} & set(bare)


@pytest.mark.parametrize("status", list(ConnectorStatus), ids=str)
@pytest.mark.parametrize("info", [None, "LIMIT_ZERO_CSMS"])
def test_a_status_is_told_with_its_time_and_cause(status: ConnectorStatus, info: str | None) -> None:
    report = ConnectorReport(connector=1, status=status, error_code="NoError", info=info, since=MOMENT)
    payload = status_notification(report, AT)
    check_outbound("StatusNotification", payload, kind="call")
    expected = {"connectorId": 1, "status": status.value, "errorCode": "NoError", "timestamp": STAMP}
    assert payload == expected | ({} if info is None else {"info": info})


def test_a_status_is_told_without_a_time_that_is_not_known() -> None:
    report = ConnectorReport(
        connector=1, status=ConnectorStatus.AVAILABLE, error_code="NoError", info=None, since=MOMENT
    )
    payload = status_notification(report, None)
    check_outbound("StatusNotification", payload, kind="call")
    assert "timestamp" not in payload


def test_a_start_tells_whom_where_and_the_register() -> None:
    payload = start_transaction(TRANSACTION, AT.astimezone(timezone(timedelta(hours=2))))
    check_outbound("StartTransaction", payload, kind="call")
    assert payload == {"connectorId": 2, "idTag": "04A31F02", "meterStart": 1_000, "timestamp": STAMP}


@pytest.mark.parametrize("reason", list(StopReason), ids=str)
@pytest.mark.parametrize("id_tag", [None, "04A31F02"])
def test_a_stop_tells_its_reason_and_the_card_that_stopped_it(reason: StopReason, id_tag: str | None) -> None:
    ended = TRANSACTION.ending(reason, id_tag).ended(MOMENT, 1_500)
    payload = stop_transaction(ended, AT)
    check_outbound("StopTransaction", payload, kind="call")
    assert payload == {
        "transactionId": 77,
        "meterStop": 1_500,
        "timestamp": STAMP,
        "reason": reason.value,
        **({} if id_tag is None else {"idTag": id_tag}),
    }


@pytest.mark.parametrize(
    ("csms_id", "told"), [(0, 0), (-1, -1), (2**31 - 1, 2**31 - 1), (None, UNKNOWN_TRANSACTION)]
)
def test_the_number_of_the_csms_is_told_as_it_was_given(csms_id: int | None, told: int) -> None:
    ended = replace(TRANSACTION, csms_id=csms_id, meter_start_wh=0, last_meter_wh=0).ended(MOMENT, 0)
    payload = stop_transaction(ended, AT)
    check_outbound("StopTransaction", payload, kind="call")
    assert (payload["transactionId"], payload["meterStop"]) == (told, 0)


ENTRIES = [
    ("Energy.Active.Import.Register", [("12840", "Wh", None)]),
    ("Power.Active.Import", [("11040", "W", None)]),
    ("Power.Offered", [("11074", "W", None)]),
    ("Current.Offered", [("16.05", "A", None)]),
    ("Current.Import", [("16.05", "A", "L1"), ("15.90", "A", "L2"), ("0.00", "A", "L3")]),
    ("Current.Import.L2", [("15.90", "A", "L2")]),
    ("Voltage", [("230.99", "V", "L1-N"), ("229.00", "V", "L2-N"), ("231.00", "V", "L3-N")]),
    ("Voltage.L3", [("231.00", "V", "L3-N")]),
    ("Voltage.L3-N", [("231.00", "V", "L3-N")]),
    ("Energy.Active.Import.Interval", [("184", "Wh", None)]),
    ("Power.Active.Import.L2", [("3640", "W", "L2")]),
    ("Power.Reactive.Import", [("120", "var", None)]),
    ("Power.Factor", [("0.98", None, None)]),
    ("Frequency", [("49.98", None, None)]),
    ("Temperature", [("-5.25", "Celsius", None)]),
    ("SoC", []),
]


@pytest.mark.parametrize(("name", "expected"), ENTRIES, ids=[name for name, _ in ENTRIES])
def test_an_entry_becomes_sampled_values_with_everything_written_out(
    name: str, expected: list[tuple[str, str | None, str | None]]
) -> None:
    measurand = next((one for one in MEASURANDS if name.startswith(one)), name)
    assert sampled_values(SAMPLE, name) == [
        {
            "value": value,
            "context": "Sample.Periodic",
            "measurand": measurand,
            "location": "Body" if name == "Temperature" else "Outlet",
            **({} if unit is None else {"unit": unit}),
            **({} if phase is None else {"phase": phase}),
        }
        for value, unit, phase in expected
    ]


def test_every_measurand_that_is_offered_has_a_value_and_passes_the_schema() -> None:
    payload = meter_values(2, TRANSACTION, SAMPLE, AT, MEASURANDS)
    assert payload is not None
    check_outbound("MeterValues", payload, kind="call")
    (entry,) = payload["meterValue"]
    assert {one["measurand"] for one in entry["sampledValue"]} == set(MEASURANDS)
    assert (payload["connectorId"], payload["transactionId"], entry["timestamp"]) == (2, 77, STAMP)


def test_what_the_meter_does_not_say_is_left_out() -> None:
    bare = MeterSample(
        taken=MOMENT,
        context=SampleContext.PERIODIC,
        energy_wh=None,
        power_w=None,
        current_ma=None,
        voltage_mv=None,
        offered_ma=16_050,
        offered_w=11_074,
    )
    payload = meter_values(1, None, bare, AT, MEASURANDS)
    assert payload is not None
    (entry,) = payload["meterValue"]
    assert [one["measurand"] for one in entry["sampledValue"]] == ["Current.Offered", "Power.Offered"]
    assert "transactionId" not in payload


@pytest.mark.parametrize("measurands", [[], ["SoC"]])
def test_without_a_value_there_is_no_message(measurands: list[str]) -> None:
    assert meter_values(1, TRANSACTION, SAMPLE, AT, measurands) is None


def test_an_answer_about_an_id_tag_is_read_with_its_group_and_expiry() -> None:
    info = id_tag_info_from(
        {"status": "Accepted", "parentIdTag": "FLEET", "expiryDate": "2026-03-02T14:30:15+02:00"}
    )
    assert info.status is AuthorizationStatus.ACCEPTED
    assert info.parent_id_tag == "FLEET"
    assert info.expires_at == AT.replace(microsecond=0)
    assert id_tag_info_from({"status": "ConcurrentTx"}).expires_at is None


def test_an_expiry_that_cannot_be_read_is_none() -> None:
    info = id_tag_info_from({"status": "Accepted", "expiryDate": "tomorrow"})
    assert info == IdTagInfo(status=AuthorizationStatus.ACCEPTED)
