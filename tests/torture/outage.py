"""A charger that is driven until the power goes, and started again: what must be true then, and in the books."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from types import MappingProxyType

from tests.process.site import Site, site
from tests.torture.books import check_books
from tests.torture.driver import TX_LIMIT_A, Driver, truth

OCPP = """
MeterValueSampleInterval = 1
TransactionMessageRetryInterval = 1
StopTxnSampledData = "Energy.Active.Import.Register"
"""

PATIENCE_S = 60.0
"""How long anything may take: many chargers run at once, and none of them is measured here."""

Cut = Callable[[Site], Awaitable[None]]
"""Waits for its instant, and returns once the charger is dead."""


@asynccontextmanager
async def driven_site(folder: Path, *, resume: bool, store: str = "cpd.db") -> AsyncIterator[Site]:
    """A charger that is not started yet, whose vehicle outlives it, and its central system."""
    station = f'on_power_loss = "{"resume" if resume else "stop"}"'
    hal = 'mock_vehicle = "remembered"'
    async with site(
        folder, boots=False, start=False, station=station, hal=hal, ocpp=OCPP, store=store
    ) as here:
        here.charger.patience_s = PATIENCE_S
        yield here


async def survive(
    folder: Path,
    cuts: list[Cut],
    seed: int,
    *,
    resume: bool,
    environment: Mapping[str, str] = MappingProxyType({}),
    unsynced_lost: bool = False,
    store: str = "cpd.db",
) -> None:
    """Drive a charger with *seed* through *cuts*: every promise holds after each, and the books are right.

    *environment* is that of its first start. *unsynced_lost*: the disk loses what no sync had confirmed. *store*: the
    path of the store, where that is not in *folder*.
    """
    try:
        async with driven_site(folder, resume=resume, store=store) as here:
            driver = Driver(here, Random(seed))
            here.charger.environment = dict(environment)
            await here.charger.launch()
            for cut in cuts:
                await _until_dark(here, driver, cut)
                await _power_returns(here, driver, resume=resume)
            await check_books(here, unsynced_lost=unsynced_lost)
    except BaseException as error:
        error.add_note(f"seed {seed}, on_power_loss = {'resume' if resume else 'stop'}, in {folder}")
        raise


async def _until_dark(here: Site, driver: Driver, cut: Cut) -> None:
    async with asyncio.TaskGroup() as tasks:
        driving = tasks.create_task(driver.drive(), name="driver")
        cutting = tasks.create_task(cut(here), name="cut")
        await asyncio.wait({driving, cutting}, return_when=asyncio.FIRST_COMPLETED)
        # Whoever waits for the central system to hear something waits in vain now.
        here.grown.fire()
        await driving


async def _power_returns(here: Site, driver: Driver, *, resume: bool) -> None:
    charger = here.charger
    charger.environment = {}
    await charger.start()
    connector = await charger.connector()
    if connector["transaction"] is None:
        assert connector["contactor"]["confirmed"] == "open", "closed without a transaction"
    if driver.charging is not None:
        # The number is shown before it is kept; without it the start goes out again, and gets the same one.
        running = connector["transaction"]
        assert (running is not None and running["id"] in (driver.charging, None)) == resume, connector
    if resume and driver.limited:
        await charger.until_connector(
            lambda one: one["ocpp_status"] == "Charging" and one["offer_a"] == TX_LIMIT_A
        )
    await charger.until_online()
    if connector["pilot"]["state"] not in "AF":
        await charger.call("mock.plug_out", connector=1)
    await driver.until_idle()
    driver.promised.found(await truth(here))
