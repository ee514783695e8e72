"""The power goes at any instant of a session: after it the books are right, and what was promised is there.

What is on the disk at that instant is copied, and a second daemon starts on the copy, while nothing that the first
one did afterwards reaches anybody.
"""

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from cpd.lab.csms.behaviour import Behaviour, Reaction
from cpd.lab.csms.requests import NotConnected
from cpd.lab.csms.station_log import Event
from cpd.station.transaction_samples import KEEP_S
from hal.guard import HalConfig, open_guard
from hal.outlet.config import OutletConfig
from hal.values import ContactorState, PilotState
from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

TAG = "04A31F02B16180"
SEEDS = 36
PLUG_IN_S, CARD_S, END_S, PLUG_OUT_S = 1.0, 2.0, 42.0, 50.0
INSTANTS = sorted([PLUG_IN_S, CARD_S, END_S, PLUG_OUT_S, *(3.3 * number for number in range(1, 11))])
OCPP = "MeterValueSampleInterval = 10\nTransactionMessageRetryInterval = 5"


def cut(here: Site, folder: Path) -> Path:
    """The power goes now; returns the folder as the disk has it."""
    here.network.cut()
    folder.mkdir()
    # SQLite's own backup reads the last commit, as the next start would: a copy of its files could tear them.
    live, kept = sqlite3.connect(here.folder / "cpd.db"), sqlite3.connect(folder / "cpd.db")
    live.backup(kept)
    live.close()
    kept.close()
    shutil.copytree(here.folder / "hal", folder / "hal")
    return folder


def profile(number: int) -> dict[str, Any]:
    return {
        "charging_profile_id": number,
        "stack_level": number,
        "charging_profile_purpose": "TxDefaultProfile",
        "charging_profile_kind": "Relative",
        "charging_schedule": {
            "charging_rate_unit": "A",
            "charging_schedule_period": [{"start_period": 0, "limit": 32 - number}],
        },
    }


class Session:
    """One session from plugging in to unplugging, with profiles sent all the while."""

    def __init__(self, here: Site, chance: random.Random) -> None:
        self._here = here
        self._ends_by_card = chance.random() < 0.5
        self.accepted: set[int] = set()
        self.wanted_end = False

    async def run(self, until_s: float) -> None:
        """Go on until *until_s* (monotonic), wherever that is."""
        here = self._here
        acts: dict[float, Callable[[], None]] = {
            PLUG_IN_S: lambda: here.world.plug_in(1),
            CARD_S: lambda: here.world.swipe(TAG),
            END_S: self._end,
            PLUG_OUT_S: lambda: here.world.plug_out(1),
        }
        began_s = here.clock.monotonic_s()
        for at_s in INSTANTS:
            if began_s + at_s > until_s:
                break
            await here.clock.sleep_until(began_s + at_s)
            if at_s in acts:
                acts[at_s]()
            else:
                await self._install(INSTANTS.index(at_s))
        await here.clock.sleep_until(until_s)

    def _end(self) -> None:
        self.wanted_end = True
        if self._ends_by_card:
            self._here.world.swipe(TAG)
        else:
            self._here.world.plug_out(1)

    async def _install(self, number: int) -> None:
        if await self._here.set_profile(0, **profile(number)) == "Accepted":
            self.accepted.add(number)


def letters(here: Site, since: int = 0) -> list[str]:
    """The messages about transactions as they came, without their unique ids."""
    frames = [one.text for one in here.log.entries[since:] if one.event is Event.RECEIVED]
    about = [frame for frame in frames if '"MeterValues"' in frame or "Transaction" in frame]
    return [frame.split(",", 2)[2] for frame in about]


def test_what_was_answered_and_comes_again_is_the_same_to_the_letter(tmp_path: Path) -> None:
    """That meter values were delivered needs no sync of its own, so a power cut may undo it."""

    async def scenario() -> None:
        live = tmp_path / "live"
        live.mkdir()
        ocpp = f"{OCPP}\nAllowOfflineTxForUnknownId = true"
        async with site(live, ocpp=ocpp) as here:
            await here.clock.sleep(5)
            here.network.cut()
            await here.charge(TAG)
            await here.clock.sleep(KEEP_S + 2)
            here.world.ev(1, ready=False)
            await here.status("SuspendedEV")
            here.behave(reactions={"MeterValues": {"held": True}})
            here.network.up = True
            await here.log.message(call.MeterValues)
            copy = cut(here, tmp_path / "copy")
            here.behave(reactions={})
            here.network.up = True
            while here.daemon.station.journal.queued:
                await here.clock.sleep(1)
            first = letters(here)
            mark = len(here.log.entries)
        async with site(copy, after=here, ocpp=ocpp) as again:
            (booked,) = await again.stopped()
            told = letters(again, mark)
        # The first of them was in flight at the cut, and came twice for that.
        waited = list(dict.fromkeys(one for one in first if one.startswith('"MeterValues"')))
        assert len(told) > 3
        assert told[:-1] == waited[: len(told) - 1]
        assert told[-1].startswith('"StopTransaction"')
        assert (booked.starts, booked.stops, booked.reason) == (1, 1, "PowerLoss")

    run_virtual(scenario())


