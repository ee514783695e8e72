"""What a configuration must satisfy beyond the types and ranges of its single keys."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from cpd.domain.variables import VARIABLES
from cpd.settings.tables import Csms, Document
from hal.settings.checks import check_hardware, check_socket_path
from hal.settings.mistakes import KeyPath, Mistake, closest
from hal.settings.tables import Connector


def check(document: Document) -> Iterator[Mistake]:
    """What does not fit together."""
    yield from check_hardware(document)
    yield from _check_connectors(document.connectors)
    if document.station.recurring_local_time is not None:
        yield from _check_zone(document.station.recurring_local_time)
    if document.csms is not None:
        yield from check_csms(document.csms, document.station.id)
    yield from check_socket_path(("control", "socket"), bytes(document.control.socket))
    command = document.firmware.install_command
    if command is not None and not any("{file}" in part for part in command):
        yield Mistake(
            ("firmware", "install_command"),
            "It does not say where the file goes.",
            'Add "{file}", which stands for the downloaded file.',
        )


def check_csms(csms: Csms, station_id: str) -> Iterator[Mistake]:
    """What does not fit together of the link of *station_id*."""
    if "@" in csms.url.partition("://")[2].partition("/")[0]:
        yield Mistake(
            ("csms", "url"),
            "An address with a user name or password in it is not taken.",
            "Set password; the user name is station.id.",
            show=False,
        )
        return
    for key, problem, remedy in _csms_mistakes(csms, station_id):
        yield Mistake(("csms", key), problem, remedy)


def dangers(document: Document) -> Iterator[str]:
    """Sentences about what is allowed, and makes the charger less safe from attack, or is hardly meant so."""
    if document.csms is not None and not document.csms.verify_hostname:
        yield (
            "csms.verify_hostname = false: whoever has any certificate of a trusted CA can pose as the central "
            "system; leave it out as soon as the certificate names the host"
        )
    if document.csms is not None and _names_twice(document.csms.url, document.station.id):
        yield (
            f"csms.url ends with {document.station.id} already, and station.id is added to it: what is dialled ends "
            f"with {document.station.id}/{document.station.id}; leave it out of csms.url"
        )
    if document.csms is None and document.offline is not None:
        yield (
            f"[offline] without [csms]: the central system is silent for ever, so {document.offline.max_current_a} A "
            "is all that ever flows; remove [offline], or set station.max_current_a for a fixed limit"
        )
    if document.hal.backend == "mock" and (document.meters or document.readers):
        yield "the mock has a meter and a reader of its own: [[meter]] and [[reader]] are not used"


class OcppValues(NamedTuple):
    """``[ocpp]`` as it goes over the wire: *given* by key, what is wrong, and sentences about keys nobody knows."""

    given: dict[str, str]
    mistakes: tuple[Mistake, ...]
    warnings: tuple[str, ...]


def ocpp_values(given: dict[str, Any]) -> OcppValues:
    """The values of ``[ocpp]``; known keys get the specification's spelling."""
    values: dict[str, str] = {}
    mistakes: list[Mistake] = []
    warnings: list[str] = []
    for key, value in given.items():
        path: KeyPath = ("ocpp", key)
        variable = VARIABLES.get(key.casefold())
        text = _wire_text(value)
        allowed = "text, a number, true or false" if variable is None else variable.allowed
        normalised = text if variable is None or text is None else variable.initial(text)
        if any(key.casefold() == other.casefold() for other in values):
            mistakes.append(
                Mistake(path, "This key is there twice; capitals do not count.", "Remove one of the two.")
            )
        elif normalised is None:
            mistakes.append(Mistake(path, "This value is not allowed.", f"Allowed: {allowed}."))
        else:
            values[key if variable is None else variable.key] = normalised
            if variable is None:
                warnings.append(_unknown(key))
    return OcppValues(given=values, mistakes=tuple(mistakes), warnings=tuple(warnings))


def _check_connectors(connectors: tuple[Connector, ...]) -> Iterator[Mistake]:
    for index, connector in enumerate(connectors):
        if connector.min_current_a > connector.max_current_a:
            yield Mistake(
                ("connector", index, "min_current_a"),
                "It is above max_current_a, so that nothing could ever be offered.",
                f"Allowed: 6 … {connector.max_current_a}.",
            )
        if connector.auto_start_tag and not connector.auto_start_tag.strip():
            yield Mistake(
                ("connector", index, "auto_start_tag"),
                "There is nothing but space in it.",
                "Allowed: 1 … 20 characters, or none.",
            )
        if connector.free_vend and not connector.auto_start_tag:
            yield Mistake(
                ("connector", index, "free_vend"),
                "Charging without a card needs an idTag to book it on.",
                "Set auto_start_tag, 1 … 20 characters.",
            )


def _csms_mistakes(csms: Csms, station_id: str) -> Iterator[tuple[str, str, str]]:
    scheme, profile = _scheme_of(csms.url), csms.security_profile
    has_password = csms.password is not None or csms.password_file is not None
    if scheme is None:
        yield "url", "This is not the address of a central system.", "Allowed: ws://… or wss://… with a host."
    if profile >= 2 and scheme == "ws":
        yield "url", f"Security profile {profile} needs TLS.", "Write wss://…, or choose profile 0 or 1."
    if csms.password is not None and csms.password_file is not None:
        yield "password_file", "There is a password as well.", "Keep only one of the two."
    if profile in (1, 2) and not has_password:
        yield "security_profile", f"Profile {profile} needs a password.", "Set password or password_file."
    if profile in (1, 2) and ":" in station_id:
        problem = "With a password, station.id cannot have a colon (HTTP Basic authentication)."
        yield "security_profile", problem, "Choose another station.id."
    if profile == 3 and csms.cert_file is None:
        yield "security_profile", "Profile 3 needs a certificate.", "Set cert_file and key_file."
    if csms.cert_file is not None and csms.key_file is None:
        yield "cert_file", "A certificate needs its key.", "Set key_file."
    if csms.key_file is not None and csms.cert_file is None:
        yield "key_file", "A key needs its certificate.", "Set cert_file."
    if csms.reconnect_max_s < csms.reconnect_min_s:
        least = f"{csms.reconnect_min_s:g}"
        yield "reconnect_max_s", "It is below reconnect_min_s.", f"Allowed: {least} … 86400."


def _scheme_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        # Reading the port checks its range.
        usable = parts.scheme in ("ws", "wss") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts.scheme if usable and not parts.query and not parts.fragment else None


def _names_twice(url: str, station_id: str) -> bool:
    """True where *url* has the identity, which is added to it, as its last segment already."""
    return unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2]) == station_id


def _check_zone(name: str) -> Iterator[Mistake]:
    # Only who asks for a zone pays for the database of zones.
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known, path = available_timezones(), ("station", "recurring_local_time")
        if not known:
            problem = "This machine knows no time zones."
            yield Mistake(path, problem, "Install them: sudo apt install tzdata")
            return
        meant = closest(name, known)
        hint = f'Did you mean "{meant}"?' if meant else "timedatectl list-timezones shows them."
        remedy = f'Allowed: names such as "Europe/Paris". {hint}'
        yield Mistake(path, "There is no such time zone.", remedy)


def _wire_text(value: object) -> str | None:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return format(value, "f" if isinstance(value, Decimal) else "d")
        case str():
            return value
        case _:
            return None


def _unknown(key: str) -> str:
    meant = closest(key, (variable.key for variable in VARIABLES.values()))
    hint = f'; did you mean "{meant}"?' if meant else ""
    return f"ocpp.{key} is no key that cpd knows, it is kept as a plain one{hint}"
