"""An upload of diagnostics through other requests and a sick disk, with a server that takes its time."""

import asyncio
from pathlib import Path

from cpd.domain.diagnostics import DiagnosticsStatus, Window
from cpd.station.diagnostics import UploadFailure
from tests.hal.bench import virtual
from tests.station.bench import Bench, bench

S = DiagnosticsStatus


class SlowServer:
    """Takes a file once it is told how that ends."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.ending: asyncio.Queue[UploadFailure | None] = asyncio.Queue()

    def can_reach(self, location: str) -> bool:
        return True

    def file_name(self) -> str:
        return "cpd-CP.tar.gz"

    async def upload(self, location: str, file_name: str, window: Window) -> None:
        self.asked.append(location)
        failure = await self.ending.get()
        if failure is not None:
            raise failure


async def ask(here: Bench, location: str, retries: int = 0) -> None:
    assert await here.station.diagnostics.ask(location, Window(), retries, 60) is not None
    await here.clock.sleep(1)


def told(here: Bench) -> list[str]:
    return [one.status for one in here.station.file_statuses.untold]


@virtual
async def test_the_end_of_an_attempt_is_not_that_of_the_request_that_took_its_place(tmp_path: Path) -> None:
    server = SlowServer()
    async with bench(tmp_path, diagnostics=server) as here:
        await ask(here, "http://one/", retries=5)
        await ask(here, "http://two/")
        server.ending.put_nowait(UploadFailure("gone"))
        await here.clock.sleep(1)
        assert here.station.diagnostics.status is S.UPLOADING
        server.ending.put_nowait(None)
        await here.clock.sleep(1_000)
        assert server.asked == ["http://one/", "http://two/"]
        assert told(here) == [S.UPLOADING, S.UPLOADING, S.UPLOADED]
        assert here.station.diagnostics.status is S.IDLE


@virtual
async def test_what_the_store_refuses_is_kept_later_and_sent_once(tmp_path: Path) -> None:
    server = SlowServer()
    async with bench(tmp_path, diagnostics=server) as here:
        await ask(here, "http://one/")
        here.store.failures = 2
        server.ending.put_nowait(None)
        await here.clock.sleep(3)
        assert told(here) == [S.UPLOADING]
        await here.clock.sleep(30)
        assert told(here) == [S.UPLOADING, S.UPLOADED]
        assert server.asked == ["http://one/"]


@virtual
async def test_a_clock_that_is_set_back_makes_no_attempt_wait_for_longer_than_its_interval(
    tmp_path: Path,
) -> None:
    server = SlowServer()
    async with bench(tmp_path, diagnostics=server) as here:
        server.ending.put_nowait(UploadFailure("gone"))
        await ask(here, "http://one/", retries=1)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(here.clock.watch())
            here.clock.step(-86_400)
            await here.clock.sleep(70)
            watching.cancel()
        assert server.asked == ["http://one/"] * 2
