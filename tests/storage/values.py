"""Values that tests of the store keep in it."""

from datetime import UTC, datetime

from cpd.domain.metering import MeterSample, SampleContext
from cpd.domain.profile_book import InstalledProfile
from cpd.domain.profiles import ChargingProfile, ChargingSchedule, Kind, Purpose, RateUnit, SchedulePeriod
from cpd.domain.transactions import Moment, Transaction

NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)


def moment(monotonic_s: float = 1000.25, *, at: datetime | None = NOON, boot: str = "boot-1") -> Moment:
    return Moment(boot=boot, monotonic_s=monotonic_s, at=at)


def transaction(local_id: str = "tx-1", order: int = 1, *, started: Moment | None = None) -> Transaction:
    return Transaction(
        local_id=local_id,
        order=order,
        connector=1,
        id_tag="04A3B2C1",
        parent_id_tag=None,
        started=started or moment(),
        meter_start_wh=100,
        last_meter_wh=100,
    )


def sample(taken: Moment | None = None) -> MeterSample:
    return MeterSample(
        taken=taken or moment(),
        context=SampleContext.PERIODIC,
        energy_wh=12_840,
        power_w=11_040,
        current_ma=(16_000, 15_900, 16_100),
        voltage_mv=None,
        offered_ma=16_000,
        offered_w=11_040,
    )


def installed(
    profile_id: int = 1, *, connector: int = 0, received_at_s: int = 1_700_000_000, limit_tenths: int = 160
) -> InstalledProfile:
    profile = ChargingProfile(
        id=profile_id,
        stack_level=profile_id,
        purpose=Purpose.TX_DEFAULT,
        kind=Kind.RELATIVE,
        schedule=ChargingSchedule(
            unit=RateUnit.A,
            periods=(
                SchedulePeriod(start_s=0, limit_tenths=limit_tenths),
                SchedulePeriod(start_s=60, limit_tenths=60, phases=1),
            ),
        ),
    )
    return InstalledProfile(connector=connector, received_at_s=received_at_s, profile=profile)
