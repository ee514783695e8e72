"""From the tables of the configuration file to what each part of the hardware is told: pure translations."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from hal.guard import HalConfig
from hal.outlet.config import OutletConfig, OutletTimings
from hal.settings.tables import Connector, Hal, Meter, Reader

if TYPE_CHECKING:
    from hal.boards.gpio.pins import GpioOutletConfig
    from hal.controllers.opening import ControllerConfig
    from hal.meters.modbus_meter import MeterConfig
    from hal.readers.opening import ReaderConfig


class HardwareSettings(Protocol):
    """The tables of the hardware, checked; *connectors* by id."""

    @property
    def hal(self) -> Hal: ...
    @property
    def connectors(self) -> tuple[Connector, ...]: ...
    @property
    def meters(self) -> tuple[Meter, ...]: ...
    @property
    def readers(self) -> tuple[Reader, ...]: ...


def hal_config(settings: HardwareSettings, *, real_time: bool = False) -> HalConfig:
    """The backend, its outlets and its devices; *real_time* for a process that does nothing else."""
    backend = settings.hal.backend
    outlets = tuple(_outlet(connector, backend) for connector in settings.connectors)
    is_mock = backend == "mock"
    return HalConfig(
        backend=backend,
        state_dir=settings.hal.state_dir,
        outlets=outlets,
        # It is in the log; on a laptop that stalls, a late timer must not fail the stop of the daemon.
        raise_violations=False,
        remembers_vehicles=settings.hal.mock_vehicle == "remembered",
        pins=_pins(settings.connectors) if backend == "gpio" else {},
        controllers=_controllers(settings.connectors, outlets, backend),
        # The mock has its own.
        meters=() if is_mock else _meters(settings),
        readers=() if is_mock else _readers(settings.readers),
        real_time=real_time,
    )


def _outlet(connector: Connector, backend: str) -> OutletConfig:
    has_thermometer = connector.gpio is not None and connector.gpio.thermometer is not None
    return OutletConfig(
        id=connector.id,
        max_current_ma=connector.max_current_a * 1_000,
        phases=connector.phases,
        voltage_v=connector.voltage_v,
        lock=connector.lock,
        ventilation=connector.ventilation,
        phase_switching=connector.phase_switching,
        meter_behind_contactor=connector.meter_behind_contactor,
        timings=OutletTimings(phase_switch_s=connector.phase_switch_pause_s),
        thermometer=backend == "mock" or (backend == "gpio" and has_thermometer),
    )


def _pins(connectors: Sequence[Connector]) -> "dict[int, GpioOutletConfig]":
    from hal.boards.gpio.pins import GpioOutletConfig

    return {
        connector.id: GpioOutletConfig(
            **{key: getattr(connector.gpio, key) for key in connector.gpio.__struct_fields__}
        )
        for connector in connectors
        if connector.gpio is not None
    }


def _controllers(
    connectors: Sequence[Connector], outlets: Sequence[OutletConfig], backend: str
) -> "tuple[ControllerConfig, ...]":
    if backend not in ("openevse", "simpleevse"):
        return ()
    from hal.controllers.opening import ControllerConfig

    baudrate = 115_200 if backend == "openevse" else 9_600
    return tuple(
        ControllerConfig(
            kind=backend,
            port=connector.serial.port,
            baudrate=connector.serial.baudrate or baudrate,
            unit=connector.serial.unit,
            outlet=outlet,
        )
        for connector, outlet in zip(connectors, outlets, strict=True)
        if connector.serial is not None
    )


def _meters(settings: HardwareSettings) -> "tuple[MeterConfig, ...]":
    if not settings.meters:
        return ()
    from hal.meters.modbus_meter import MeterConfig

    connectors = {connector.id: connector for connector in settings.connectors}
    return tuple(
        MeterConfig(
            connector=meter.connector,
            model=meter.model,
            port=meter.port,
            baudrate=meter.baudrate,
            parity=meter.parity,
            unit=meter.unit,
            phases=connectors[meter.connector].phases,
            behind_contactor=connectors[meter.connector].meter_behind_contactor,
        )
        for meter in settings.meters
    )


def _readers(readers: Sequence[Reader]) -> "tuple[ReaderConfig, ...]":
    if not readers:
        return ()
    from hal.readers.id_format import ByteOrder, IdFormat, Notation
    from hal.readers.opening import ReaderConfig, ReaderKind

    return tuple(
        ReaderConfig(
            kind=ReaderKind(reader.kind),
            port=reader.port,
            baudrate=reader.baudrate,
            connector=reader.connector,
            id_format=IdFormat(
                byte_order=ByteOrder(reader.byte_order),
                notation=Notation(reader.id_format),
                id_bytes=reader.id_bytes,
            ),
        )
        for reader in readers
    )
