"""What each part is told of the settings: pure translations, the same at the start and for a file read again."""

from functools import cache

from cpd.domain.composite import Connector, Supply
from cpd.domain.local_time import LocalTime
from cpd.firmware import FirmwareCommands
from cpd.ocpp.link import SILENCE_S, LinkSettings
from cpd.ocpp.transport import Endpoint, TlsSettings, endpoint_url
from cpd.settings import Settings
from cpd.settings.tables import Csms, Offline, Station
from cpd.station.config import StationConfig
from cpd.station.fail_safe import FailSafe
from cpd.station.free_vend import AutoStart
from cpd.station.snapshot import StationIdentity


def firmware_commands(settings: Settings) -> FirmwareCommands:
    """How an update is installed, confirmed, and brought back."""
    firmware = settings.firmware
    return FirmwareCommands(
        install=firmware.install_command,
        confirm=firmware.confirm_command,
        roll_back=firmware.rollback_command,
        confirm_within_s=firmware.confirm_within_s,
    )


def station_config(settings: Settings) -> StationConfig:
    """What the installer decided about the station."""
    station = settings.station
    switching = any(connector.phase_switching for connector in settings.connectors)
    facts = {
        "NumberOfConnectors": str(len(settings.connectors)),
        "ConnectorSwitch3to1PhaseSupported": str(switching).lower(),
        "ConnectorPhaseRotation": ",".join(
            f"{connector.id}.{'NotApplicable' if connector.phases == 1 else 'Unknown'}"
            for connector in settings.connectors
        ),
    }
    fuse_a = station.max_current_a
    return StationConfig(
        identity=identity_of(station),
        supply=Supply(
            connectors=tuple(
                Connector(
                    id=connector.id,
                    phases=connector.phases,
                    voltage_v=connector.voltage_v,
                    max_current_ma=connector.max_current_a * 1_000,
                    min_current_ma=connector.min_current_a * 1_000,
                    min_pause_s=connector.min_pause_s,
                    phase_switching=connector.phase_switching,
                )
                for connector in settings.connectors
            ),
            max_current_ma=None if fuse_a is None else fuse_a * 1_000,
        ),
        fail_safe=None
        if settings.offline is None
        else FailSafe(after_s=settings.offline.after_s, current_ma=settings.offline.max_current_a * 1_000),
        keep_days=settings.store.keep_days,
        quota_bytes=settings.store.quota_mb * 1_000_000,
        stops_without_meter=frozenset(one.id for one in settings.connectors if one.meter_loss == "stop"),
        meters_behind_contactor=frozenset(
            one.id for one in settings.connectors if one.meter_behind_contactor
        ),
        resume_after_power_loss=station.on_power_loss == "resume",
        auto_starts={
            connector.id: AutoStart(id_tag=connector.auto_start_tag, free_vend=connector.free_vend)
            for connector in settings.connectors
            if connector.auto_start_tag
        },
        local_time=_local_time(station.recurring_local_time),
        random_delay_max_s=station.random_delay_max_s,
        ocpp={**facts, **settings.ocpp},
        hal_backend=settings.hal.backend,
        hal_process=settings.hal.process,
    )


def identity_of(station: Station) -> StationIdentity:
    """What BootNotification says."""
    return StationIdentity(
        id=station.id,
        vendor=station.vendor,
        model=station.model,
        serial_number=station.serial_number,
        firmware_version=station.firmware_version,
    )


@cache
def _local_time(name: str | None) -> LocalTime | None:
    if name is None:
        return None
    # Only who asks for a zone pays for the database of zones.
    from zoneinfo import ZoneInfo

    return LocalTime.of(ZoneInfo(name), name)


def link_settings(station_id: str, csms: Csms, offline: Offline | None) -> LinkSettings:
    """How the link to *csms* behaves, and what is dialled."""
    return LinkSettings(
        endpoint=Endpoint(
            url=endpoint_url(csms.url, station_id),
            username=station_id,
            password=csms.password if csms.security_profile in (1, 2) else None,
            tls=TlsSettings(
                ca_file=csms.ca_file,
                cert_file=csms.cert_file,
                key_file=csms.key_file,
                verify_hostname=csms.verify_hostname,
            ),
        ),
        answer_timeout_s=csms.answer_timeout_s,
        reconnect_min_s=csms.reconnect_min_s,
        reconnect_max_s=csms.reconnect_max_s,
        reconnect_jitter_s=csms.reconnect_jitter_s,
        # An idle CSMS that lives must be heard of before its silence counts as too long.
        silence_s=SILENCE_S if offline is None else min(SILENCE_S, offline.after_s / 2),
    )
