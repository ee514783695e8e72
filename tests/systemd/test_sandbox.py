"""What the two services may do on the machine: tried from inside of their units, and seen on what runs."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.systemd.installed import DAEMON, GUARD, Installed

pytestmark = pytest.mark.asyncio(loop_scope="session")

ATTEMPTS = Path(__file__).with_name("attempts.py").read_text(encoding="utf-8")

FORBIDDEN_TO_BOTH = {
    "open another device": ("EPERM", "ENOENT"),
    "a packet socket": ("EAFNOSUPPORT",),
    "a netlink socket": ("EAFNOSUPPORT",),
    "write to /etc": ("EROFS",),
    "write to its code": ("EROFS",),
    "write to /var": ("EROFS",),
    "make a setuid file": ("EPERM",),
    "read another's state": ("EACCES",),
    "read homes": ("EACCES",),
    "change the kernel's settings": ("EROFS", "EACCES"),
    "change cgroups": ("EROFS",),
    "memory to write and execute": ("EPERM",),
    "a namespace of its own": ("EPERM",),
    "mount": ("EPERM",),
    "set the clock": ("EPERM",),
    "be another user": ("EPERM",),
}


async def tried_in(here: Installed, unit: str) -> Mapping[str, str]:
    """What became of each attempt by a process of a unit that is *unit* in all but the program that it runs."""
    machine = here.service.machine
    name = unit.removesuffix(".service")
    foreign = "cpd-guard" if unit == DAEMON else "cpd"
    machine.write("/run/attempts.py", ATTEMPTS)
    machine.write(
        f"/run/systemd/system/as-{unit}", await machine.done("cat", f"/usr/lib/systemd/system/{unit}")
    )
    machine.write(
        f"/run/systemd/system/as-{unit}.d/attempts.conf",
        "[Service]\nType=oneshot\nRestart=no\nWatchdogSec=0\nExecStopPost=\nExecStart=\n"
        f"ExecStart=/opt/cpd/bin/python -I /run/attempts.py /var/lib/{name} /var/lib/{foreign}\n"
        "StandardOutput=truncate:/run/attempts.json\n",
    )
    await here.service.systemctl("daemon-reload")
    await here.service.systemctl("start", f"as-{unit}")
    outcomes: Mapping[str, str] = json.loads(await machine.done("cat", "/run/attempts.json"))
    return outcomes


async def test_the_daemon_has_a_network_and_no_devices(here: Installed) -> None:
    outcomes = await tried_in(here, DAEMON)
    assert {name for name, outcome in outcomes.items() if outcome == "done"} == {
        "an internet socket",
        "write to its state",
    }
    assert outcomes["open a serial line"] in ("ENOENT", "EPERM")
    assert_forbidden(outcomes)


async def test_the_guard_has_its_devices_and_no_network(here: Installed) -> None:
    outcomes = await tried_in(here, GUARD)
    assert {name for name, outcome in outcomes.items() if outcome == "done"} == {
        "open a serial line",
        "write to its state",
    }
    assert outcomes["an internet socket"] == "EAFNOSUPPORT"
    assert_forbidden(outcomes)


def assert_forbidden(outcomes: Mapping[str, str]) -> None:
    other = {
        name: outcomes[name] for name, errors in FORBIDDEN_TO_BOTH.items() if outcomes[name] not in errors
    }
    assert other == {}


@pytest.mark.parametrize(("unit", "user"), [(DAEMON, "cpd"), (GUARD, "cpd-guard")])
async def test_what_runs_has_no_privileges_and_cannot_get_any(here: Installed, unit: str, user: str) -> None:
    machine = here.service.machine
    pid = await here.service.pid(unit)
    status = dict(
        line.split(":\t", 1) for line in (await machine.done("cat", f"/proc/{pid}/status")).splitlines()
    )
    uid = (await machine.done("id", "--user", user)).strip()
    assert status["Uid"].split() == [uid] * 4 and uid != "0"
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


async def test_the_guard_lives_in_a_network_without_a_way_out(here: Installed) -> None:
    machine = here.service.machine
    guard, daemon = await here.service.pid(GUARD), await here.service.pid(DAEMON)
    networks = [(await machine.done("readlink", f"/proc/{pid}/ns/net")) for pid in ("1", daemon, guard)]
    assert networks[0] == networks[1] != networks[2]
    interfaces = (await machine.done("cat", f"/proc/{guard}/net/dev")).splitlines()[2:]
    assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]
