"""Bursts over the SPI device: what is sent, what is read, and what is no reading."""

import errno
import os
import struct
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hal.boards.gpio.adc import AdcModel, SpiAdc, unlocked_ioctl
from hal.errors import DeviceUnavailable
from tests.hal.gpio.fake_spi import (
    SPI_IOC_WR_BITS_PER_WORD,
    SPI_IOC_WR_MAX_SPEED_HZ,
    SPI_IOC_WR_MODE,
    FakeSpi,
)


def opened(tmp_path: Path, spi: FakeSpi) -> SpiAdc:
    (tmp_path / "spidev0.0").touch()
    adc = SpiAdc(spi.model, tmp_path / "spidev0.0", ioctl=spi)
    adc.open()
    return adc


@pytest.mark.parametrize(
    ("model", "channel", "command"),
    [
        (AdcModel.MCP3208, 0, "060000"),
        (AdcModel.MCP3208, 3, "06c000"),
        (AdcModel.MCP3208, 5, "074000"),
        (AdcModel.MCP3208, 7, "07c000"),
        (AdcModel.MCP3008, 0, "018000"),
        (AdcModel.MCP3008, 5, "01d000"),
        (AdcModel.MCP3008, 7, "01f000"),
    ],
)
def test_a_conversion_is_asked_for_as_the_data_sheet_has_it(model: AdcModel, channel: int, command: str):
    assert model.command(channel).hex() == command


@pytest.mark.parametrize(
    ("model", "answers", "values"),
    [
        (AdcModel.MCP3208, "ffeabc", [0xABC]),
        (AdcModel.MCP3208, "000fff ff e000", [0xFFF, 0]),
        (AdcModel.MCP3208, "ffffff", []),
        (AdcModel.MCP3208, "001000 00 0001", [1]),
        (AdcModel.MCP3008, "fffa34", [0x234]),
        (AdcModel.MCP3008, "000000", [0]),
        (AdcModel.MCP3008, "fffe34", []),
    ],
)
def test_an_answer_counts_only_behind_its_null_bit(model: AdcModel, answers: str, values: list[int]):
    assert model.values(bytes.fromhex(answers)) == values


def test_a_few_answers_that_are_none_are_left_out_and_many_end_the_burst(tmp_path: Path):
    spi = FakeSpi(AdcModel.MCP3208, lambda channel, now_ns: 100)
    burst = opened(tmp_path, spi).channel(0, samples=128)
    spi.garbled = range(0, 128, 10)
    assert burst.read() == [100] * 115
    spi.garbled = range(0, 128, 5)
    assert burst.read() is None


@pytest.mark.parametrize("model", AdcModel)
def test_a_burst_has_the_values_of_its_channel_in_their_order(model: AdcModel, tmp_path: Path):
    counted = iter(range(1, 1_000))
    adc = opened(tmp_path, FakeSpi(model, lambda channel, now_ns: next(counted) if channel == 6 else 0))
    burst = adc.channel(6, samples=128)
    assert burst.read() == list(range(1, 129))
    assert burst.read() == list(range(129, 257))


@pytest.mark.parametrize(
    ("model", "clock_hz"), [(AdcModel.MCP3208, 1_000_000), (AdcModel.MCP3008, 1_350_000)]
)
def test_the_device_is_set_to_the_chip(model: AdcModel, clock_hz: int, tmp_path: Path):
    spi = FakeSpi(model, lambda channel, now_ns: 1)
    adc = opened(tmp_path, spi)
    assert spi.settings == {
        SPI_IOC_WR_MODE: 0,
        SPI_IOC_WR_BITS_PER_WORD: 8,
        SPI_IOC_WR_MAX_SPEED_HZ: clock_hz,
    }
    adc.channel(0, samples=2).read()
    assert {(one.speed_hz, one.bits_per_word) for one in spi.messages[-1]} == {(clock_hz, 8)}


def test_the_select_line_rises_after_each_conversion_and_after_the_burst(tmp_path: Path):
    spi = FakeSpi(AdcModel.MCP3208, lambda channel, now_ns: 1)
    opened(tmp_path, spi).channel(0, samples=128).read()
    assert [one.cs_change for one in spi.messages[-1]] == [1] * 127 + [0]


@pytest.mark.parametrize("model", AdcModel)
def test_a_burst_is_fast_enough_and_over_in_time(model: AdcModel, tmp_path: Path):
    spi = FakeSpi(model, lambda channel, now_ns: 1)
    burst = opened(tmp_path, spi).channel(0, samples=128)
    for _ in range(5):
        before_ns = spi.now_ns
        burst.read()
        assert 2_500_000 < spi.now_ns - before_ns <= 6_400_000


