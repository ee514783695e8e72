"""A firmware update on its way (OCPP 1.6 §4.5, §5.19, §6.19): its phases, and what the CSMS is told at each step."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

MAX_RETRIES: Final = 100
"""More attempts than these would not bring a file that is not there."""

MIN_RETRY_INTERVAL_S: Final = 1

MAX_INSTALLS: Final = 2
"""An installation that a power cut interrupts is begun again once; what never ends must not be tried for ever."""


class FirmwareStatus(StrEnum):
    """How far an update is (OCPP 1.6 §7.25)."""

    DOWNLOADED = "Downloaded"
    DOWNLOAD_FAILED = "DownloadFailed"
    DOWNLOADING = "Downloading"
    IDLE = "Idle"
    INSTALLATION_FAILED = "InstallationFailed"
    INSTALLING = "Installing"
    INSTALLED = "Installed"


class Phase(StrEnum):
    """What is to be done next; kept, so that a restart takes it up again."""

    WAITING = "waiting"
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    INSTALLING = "installing"
    RESTARTING = "restarting"


_DOING: Final = {
    Phase.WAITING: FirmwareStatus.IDLE,
    Phase.DOWNLOADING: FirmwareStatus.DOWNLOADING,
    Phase.DOWNLOADED: FirmwareStatus.DOWNLOADED,
    Phase.INSTALLING: FirmwareStatus.INSTALLING,
    Phase.RESTARTING: FirmwareStatus.INSTALLING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareUpdate:
    """The file at *location* (which may hold a password), to be fetched from *retrieve_at* on.

    *retries*: attempts that are left besides the present one, *retry_interval_s* after each other. *version* ran
    when it was asked for, *installs* counts beginnings of the installation.
    """

    location: str
    retrieve_at: datetime
    retries: int
    retry_interval_s: int
    version: str
    phase: Phase = Phase.WAITING
    installs: int = 0

    @property
    def status(self) -> FirmwareStatus:
        """What it is doing now; Idle while it waits for its time."""
        return _DOING[self.phase]

    @property
    def closes(self) -> bool:
        """True from the moment that the file is here: nothing begins any more, so that it can be installed."""
        return self.phase in (Phase.DOWNLOADED, Phase.INSTALLING, Phase.RESTARTING)

    @property
    def replaceable(self) -> bool:
        """True while another update may take its place."""
        return self.phase not in (Phase.INSTALLING, Phase.RESTARTING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What an update becomes (None: it is over), and what the CSMS is told of it (None: nothing)."""

    update: FirmwareUpdate | None
    told: FirmwareStatus | None


def begin_download(update: FirmwareUpdate) -> Step:
    """It is time to fetch the file."""
    return Step(update=replace(update, phase=Phase.DOWNLOADING), told=FirmwareStatus.DOWNLOADING)


def downloaded(update: FirmwareUpdate) -> Step:
    """The file is here."""
    return Step(update=replace(update, phase=Phase.DOWNLOADED), told=FirmwareStatus.DOWNLOADED)


def download_failed(update: FirmwareUpdate, now: datetime) -> Step:
    """One attempt was in vain; after the last one nothing follows."""
    again = replace(
        update,
        phase=Phase.WAITING,
        retries=update.retries - 1,
        retrieve_at=now + timedelta(seconds=update.retry_interval_s),
    )
    return Step(update=again if update.retries > 0 else None, told=FirmwareStatus.DOWNLOAD_FAILED)


def begin_installation(update: FirmwareUpdate) -> Step:
    """Nothing runs any more."""
    return Step(update=replace(update, phase=Phase.INSTALLING, installs=1), told=FirmwareStatus.INSTALLING)


def installed(update: FirmwareUpdate, *, restarts: bool) -> Step:
    """The installer has done its work; *restarts*: the machine is to restart before it counts."""
    if restarts:
        return Step(update=replace(update, phase=Phase.RESTARTING), told=None)
    return Step(update=None, told=FirmwareStatus.INSTALLED)


def installation_failed() -> Step:
    """The installer did not take the file."""
    return Step(update=None, told=FirmwareStatus.INSTALLATION_FAILED)


def resumed(update: FirmwareUpdate, version: str) -> Step:
    """A restart met *update*, and *version* runs now.

    A download goes on without a word: its beginning was told. An installation that was cut off is begun again.
    """
    match update.phase:
        case Phase.RESTARTING:
            return Step(update=None, told=FirmwareStatus.INSTALLED)
        case Phase.INSTALLING if version != update.version:
            return Step(update=None, told=FirmwareStatus.INSTALLED)
        case Phase.INSTALLING if update.installs >= MAX_INSTALLS:
            return installation_failed()
        case Phase.INSTALLING:
            return Step(update=replace(update, installs=update.installs + 1), told=None)
        case _:
            return Step(update=update, told=None)
