"""Who dials which central system: what cpd.toml says, or what a technician tries instead of it."""

from pathlib import Path

import msgspec

from cpd.errors import SettingsError
from cpd.settings.checks import check_csms
from cpd.settings.loading import load_settings, read_password
from cpd.settings.tables import Csms, Station
from hal.settings.mistakes import Mistake


def security_profile(url: str, *, password: bool) -> int:
    """The security profile (OCPP 1.6 security whitepaper §2) of who dials *url*, with a password or none."""
    if not password:
        return 0
    return 2 if url.casefold().startswith("wss:") else 1


def address(
    file: Path, *, station_id: str | None = None, url: str | None = None, password_file: Path | None = None
) -> tuple[Station, Csms]:
    """The station and its central system as in *file*, but for what is given.

    Where both id and address are given, a *file* that is wrong or not there is no obstacle. Raises SettingsError.
    """
    try:
        settings = load_settings(file)
    except SettingsError:
        if station_id is None or url is None:
            raise
        station, csms = Station(id=station_id), Csms(url=url)
    else:
        if settings.csms is None and url is None:
            raise SettingsError(
                f"{file} has no [csms]: this charger works alone. Name a central system with --url."
            )
        station = msgspec.structs.replace(settings.station, id=station_id or settings.station.id)
        csms = settings.csms or Csms(url=url or "")
        # A password file is read already.
        csms = msgspec.structs.replace(csms, url=url or csms.url, password_file=None)
    try:
        if password_file is not None:
            certified = csms.security_profile == 3
            profile = 3 if certified else security_profile(csms.url, password=True)
            csms = msgspec.structs.replace(
                csms, password=read_password(password_file), security_profile=profile
            )
        for mistake in check_csms(csms, station.id):
            raise mistake
    except Mistake as mistake:
        raise SettingsError(f"{mistake.path[-1]}: {mistake.problem} {mistake.remedy}") from mistake
    return station, csms