def test_no_two_bursts_in_a_row_are_paced_alike(tmp_path: Path):
    spi = FakeSpi(AdcModel.MCP3208, lambda channel, now_ns: 1)
    burst = opened(tmp_path, spi).channel(0, samples=128)
    paces = []
    for _ in range(5):
        burst.read()
        paces.append(tuple(one.delay_us for one in spi.messages[-1]))
    assert len(set(paces)) == 5
    assert all(len(set(pace)) > 5 for pace in paces)


@pytest.mark.parametrize("wire", ["low", "high"])
def test_a_chip_that_does_not_answer_gives_no_values(wire: str, tmp_path: Path):
    spi = FakeSpi(AdcModel.MCP3208, lambda channel, now_ns: 100, wire=wire)
    assert opened(tmp_path, spi).channel(0, samples=128).read() is None


def test_an_input_that_stands_at_the_end_of_the_range_gives_no_values(tmp_path: Path):
    spi = FakeSpi(AdcModel.MCP3208, lambda channel, now_ns: 4095)
    assert opened(tmp_path, spi).channel(0, samples=128).read() is None


def test_a_device_that_fails_gives_no_values_until_it_answers_again(tmp_path: Path):
    spi = FakeSpi(AdcModel.MCP3208, lambda channel, now_ns: 100)
    burst = opened(tmp_path, spi).channel(0, samples=8)
    spi.error = errno.ESHUTDOWN
    assert burst.read() is None
    assert burst.read() is None
    spi.error = None
    assert burst.read() == [100] * 8


def test_a_device_that_is_made_anew_is_found_and_set_to_the_chip_again(tmp_path: Path):
    spi = FakeSpi(AdcModel.MCP3208, lambda channel, now_ns: 100)
    burst = opened(tmp_path, spi).channel(0, samples=8)
    (tmp_path / "spidev0.0").rename(tmp_path / "gone")
    (tmp_path / "spidev0.0").touch()
    spi.settings.clear()
    spi.error_once = errno.ESHUTDOWN
    assert burst.read() is None
    assert spi.settings[SPI_IOC_WR_MAX_SPEED_HZ] == 1_000_000
    burst.read()
    assert spi.inode == (tmp_path / "spidev0.0").stat().st_ino


def test_a_device_that_is_not_there_is_refused_with_what_to_do(tmp_path: Path):
    with pytest.raises(DeviceUnavailable, match=r"no such device; add dtparam=spi=on"):
        SpiAdc(AdcModel.MCP3208, tmp_path / "spidev0.0").open()


def test_a_file_that_is_no_spi_device_is_refused(tmp_path: Path):
    (tmp_path / "spidev0.0").touch()
    with pytest.raises(DeviceUnavailable, match="no SPI device"):
        SpiAdc(AdcModel.MCP3208, tmp_path / "spidev0.0").open()


def test_a_device_that_may_not_be_opened_is_refused_with_the_group(tmp_path: Path):
    def not_permitted(descriptor: int, request: int, argument: bytearray) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    (tmp_path / "spidev0.0").touch()
    with pytest.raises(DeviceUnavailable, match="group spi"):
        SpiAdc(AdcModel.MCP3208, tmp_path / "spidev0.0", ioctl=not_permitted).open()


BURST_BYTES = 4_096
"""The argument of a burst of 128 samples."""


@contextmanager
def filled_pipe(content: bytes) -> Iterator[int]:
    """The end of a pipe that is read, with *content* in it."""
    read, write = os.pipe()
    try:
        os.write(write, content)
        yield read
    finally:
        os.close(read)
        os.close(write)


def test_an_ioctl_fills_its_argument_and_a_refusal_is_raised(tmp_path: Path):
    argument = bytearray(BURST_BYTES)
    with filled_pipe(b"abc") as pipe:
        assert unlocked_ioctl(pipe, termios.FIONREAD, argument) == 0
        assert struct.unpack_from("=I", argument) == (3,)
        with pytest.raises(OSError, match="Inappropriate ioctl") as raised:
            unlocked_ioctl(pipe, termios.TIOCGWINSZ, argument)
    assert raised.value.errno == errno.ENOTTY


def test_another_thread_runs_during_the_ioctl_of_a_burst():
    gate, ran = threading.Lock(), threading.Event()
    argument = bytearray(BURST_BYTES)

    def run() -> None:
        with gate:
            ran.set()

    interval_s = sys.getswitchinterval()
    with filled_pipe(b"abc") as pipe:
        gate.acquire()
        other = threading.Thread(target=run)
        other.start()
        # The interpreter takes the turn from nobody: the other thread has one only where it is given up.
        sys.setswitchinterval(3_600)
        try:
            gate.release()
            for _ in range(1_000_000):
                unlocked_ioctl(pipe, termios.FIONREAD, argument)
                if ran.is_set():
                    break
            assert ran.is_set()
        finally:
            sys.setswitchinterval(interval_s)
            other.join()
