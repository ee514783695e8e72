"""What the tables of the hardware must satisfy beyond the types and ranges of their single keys."""

from collections.abc import Iterator
from itertools import chain

from hal.errors import DeviceUnavailable
from hal.settings.mistakes import KeyPath, Mistake
from hal.settings.pins import check_gpio
from hal.settings.tables import Connector, HardwareTables

MAX_SOCKET_PATH = 107
"""Bytes of a Unix socket's path that Linux takes (man 7 unix)."""


def check_hardware(document: HardwareTables) -> Iterator[Mistake]:
    """What does not fit together."""
    yield from _check_connectors(document.connectors)
    yield from _check_backend(document)
    yield from _check_meters(document)
    yield from _check_readers(document)
    yield from _check_lines(document)
    yield from check_socket_path(("hal", "guard_socket"), bytes(document.hal.guard_socket))


def check_socket_path(path: KeyPath, socket: bytes) -> Iterator[Mistake]:
    """A socket whose path is too long for the kernel."""
    if len(socket) > MAX_SOCKET_PATH:
        problem = f"The path of a socket has at most {MAX_SOCKET_PATH} bytes, this one {len(socket)}."
        yield Mistake(path, problem, "Choose a shorter path.")


def _check_connectors(connectors: tuple[Connector, ...]) -> Iterator[Mistake]:
    if not connectors:
        yield Mistake(("connector",), "There is no connector.", "Add a [[connector]] with id = 1.")
    ids = [connector.id for connector in connectors]
    for index, connector in enumerate(connectors):
        if connector.id in ids[:index]:
            yield Mistake(
                ("connector", index, "id"), "Another connector has this id.", "Give each its own, from 1."
            )
        if connector.id > len(connectors):
            missing = next(number for number in range(1, connector.id) if number not in ids)
            yield Mistake(
                ("connector", index, "id"),
                f"Ids count from 1 without a gap, and there is no connector {missing}.",
                f"Allowed for {len(connectors)} connectors: 1 … {len(connectors)}.",
            )
        if connector.phase_switching and connector.phases == 1:
            yield Mistake(
                ("connector", index, "phase_switching"),
                "One phase alone cannot be switched.",
                "Allowed: false, or true with phases = 3.",
            )


def _check_backend(document: HardwareTables) -> Iterator[Mistake]:
    backend = document.hal.backend
    if backend == "gpio":
        if document.hal.process != "guard":
            yield Mistake(
                ("hal", "process"),
                "A process that talks to the network must not hold a contactor's pins.",
                'Set process = "guard"; cpd-guard.service drives them.',
            )
        yield from check_gpio(document.connectors)
    if backend in ("openevse", "simpleevse"):
        for index, connector in enumerate(document.connectors):
            if connector.serial is None:
                problem = f'backend = "{backend}" needs the line to its controller.'
                remedy = "Add [connector.serial] with port behind this [[connector]]."
                yield Mistake(("connector", index, "serial"), problem, remedy)


def _check_meters(document: HardwareTables) -> Iterator[Mistake]:
    if not document.meters:
        return
    from hal.meters.family import family_of

    ids = {connector.id for connector in document.connectors}
    metered: set[int] = set()
    for index, meter in enumerate(document.meters):
        path: KeyPath = ("meter", index, "connector")
        if meter.connector not in ids:
            yield Mistake(path, "There is no such connector.", f"Allowed: 1 … {len(ids)}.")
        if meter.connector in metered:
            yield Mistake(path, "This connector has a meter already.", "Keep one meter for each connector.")
        metered.add(meter.connector)
        try:
            family_of(meter.model)
        except DeviceUnavailable as unknown:
            yield Mistake(("meter", index, "model"), "No such meter is known.", f"{unknown.next_step}.")
        for before in document.meters[:index]:
            if before.port != meter.port:
                continue
            if before.unit == meter.unit:
                yield Mistake(
                    ("meter", index, "unit"),
                    "Another meter on this line has this address.",
                    "Give each meter its own address, 1 … 247, and set it at the meter.",
                )
            for key in ("baudrate", "parity"):
                if getattr(before, key) != getattr(meter, key):
                    yield Mistake(
                        ("meter", index, key),
                        "Another meter on this line has another one.",
                        "Set all meters of a line alike, or give this one its own line.",
                    )


def _check_readers(document: HardwareTables) -> Iterator[Mistake]:
    ids = {connector.id for connector in document.connectors}
    for index, reader in enumerate(document.readers):
        if reader.connector is not None and reader.connector not in ids:
            yield Mistake(
                ("reader", index, "connector"),
                "There is no such connector.",
                f"Allowed: 1 … {len(ids)}; leave it out for a reader of all.",
            )


def _check_lines(document: HardwareTables) -> Iterator[Mistake]:
    """Devices of different kinds on one serial line would take each other's answers."""
    uses_serial = document.hal.backend in ("openevse", "simpleevse")
    users = chain(
        (
            (connector.serial.port, f"connector {connector.id}", ("connector", index, "serial", "port"))
            for index, connector in enumerate(document.connectors)
            if connector.serial is not None and uses_serial
        ),
        ((meter.port, "a meter", ("meter", index, "port")) for index, meter in enumerate(document.meters)),
        (
            (one.port, f"reader {index + 1}", ("reader", index, "port"))
            for index, one in enumerate(document.readers)
        ),
    )
    taken: dict[str, str] = {}
    for port, user, path in users:
        if taken.setdefault(port, user) != user:
            problem = f"This line belongs to {taken[port]}."
            yield Mistake(path, problem, "Give each device a line of its own; only meters share one.")
