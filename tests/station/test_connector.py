"""Races of one connector's session that scenarios with a central system can hardly bring about."""

from pathlib import Path

import pytest

from cpd.domain.transactions import StopReason
from cpd.errors import StorageError
from cpd.station.free_vend import OVERRIDE_S
from hal.values import ContactorState
from tests.hal.bench import virtual
from tests.station.bench import bench, profile


@virtual
async def test_a_vehicle_unplugged_while_the_start_is_written_is_never_offered_anything(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as here:
        here.csms.knows("TAG")
        here.world.plug_in(1)
        here.world.swipe("TAG", 1)
        await here.until(lambda: bool(here.csms.asked))
        here.store.hold()
        await here.clock.sleep(1)
        here.world.plug_out(1)
        await here.clock.sleep(1)
        here.world.plug_in(1)
        await here.clock.sleep(3)
        assert here.running() is None
        here.store.let_go()
        await here.status("Preparing")
        await here.clock.sleep(5)
        (stopped,) = await here.stopped()
        assert stopped.stop_reason is StopReason.EV_DISCONNECTED
        assert here.guard.contactor_cycles(1) == 0
        assert here.codes() == ["WAITING_FOR_CARD"]


@virtual
async def test_a_fault_while_the_start_is_written_ends_what_was_started(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.csms.knows("TAG")
        here.world.plug_in(1)
        here.world.swipe("TAG", 1)
        await here.until(lambda: bool(here.csms.asked))
        here.store.hold()
        await here.clock.sleep(1)
        here.world.fault(1, "ground_fault", True)
        await here.clock.sleep(1)
        here.store.let_go()
        await here.clock.sleep(10)
        (stopped,) = await here.stopped()
        assert stopped.stop_reason is StopReason.OTHER
        assert here.guard.contactor_cycles(1) == 0


@virtual
async def test_an_unplugging_while_the_stop_is_written_leaves_the_connector_fresh(tmp_path: Path) -> None:
    async with bench(tmp_path, free_vend="FREE") as here:
        here.world.plug_in(1)
        await here.status("Charging")
        await here.station.connectors[1].stop(StopReason.LOCAL)
        here.store.hold()
        await here.clock.sleep(8)
        here.world.plug_out(1)
        await here.clock.sleep(1)
        here.world.plug_in(1)
        await here.clock.sleep(1)
        here.store.let_go()
        await here.status("Charging")


@virtual
async def test_the_next_vehicle_is_not_told_that_its_transaction_has_ended(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        await here.charge()
        here.world.plug_out(1)
        here.world.plug_in(1)
        await here.status("Preparing")
        await here.clock.sleep(1)
        assert here.codes() == ["WAITING_FOR_CARD"]
        assert [one.stop_reason for one in await here.stopped()] == [StopReason.EV_DISCONNECTED]


@virtual
async def test_a_stop_whose_intent_cannot_be_kept_is_booked_all_the_same(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        await here.charge()
        here.store.failures = 1
        with pytest.raises(StorageError):
            await here.station.connectors[1].stop(StopReason.REMOTE)
        await here.status("Finishing")
        await here.until(lambda: here.running() is None)
        assert [one.stop_reason for one in await here.stopped()] == [StopReason.REMOTE]


@virtual
async def test_a_stop_of_a_paused_session_is_booked_though_the_outlet_has_nothing_to_tell(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as here:
        await here.charge()
        assert await here.station.install_profile(profile(1, 0), 0) is None
        await here.clock.sleep(10)
        here.store.failures = 1
        with pytest.raises(StorageError):
            await here.station.connectors[1].stop(StopReason.REMOTE)
        await here.until(lambda: here.running() is None, within_s=5)


@virtual
async def test_a_key_that_says_so_later_ends_the_transaction_of_a_vehicle_that_left(tmp_path: Path) -> None:
    key = "StopTransactionOnEVSideDisconnect"
    async with bench(tmp_path, ocpp={key: "false"}) as here:
        await here.charge()
        here.world.plug_out(1)
        await here.clock.sleep(100)
        assert here.running() is not None
        await here.station.configuration.change(key, "true", "csms")
        await here.until(lambda: here.running() is None)
        assert [one.stop_reason for one in await here.stopped()] == [StopReason.EV_DISCONNECTED]


@virtual
async def test_stopping_twice_keeps_the_first_reason(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        await here.charge()
        task = here.station.connectors[1]
        await task.stop(StopReason.REMOTE)
        await task.stop(StopReason.LOCAL, "TAG")
        await here.until(lambda: here.running() is None)
        await task.stop(StopReason.LOCAL, "TAG")
        (stopped,) = await here.stopped()
        assert (stopped.stop_reason, stopped.stop_id_tag) == (StopReason.REMOTE, None)


@virtual
async def test_the_meter_is_read_once_the_contactor_is_open(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        await here.charge()
        await here.clock.sleep(600)
        await here.station.connectors[1].stop(StopReason.LOCAL)
        assert here.guard.evses[1].snapshot().contactor is ContactorState.CLOSED
        await here.until(lambda: here.running() is None)
        (stopped,) = await here.stopped()
        reading = here.guard.evses[1].snapshot().meter
        assert reading is not None
        assert stopped.meter_stop_wh == reading.energy_wh > 1_500


@virtual
async def test_a_start_that_the_store_refuses_is_tried_again_until_the_authorisation_lapses(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as here:
        here.csms.knows("TAG")
        here.world.plug_in(1)
        # What is known of the card, and what the CSMS says of it; then the start, twice.
        here.store.failures = 4
        here.world.swipe("TAG", 1)
        await here.status("Charging")
        assert here.clock.monotonic_s() > 1_005
        await here.station.connectors[1].stop(StopReason.LOCAL)
        await here.until(lambda: here.running() is None)
        here.store.failures = 1_000
        here.world.swipe("TAG", 1)
        await here.clock.sleep(70)
        here.store.failures = 0
        await here.clock.sleep(20)
        assert here.running() is None
        assert here.codes() == ["TRANSACTION_ENDED"]


@virtual
async def test_an_authorisation_that_nobody_uses_lapses(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp={"ConnectionTimeOut": "30"}) as here:
        here.csms.knows("TAG")
        here.world.swipe("TAG", 1)
        await here.status("Preparing")
        began_s = here.clock.monotonic_s()
        await here.status("Available")
        assert here.clock.monotonic_s() - began_s == pytest.approx(30, abs=0.1)


@virtual
async def test_a_refused_card_is_told_for_a_while_only(tmp_path: Path) -> None:
    async with bench(tmp_path, ocpp={"ConnectionTimeOut": "30"}) as here:
        here.world.plug_in(1)
        await here.status("Preparing")
        here.world.swipe("STOLEN", 1)
        await here.until(lambda: here.codes() == ["CARD_REFUSED"])
        began_s = here.clock.monotonic_s()
        await here.until(lambda: here.codes() == ["WAITING_FOR_CARD"])
        assert here.clock.monotonic_s() - began_s == pytest.approx(30, abs=0.1)


@virtual
async def test_without_a_meter_a_start_waits_for_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        here.csms.knows("TAG")
        here.world.fault(1, "meter_offline", True)
        here.world.plug_in(1)
        here.world.swipe("TAG", 1)
        await here.clock.sleep(20)
        assert here.codes() == ["FAULT_METER_OFFLINE"]
        here.world.fault(1, "meter_offline", False)
        await here.status("Charging")


@virtual
async def test_free_vend_waits_a_moment_for_whoever_wants_to_be_booked_himself(tmp_path: Path) -> None:
    async with bench(tmp_path, free_vend="FREE") as here:
        here.world.plug_in(1)
        await here.clock.sleep(OVERRIDE_S - 0.5)
        assert here.running() is None
        await here.clock.sleep(1)
        assert (here.running_tag(), here.csms.asked) == ("FREE", [])


@virtual
async def test_a_card_in_that_moment_or_before_the_plug_is_booked_instead(tmp_path: Path) -> None:
    async with bench(tmp_path, free_vend="FREE") as here:
        for before_s, after_s in ((10.0, 0.0), (0.0, OVERRIDE_S - 0.5)):
            here.csms.knows("CARD")
            if before_s:
                here.world.swipe("CARD")
            await here.clock.sleep(before_s)
            here.world.plug_in(1)
            await here.clock.sleep(after_s)
            if after_s:
                here.world.swipe("CARD")
            await here.until(lambda: here.running_tag() is not None)
            assert here.running_tag() == "CARD"
            here.world.plug_out(1)
            await here.status("Available")


@pytest.mark.parametrize(("known", "booked"), [(True, "CARD"), (False, "FREE")])
def test_free_vend_waits_while_the_csms_is_asked_about_a_card(
    tmp_path: Path, known: bool, booked: str
) -> None:
    @virtual
    async def story() -> None:
        async with bench(tmp_path, free_vend="FREE", connectors=2) as here:
            if known:
                here.csms.knows("CARD")
            here.csms.answering.clear()
            here.world.swipe("CARD")
            await here.clock.sleep(1)
            here.world.plug_in(1)
            await here.clock.sleep(20)
            assert here.running() is None
            here.csms.answering.set()
            await here.clock.sleep(2)
            assert here.running_tag() == booked

    story()


@virtual
async def test_a_start_by_name_in_that_moment_is_booked_instead(tmp_path: Path) -> None:
    async with bench(tmp_path, free_vend="FREE") as here:
        here.csms.knows("NAMED")
        here.world.plug_in(1)
        await here.clock.sleep(1)
        assert here.station.admission.start_locally(1, "NAMED") is None
        await here.until(lambda: here.running_tag() is not None)
        assert here.running_tag() == "NAMED"


@virtual
async def test_an_auto_start_tag_alone_starts_by_hand_and_not_by_plugging_in(tmp_path: Path) -> None:
    async with bench(tmp_path, auto_start="OWN") as here:
        here.world.plug_in(1)
        await here.clock.sleep(60)
        assert here.running() is None
        assert here.station.admission.start_locally(1, None) is None
        await here.until(lambda: here.running_tag() is not None)
        assert (here.running_tag(), here.csms.asked) == ("OWN", [])


@virtual
async def test_free_vend_charges_once_for_each_plug_in(tmp_path: Path) -> None:
    async with bench(tmp_path, free_vend="FREE") as here:
        here.world.plug_in(1)
        await here.status("Charging")
        await here.station.connectors[1].stop(StopReason.REMOTE)
        await here.until(lambda: here.running() is None)
        await here.clock.sleep(100)
        assert here.codes() == ["TRANSACTION_ENDED"]
        here.world.plug_out(1)
        await here.clock.sleep(1)
        here.world.plug_in(1)
        await here.status("Charging")
        assert [one.id_tag for one in here.station.ledger.running.values()] == ["FREE"]


@virtual
async def test_a_session_goes_from_preparing_to_charging_and_back_through_its_statuses(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as here:
        await here.charge()
        here.world.ev(1, ready=False)
        await here.status("SuspendedEV")
        here.world.ev(1, ready=True)
        await here.status("Charging")
        await here.station.connectors[1].stop(StopReason.LOCAL)
        await here.until(lambda: here.running() is None)
        here.world.plug_out(1)
        await here.status("Available")
        assert here.csms.statuses() == [
            "Preparing",
            "Charging",
            "SuspendedEV",
            "Charging",
            "Finishing",
            "Available",
        ]
