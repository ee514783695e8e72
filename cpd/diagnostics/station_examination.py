"""What `cpd doctor` finds in the daemon itself: clock, link, queue, store, supervision, standing faults."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from cpd.clock import ClockSource
from cpd.diagnostics.machine_examination import found
from cpd.station.snapshot import LinkSnapshot, StationSnapshot
from hal.examination import Finding, Health

_MUCH_S: Final = 60.0
"""A system's clock so far from the true one dates the lines of the log wrong enough to mislead."""
_SILENT_S: Final = 600.0


def examine_station(
    seen: StationSnapshot, *, system_now: datetime, environment: Mapping[str, str]
) -> Iterator[Finding]:
    """*system_now* is what the machine's own clock shows; *environment* is what systemd gave the daemon."""
    yield found("clock", *_clock(seen, system_now))
    yield found("central system", *_link(seen.link, seen.now))
    if seen.link.url is not None:
        yield found("queue", *_queue(seen))
    if seen.store.failure is not None:
        yield found("store", Health.FAILED, seen.store.failure, "until then no session begins")
    if seen.store.damage is not None:
        yield found("store", Health.WARNING, seen.store.damage, "send a cpd bundle; consider a new SD card")
    if seen.store.moved is not None:
        yield found("store", Health.WARNING, seen.store.moved, "cpd machine tells what to do")
    yield found("supervision", *_supervision(environment))
    for connector in seen.connectors:
        for fault in connector.outlet.faults:
            yield Finding(
                part="fault",
                connector=connector.id,
                health=Health.FAILED if fault.rule.opens else Health.WARNING,
                evidence=str(fault.kind).replace("_", " "),
                next_step=f"cpd why {connector.id}",
            )


def _clock(seen: StationSnapshot, system_now: datetime) -> tuple[Health, str, str]:
    if not seen.clock_trusted:
        return Health.FAILED, "nobody has set it", "sudo timedatectl set-ntp true, or connect the CSMS"
    by = "NTP" if seen.clock_source is ClockSource.NTP else "the CSMS"
    off_s = abs((system_now - seen.now).total_seconds())
    if off_s > _MUCH_S:
        evidence = f"set by {by}; the system's own is {off_s:.0f} s off"
        return Health.WARNING, evidence, "sudo timedatectl set-ntp true"
    return Health.OK, f"set by {by}, system's own {off_s:.1f} s off", ""


def _link(link: LinkSnapshot, now: datetime) -> tuple[Health, str, str]:
    if link.url is None:
        return Health.OK, "none, this charger works alone", ""
    if link.held:
        return Health.WARNING, "held down on request", "let it up again: csms.connect"
    age_s = None if link.last_answer_at is None else (now - link.last_answer_at).total_seconds()
    answered = "never answered" if age_s is None else f"answered {age_s:.0f} s ago"
    if not link.online:
        error = f": {link.last_error}" if link.last_error else ""
        return Health.WARNING, f"offline, {answered}{error}", link.next_step or "cpd connect test"
    if age_s is not None and age_s > _SILENT_S:
        return Health.WARNING, f"online, but {answered}", "ask its operator; lower HeartbeatInterval"
    return Health.OK, f"online, {answered}", ""


def _queue(seen: StationSnapshot) -> tuple[Health, str, str]:
    if seen.dead:
        return Health.WARNING, f"{seen.queued} wait, {seen.dead} given up", "cpd queue --dead"
    return Health.OK, f"{seen.queued} wait", ""


def _supervision(environment: Mapping[str, str]) -> tuple[Health, str, str]:
    if "INVOCATION_ID" not in environment:
        return Health.OK, "not started by systemd", ""
    if not environment.get("WATCHDOG_USEC"):
        return Health.WARNING, "systemd has no watchdog on it", "set WatchdogSec=10 in cpd.service"
    log = "journald" if "JOURNAL_STREAM" in environment else "stderr"
    return (
        Health.OK,
        f"systemd, watchdog {int(environment['WATCHDOG_USEC']) // 1_000_000} s, log to {log}",
        "",
    )
