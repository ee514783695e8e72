"""An SD card to wear out, to fill and to cut the power of: ext4 over a loop device, in a file in memory.

Its mounts are seen by one thread and by the processes that it starts, and by nobody else. They vanish with these, and
the loop device with its mount, whatever becomes of the test.
"""

import asyncio
import ctypes
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import pytest

T = TypeVar("T")

_CLONE_NEWNS = 0x00020000
_MOUNTS_OF_THREAD = Path("/proc/thread-self/ns/mnt")
_UNWINDS_S = 10.0
_SECTOR_BYTES = 512
_SECTORS_WRITTEN = 6
"""The place of that count in the stat of a block device (kernel: Documentation/block/stat.rst)."""


def cannot(reason: str) -> NoReturn:
    """This machine cannot run the test; where it must, that is a failure."""
    if os.environ.get("CPD_REQUIRE_SYSTEMD") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def apart(work: Callable[[], T]) -> T:
    """Run *work* on a thread with mounts of its own, which are gone with it; skips where that is not allowed."""
    if os.geteuid() != 0:
        cannot("only root can mount a file system")
    ended: list[T] = []
    failed: list[BaseException] = []
    mounts: list[Path] = []

    def run() -> None:
        try:
            _leave_mounts()
            mounts.append(_MOUNTS_OF_THREAD.readlink())
            ended.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="apart", daemon=True)
    thread.start()
    try:
        thread.join()
    except BaseException:
        # Interrupted, or it took too long: nobody tidies up behind a process that lives on.
        for name in mounts:
            _end_all_with(name)
        thread.join(_UNWINDS_S)
        raise
    if failed:
        raise failed[0]
    return ended[0]


def run_apart(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run *main* in an event loop of its own, apart; what it starts is apart with it."""
    return apart(lambda: asyncio.run(main()))


def is_apart() -> bool:
    """True on a thread that has mounts of its own: what is to see them must be started by this very thread."""
    return _MOUNTS_OF_THREAD.readlink() != Path("/proc/self/ns/mnt").readlink()


def _end_all_with(mounts: Path) -> None:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "ns/mnt").readlink() == mounts:
                os.kill(int(process.name), signal.SIGKILL)


def _leave_mounts() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0:
        cannot(f"no mounts of one's own here: {os.strerror(ctypes.get_errno())}")
    _run("mount", "--make-rprivate", "/")


class Card:
    """A mounted card: what lies in `folder` is on it, what the kernel really gave it is counted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        device = _run("findmnt", "--noheadings", "--output", "SOURCE", "--mountpoint", folder).strip()
        self._statistics = Path("/sys/block", Path(device).name, "stat")

    def flush(self) -> None:
        """What the kernel does by itself within half a minute, and with metadata each few seconds."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
                raise OSError(ctypes.get_errno(), "syncfs")
        finally:
            os.close(descriptor)

    def written_bytes(self) -> int:
        """Bytes that have gone to the card, those of the file system's own journal among them."""
        return int(self._statistics.read_text(encoding="ascii").split()[_SECTORS_WRITTEN]) * _SECTOR_BYTES


@contextmanager
def card(folder: Path, *, megabytes: int = 32) -> Iterator[Card]:
    """An empty ext4 of that size at *folder*; only apart. Skips where there are no loop devices."""
    with in_memory(folder.with_name(f"{folder.name}-memory"), megabytes=2 * megabytes) as memory:
        image = memory / "card"
        format_ext4(image, megabytes=megabytes)
        with mounted(image, folder):
            yield Card(folder)


@contextmanager
def in_memory(folder: Path, *, megabytes: int) -> Iterator[Path]:
    """A tmpfs at *folder*, whatever is there."""
    folder.mkdir(exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "cpd-test", folder)
    try:
        yield folder
    finally:
        _unmount(folder)


@contextmanager
def bound(file: Path, place: Path) -> Iterator[None]:
    """*file* is seen at *place*, which is another file."""
    _run("mount", "--bind", file, place)
    try:
        yield
    finally:
        _unmount(place)


def format_ext4(image: Path, *, megabytes: int) -> None:
    """Make a file with an ext4 that nothing goes on writing to by itself."""
    tool("mkfs.ext4", "e2fsprogs")
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    _run("mkfs.ext4", "-q", "-F", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)


@contextmanager
def mounted(image: Path, folder: Path, *, options: str = "noatime") -> Iterator[Path]:
    """The file system in *image* at *folder*, over a loop device that goes with it."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-o", f"loop,{options}", image, folder], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        cannot(f"no loop device can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        _unmount(folder)


def tool(name: str, package: str) -> None:
    """Skips where the command *name* is missing."""
    if shutil.which(name) is None:
        cannot(f"{name} is missing: sudo apt install {package} (make test does it for root)")


def _unmount(folder: Path) -> None:
    # Where the test has failed, something may still be open on it: then it goes with whoever has it open.
    with suppress(subprocess.CalledProcessError):
        _run("umount", folder)
        return
    _run("umount", "--lazy", folder)


def _run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
