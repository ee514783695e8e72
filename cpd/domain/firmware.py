"""A firmware update on its way (OCPP 1.6 §4.5, §5.19, §6.19): its phases, and what the CSMS is told at each step.

One rule judges a start behind a restart that the installer asked for: where another version runs than the one that
was asked to update, the new one is up, and counts once its boot is accepted; where the same one runs, it is back.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

MAX_RETRIES: Final = 100
"""More attempts than these would not bring a file that is not there."""

MIN_RETRY_INTERVAL_S: Final = 1

MAX_INSTALLS: Final = 2
"""An installation that a power cut interrupts is begun again once; what never ends must not be tried for ever."""

MAX_NEW_STARTS: Final = 3
"""A new version that starts more often than this without being accepted is not going to be."""

MAX_ROLLBACKS: Final = 2
"""A way back that ends in the new version again is tried once more, and then given up."""


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
    CONFIRMING = "confirming"
    """The new version is up, and the CSMS is to accept its boot."""
    ROLLING_BACK = "rolling back"
    STAYING = "staying"
    """There is no way back: the new version counts whenever its boot is accepted."""


_DOING: Final = {
    Phase.WAITING: FirmwareStatus.IDLE,
    Phase.DOWNLOADING: FirmwareStatus.DOWNLOADING,
    Phase.DOWNLOADED: FirmwareStatus.DOWNLOADED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareUpdate:
    """The file at *location* (which may hold a password), to be fetched from *retrieve_at* on.

    *retries*: attempts that are left besides the present one, *retry_interval_s* after each other. *version* ran
    when it was asked for. *begun* counts how often the present phase was begun, by restarts. *online*: the CSMS was
    there when the installation began, so a new version that it does not accept has failed.
    """

    location: str
    retrieve_at: datetime
    retries: int
    retry_interval_s: int
    version: str
    phase: Phase = Phase.WAITING
    begun: int = 1
    online: bool = False

    @property
    def status(self) -> FirmwareStatus:
        """What it is doing now; Idle while it waits for its time."""
        return _DOING.get(self.phase, FirmwareStatus.INSTALLING)

    @property
    def closes(self) -> bool:
        """True while nothing may begin to charge: from the file's arrival to the restart, and on the way back."""
        return self.phase in (Phase.DOWNLOADED, Phase.INSTALLING, Phase.RESTARTING, Phase.ROLLING_BACK)

    @property
    def replaceable(self) -> bool:
        """True while another update may take its place."""
        return self.phase in (Phase.WAITING, Phase.DOWNLOADING, Phase.DOWNLOADED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What an update becomes (None: it is over), and what the CSMS is told of it (None: nothing)."""

    update: FirmwareUpdate | None
    told: FirmwareStatus | None


def begin_download(update: FirmwareUpdate) -> Step:
    """It is time to fetch the file."""
    return Step(update=_in_phase(update, Phase.DOWNLOADING), told=FirmwareStatus.DOWNLOADING)


def downloaded(update: FirmwareUpdate) -> Step:
    """The file is here."""
    return Step(update=_in_phase(update, Phase.DOWNLOADED), told=FirmwareStatus.DOWNLOADED)


def download_failed(update: FirmwareUpdate, now: datetime) -> Step:
    """One attempt was in vain; after the last one nothing follows."""
    again = replace(
        _in_phase(update, Phase.WAITING),
        retries=update.retries - 1,
        retrieve_at=now + timedelta(seconds=update.retry_interval_s),
    )
    return Step(update=again if update.retries > 0 else None, told=FirmwareStatus.DOWNLOAD_FAILED)


def begin_installation(update: FirmwareUpdate, *, online: bool) -> Step:
    """Nothing runs any more; *online*: the CSMS is there."""
    begun = replace(_in_phase(update, Phase.INSTALLING), online=online)
    return Step(update=begun, told=FirmwareStatus.INSTALLING)


def installed(update: FirmwareUpdate, *, restarts: bool) -> Step:
    """The installer has done its work; *restarts*: the machine is to restart before it counts."""
    return Step(update=_in_phase(update, Phase.RESTARTING), told=None) if restarts else confirmed()


def confirmed() -> Step:
    """The new version is in force for good."""
    return Step(update=None, told=FirmwareStatus.INSTALLED)


def installation_failed() -> Step:
    """The installer did not take the file, or the old version is back."""
    return Step(update=None, told=FirmwareStatus.INSTALLATION_FAILED)


def roll_back(update: FirmwareUpdate) -> Step:
    """The new version is not accepted: the old one is to come back."""
    return Step(update=_in_phase(update, Phase.ROLLING_BACK), told=None)


def stay(update: FirmwareUpdate) -> Step:
    """The old version cannot be brought back."""
    return Step(update=_in_phase(update, Phase.STAYING), told=None)


def resumed(update: FirmwareUpdate, version: str) -> Step:
    """A restart met *update*, and *version* runs now.

    A download goes on without a word: its beginning was told. An installation that was cut off is begun again.
    """
    old, begun = version == update.version, update.begun + 1
    match update.phase:
        case Phase.WAITING | Phase.DOWNLOADING | Phase.DOWNLOADED:
            return Step(update=update, told=None)
        case Phase.INSTALLING if old and begun > MAX_INSTALLS:
            return installation_failed()
        case Phase.RESTARTING | Phase.CONFIRMING | Phase.ROLLING_BACK | Phase.STAYING if old:
            return installation_failed()
        case Phase.INSTALLING | Phase.RESTARTING if not old:
            return Step(update=_in_phase(update, Phase.CONFIRMING), told=None)
        case Phase.CONFIRMING if update.online and begun > MAX_NEW_STARTS:
            return roll_back(update)
        case Phase.ROLLING_BACK if begun > MAX_ROLLBACKS:
            return stay(update)
        case _:
            return Step(update=replace(update, begun=begun), told=None)


def _in_phase(update: FirmwareUpdate, phase: Phase) -> FirmwareUpdate:
    return replace(update, phase=phase, begun=1)
