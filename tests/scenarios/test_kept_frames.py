"""What was said to the CSMS outlives the daemon: `cpd trace --since`, and the bundle."""

from datetime import timedelta
from pathlib import Path

from ocpp.v16 import call

from tests.scenarios.site import Site, site
from tests.virtual_time import run_virtual

HOUR_S = 3_600


async def since(here: Site, seconds: float) -> list[tuple[str, str]]:
    """When, and what was called; no frame is told twice, and none in the wrong place."""
    frames = (await here.control("trace", limit=2_000, since_s=seconds))["frames"]
    letters = [(one["at"], one["text"]) for one in frames]
    assert len(letters) == len(set(letters))
    assert [at for at, _ in letters] == sorted(at for at, _ in letters)
    return [(one["at"], one["action"]) for one in frames if one["kind"] == "call"]


def test_the_frames_of_an_earlier_life_are_there_after_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as first:
            await first.clock.sleep(2 * HOUR_S)
            asked = first.clock.now()
            await first.call(call.GetLocalListVersion())
            await first.clock.sleep(60)
        async with site(tmp_path, after=first) as second:
            told = await since(second, 3 * HOUR_S)
            assert [action for _, action in told].count("BootNotification") == 2
            (at,) = [at for at, action in told if action == "GetLocalListVersion"]
            assert at == asked.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            recently = await since(second, 600)
            assert [action for _, action in recently].count("BootNotification") == 1
            assert "GetLocalListVersion" in [action for _, action in recently]
            plain = await second.control("trace", limit=2_000)
            assert "GetLocalListVersion" not in [one["action"] for one in plain["frames"]]

    run_virtual(scenario())


def test_what_an_hour_has_archived_is_told_once_while_it_is_in_memory_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.clock.sleep(2.5 * HOUR_S)
            assert list((tmp_path / "frames").iterdir())
            told = await since(here, 3 * HOUR_S)
            assert [action for _, action in told].count("BootNotification") == 1

    run_virtual(scenario())


def test_no_secret_is_in_the_files(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with site(tmp_path) as here:
            change = call.ChangeConfiguration(key="AuthorizationKey", value="0123456789abcdef0123456789")
            await here.call(change)
            await here.charge("SECRET-CARD-4711")
        async with site(tmp_path, after=here) as again:
            document = await again.control("trace", limit=2_000, since_s=HOUR_S)
            texts = [one["text"] for one in document["frames"]]
            assert any("AuthorizationKey" in text for text in texts)
            assert any("SECR…4711" in text for text in texts)
            assert not any("0123456789abcdef" in text or "SECRET" in text for text in texts)

    run_virtual(scenario())


def test_a_time_that_was_unknown_is_right_once_it_is_known(tmp_path: Path) -> None:
    """The frames of one boot are dated by what is known of that boot when they are read."""

    async def scenario() -> None:
        async with site(tmp_path) as first:
            await first.clock.sleep(60)
            before = await since(first, HOUR_S)
        first.clock.step(HOUR_S)
        async with site(tmp_path, after=first) as second:
            told = await since(second, 3 * HOUR_S)
            moved = [one for one in told if one[1] == "BootNotification"]
            assert len(moved) == 2
            assert moved[0][0] > before[-1][0]

    run_virtual(scenario())


def test_a_disk_that_takes_no_files_costs_the_charger_nothing(tmp_path: Path) -> None:
    (tmp_path / "frames").write_text("in the way", encoding="utf-8")

    async def scenario() -> None:
        async with site(tmp_path) as here:
            await here.clock.sleep(1.5 * HOUR_S)
            assert here.connector().status == "Available"
            told = await since(here, timedelta(hours=2).total_seconds())
            assert "BootNotification" in [action for _, action in told]

    run_virtual(scenario())
