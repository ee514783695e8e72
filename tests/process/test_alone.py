"""A real charger without [csms], through a power cut and to the day on which a central system is added."""

from pathlib import Path

from tests.process.charger import CARD, Charger, charger, configuration
from tests.process.site import site

ANYBODY = "AllowOfflineTxForUnknownId = true"


async def charged(here: Charger) -> None:
    await here.charge()
    await here.call("mock.swipe", id_tag=CARD)
    await here.until_connector(lambda one: one["transaction"] is None)


async def test_every_command_says_that_it_works_alone(tmp_path: Path) -> None:
    async with charger(tmp_path, ocpp=ANYBODY) as here:
        await charged(here)
        assert "this charger works alone" in (await here.cpd("status")).stdout
        assert "works alone" in (await here.cpd("queue")).stdout
        assert "no CSMS" in (await here.cpd("transactions")).stdout
        await here.cpd("config", "reset", "AllowOfflineTxForUnknownId")
        configuration(tmp_path)
        assert (await here.cpd("reload")).status == 0
        await here.call("mock.swipe", id_tag="STRANGER")
        await here.until_connector(lambda one: one["blockers"][0]["code"] == "CARD_UNKNOWN_OFFLINE")
        why = await here.cpd("why", "1", columns=40)
        assert "works alone" in why.stdout
        assert all(len(line) <= 40 for line in why.stdout.splitlines())


async def test_what_was_charged_alone_is_kept_and_never_told(tmp_path: Path) -> None:
    async with charger(tmp_path / "box", ocpp=ANYBODY) as alone:
        await charged(alone)
        await alone.power_cut()
        await alone.start()
        (kept,) = (await alone.call("transactions.list"))["transactions"]
        assert (kept["reason"], kept["delivered"]) == ("Local", False)
        await alone.terminate()
        async with site(tmp_path / "box", ocpp=ANYBODY) as here:
            await charged(here.charger)
            (booked,) = await here.booked()
            assert booked.reason == "Local"
            past = (await here.charger.call("transactions.list"))["transactions"]
            assert (past[1]["local_id"], past[1]["delivered"]) == (kept["local_id"], False)
            assert past[1]["meter_stop_wh"] == kept["meter_stop_wh"]
