"""The WebSocket: how it is asked for, kept up, lost and dialled again (OCPP-J 1.6 §3, §5; RFC 6455)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from cpd.lab.csms.behaviour import Behaviour, Reaction
from tests.conformance.station import PATIENCE_S, Station, station
from tests.process.charger import STATION, charger

PASSWORD = "a-password-of-20-let"


@asynccontextmanager
async def dialled(folder: Path, *, path: str = "/ocpp", csms: str = "") -> AsyncIterator[ServerConnection]:
    """The first connection of a charger to a server that only listens."""
    came: asyncio.Queue[ServerConnection] = asyncio.Queue()

    async def attend(connection: ServerConnection) -> None:
        came.put_nowait(connection)
        async for _ in connection:
            pass

    async with serve(attend, "127.0.0.1", 0, subprotocols=["ocpp1.6"], close_timeout=0.1) as server:  # type: ignore[list-item]
        port = server.sockets[0].getsockname()[1]
        async with (
            charger(folder, url=f"ws://127.0.0.1:{port}{path}", csms=csms),
            asyncio.timeout(PATIENCE_S),
        ):
            yield await came.get()


async def test_the_subprotocol_ocpp1_6_is_offered(tmp_path: Path) -> None:
    async with dialled(tmp_path) as connection:
        assert connection.request is not None
        offered = connection.request.headers["Sec-WebSocket-Protocol"]
        assert [name.strip() for name in offered.split(",")] == ["ocpp1.6"]


@pytest.mark.parametrize("path", ["/ocpp", "/ocpp/"])
async def test_the_identity_is_the_last_segment_of_the_url(tmp_path: Path, path: str) -> None:
    async with dialled(tmp_path, path=path) as connection:
        assert connection.request is not None
        assert connection.request.path == f"/ocpp/{STATION}"


async def test_no_password_is_sent_where_none_is_set(tmp_path: Path) -> None:
    async with dialled(tmp_path) as connection:
        assert connection.request is not None
        assert "Authorization" not in connection.request.headers


async def test_with_security_profile_1_user_is_the_identity_and_password_the_key(tmp_path: Path) -> None:
    csms = f'security_profile = 1\npassword = "{PASSWORD}"'
    async with station(tmp_path, csms=csms, passwords={STATION: PASSWORD}) as here:
        assert here.site.log.registration == "Accepted"


async def test_a_ping_of_the_central_system_is_answered(tmp_path: Path) -> None:
    async with dialled(tmp_path) as connection, asyncio.timeout(PATIENCE_S):
        await (await connection.ping())


async def test_a_frame_in_fragments_is_one_message(tmp_path: Path) -> None:
    async with dialled(tmp_path) as connection, asyncio.timeout(PATIENCE_S):
        await connection.send(['[2,"parts","Get', "Configuration", '",{"key":["x"]}]'])
        assert connection.close_code is None
        await (await connection.ping())


async def again(here: Station, links: int = 2) -> None:
    """Wait until the charge point is back and has told its status."""
    await here.connected_again(links)
    await here.status("Available")


async def test_a_link_that_breaks_is_dialled_again(here: Station) -> None:
    for links in (2, 3, 4):
        here.site.csms.drop(STATION)
        await again(here, links)


async def test_a_new_link_is_no_new_boot(here: Station) -> None:
    """OCPP 1.6 §4.2 asks for a BootNotification when the charge point starts, not when it reconnects."""
    here.site.csms.drop(STATION)
    await again(here)
    assert len(here.sent("BootNotification")) == 1


async def test_after_a_reconnect_the_status_of_everything_is_told_first(tmp_path: Path) -> None:
    async with station(tmp_path, connectors=2) as here:
        since = len(here.calls)
        here.site.csms.drop(STATION)
        await here.connected_again(2)
        await here.status("Available", 2)
        told = [(one.action, one.payload["connectorId"]) for one in here.calls[since:]]
        assert told == [("StatusNotification", connector) for connector in (0, 1, 2)]


async def test_a_link_that_is_refused_is_asked_for_again(tmp_path: Path) -> None:
    async with station(tmp_path) as here:
        here.behave(upgrade_status=503)
        here.site.csms.drop(STATION)
        await here.charger.logged("503")
        here.behave(upgrade_status=None)
        await again(here)


async def test_a_link_on_which_nothing_is_answered_is_given_up(tmp_path: Path) -> None:
    behaviour = Behaviour(interval_s=0, reactions={"Heartbeat": Reaction(silent=True)})
    async with station(
        tmp_path, behaviour=behaviour, csms="answer_timeout_s = 1", tolerates="before the CALL before it"
    ) as here:
        await here.ask("TriggerMessage", requestedMessage="Heartbeat")
        await again(here)


async def test_a_charger_that_the_central_system_knows_from_before_replaces_its_old_link(
    tmp_path: Path,
) -> None:
    """A power cut leaves a link half open at the central system; the next start does not wait for its end."""
    async with station(tmp_path) as here:
        await here.charger.power_cut()
        await here.charger.start()
        await here.sends("BootNotification")
        await here.status("Available")