RESUME = {"station": 'on_power_loss = "resume"', "hal": 'mock_vehicle = "remembered"'}


async def power_returns(folder: Path, before: Site, *, station: str = "") -> set[int]:
    """Start on the copy, let everything be delivered; returns the ids of the profiles that are there."""
    async with site(folder, after=before, ocpp=OCPP, station=station) as here:
        await here.clock.sleep(60)
        assert here.daemon.station.journal.queued == 0
        assert here.daemon.station.journal.dead == 0
        assert here.connector().transaction is None
        assert here.connector().status == "Available"
        return {one.profile.id for one in here.daemon.station.ledger.book.profiles}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_power_cut_leaves_one_start_and_one_stop_and_every_promise(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    slow = seed % 3 == 0
    reactions = {name: Reaction(delay_s=1.5) for name in ("StartTransaction", "StopTransaction") if slow}

    async def scenario() -> None:
        live = tmp_path / "live"
        live.mkdir()
        async with site(live, behaviour=Behaviour(reactions=reactions), ocpp=OCPP) as here:
            session = Session(here, chance)
            at_s = chance.uniform(1, 56)
            if seed % 2:
                # Right after something happened, while the daemon is still busy with it.
                at_s = chance.choice(INSTANTS) + chance.choice([0, 0.001, 0.03, 0.55, 1])
            await session.run(here.clock.monotonic_s() + at_s)
            copy = cut(here, tmp_path / "copy")
            charging = here.connector().transaction is not None
            transactions = len(here.log.ledger.transactions)
        kept = await power_returns(copy, here)
        assert kept == session.accepted
        booked = here.log.ledger.transactions
        assert len(booked) == max(transactions, int(charging))
        for one in booked:
            assert one.stops == 1 or slow
            assert one.starts == 1 or slow
            assert one.meter_stop_wh is not None
            assert one.meter_stop_wh >= one.last_meter_wh
            reasons = {"PowerLoss"} if not session.wanted_end else {"PowerLoss", "Local", "EVDisconnected"}
            assert one.reason in reasons

    run_virtual(scenario())


@pytest.mark.parametrize("turns", range(0, 60, 6))
def test_a_power_cut_while_a_profile_is_being_kept_never_loses_one_that_was_accepted(
    tmp_path: Path, turns: int
) -> None:
    async def scenario() -> None:
        live = tmp_path / "live"
        live.mkdir()
        async with site(live, ocpp=OCPP) as here:
            answers: list[str] = []

            async def ask() -> None:
                with suppress(NotConnected):
                    answers.append(await here.set_profile(0, **profile(2)))

            async with asyncio.TaskGroup() as tasks:
                assert await here.set_profile(0, **profile(1)) == "Accepted"
                tasks.create_task(ask())
                for _ in range(turns):
                    await asyncio.sleep(0)
                told = list(answers)
                copy = cut(here, tmp_path / "copy")
        kept = await power_returns(copy, here)
        assert kept in ({1, 2}, {1})
        assert kept == {1, 2} or told == []

    run_virtual(scenario())


def test_an_intended_stop_keeps_its_reason(tmp_path: Path) -> None:
    """The vehicle takes its time to let go; the power goes before its outlet is open."""

    async def scenario() -> None:
        live = tmp_path / "live"
        live.mkdir()
        async with site(live, ocpp=OCPP) as here:
            here.world.ev(1, personality="stuck_c")
            await here.charge(TAG)
            await here.clock.sleep(25)
            here.world.swipe(TAG)
            await here.status("Finishing")
            await here.clock.sleep(2)
            assert here.log.messages(call.StopTransaction) == []
            copy = cut(here, tmp_path / "copy")
        await power_returns(copy, here)
        (booked,) = here.log.ledger.transactions
        assert (booked.reason, booked.stop_id_tag, booked.stops) == ("Local", TAG, 1)

    run_virtual(scenario())


def test_the_energy_of_an_interrupted_session_is_booked_to_the_last_watt_hour(tmp_path: Path) -> None:
    async def scenario() -> None:
        live = tmp_path / "live"
        live.mkdir()
        async with site(live, ocpp="MeterValueSampleInterval = 900") as here:
            await here.charge(TAG)
            await here.clock.sleep(600)
            meter = here.connector().outlet.meter
            assert meter is not None
            copy = cut(here, tmp_path / "copy")
        await power_returns(copy, here)
        (booked,) = here.log.ledger.transactions
        assert booked.reason == "PowerLoss"
        assert booked.meter_stop_wh == meter.energy_wh > 3_000

    run_virtual(scenario())


async def charging_under_two_profiles(here: Site) -> int:
    """A session of 25 s at the 9 A of its TxProfile, with 31 A behind it; returns its number at the CSMS."""
    await here.charge(TAG)
    assert await here.set_profile(0, **profile(1)) == "Accepted"
    (booked,) = here.log.ledger.transactions
    of_transaction = {
        **profile(2),
        "charging_profile_purpose": "TxProfile",
        "transaction_id": booked.id,
        "charging_schedule": profile(32 - 9)["charging_schedule"],
    }
    assert await here.set_profile(1, **of_transaction) == "Accepted"
    await here.until(lambda one: one.offer_ma == 9_000)
    await here.clock.sleep(25)
    return booked.id


def test_a_session_is_resumed_with_its_number_its_limit_and_no_second_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        live = tmp_path / "live"
        live.mkdir()
        async with site(live, ocpp=OCPP, **RESUME) as here:
            number = await charging_under_two_profiles(here)
            copy = cut(here, tmp_path / "copy")
        async with site(copy, after=here, ocpp=OCPP, **RESUME) as again:
            outlet = again.connector().outlet
            assert (outlet.contactor, outlet.pilot) == (ContactorState.OPEN, PilotState.B)
            resumed = await again.status("Charging")
            assert resumed.transaction is not None
            assert (resumed.transaction.csms_id, resumed.offer_ma) == (number, 9_000)
            await again.clock.sleep(25)
            again.world.swipe(TAG)
            (booked,) = await again.stopped()
            assert (booked.id, booked.reason, booked.starts, booked.stops) == (number, "Local", 1, 1)
            assert booked.meter_values >= 4
            assert again.daemon.station.ledger.book.profiles[-1].profile.id == 1, "the TxProfile went with it"

    run_virtual(scenario())


def test_a_session_that_was_being_stopped_is_not_resumed(tmp_path: Path) -> None:
    async def scenario() -> None:
        live = tmp_path / "live"
        live.mkdir()
        async with site(live, ocpp=OCPP, **RESUME) as here:
            here.world.ev(1, personality="stuck_c")
            await here.charge(TAG)
            await here.clock.sleep(5)
            here.world.swipe(TAG)
            await here.status("Finishing")
            await here.clock.sleep(2)
            copy = cut(here, tmp_path / "copy")
        async with site(copy, after=here, ocpp=OCPP, **RESUME) as again:
            await again.clock.sleep(30)
            assert again.connector().outlet.contactor is ContactorState.OPEN
            assert again.connector().transaction is None
            (booked,) = again.log.ledger.transactions
            assert (booked.reason, booked.stops) == ("Local", 1)

    run_virtual(scenario())


def test_a_session_that_the_csms_refused_gets_no_current_from_a_power_cut(tmp_path: Path) -> None:
    refuses = Behaviour(start_status="Invalid")  # type: ignore[arg-type]
    ocpp = f"{OCPP}\nStopTransactionOnInvalidId = false"

    async def scenario() -> None:
        live = tmp_path / "live"
        live.mkdir()
        async with site(live, behaviour=refuses, ocpp=ocpp, **RESUME) as here:
            here.world.plug_in(1)
            await here.status("Preparing")
            here.world.swipe(TAG)
            await here.status("SuspendedEVSE")
            copy = cut(here, tmp_path / "copy")
        async with site(copy, after=here, ocpp=ocpp, **RESUME) as again:
            (booked,) = await again.stopped()
            assert (booked.reason, booked.starts, booked.stops) == ("DeAuthorized", 1, 1)
            await again.clock.sleep(30)
            assert again.connector().outlet.contactor is ContactorState.OPEN

    run_virtual(scenario())


async def driver_leaves_without_power(folder: Path) -> None:
    """The vehicle is unplugged while the charger is dark."""
    config = HalConfig(
        backend="mock", state_dir=folder / "hal", outlets=(OutletConfig(id=1),), remembers_vehicles=True
    )
    async with open_guard(config) as guard:
        assert guard.world is not None
        guard.world.plug_out(1)


def test_a_session_whose_vehicle_left_in_the_dark_is_ended(tmp_path: Path) -> None:
    async def scenario() -> None:
        live = tmp_path / "live"
        live.mkdir()
        async with site(live, ocpp=OCPP, **RESUME) as here:
            await here.charge(TAG)
            await here.clock.sleep(25)
            copy = cut(here, tmp_path / "copy")
        await driver_leaves_without_power(copy)
        async with site(copy, after=here, ocpp=OCPP, **RESUME) as again:
            (booked,) = await again.stopped()
            assert (booked.reason, booked.starts, booked.stops) == ("PowerLoss", 1, 1)
            again.world.plug_in(1)
            await again.clock.sleep(30)
            assert again.connector().status == "Preparing", "the next vehicle needs a card of its own"

    run_virtual(scenario())


def test_a_session_that_shall_be_resumed_is_ended_where_the_vehicle_is_gone(tmp_path: Path) -> None:
    """In one process with the daemon, the mock's vehicle is gone after a power cut."""
    resume = 'on_power_loss = "resume"'

    async def scenario() -> None:
        live = tmp_path / "live"
        live.mkdir()
        async with site(live, station=resume, ocpp=OCPP) as here:
            await here.charge(TAG)
            await here.clock.sleep(25)
            copy = cut(here, tmp_path / "copy")
        await power_returns(copy, here, station=resume)
        (booked,) = here.log.ledger.transactions
        assert (booked.reason, booked.starts, booked.stops) == ("PowerLoss", 1, 1)

    run_virtual(scenario())
