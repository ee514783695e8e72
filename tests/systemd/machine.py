"""A machine with a systemd of its own as PID 1, in namespaces over the root of the one that runs the tests.

What it writes lies in a folder, its disk. It can be booted, cut from its power and booted again; whatever becomes of
the tests, nothing of it is left. It needs root, cgroup2, overlayfs and systemd; `missing` tells what is not here.
"""

import asyncio
import os
import select
import shutil
import signal
import socket
import subprocess
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.process.charger import Finished, run_cpd
from tests.systemd.network import Network

SYSTEMD = Path("/lib/systemd/systemd")
BOOT = Path(__file__).with_name("boot.sh")
DISKS = Path("/dev/shm")
"""Where the disks are: in memory, which takes them 40 MB, because an overlay cannot lie on another one, as it would
in a container, and because a disk has better things to do."""

BOOT_S = 60.0
"""How long a boot may take on a machine that has other things to do; alone it is half a second."""

COMMAND_S = 60.0
"""The same for a command in there, and for its end."""

_PREFIX = "cpd-tests-"
_NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--cgroup")
_ENVIRONMENT = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=dumb", "LANG=C.UTF-8", "COLUMNS=80")


class MachineFailed(Exception):
    """A machine does not do what it is told; the text has what it said."""


def missing() -> str | None:
    """Why no machine can be booted here; None where it can."""
    if os.geteuid() != 0:
        return "not root"
    if not SYSTEMD.exists():
        return f"no {SYSTEMD}"
    cgroups = _cgroup2()
    if cgroups is None or not os.access(cgroups, os.W_OK):
        return "no cgroup2 is mounted, or it cannot be written to"
    if not DISKS.is_dir():
        return f"no {DISKS}"
    if "overlay" not in Path("/proc/filesystems").read_text(encoding="ascii").split():
        return "the kernel has no overlayfs"
    tried = subprocess.run(
        ["unshare", *_NAMESPACES, "--net", "--fork", "true"], capture_output=True, text=True, check=False
    )
    return None if tried.returncode == 0 else f"no namespaces: {tried.stderr.strip()}"


