"""What a driver and a central system do with a charger all day, until the power goes."""

from collections.abc import Callable
from random import Random
from typing import Any

from ocpp.v16 import call

from cpd.lab.csms.requests import NotConnected
from tests.process.charger import CARD, STATION
from tests.process.site import Site, profile
from tests.torture.promises import Promised, Promises, available, cleared, configured, installed

KEYS = ("ConnectionTimeOut", "TransactionMessageAttempts")
SAMPLES = 2
TX_LIMIT_A = 10.0


class Driver:
    """Sessions one after the other, chosen by *chance*; what was promised meanwhile is in *promised*."""

    def __init__(self, here: Site, chance: Random) -> None:
        self._here = here
        self._chance = chance
        self._profiles = 0
        self.promised = Promised()
        self.charging: int | None = None
        """The transaction that runs and that nobody has begun to stop, by the central system's number."""
        self.limited = False
        """Its TxProfile of `TX_LIMIT_A` was answered Accepted."""

    async def drive(self) -> None:
        """Go on until the charger is dead; whatever fails while it lives is raised."""
        charger = self._here.charger
        try:
            await charger.logged("daemon ready")
            while True:
                await self.session()
        except AssertionError:
            if not charger.dead:
                raise
        except (OSError, NotConnected):
            # The sockets of a process that is being killed close before it is reaped.
            if not await charger.dies():
                raise

    async def session(self) -> None:
        """One session, from an empty socket to an empty socket."""
        chance = self._chance
        await self._here.charger.until_online()
        if not self.promised.now.operative:
            await self._change_availability(operative=True)
        await self._change_something()
        await self._start()
        await self._limit_the_transaction()
        await self._metered(1)
        if chance.random() < 0.5:
            await self._lose_the_link(held=chance.random() < 0.5)
        if chance.random() < 0.3:
            await self._change_availability(operative=False)
        await self._change_something()
        await self._metered(SAMPLES)
        await self._stop()

    async def _start(self) -> None:
        here = self._here
        await here.charger.call("mock.plug_in", connector=1)
        if self._chance.random() < 0.5:
            await here.charger.call("mock.swipe", id_tag=CARD, connector=1)
        else:
            request = call.RemoteStartTransaction(id_tag=CARD, connector_id=1)
            assert (await here.call(request)).status == "Accepted"
        connector = await here.charger.until_connector(
            lambda one: one["transaction"] is not None and one["transaction"]["id"] is not None
        )
        assert connector["transaction"] is not None
        self.charging = connector["transaction"]["id"]

    async def _stop(self) -> None:
        here = self._here
        self.charging, self.limited = None, False
        way = self._chance.choice(["card", "remote", "plug"])
        if way == "card":
            await here.charger.call("mock.swipe", id_tag=CARD, connector=1)
        elif way == "remote":
            request = call.RemoteStopTransaction(transaction_id=here.transactions[-1].id)
            assert (await here.call(request)).status == "Accepted"
        if way != "plug":
            await here.charger.until_connector(lambda one: one["transaction"] is None)
        await here.charger.call("mock.plug_out", connector=1)
        await self.until_idle()

    async def until_idle(self) -> None:
        """Wait until nothing is plugged in or running, and the central system was told everything."""
        charger = self._here.charger
        await charger.until_connector(
            lambda one: one["transaction"] is None and one["pilot"]["state"] in "AF"
        )
        await charger.until(lambda status: status["csms"]["queued"] == 0)
        self.charging, self.limited = None, False

    async def _limit_the_transaction(self) -> None:
        """A TxProfile ends with its transaction, so nothing is promised beyond it."""
        booked = self._here.transactions[-1]
        request = profile(1_000 + booked.id, "TxProfile", TX_LIMIT_A, transaction_id=booked.id)
        assert await self._here.set_profile(request, 1) == "Accepted"
        self.limited = True

    async def _change_something(self) -> None:
        for _ in range(self._chance.randint(1, 2)):
            act = self._chance.choice(
                [self._install, self._install, self._clear, self._configure, self._be_refused]
            )
            await act()

    async def _install(self) -> None:
        self._profiles += 1
        level, limit_a = self._chance.randint(0, 3), float(self._chance.randint(8, 20))
        self.promised.ask(installed(self._profiles, level, limit_a))
        request = profile(self._profiles, "TxDefaultProfile", limit_a, stack_level=level)
        self.promised.answered(await self._here.set_profile(request, 1) == "Accepted")

    async def _clear(self) -> None:
        level = self._chance.randint(0, 3)
        self.promised.ask(cleared(level))
        request = call.ClearChargingProfile(
            connector_id=1, charging_profile_purpose="TxDefaultProfile", stack_level=level
        )
        self.promised.answered((await self._here.call(request)).status == "Accepted")

    async def _configure(self) -> None:
        key, value = self._chance.choice(KEYS), str(self._chance.randint(20, 90))
        self.promised.ask(configured(key, value))
        request = call.ChangeConfiguration(key=key, value=value)
        self.promised.answered((await self._here.call(request)).status == "Accepted")

    async def _be_refused(self) -> None:
        """What is answered Rejected must not be there later."""
        request = profile(999, "TxDefaultProfile", 9.0, stack_level=4_711)
        assert await self._here.set_profile(request, 1) == "Rejected"
        answer = await self._here.call(call.ChangeConfiguration(key=KEYS[0], value="soon"))
        assert answer.status == "Rejected"

    async def _change_availability(self, *, operative: bool) -> None:
        self.promised.ask(available(operative))
        kind = "Operative" if operative else "Inoperative"
        status = (await self._here.call(call.ChangeAvailability(connector_id=1, type=kind))).status
        self.promised.answered(status in ("Accepted", "Scheduled"))

    async def _lose_the_link(self, *, held: bool) -> None:
        here = self._here
        links = here.log.connections
        if held:
            await here.charger.call("csms.disconnect")
            await here.charger.until(lambda status: status["csms"]["queued"] > 0)
            await here.charger.call("csms.connect")
        else:
            here.csms.drop(STATION)
        await self._until(lambda: here.log.connections > links)
        await here.charger.until_online()

    async def _metered(self, count: int) -> None:
        number = self._here.transactions[-1].id

        def told() -> int:
            messages: list[Any] = self._here.log.messages(call.MeterValues)
            return sum(one.transaction_id == number for one in messages)

        await self._until(lambda: told() >= count)

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            if self._here.charger.dead:
                raise NotConnected("the power went")
            await self._here.grown.wait()


async def truth(here: Site) -> Promises:
    """What the charger has kept, as it says itself."""
    profiles = {}
    for one in (await here.charger.call("profiles.list"))["profiles"]:
        kept = one["profile"]
        if kept["chargingProfilePurpose"] == "TxDefaultProfile":
            (period,) = kept["chargingSchedule"]["chargingSchedulePeriod"]
            profiles[kept["stackLevel"]] = (kept["chargingProfileId"], period["limit"])
    keys = (await here.charger.call("configuration.get"))["keys"]
    values = {one["key"]: one["value"] for one in keys if one["source"] == "csms" and one["key"] in KEYS}
    connector = await here.charger.connector()
    return Promises(profiles=profiles, values=values, operative=connector["availability"] == "Operative")
