"""Configuration keys whose effect only a real process shows."""

from pathlib import Path

from ocpp.v16 import call

from tests.process.site import Site, site


async def change(here: Site, key: str, value: str) -> str:
    return str((await here.call(call.ChangeConfiguration(key=key, value=value))).status)


async def test_reset_retries_count_after_a_restart_too(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    command = f"""["sh", "-c", "echo on >> '{ran}'; exit 3"]"""
    async with site(tmp_path, station=f"hard_reset_command = {command}") as here:
        assert await change(here, "ResetRetries", "0") == "Accepted"
        await here.call(call.Reset(type="Hard"))  # type: ignore[arg-type]
        assert await here.charger.ended() == 64
        assert ran.read_text() == "on\n"
        await here.charger.start()
        await here.charger.until_online()
        await here.call(call.Reset(type="Hard"))  # type: ignore[arg-type]
        assert await here.charger.ended() == 64
        assert ran.read_text() == "on\n" * 2
        await here.charger.start()
        await here.charger.until_online()
        assert await change(here, "ResetRetries", "2") == "Accepted"
        await here.call(call.Reset(type="Hard"))  # type: ignore[arg-type]
        assert await here.charger.ended() == 64
        assert ran.read_text() == "on\n" * 5


SHOWN = {"ResetRetries": test_reset_retries_count_after_a_restart_too}
"""Which test shows which key."""