class Machine:
    """One machine with a new disk, not booted yet."""

    def __init__(self) -> None:
        _tidy_up()
        self.network = Network()
        self._disk = DISKS / f"{_PREFIX}{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._cgroup: Path | None = None
        self._outside: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._disk.mkdir()
        (self._disk / "machine-id").write_text(f"{uuid.uuid4().hex}\n", encoding="ascii")

    @property
    def root(self) -> Path:
        """Its root directory, as this process reaches it while the machine runs."""
        return Path(f"/proc/{self._pid}/root")

    @property
    def running(self) -> bool:
        """Whether it is switched on."""
        return self._outside is not None and self._outside.poll() is None

    @property
    def boot_id(self) -> str:
        """The id of this boot."""
        return (self._disk / "boot_id").read_text(encoding="ascii").strip()

    def boot(self) -> None:
        """Switch on; returns once systemd has started all that is enabled.

        It dies with the thread that calls this (prctl(2), PR_SET_PDEATHSIG).
        """
        (self._disk / "boot_id").write_text(f"{uuid.uuid4()}\n", encoding="ascii")
        parent = _cgroup2()
        assert parent is not None and not self.running
        if self._outside is not None:
            self.power_cut()
        self._cgroup = parent / self._disk.name
        self._cgroup.mkdir()
        address = self._disk / "notify"
        address.unlink(missing_ok=True)
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified,
            self._console.open("ab") as console,
        ):
            notified.bind(str(address))
            # Killed with this process, however that ends. The cgroup comes first, so that it is the root in there.
            into_cgroup = f'echo $$ >"{self._cgroup}/cgroup.procs" && exec "$@"'
            lead = ("setpriv", "--pdeathsig", "KILL", "sh", "-c", into_cgroup, "sh")
            street = ("nsenter", f"--net=/proc/self/fd/{self.network.fd}")
            boot = (str(BOOT), str(self._disk), str(address))
            self._outside = subprocess.Popen(
                [*lead, *street, "unshare", *_NAMESPACES, "--fork", "--kill-child", *boot],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                pass_fds=[self.network.fd],
                start_new_session=True,
            )
            self._await_boot(notified)

    async def rebooted(self) -> None:
        """Wait until it restarts by itself, and until it is up again."""
        assert self._outside is not None
        status = await asyncio.to_thread(self._outside.wait, COMMAND_S)
        # A kernel that restarts a pid namespace instead of the machine says so with this signal (reboot(2)).
        if status != -signal.SIGHUP:
            raise MachineFailed(f"it did not restart, it ended with {status}")
        self.boot()

    def power_cut(self) -> None:
        """Kill everything at once; returns when nothing is left but the disk."""
        assert self._outside is not None and self._cgroup is not None
        try:
            if self._outside.poll() is None:
                os.kill(self._pid or self._outside.pid, signal.SIGKILL)
                self._outside.wait(COMMAND_S)
        finally:
            _kill_all(self._cgroup)
            self._outside.wait(COMMAND_S)
            self._outside, self._pid = None, 0
            _remove(self._cgroup)

    def inside(self) -> Sequence[str]:
        """What runs the command behind it in there, as root."""
        enter = ("nsenter", "-t", str(self._pid), "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w")
        return (*enter, *_ENVIRONMENT)

    def run(self, *command: str) -> str:
        """What *command* prints in there; raises MachineFailed where it fails. Nothing else goes on meanwhile."""
        try:
            done = subprocess.run(
                [*self.inside(), *command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=COMMAND_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise MachineFailed(str(error)) from error
        if done.returncode != 0:
            raise MachineFailed(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    async def tried(self, *command: str) -> Finished:
        """Run *command* in there to its end, whatever that is."""
        return await run_cpd(*command, program=self.inside())

    async def done(self, *command: str) -> str:
        """What *command* prints in there; it must succeed."""
        finished = await self.tried(*command)
        if finished.status != 0:
            raise MachineFailed(f"{' '.join(command)}: {finished.status}\n{finished.stdout}{finished.stderr}")
        return finished.stdout

    def journal(self) -> str:
        """Its last lines of log, for whoever wants to know what went wrong in it."""
        try:
            return self.run("journalctl", "--no-pager", "--output=short-monotonic", "--lines=150")
        except MachineFailed as error:
            return f"no journal: {error}"

    def write(self, path: str, text: str) -> None:
        """Put a file into it, readable for everybody."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o644)

    def written(self) -> frozenset[str]:
        """The files and links that were written to the disk since the first boot, or deleted from it."""
        upper = self._disk / "upper"
        return frozenset(
            str(Path(folder, name).relative_to(upper))
            for folder, _, names in os.walk(upper)
            for name in names
        )

    def close(self) -> None:
        """Switch off, and forget the disk."""
        if self._outside is not None:
            self.power_cut()
        self.network.close()
        shutil.rmtree(self._disk)

    @property
    def _console(self) -> Path:
        return self._disk / "console"

    def _await_boot(self, notified: socket.socket) -> None:
        """Wait for the READY=1 of systemd itself (systemd(1), $NOTIFY_SOCKET)."""
        assert self._outside is not None
        try:
            ended = os.pidfd_open(self._outside.pid)
            try:
                ready = False
                while not ready:
                    told, _, _ = select.select([notified.fileno(), ended], [], [], BOOT_S)
                    if notified.fileno() not in told:
                        raise MachineFailed("it ended" if told else f"not booted within {BOOT_S:.0f} s")
                    ready = b"READY=1" in notified.recv(4096).split(b"\n")
            finally:
                os.close(ended)
            children = Path(f"/proc/{self._outside.pid}/task/{self._outside.pid}/children")
            self._pid = int(children.read_text(encoding="ascii").split()[0])
        except BaseException as error:
            self.power_cut()
            error.add_note(self._console.read_text(encoding="utf-8", errors="replace"))
            raise


def _cgroup2() -> Path | None:
    """Where a cgroup2 is mounted."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if fields[fields.index("-") + 1] == "cgroup2":
            return Path(fields[4])
    return None


def _tidy_up() -> None:
    """Remove the disks and cgroups of tests that were killed themselves."""
    parent = _cgroup2()
    assert parent is not None
    for left in (*parent.glob(f"{_PREFIX}*"), *DISKS.glob(f"{_PREFIX}*")):
        owner = left.name.removeprefix(_PREFIX).partition("-")[0]
        # Somebody else may be about to do the same.
        with suppress(FileNotFoundError):
            if Path(f"/proc/{owner}").exists():
                continue
            if left.parent == DISKS:
                shutil.rmtree(left)
            else:
                _kill_all(left)
                _remove(left)


def _kill_all(cgroup: Path) -> None:
    """SIGKILL for every process in *cgroup* and below; returns when they are gone."""
    (cgroup / "cgroup.kill").write_text("1", encoding="ascii")
    with (cgroup / "cgroup.events").open(encoding="ascii") as events:
        changed = select.poll()
        changed.register(events, select.POLLPRI)
        while "populated 1" in events.read():
            if not changed.poll(COMMAND_S * 1000):
                raise MachineFailed(f"processes in {cgroup} do not die")
            events.seek(0)


def _remove(cgroup: Path) -> None:
    """Remove *cgroup* and those below, all without processes."""
    for folder, _, _ in os.walk(cgroup, topdown=False):
        Path(folder).rmdir()
