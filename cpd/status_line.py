"""The station in one line, for `systemctl status`."""

from cpd.domain.connector_status import NO_ERROR, ConnectorStatus
from cpd.station.snapshot import ConnectorSnapshot, LinkSnapshot, StationSnapshot


def status_line(seen: StationSnapshot) -> str:
    """As ``1 Charging 16.0 A 3.6 kW; CSMS online; 2 queued``: what is worth a word, and no more."""
    parts = [", ".join(_connector(connector) for connector in seen.connectors), _link(seen.link)]
    if not seen.clock_trusted:
        parts.append("clock not set")
    if seen.queued:
        parts.append(f"{seen.queued} queued")
    if seen.dead:
        parts.append(f"{seen.dead} refused for good")
    if seen.store.failure is not None:
        parts.append("store fails")
    return "; ".join(parts)


def _connector(seen: ConnectorSnapshot) -> str:
    words = [str(seen.id), seen.status]
    if seen.status is ConnectorStatus.CHARGING:
        words.append(f"{seen.offer_ma / 1_000:.1f} A")
        if seen.outlet.meter is not None and seen.outlet.meter.power_w is not None:
            words.append(f"{seen.outlet.meter.power_w / 1_000:.1f} kW")
    elif seen.error_code != NO_ERROR:
        words.append(seen.error_code)
    return " ".join(words)


def _link(seen: LinkSnapshot) -> str:
    if seen.url is None:
        return "no CSMS"
    if seen.online:
        return "CSMS online"
    return "CSMS connected, not accepted" if seen.connected else "CSMS offline"
