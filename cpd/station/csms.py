"""What the station asks of a central system, and tells it; an OCPP version implements it at the edge."""

from dataclasses import dataclass
from typing import Protocol

from cpd.domain.authorization import IdTagInfo
from cpd.domain.connector_status import ConnectorStatus
from cpd.domain.metering import MeterSample
from cpd.domain.transactions import Moment
from cpd.station.snapshot import LinkSnapshot


class CsmsUnavailable(Exception):
    """The CSMS gave no usable answer: not connected, boot not accepted, silent, or an error of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorReport:
    """What the CSMS is told of a connector: OCPP's status and error, the primary blocker's code, since when."""

    connector: int
    status: ConnectorStatus
    error_code: str
    info: str | None
    since: Moment


class Csms(Protocol):
    """The central system as the station sees it."""

    @property
    def online(self) -> bool:
        """True while the link is up and the boot was accepted."""

    @property
    def link(self) -> LinkSnapshot:
        """The state of the link for the status."""

    async def authorize(self, id_tag: str) -> IdTagInfo:
        """Ask about an idTag; raises `CsmsUnavailable`."""

    def status_changed(self, report: ConnectorReport) -> None:
        """The status of a connector changed and is to be told."""

    def metered(self, connector: int, sample: MeterSample) -> None:
        """A meter value that belongs to no transaction: told now, or dropped."""

    def hold(self) -> None:
        """Keep the link down."""

    def release(self) -> None:
        """Dial again at once."""


class NoCsms:
    """No central system is configured: the charger works alone, and knows only what it kept."""

    online = False
    link = LinkSnapshot(
        url=None,
        connected=False,
        since=None,
        registration=None,
        online=False,
        last_answer_at=None,
        last_error=None,
        held=False,
        security_profile=0,
        verify_hostname=True,
    )

    async def authorize(self, id_tag: str) -> IdTagInfo:
        raise CsmsUnavailable("no CSMS is configured")

    def status_changed(self, report: ConnectorReport) -> None:
        """Nobody to tell."""

    def metered(self, connector: int, sample: MeterSample) -> None:
        """Nobody to tell."""

    def hold(self) -> None:
        """There is no link."""

    def release(self) -> None:
        """There is no link."""
