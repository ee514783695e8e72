import asyncio
from pathlib import Path

import pytest

from hal.boards.mock.outlet import Plug
from hal.errors import BackendUnknown, HalError, HalStateError
from hal.evse import CardRead, DutyChanged, FaultRaised, Offer, PilotChanged
from hal.guard import HalConfig, open_guard
from hal.latches import Latches
from hal.outlet.config import OutletConfig
from hal.values import StopReason
from tests.hal.bench import bench, seen_during, virtual


def config(state_dir: Path, backend: str = "mock") -> HalConfig:
    return HalConfig(backend=backend, state_dir=state_dir, outlets=(OutletConfig(id=1), OutletConfig(id=2)))


@virtual
async def test_a_backend_that_nobody_knows_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(BackendUnknown, match="mok"):
        async with open_guard(config(tmp_path, "mok")):
            pass


@virtual
async def test_latches_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "latches.json").write_text('{"schema": "hal.latches/1", "outl')
    with pytest.raises(HalStateError, match=r"latches\.json.*check the contactors"):
        async with open_guard(config(tmp_path)):
            pass


@virtual
async def test_a_state_dir_that_is_a_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HalStateError, match="make it a directory"):
        async with open_guard(config(tmp_path / "file")):
            pass


@pytest.mark.parametrize("ids", [(), (0,), (2,), (1, 3), (1, 1)])
def test_outlet_ids_have_no_gap(tmp_path: Path, ids: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"1 … n"):
        HalConfig(
            backend="mock", state_dir=tmp_path, outlets=tuple(OutletConfig(id=number) for number in ids)
        )


@virtual
async def test_outlets_are_independent(tmp_path: Path) -> None:
    async with open_guard(config(tmp_path)) as guard:
        assert guard.world is not None
        guard.world.plug_in(2)
        guard.world.fault(1, "ground_fault", True)
        assert (guard.evses[1].snapshot().pilot, guard.evses[2].snapshot().pilot) == ("A", "B")
        assert guard.evses[2].snapshot().faults == ()


@virtual
async def test_every_reader_sees_every_event_from_its_start_on(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        early = b.evse.events()
        b.world.plug_in(1)
        late = b.evse.events()
        b.world.plug_out(1)
        assert (await anext(early), await anext(late)) == (PilotChanged(state="B"), PilotChanged(state="A"))  # type: ignore[arg-type]


@virtual
async def test_a_slow_reader_loses_superseded_telemetry_but_no_fault_and_no_state(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:

        async def act() -> None:
            b.world.plug_in(1)
            b.world.fault(1, "reader_offline", True)
            for current_ma in range(30_000, 6_000, -100):
                b.evse.offer(Offer(current_ma=current_ma, phases=3))
            await b.offer(6_000, for_s=2)

        reader = b.evse.events()
        await act()
        events = []
        async with asyncio.timeout(1):
            while not (events and isinstance(events[-1], DutyChanged) and events[-1].duty_ns == 100_000):
                events.append(await anext(reader))
        assert any(isinstance(event, FaultRaised) for event in events)
        assert len(events) <= 64


@virtual
async def test_events_end_when_the_guard_ends(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        events, cards = b.evse.events(), b.guard.cards()
    assert [event async for event in events] == []
    assert [card async for card in cards] == []


@virtual
async def test_cards_arrive_in_order_and_twice_if_presented_twice(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        cards = b.guard.cards()
        b.world.swipe("04A1")
        b.world.swipe("04A1", 1)
        assert [await anext(cards), await anext(cards)] == [
            CardRead(id_tag="04A1"),
            CardRead(id_tag="04A1", connector=1),
        ]


@virtual
async def test_a_charge_tells_its_steps_in_order(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        names = [type(event).__name__ for event in await seen_during(b.evse, b.charge())]
        assert names == [
            "PilotChanged",
            "CableChanged",
            "LockChanged",
            "DutyChanged",
            "LockChanged",
            "PilotChanged",
            "ContactorChanged",
        ]


@pytest.mark.parametrize("wait_s", [0.0, 10.0])
@virtual
async def test_a_bug_makes_the_outlet_safe_and_ends_the_body(tmp_path: Path, wait_s: float) -> None:
    with pytest.raises(HalError, match="this is a bug"):
        async with bench(tmp_path, raise_violations=False) as b:
            await b.charge()
            outlet = b.world._outlets[1]
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
            outlet.inputs.plug = Plug(resistance_ohm="220", rating_a=32)  # type: ignore[arg-type]
            asyncio.get_running_loop().call_later(wait_s, outlet.changed)
            if wait_s == 0.0:
                outlet.changed()
            await asyncio.sleep(20)
    assert not outlet.contactor.coil
    # Whoever held the guard goes on: no cancellation is left over, which would end what comes after it.
    await asyncio.sleep(1)


@virtual
async def test_contactor_cycles_are_counted_across_restarts(tmp_path: Path) -> None:
    for cycles in (1, 2):
        async with bench(tmp_path) as b:
            await b.charge()
            assert b.guard.contactor_cycles(1) == cycles


@virtual
async def test_openings_under_load_are_counted_across_restarts(tmp_path: Path) -> None:
    """A vehicle that is opened on while it draws wears the contacts; one that lets go first does not."""
    async with bench(tmp_path) as b:
        await b.charge()
        b.evse.offer(None)
        await b.until(lambda: b.now.contactor == "open", within_s=7)
    assert under_load(tmp_path) == 0
    for openings in (1, 2):
        async with bench(tmp_path) as b:
            await b.charge()
            b.evse.stop(StopReason.EMERGENCY)
            await b.until(lambda: b.now.contactor == "open", within_s=1)
        assert under_load(tmp_path) == openings


@virtual
async def test_a_vehicle_that_asks_and_draws_nothing_is_opened_without_load(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.world.ev(1, personality="draws_nothing")
        await b.charge()
        b.evse.stop(StopReason.EMERGENCY)
        await b.until(lambda: b.now.contactor == "open", within_s=1)
    assert under_load(tmp_path) == 0


@virtual
async def test_a_vehicle_that_lets_go_is_opened_without_load_whatever_an_old_reading_says(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        await b.charge()
        b.world.deceive(1, "current_stuck", True)
        b.evse.offer(None)
        await b.until(lambda: b.now.contactor == "open", within_s=7)
    assert under_load(tmp_path) == 0


def under_load(state_dir: Path) -> int:
    """How often the contactor of outlet 1 opened under load, as the file of the latches has it."""
    return Latches.load(state_dir).kept(1).opened_under_load
