"""What is told of a session in numbers: each measurand, each phase, each interval of energy once."""

from pathlib import Path
from typing import Any

from ocpp.v16 import call

from cpd.domain.measurands import MEASURANDS
from tests.scenarios.meter_frames import TAG, contexts, data, sets
from tests.scenarios.site import site
from tests.virtual_time import run_virtual

PHASES = ("L1", "L2", "L3")
INTERVAL = "Energy.Active.Import.Interval"


def values_of(value: dict[str, Any], measurand: str) -> dict[str | None, str]:
    """The values of *measurand* by phase."""
    return {one.get("phase"): one["value"] for one in value["sampled_value"] if one["measurand"] == measurand}


def test_everything_that_the_hardware_measures_can_be_told_of_a_session(tmp_path: Path) -> None:
    async def scenario() -> None:
        names = [*MEASURANDS, *(f"Power.Active.Import.{phase}" for phase in PHASES)]
        async with site(tmp_path, ocpp=f'MeterValuesSampledData = "{",".join(names)}"') as here:
            here.world.warmth(1, 31)
            await here.charge(TAG)
            await here.clock.sleep(130)
            *_, (connector, number, value) = sets(here)
            assert (connector, number) == (1, 1)
            assert values_of(value, "Power.Active.Import") == {
                None: "22080",
                **dict.fromkeys(PHASES, "7360"),
            }
            assert values_of(value, "Power.Reactive.Import") == {None: "0"}
            assert values_of(value, "Power.Offered") == {None: "22080"}
            assert values_of(value, "Power.Factor") == {None: "1.00"}
            assert values_of(value, "Frequency") == {None: "50.00"}
            assert values_of(value, "Temperature") == {None: "31.00"}
            assert values_of(value, "Current.Import") == dict.fromkeys(PHASES, "32.00")
            assert values_of(value, "Voltage") == {f"{phase}-N": "230.00" for phase in PHASES}
            assert int(values_of(value, INTERVAL)[None]) in (367, 368)

    run_virtual(scenario())


def test_the_intervals_of_a_session_add_up_to_its_energy(tmp_path: Path) -> None:
    async def scenario() -> None:
        keys = (
            "MeterValueSampleInterval = 40\nClockAlignedDataInterval = 60\n"
            f'StopTxnSampledData = "{INTERVAL}"\nStopTxnAlignedData = "{INTERVAL}"\n'
        )
        async with site(tmp_path, ocpp=keys) as here:
            for _ in range(2):
                await here.charge(TAG)
                await here.clock.sleep(150)
                await here.call(call.TriggerMessage(requested_message="MeterValues"))  # type: ignore[arg-type]
                await here.clock.sleep(30)
                values = await data(here)
                booked = (await here.stopped(len(here.log.ledger.transactions)))[-1]
                assert booked.meter_stop_wh is not None
                told = [
                    int(values_of(value, INTERVAL)[None])
                    for value in values
                    if contexts([value]) != ["Sample.Clock"]
                ]
                assert sum(told) == booked.meter_stop_wh - booked.meter_start_wh
                assert len(told) == 5
                here.world.plug_out(1)
                await here.status("Available")

    run_virtual(scenario())


RESUME = {"station": 'on_power_loss = "resume"', "hal": 'mock_vehicle = "remembered"'}
KEYS = 'MeterValueSampleInterval = 60\nStopTxnSampledData = "Energy.Active.Import.Register"'


def test_a_planned_restart_is_bracketed_by_samples(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=KEYS, **RESUME) as first:
            await first.charge(TAG)
            await first.clock.sleep(100)
            register = first.connector().outlet.meter
            assert register is not None
            await first.daemon.station.shut_down()
        async with site(tmp_path, ocpp=KEYS, after=first, **RESUME) as second:
            await second.status("Charging")
            await second.clock.sleep(100)
            values = await data(second)
            order = [
                "Transaction.Begin",
                "Sample.Periodic",
                "Interruption.Begin",
                "Interruption.End",
                "Sample.Periodic",
                "Transaction.End",
            ]
            assert list(dict.fromkeys(contexts(values))) == list(dict.fromkeys(order))
            # What was answered as the charger went may come again.
            told = list({str(value): value for _, number, value in sets(second) if number}.values())
            brackets = [one for one in told if contexts([one])[0].startswith("Interruption")]
            assert contexts(brackets) == ["Interruption.Begin", "Interruption.End"]
            begin_wh, end_wh = (
                int(values_of(one, "Energy.Active.Import.Register")[None]) for one in brackets
            )
            assert register.energy_wh <= begin_wh <= end_wh <= begin_wh + 10
            registers = [int(values_of(one, "Energy.Active.Import.Register")[None]) for one in told]
            assert registers == sorted(registers)

    run_virtual(scenario())


def test_of_a_power_cut_only_the_end_is_measured(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path, ocpp=KEYS, **RESUME) as first:
            await first.charge(TAG)
            await first.clock.sleep(100)
        async with site(tmp_path, ocpp=KEYS, after=first, **RESUME) as second:
            await second.status("Charging")
            told = contexts([value for _, _, value in sets(second)])
            assert "Interruption.End" in told
            assert "Interruption.Begin" not in told

    run_virtual(scenario())
