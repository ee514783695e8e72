"""What the firmware of an OpenEVSE was built with, and what a technician should know of that."""

import logging
from dataclasses import dataclass

from hal.examination import Finding, Health

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What the firmware of an OpenEVSE has, as its answers at the start tell.

    *auth_lock* and *boot_lock*: what it can be locked with; *heartbeat*: it notices that nobody supervises it;
    *switched_off*: its protections that somebody has switched off.
    """

    firmware: str
    auth_lock: bool
    boot_lock: bool
    heartbeat: bool
    switched_off: tuple[str, ...]


def findings(abilities: Abilities, *, port: str, connector: int) -> tuple[Finding, ...]:
    """The firmware, the locks that it lacks, and the protections that are switched off."""
    rows = [("controller", f"OpenEVSE at {port}, firmware {abilities.firmware}", "")]
    if not abilities.auth_lock and not abilities.boot_lock:
        evidence = "none: it charges anyone while the Pi boots"
        rows.append(("start lock", evidence, "flash firmware that has AUTH_LOCK"))
    if not abilities.heartbeat:
        evidence = "not supervised: without the Pi it charges on"
        rows.append(("heartbeat", evidence, "wire the interlock; flash HEARTBEAT_SUPERVISION"))
    rows.extend(
        ("protection", f"{one} is switched off", "switch it on with $FF") for one in abilities.switched_off
    )
    return tuple(
        Finding(
            part=part,
            connector=connector,
            health=Health.WARNING if next_step else Health.OK,
            evidence=evidence,
            next_step=next_step,
        )
        for part, evidence, next_step in rows
    )


def say(told: tuple[Finding, ...]) -> None:
    """Log *told*, what needs doing as a warning."""
    for one in told:
        level = logging.WARNING if one.next_step else logging.INFO
        log.log(level, "%s connector=%d %s; %s", one.part, one.connector, one.evidence, one.next_step or "ok")
