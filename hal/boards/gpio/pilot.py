"""The control pilot of a Raspberry Pi: the hardware PWM that makes it and the bursts that look at it, joined.

What is not known for certain is unknown: an output that the kernel did not take, levels from before the output
changed from or to F, and looks that are late. The guard opens the contactor on that, and calls it a pilot fault.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from hal.board import PilotSample
from hal.boards.gpio.adc import AdcModel, Ioctl, SpiAdc
from hal.boards.gpio.agreement import UNKNOWN
from hal.boards.gpio.bursts import BurstReader, Calibration, extremes, frequency_hz
from hal.boards.gpio.pins import GpioOutletConfig
from hal.boards.gpio.pwm import SysfsFiles, SysfsPilotOutput
from hal.boards.gpio.sampler import BURST_SAMPLES, Driven, Observation, PilotSampler
from hal.errors import DeviceUnavailable
from hal.examination import Finding, Health
from hal.iec61851 import F_NS, PERIOD_NS, X1_NS
from hal.realtime import SAFETY_PRIORITY, prepare_thread

log = logging.getLogger(__name__)

STALE_S = 0.1
"""Looks that are later than this say nothing of the vehicle any more."""

_CHECK_S = 0.05
_FIRST_RETRY_S = 0.1
_LAST_RETRY_S = 5.0
_JOIN_S = 1.0


def open_pilot(
    connector: int,
    config: GpioOutletConfig,
    *,
    root: Path = Path("/"),
    files: SysfsFiles | None = None,
    pause: Callable[[float], object] | None = None,
    ioctl: Ioctl | None = None,
) -> "SampledPilot":
    """The pilot of *connector* on the machine under *root*, which drives X1 and does not look yet.

    *files*, *pause* and *ioctl* stand for the kernel. Raises DeviceUnavailable where PWM or ADC cannot be opened;
    the output is F then, as far as there is one.
    """
    adc = SpiAdc(AdcModel[config.adc.upper()], root / config.spi.relative_to("/"), ioctl=ioctl)
    calibration = _calibration(connector, config, adc.model)
    output = SysfsPilotOutput.open(config.pilot_pwm, root=root, files=files, pause=pause)
    try:
        adc.open()
    except BaseException:
        output.drive(F_NS)
        output.close()
        raise
    return SampledPilot(connector, output, adc, channel=config.pilot_channel, calibration=calibration)


class SampledPilot:
    """A `hal.board.Pilot` over an open output and an open ADC, which it closes. It belongs to the loop's thread.

    *sampler* is what looks, on a thread of its own from `start` on.
    """

    def __init__(
        self, connector: int, output: SysfsPilotOutput, adc: SpiAdc, *, channel: int, calibration: Calibration
    ) -> None:
        self._connector = connector
        self._channel = channel
        self._output = output
        self._adc = adc
        self._loop = asyncio.get_running_loop()
        self._driven = Driven(high_ns=output.high_ns, since_s=self._loop.time())
        self._changed: Callable[[], None] = lambda: None
        self._stopping = Event()
        self._checking: asyncio.TimerHandle | None = None
        self._retrying: asyncio.TimerHandle | None = None
        self._was_late = False
        self._calibration = calibration
        self.sampler = PilotSampler(
            read=adc.channel(channel, samples=BURST_SAMPLES).read,
            reader=BurstReader(calibration),
            driven=lambda: self._driven,
            now_s=self._loop.time,
            stopped=self._stopping.wait,
            noticed=self._notice,
        )
        self._thread = Thread(target=self._sample, name=f"pilot-{connector}", daemon=True)

    def start(self, changed: Callable[[], None]) -> None:
        """Look from now on, and call *changed* on the loop whenever there is something new to decide on."""
        self._changed = changed
        self._thread.start()
        self._check()

    def drive(self, high_ns: int) -> None:
        """High time of each 1 ms period; what the kernel does not take is tried again until it does."""
        if self._driven.taken and high_ns == self._driven.high_ns:
            return
        self._try(high_ns, _FIRST_RETRY_S)

    def sample(self) -> PilotSample:
        """The levels under the output as it is now; unknown where they are not certain."""
        seen = self.sampler.observation
        if seen is None or not self._driven.taken:
            return UNKNOWN
        if self._is_late(seen):
            # Whoever was told so is to be told as well when it is over.
            self._was_late = True
            return UNKNOWN
        if seen.driven is self._driven:
            return seen.levels
        if F_NS in (seen.driven.high_ns, self._driven.high_ns):
            return UNKNOWN
        # The vehicle's resistors show in the high level, which is the same under every other output.
        return PilotSample(high_mv=seen.levels.high_mv, low_mv=None)

    def examine(self) -> tuple[Finding, ...]:
        """The generator as the kernel has it, and what the ADC measures."""
        return (self._generator(), self._measurement())

    def close(self) -> None:
        """Stop looking and let go of the devices; the output stays as it was driven last."""
        for timer in (self._checking, self._retrying):
            if timer is not None:
                timer.cancel()
        self.stop_looking()
        self._adc.close()
        self._output.close()

    @property
    def is_looking(self) -> bool:
        """True while its thread runs."""
        return self._thread.is_alive()

    @property
    def is_up_to_date(self) -> bool:
        """True while its thread takes bursts in time."""
        seen = self.sampler.observation
        return seen is not None and not self._is_late(seen)

    def stop_looking(self) -> None:
        """End the thread; what it saw last is unknown soon."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)

    def _sample(self) -> None:
        prepare_thread(SAFETY_PRIORITY)
        self.sampler.run()

    def _notice(self) -> None:
        with suppress(RuntimeError):
            # The loop may have ended while the last burst was taken.
            self._loop.call_soon_threadsafe(self._changed)

    def _try(self, high_ns: int, retry_s: float) -> None:
        if self._retrying is not None:
            self._retrying.cancel()
            self._retrying = None
        was_taken = self._driven.taken
        # A burst during the write belongs to no output.
        self._driven = Driven(high_ns=high_ns, since_s=self._loop.time(), taken=False)
        try:
            self._output.drive(high_ns)
        except OSError as error:
            if was_taken:
                log.error("pilot not set connector=%s high_ns=%s error=%s", self._connector, high_ns, error)
            again_s = min(retry_s * 2, _LAST_RETRY_S)
            self._retrying = self._loop.call_later(retry_s, self._try, high_ns, again_s)
            self._loop.call_soon(self._changed)
            return
        self._driven = Driven(high_ns=high_ns, since_s=self._loop.time())

    def _check(self) -> None:
        """Tell of a thread that does not look any more: it cannot do so itself."""
        self._checking = self._loop.call_later(_CHECK_S, self._check)
        seen = self.sampler.observation
        is_late = seen is not None and self._is_late(seen)
        if is_late is not self._was_late:
            self._was_late = is_late
            self._changed()

    def _is_late(self, seen: Observation) -> bool:
        return self._loop.time() > seen.at_s + STALE_S

    def _generator(self) -> Finding:
        model, pin = self._output.model, self._output.pin
        part = f"pilot PWM on GPIO{pin}"
        evidence = f"{model.name}, {model.pwm.device}"
        try:
            period_ns, high_ns, enabled = self._output.read_back()
        except OSError as error:
            return self._found(part, Health.FAILED, f"{evidence}: {error.strerror}", "restart the machine")
        evidence = f"{evidence}, {_percent(high_ns)} of {period_ns // 1_000} µs"
        if (period_ns, high_ns, enabled) != (PERIOD_NS, self._driven.high_ns, True):
            return self._found(
                part, Health.FAILED, f"{evidence}, not as it was set", "end what else uses the PWM"
            )
        return self._found(part, Health.OK, evidence)

    def _measurement(self) -> Finding:
        part = f"pilot ADC {self._adc.model.name} channel {self._channel}"
        seen = self.sampler.observation
        if seen is None or self._is_late(seen):
            return self._found(part, Health.FAILED, "no burst is taken", "restart the guard")
        if seen.samples is None:
            next_step = f"check the wiring of {self._adc.path}, and the supply of the ADC"
            return self._found(part, Health.FAILED, "it does not answer", next_step)
        lowest, highest = (self._calibration.level_mv(raw) for raw in extremes(seen.samples))
        evidence = f"{lowest / 1_000:+.1f} … {highest / 1_000:+.1f} V"
        if seen.duty_ns is not None:
            evidence += f", {_percent(seen.duty_ns)}"
            measured_hz = frequency_hz(seen.samples, seen.burst_s)
            evidence += "" if measured_hz is None else f", about {measured_hz} Hz"
        if seen.levels.high_mv is None and self._driven.high_ns not in (F_NS, X1_NS):
            return self._found(
                part,
                Health.FAILED,
                f"{evidence}: not the pilot that is driven",
                "check the pilot's driver stage",
            )
        return self._found(part, Health.OK, evidence)

    def _found(self, part: str, health: Health, evidence: str, next_step: str = "") -> Finding:
        return Finding(
            part=part, connector=self._connector, health=health, evidence=evidence, next_step=next_step
        )


def _percent(high_ns: int) -> str:
    return f"{high_ns * 100 / PERIOD_NS:.1f} %"


def _calibration(connector: int, config: GpioOutletConfig, model: AdcModel) -> Calibration:
    low, high = config.pilot_low, config.pilot_high
    if low is None and high is None:
        return Calibration.nominal(model.full_scale)
    try:
        if low is None or high is None:
            raise ValueError("one point is no line")
        return Calibration(low_raw=low[0], low_mv=low[1], high_raw=high[0], high_mv=high[1])
    except ValueError as error:
        raise DeviceUnavailable(
            f"calibration of the pilot of connector {connector}",
            str(error),
            "measure both pilot_low and pilot_high anew, or leave both out",
        ) from error
