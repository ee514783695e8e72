"""`cpd profiles`: the installed charging profiles, and how to be rid of them."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import click

from cpd.cli.arguments import connectors
from cpd.cli.client_command import Session, client_command, client_group
from cpd.cli.terminal import Terminal
from cpd.cli.words import amperes, clock_time, moment, source_of, span, watts
from cpd.control.api import ClearedDocument, InstalledProfileDocument, ProfilesDocument, StatusDocument
from cpd.control.client import NotFound

_PURPOSES = ("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile")
_PERIODS_SHOWN = 6


def _list(session: Session) -> int:
    with session.client() as client:
        status = cast(StatusDocument, client.call("status"))
        document = cast(ProfilesDocument, client.call("profiles.list"))
    session.show(document, render_profiles(document, status["station"]["clock"]["now"], session.terminal))
    return 0


@client_group("profiles", alone=_list)
def profiles() -> None:
    """The installed charging profiles.

    \b
    cpd profiles
    cpd profiles clear --id 7
    cpd profiles clear --purpose TxProfile
    """


@client_command("clear", of=profiles)
@click.option("--id", "profile_id", type=int, metavar="ID", help="This one only.")
@click.option(
    "--connector",
    type=click.IntRange(min=0),
    metavar="N",
    help="Set there; 0 is the station.",
    shell_complete=connectors,
)
@click.option(
    "--purpose", type=click.Choice(_PURPOSES, case_sensitive=False), metavar="P", help="Of this purpose."
)
@click.option("--stack-level", type=click.IntRange(min=0), metavar="N", help="At this stack level.")
@click.option("--all", "everything", is_flag=True, help="All of them.")
def clear(
    session: Session,
    profile_id: int | None,
    connector: int | None,
    purpose: str | None,
    stack_level: int | None,
    everything: bool,
) -> int:
    """Remove charging profiles, as the CSMS could.

    \b
    cpd profiles clear --id 7
    cpd profiles clear --connector 1
    cpd profiles clear --all
    """
    named = {
        "id": profile_id,
        "connectorId": connector,
        "chargingProfilePurpose": purpose,
        "stackLevel": stack_level,
    }
    which = {name: value for name, value in named.items() if value is not None}
    if bool(which) == everything:
        raise click.UsageError("name what is to go (--id, --connector, …), or else --all")
    document = cast(ClearedDocument, session.call("profiles.clear", which))
    if document["cleared"] == 0 and which:
        raise NotFound("no such profile is installed", "cpd profiles lists them")
    session.show(document, f"{document['cleared']} cleared")
    return 0


def render_profiles(document: ProfilesDocument, now: str, terminal: Terminal) -> str:
    """Each profile: what it is, where and until when it holds, and what it allows."""
    if not document["profiles"]:
        return "no charging profiles are installed"
    blocks = [_profile_lines(installed, now, terminal) for installed in document["profiles"]]
    return "\n\n".join("\n".join(block) for block in blocks)


def _profile_lines(installed: InstalledProfileDocument, now: str, terminal: Terminal) -> list[str]:
    profile = cast(dict[str, Any], installed["profile"])
    place = "station" if installed["connector"] == 0 else f"connector {installed['connector']}"
    name = source_of(
        {
            "kind": "profile",
            "purpose": profile.get("chargingProfilePurpose"),
            "id": profile.get("chargingProfileId"),
        }
    )
    head, *more = terminal.flow([name, place, f"level {profile.get('stackLevel')}"])
    schedule = profile.get("chargingSchedule", {})
    return [
        terminal.paint("bold", head),
        *more,
        *terminal.flow(_when(installed, profile, schedule, now), 3),
        *terminal.flow(_periods(schedule), 3),
    ]


def _when(
    installed: InstalledProfileDocument, profile: Mapping[str, Any], schedule: Mapping[str, Any], now: str
) -> Iterator[str]:
    here = moment(now)
    yield str(profile.get("recurrencyKind") or profile.get("chargingProfileKind"))
    yield f"set {clock_time(moment(installed['received_at']), here)}"
    for field, word in (("validFrom", "valid from"), ("validTo", "valid to")):
        if field in profile:
            yield f"{word} {clock_time(moment(str(profile[field])), here)}"
    if "startSchedule" in schedule:
        yield f"starts {clock_time(moment(str(schedule['startSchedule'])), here)}"
    if "duration" in schedule:
        yield f"for {span(schedule['duration'])}"
    if "transactionId" in profile:
        yield f"tx {profile['transactionId']}"


def _periods(schedule: Mapping[str, Any]) -> Iterator[str]:
    periods = schedule.get("chargingSchedulePeriod", [])
    in_words = watts if schedule.get("chargingRateUnit") == "W" else amperes
    for period in periods[:_PERIODS_SHOWN]:
        phases = f" {period['numberPhases']}ph" if "numberPhases" in period else ""
        yield f"+{span(period['startPeriod'])}: {in_words(float(period['limit']))}{phases}"
    if len(periods) > _PERIODS_SHOWN:
        yield f"… {len(periods)} periods"
