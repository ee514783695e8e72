"""The questions of `cpd init` about the hardware: board, outlets, meter and card reader."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from cpd.cli.asking import Asking, chosen
from cpd.cli.given import NONE, Given
from cpd.commissioning.choices import (
    READERS,
    board_of,
    boards,
    keyboards,
    meter_models,
    serial_ports,
)
from cpd.commissioning.draft import Answers, Device


class HardwareQuestions:
    """Asks by *asking* for what *given* leaves open; *root* is where this machine's devices are looked for."""

    def __init__(self, given: Given, asking: Asking, root: Path) -> None:
        self._given = given
        self._asking = asking
        self._root = root

    def answered(self, answers: Answers) -> Answers:
        """*answers* with those about the hardware. Raises click.UsageError."""
        answers = self._board(answers)
        answers = self._outlets(answers)
        if not answers.board.simulated:
            answers = self._meter(answers)
            answers = self._reader(answers)
        return answers

    def _board(self, answers: Answers) -> Answers:
        names = [board.name for board in boards()]

        def build(so_far: Answers, value: str) -> Answers:
            board = board_of(chosen(value, names))
            if board is None:
                raise ValueError(f"There is no board {value!r}. Allowed: {', '.join(names)}.")
            return replace(so_far, board=board)

        self._asking.offer(
            "The hardware:", [f"{board.name}: {board.title}" for board in boards()], self._given.board
        )
        # No default: nobody is to get the simulated hardware by pressing Enter.
        return self._asking.settled(answers, "--board", "Board", self._given.board, None, build, ("hal",))

    def _outlets(self, answers: Answers) -> Answers:
        board, given, former = answers.board, self._given, answers.former
        section = tomllib.loads(board.text)["connector"][0]
        outlets = 0 if former is None else len(former.rows("connector"))
        if not (board.simulated or board.on_serial_line):
            wired = outlets if answers.outlets_before is not None else 1
            if given.connectors is not None and given.connectors > wired:
                raise click.UsageError(
                    f"--connectors: {board.name} has the pins of one outlet; add [[connector]] by hand"
                )
            answers = replace(answers, connectors=given.connectors or wired)
        else:
            answers = self._asking.settled(
                answers,
                "--connectors",
                "How many outlets",
                None if given.connectors is None else str(given.connectors),
                str(outlets or 1),
                lambda so_far, value: replace(so_far, connectors=_number(value, 1, 100)),
                (),
                judge=False,
            )
        if former is not None and outlets:
            currents = [former.current_a(number) for number in range(1, answers.connectors + 1)]
            default = ", ".join(map(str, currents if len(set(currents)) > 1 else currents[:1]))
        else:
            default = str(section["max_current_a"])
        answers = self._asking.settled(
            answers,
            "--max-current",
            "A per phase (fuse, wires)",
            None if given.max_current is None else str(given.max_current),
            default,
            # Enter alone changes nothing, also where the outlets differ.
            lambda so_far, value: replace(
                so_far, max_current_a=None if outlets and value == default else _number(value, 6, 80)
            ),
            (),
            judge=False,
        )
        if board.on_serial_line:
            return self._controllers(answers, section)
        if given.ports:
            raise click.UsageError(f"--port: {board.name} has no controller on a line")
        return answers

    def _controllers(self, answers: Answers, section: dict[str, Any]) -> Answers:
        found, before = serial_ports(self._root), answers.outlets_before
        for number in range(1, answers.connectors + 1):
            given = self._given.ports[number - 1] if len(self._given.ports) >= number else None
            outlet = None if before is None else before.outlet(number)
            default = section["serial"]["port"] if number == 1 else None
            self._asking.offer("Serial lines here:", found, given)
            answers = self._asking.settled(
                answers,
                "--port",
                f"Line of controller {number}",
                given,
                default if outlet is None else outlet["serial"]["port"],
                lambda so_far, value: replace(so_far, ports=(*so_far.ports, chosen(value, found))),
                ("connector", number - 1, "serial"),
            )
        return answers

    def _meter(self, answers: Answers) -> Answers:
        section = tomllib.loads(answers.board.text)["meter"][0]
        models, found = meter_models(), serial_ports(self._root)
        taken = {*answers.ports}
        free = [port for port in found if port not in taken]
        model, port = section["model"], free[0] if len(free) == 1 else section["port"]
        before = [] if answers.former is None else answers.former.rows("meter")
        if before:
            model, port = before[0]["model"], before[0]["port"]
        elif answers.outlets_before is not None:
            model = NONE
        if self._asking.asks and self._given.meter is None:
            self._asking.say("Meters: " + ", ".join(models))
        answers = self._asking.settled(
            answers,
            "--meter",
            f"Meter, {NONE} for none",
            self._given.meter,
            model,
            lambda so_far, value: replace(
                so_far, meter=None if value == NONE else Device(kind=value, port=port)
            ),
            ("meter", 0, "model"),
        )
        if answers.meter is None:
            return answers
        model = answers.meter.kind
        self._asking.offer("Serial lines here:", found, self._given.meter_port)
        return self._asking.settled(
            answers,
            "--meter-port",
            "Line of the meter",
            self._given.meter_port,
            port,
            lambda so_far, value: replace(so_far, meter=Device(kind=model, port=chosen(value, found))),
            ("meter",),
        )

    def _reader(self, answers: Answers) -> Answers:
        rows = [] if answers.former is None else answers.former.rows("reader")
        before = Device(kind=rows[0]["kind"], port=rows[0]["port"]) if rows else None

        def build(so_far: Answers, value: str) -> Answers:
            if value not in (NONE, *READERS):
                raise ValueError(f"There is no reader {value!r}. Allowed: {', '.join(READERS)}, or {NONE}.")
            if before is not None and value == before.kind:
                return replace(so_far, reader=before)
            return replace(so_far, reader=None if value == NONE else Device(kind=value, port="/dev/serial0"))

        if self._asking.asks and self._given.reader is None:
            self._asking.say("Card readers: " + ", ".join(READERS))
        answers = self._asking.settled(
            answers,
            "--reader",
            f"Card reader, {NONE} for none",
            self._given.reader,
            NONE if before is None else before.kind,
            build,
            (),
            judge=False,
        )
        if answers.reader is None:
            return answers
        kind = answers.reader.kind
        found = keyboards(self._root) if kind == "keyboard" else serial_ports(self._root)
        self._asking.offer("Devices here:", found, self._given.reader_port)
        return self._asking.settled(
            answers,
            "--reader-port",
            "Line of the reader",
            self._given.reader_port,
            answers.reader.port
            if answers.reader == before
            else found[0]
            if len(found) == 1
            else "/dev/serial0",
            lambda so_far, value: replace(so_far, reader=Device(kind=kind, port=chosen(value, found))),
            ("reader",),
        )


def _number(value: str, least: int, most: int) -> int:
    if not value.isdecimal() or not least <= int(value) <= most:
        raise ValueError(f"This value is not allowed. Allowed: a whole number, {least} … {most}.")
    return int(value)
