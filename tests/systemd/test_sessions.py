"""One session under the limit of its transaction, and whatever happens to the processes and the machine meanwhile.

Each test goes on with the session that the test before has left, and begins one where there is none.
"""

import pytest
from ocpp.v16 import call

from cpd.control.api import ConnectorDocument
from tests.systemd.installed import (
    CONFIG,
    DAEMON,
    GUARD,
    WATCHDOG_S,
    Installed,
    charges_under_its_limit,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

each_process = pytest.mark.parametrize("unit", [DAEMON, GUARD])


async def goes_on(here: Installed, before: ConnectorDocument) -> None:
    """The session charges again, in the same transaction under the same limit, and nothing was booked for it."""
    after = await here.service.until_connector(charges_under_its_limit)
    assert before["transaction"] is not None and after["transaction"] is not None
    assert after["transaction"]["local_id"] == before["transaction"]["local_id"]
    assert after["limit"]["constrained_by"] == before["limit"]["constrained_by"]
    booked = here.transactions[-1]
    assert (booked.id, booked.starts, booked.stops) == (after["transaction"]["id"], 1, 0)


@each_process
async def test_a_process_that_hangs_is_replaced_by_the_watchdog(here: Installed, unit: str) -> None:
    before, other = await here.session(), await here.service.other_pid(unit)
    hung = await here.service.shown(unit)
    await here.service.signal(unit, "STOP")
    await here.service.replaced(hung)
    (told,) = await here.service.journal(f"INVOCATION_ID={hung['InvocationID']}", "--grep=Watchdog timeout")
    assert f"limit {WATCHDOG_S}s" in told["MESSAGE"]
    await goes_on(here, before)
    assert await here.service.other_pid(unit) == other


@each_process
async def test_a_process_that_is_killed_is_replaced(here: Installed, unit: str) -> None:
    before, other = await here.session(), await here.service.other_pid(unit)
    killed = await here.service.shown(unit)
    await here.service.signal(unit, "KILL")
    await here.service.replaced(killed)
    await goes_on(here, before)
    assert await here.service.other_pid(unit) == other


@each_process
async def test_one_of_the_two_is_restarted_while_the_other_goes_on(here: Installed, unit: str) -> None:
    before, other = await here.session(), await here.service.other_pid(unit)
    await here.service.systemctl("restart", unit)
    await goes_on(here, before)
    assert await here.service.other_pid(unit) == other


async def test_a_reload_lowers_the_maximum_at_once(here: Installed) -> None:
    before, pid = await here.session(), await here.service.pid(DAEMON)
    try:
        here.service.configure(CONFIG.replace("max_current_a = 32", "max_current_a = 8"))
        await here.service.systemctl("reload", DAEMON)
        assert (await here.service.connector())["offer_a"] == 8
    finally:
        here.service.configure(CONFIG)
        await here.service.systemctl("reload", DAEMON)
    await goes_on(here, before)
    assert await here.service.pid(DAEMON) == pid


async def test_a_reload_of_a_file_with_a_mistake_fails_and_changes_nothing(here: Installed) -> None:
    before = await here.session()
    try:
        here.service.configure(CONFIG.replace("max_current_a = 32", "max_current_a = 5"))
        assert (await here.service.machine.tried("systemctl", "reload", DAEMON)).status != 0
    finally:
        here.service.configure(CONFIG)
    await goes_on(here, before)


async def test_a_session_outlives_a_power_cut(here: Installed) -> None:
    before, boot = await here.session(), here.service.machine.boot_id
    here.service.machine.power_cut()
    here.service.machine.boot()
    await goes_on(here, before)
    boots = await here.service.machine.done("journalctl", "--list-boots", "--no-pager")
    for one in (boot, here.service.machine.boot_id):
        assert one.replace("-", "") in boots


async def test_a_hard_reset_books_the_session_and_restarts_the_machine(here: Installed) -> None:
    await here.session()
    boot = here.service.machine.boot_id
    assert (await here.call(call.Reset(type="Hard"))).status == "Accepted"
    await here.service.machine.rebooted()
    assert here.service.machine.boot_id != boot
    await here.service.until_status("Preparing")
    booked = await here.stopped()
    assert (booked.starts, booked.stops, booked.reason) == (1, 1, "HardReset")
    await here.unplug()
