"""Read all parts of a board at one instant into the picture that the outlet machine judges."""

from hal.board import Meter, OutletBoard
from hal.outlet.state import Sensed
from hal.values import LockState, SelfTest


def sensed(board: OutletBoard, meter: Meter | None, *, current_since_s: float | None = None) -> Sensed:
    """What *board* with its *meter* shows now; a part that is not fitted looks healthy.

    A current that was measured before *current_since_s* is not the present one.
    """
    sample = board.pilot.sample()
    reading = None if meter is None else meter.read()
    is_old = reading is not None and current_since_s is not None and reading.at_s < current_since_s
    return Sensed(
        high_mv=sample.high_mv,
        low_mv=sample.low_mv,
        contactor=board.contactor.feedback(),
        lock=LockState.NONE if board.lock is None else board.lock.position(),
        cable_ohm=None if board.cable is None else board.cable.resistance_ohm(),
        ground_fault=board.ground_fault is not None and board.ground_fault.tripped(),
        self_test=SelfTest.ABSENT if board.ground_fault is None else board.ground_fault.self_test(),
        emergency_stop=board.emergency_stop is not None and board.emergency_stop.pressed(),
        temperature_mc=None if board.thermometer is None else board.thermometer.temperature_mc(),
        meter_online=meter is None or reading is not None,
        reader_online=board.reader is None or board.reader.online(),
        current_ma=None if reading is None or is_old else reading.current_ma,
        voltage_mv=None if reading is None else reading.voltage_mv,
    )
