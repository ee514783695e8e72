"""The lights of the connectors follow what is told of them; a charger without lights has none to follow."""

from collections.abc import Mapping
from typing import Never

from cpd.domain.lighting import signal_of
from cpd.station.configuration import Configuration
from cpd.station.connector import ConnectorTask
from cpd.station.signal import Signal
from hal.light import Light, LightSignal


class Lights:
    """Shows each change once; *turned* fires whenever there may be one."""

    def __init__(
        self,
        lights: Mapping[int, Light],
        connectors: Mapping[int, ConnectorTask],
        *,
        configuration: Configuration,
        turned: Signal,
    ) -> None:
        self._lights = lights
        self._connectors = connectors
        self._configuration = configuration
        self._turned = turned
        self._shown: dict[int, LightSignal] = {}

    async def run(self) -> Never:
        """Follow for ever."""
        while True:
            for number, light in self._lights.items():
                report = self._connectors[number].report
                signal = signal_of(report.status, report.info, self._configuration.variables)
                if self._shown.get(number) != signal:
                    self._shown[number] = signal
                    light.show(signal)
            await self._turned.wait()
