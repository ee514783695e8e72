"""A charger that comes back after days without its central system: everything is told, in order, soon and once."""

import asyncio
from pathlib import Path

from tests.backlog import MESSAGES, SAMPLES, SESSIONS, leave_backlog
from tests.bench.central_system import CentralSystem, Request, central_system
from tests.process.charger import CARD, charger

SOON_S = 20.0


async def told(csms: CentralSystem) -> list[tuple[str, Request]]:
    """All that was told of transactions, in the order in which it came, once the last of it is there."""
    stops = [await csms.request("StopTransaction") for _ in range(SESSIONS)]
    starts = [await csms.request("StartTransaction") for _ in range(SESSIONS)]
    values = [await csms.request("MeterValues") for _ in range(SESSIONS * SAMPLES)]
    every = [("start", one) for one in starts] + [("value", one) for one in values]
    every += [("stop", one) for one in stops]
    return sorted(every, key=lambda one: one[1].at_s)


async def test_a_thousand_queued_messages_are_delivered_in_20_s(tmp_path: Path) -> None:
    await leave_backlog(tmp_path / "cpd.db", CARD)
    async with central_system() as csms:
        url = f"ws://127.0.0.1:{csms.port}/ocpp"
        async with charger(tmp_path, url=url) as here, asyncio.timeout(3 * SOON_S):
            came = await told(csms)
            status = await here.until(lambda status: status["csms"]["queued"] == 0)
            assert status["csms"]["dead"] == 0
    assert [kind for kind, _ in came] == ["start", *["value"] * SAMPLES, "stop"] * SESSIONS
    assert len(came) == MESSAGES
    numbers = [one.payload.get("transactionId", one.answer.get("transactionId")) for _, one in came]
    assert numbers == [number for number in range(1, SESSIONS + 1) for _ in range(SAMPLES + 2)]
    assert came[-1][1].at_s - came[0][1].at_s < SOON_S
