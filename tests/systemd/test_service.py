"""The installed service under a real systemd: how it starts, what it tells, and who may talk to it."""

import pytest

from tests.systemd.installed import DAEMON, GUARD, Installed

pytestmark = pytest.mark.asyncio(loop_scope="session")

AS_TECHNICIAN = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--groups=cpd")
AS_DAEMON = ("setpriv", "--reuid=cpd", "--regid=cpd", "--init-groups")
AS_ANYBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")


async def test_both_are_enabled_and_ready_and_say_how_they_are(here: Installed) -> None:
    for unit, words in ((GUARD, "mock, outlets: 1"), (DAEMON, "CSMS online")):
        await here.service.until_told(unit, words)
        shown = await here.service.shown(unit)
        assert (shown["ActiveState"], shown["UnitFileState"]) == ("active", "enabled")


async def test_a_session_is_charged_to_its_end_and_booked_once(here: Installed) -> None:
    charging = await here.session()
    await here.service.until_told(DAEMON, "1 Charging 10.0 A 6.9 kW; CSMS online")
    await here.unplug()
    await here.service.until_told(DAEMON, "1 Available; CSMS online")
    booked = await here.stopped()
    assert (booked.starts, booked.stops, booked.reason) == (1, 1, "EVDisconnected")
    assert charging["transaction"] is not None
    of_the_session = await here.service.journal(f"CPD_TRANSACTION={charging['transaction']['local_id']}")
    assert {entry["CPD_CONNECTOR"] for entry in of_the_session} == {"1"}
    assert "started" in of_the_session[0]["MESSAGE"]
    assert of_the_session[-1]["CPD_REASON"] == "EVDisconnected"
    of_the_contactor = await here.service.journal("CPD_CONNECTOR=1", "CPD_STATE=closed")
    assert {entry["_SYSTEMD_UNIT"] for entry in of_the_contactor} == {GUARD}


async def test_a_start_returns_once_the_outlets_are_known_and_the_daemon_answers(here: Installed) -> None:
    await here.service.systemctl("stop", DAEMON, GUARD)
    assert (await here.service.cpd("status")).status == 3
    await here.service.systemctl("start", DAEMON, GUARD)
    answered = await here.service.cpd("status", "--json")
    assert answered.status == 0, answered
    (connector,) = answered.document["connectors"]
    assert (connector["contactor"]["confirmed"], connector["faults"]) == ("open", [])


async def test_members_of_the_group_cpd_operate_the_charger(here: Installed) -> None:
    seen = await here.service.machine.tried(*AS_TECHNICIAN, "cpd", "status", "--json")
    assert (seen.status, seen.document["station"]["id"]) == (0, "CP-0042")


async def test_others_are_told_which_group_is_missing(here: Installed) -> None:
    refused = await here.service.machine.tried(*AS_ANYBODY, "cpd", "status")
    assert (refused.status, refused.stdout) == (7, ""), refused
    assert "sudo usermod -aG cpd nobody" in refused.stderr


async def test_nobody_but_the_daemon_reaches_the_guard(here: Installed) -> None:
    reached = ("test", "-w", "/run/cpd-guard/guard.sock")
    for who, status in ((AS_DAEMON, 0), (AS_TECHNICIAN, 1), (AS_ANYBODY, 1)):
        assert (await here.service.machine.tried(*who, *reached)).status == status, who


async def test_the_manual_is_found_and_tab_knows_the_connectors(here: Installed) -> None:
    found = await here.service.machine.tried("man", "--where", "cpd", "cpd-status", "cpd.toml", "cpd-guard")
    assert found.stdout.split() == [
        f"/usr/share/man/{name}.gz"
        for name in ("man1/cpd.1", "man1/cpd-status.1", "man5/cpd.toml.5", "man8/cpd-guard.8")
    ]
    tab = (
        "source /usr/share/bash-completion/completions/cpd; COMP_WORDS=(cpd why ''); COMP_CWORD=2; "
        '_cpd_completion cpd; echo "${COMPREPLY[@]}"'
    )
    offered = await here.service.machine.tried(*AS_ANYBODY, "bash", "-c", tab)
    assert (offered.stdout, offered.stderr) == ("1\n", "")
