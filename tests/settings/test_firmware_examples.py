"""The ways to install firmware in config/firmware: taken as they are, and only what was signed is installed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cpd.settings import load_settings

FIRMWARE = Path(__file__).parents[2] / "config" / "firmware"
EXAMPLES = sorted(FIRMWARE.glob("*.toml"))
SCRIPT = FIRMWARE / "cpd-firmware"

REQUEST = "123e4567-e89b-12d3-a456-426614174000"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_is_taken_without_a_warning(example: Path, tmp_path: Path) -> None:
    file = tmp_path / "cpd.toml"
    file.write_text('[station]\nid = "CP-0042"\n[[connector]]\nid = 1\n' + example.read_text())
    assert load_settings(file).warnings == ()


@pytest.mark.parametrize(("rauc", "status"), [("exit 0", 64), ("exit 1", 1)])
def test_a_bundle_counts_after_a_restart_if_rauc_takes_it(tmp_path: Path, rauc: str, status: int) -> None:
    file = tmp_path / "cpd.toml"
    file.write_text('[station]\nid = "C"\n[[connector]]\nid = 1\n' + (FIRMWARE / "rauc.toml").read_text())
    command(tmp_path, "rauc", f'echo "$@" >>{tmp_path}/asked; {rauc}')
    install = load_settings(file).firmware.install_command
    assert install is not None
    done = run(tmp_path, *(part.replace("{file}", "/var/lib/cpd/the firmware") for part in install))
    assert done.returncode == status
    assert (tmp_path / "asked").read_text() == "install /var/lib/cpd/the firmware\n"


def command(folder: Path, name: str, text: str) -> None:
    """A command of the system that does *text* instead."""
    (folder / "bin").mkdir(exist_ok=True)
    file = folder / "bin" / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def run(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    surroundings = {
        "PATH": path,
        "CPD_ROOT": str(folder),
        "HOME": str(folder),
        "GNUPGHOME": str(folder / "gpg"),
    }
    return subprocess.run(
        list(map(str, arguments)), env=surroundings, capture_output=True, text=True, check=False, timeout=60
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """A charger with the apt example, whose apt-get and dpkg only write down what they were asked for.

    A package is its version, as a line of text.
    """

    root: Path

    def requested(self, verb: str) -> str:
        """What the root service answers to a request."""
        (self.root / "var/lib/cpd/firmware-request").write_text(f"{REQUEST} {verb}\n")
        served = run(self.root, SCRIPT, "serve")
        assert served.returncode == 0, served
        identifier, status = (self.root / "run/cpd-firmware/answer").read_text().split()
        assert identifier == REQUEST
        return status

    @property
    def asked(self) -> list[str]:
        """What dpkg was told, and the packages that apt-get was given, in order."""
        asked = self.root / "asked"
        return asked.read_text().splitlines() if asked.exists() else []

    @property
    def installed(self) -> list[str]:
        """The packages that apt-get was given."""
        return [line for line in self.asked if not line.startswith("dpkg ")]

    @property
    def cached(self) -> dict[str, str]:
        return {one.name: one.read_text() for one in (self.root / "var/cache/cpd-firmware").iterdir()}


def present(folder: Path, state: str) -> None:
    """What dpkg says of the package cpd from now on."""
    command(folder, "dpkg-query", f"echo '{state}'")


@pytest.fixture
def charger(tmp_path: Path) -> Updated:
    for folder in ("var/lib/cpd", "run/cpd-firmware", "var/cache/cpd-firmware", "usr/share/keyrings"):
        (tmp_path / folder).mkdir(parents=True)
    command(tmp_path, "apt-get", f'for file; do :; done; cat "$file" >>{tmp_path}/asked')
    command(tmp_path, "dpkg-deb", '[ "$3" = Version ] && cat "$2" || echo cpd')
    command(tmp_path, "dpkg", f'echo "dpkg $*" >>{tmp_path}/asked')
    present(tmp_path, "install ok installed old+py3.11")
    (tmp_path / "var/cache/cpd-firmware/current.deb").write_text("old\n")
    return Updated(root=tmp_path)


@pytest.fixture
def keyring(charger: Updated) -> Iterator[Path]:
    """A key of whoever signs, and its public half on the charger."""
    if shutil.which("gpg") is None or shutil.which("gpgv") is None:
        pytest.skip("no gpg here")
    home = charger.root / "gpg"
    home.mkdir(mode=0o700)
    made = run(charger.root, "gpg", "--batch", "--passphrase", "", "--quick-gen-key", "us", "ed25519", "sign")
    assert made.returncode == 0, made
    exported = charger.root / "usr/share/keyrings/cpd-firmware.gpg"
    assert run(charger.root, "gpg", "--output", exported, "--export", "us").returncode == 0
    yield exported
    run(charger.root, "gpgconf", "--kill", "all")


def signed(charger: Updated, content: str) -> bytes:
    """A package as the CSMS offers it."""
    package, offered = charger.root / "made.deb", charger.root / "made.gpg"
    package.write_text(content)
    offered.unlink(missing_ok=True)
    done = run(charger.root, "gpg", "--batch", "--output", offered, "--sign", package)
    assert done.returncode == 0, done
    return offered.read_bytes()


@pytest.mark.usefixtures("keyring")
def test_what_was_signed_is_installed_and_the_old_one_can_come_back(charger: Updated) -> None:
    file = charger.root / "var/lib/cpd/firmware"
    file.write_bytes(signed(charger, "new\n"))
    assert charger.requested("install") == "0"
    assert charger.installed == ["new"]
    assert charger.cached == {"current.deb": "new\n", "previous.deb": "old\n"}
    assert charger.requested("rollback") == "0"
    assert charger.installed == ["new", "old"]
    assert charger.cached == {"current.deb": "old\n"}
    assert charger.requested("rollback") != "0"


@pytest.mark.usefixtures("keyring")
def test_nothing_else_reaches_apt(charger: Updated) -> None:
    file = charger.root / "var/lib/cpd/firmware"
    good = signed(charger, "new\n")
    stranger = charger.root / "usr/share/keyrings/cpd-firmware.gpg"
    key = stranger.read_bytes()
    for content, keys in ((b"new\n", key), (good[:-9], key), (b"", key), (good, b"")):
        file.write_bytes(content)
        stranger.write_bytes(keys)
        assert charger.requested("install") != "0"
    stranger.write_bytes(key)
    file.write_bytes(good)
    command(charger.root, "dpkg-deb", "echo sudo")
    assert charger.requested("install") != "0"
    command(charger.root, "dpkg-deb", "echo cpd")
    command(charger.root, "apt-get", "exit 100")
    assert charger.requested("install") == "100"
    assert charger.installed == []
    assert charger.cached["current.deb"] == "old\n"


@pytest.mark.usefixtures("keyring")
def test_the_way_back_outlives_a_power_cut_in_the_middle_of_an_update(charger: Updated) -> None:
    (charger.root / "var/lib/cpd/firmware").write_bytes(signed(charger, "new\n"))
    # A power cut takes the shell along.
    command(charger.root, "apt-get", "kill -KILL $PPID")
    charger.requested("install")
    assert charger.cached == {"current.deb": "new\n", "previous.deb": "old\n"}
    present(charger.root, "install ok half-configured new+py3.11")
    command(charger.root, "apt-get", f'for file; do :; done; cat "$file" >>{charger.root}/asked')
    # cpd has not heard of it, and asks once more.
    assert charger.requested("install") == "0"
    assert charger.cached == {"current.deb": "new\n", "previous.deb": "old\n"}
    assert charger.requested("rollback") == "0"
    assert charger.installed == ["new", "old"]


@pytest.mark.parametrize(
    ("state", "installed"),
    [
        ("install ok installed new+py3.11", []),
        ("install reinstreq half-installed new+py3.11", ["old"]),
        ("deinstall ok config-files new+py3.11", []),
    ],
)
def test_what_dpkg_was_interrupted_in_is_finished_first(
    charger: Updated, state: str, installed: list[str]
) -> None:
    present(charger.root, state)
    assert run(charger.root, SCRIPT, "finish").returncode == 0
    assert charger.asked[0] == "dpkg --force-confold --configure -a"
    assert charger.installed == installed


@pytest.mark.usefixtures("keyring")
def test_what_is_installed_already_is_refused_in_words(charger: Updated) -> None:
    """cpd would take the new firmware for the old one, and install it again and again."""
    (charger.root / "var/lib/cpd/firmware").write_bytes(signed(charger, "old+py3.11+again\n"))
    assert charger.requested("install") == "3"
    assert charger.asked == []
    assert charger.cached["current.deb"] == "old\n"
    command(charger.root, "sleep", answering(charger, 3))
    refused = run(charger.root, SCRIPT, "ask", "install", "/var/lib/cpd/firmware")
    assert (refused.returncode, "each package needs one of its own" in refused.stderr) == (3, True)


@pytest.mark.parametrize("request_line", ["", "$(reboot) install", "../x install", f"{REQUEST} reboot"])
def test_a_request_is_not_trusted(charger: Updated, request_line: str) -> None:
    (charger.root / "var/lib/cpd/firmware-request").write_text(f"{request_line}\n")
    run(charger.root, SCRIPT, "serve")
    answer = charger.root / "run/cpd-firmware/answer"
    assert not answer.exists() or answer.read_text() == f"{REQUEST} 1\n"
    assert charger.installed == []
    assert not (charger.root / "var/lib/cpd/firmware-request").exists()


def answering(charger: Updated, status: int) -> str:
    """What a shell does in place of the root service, which answers any request with *status*."""
    return (
        f"read -r id verb <{charger.root}/var/lib/cpd/firmware-request; echo $verb >>{charger.root}/verbs; "
        f"echo $id {status} >{charger.root}/run/cpd-firmware/answer"
    )


def test_whoever_asks_gets_the_answer_to_his_own_request(charger: Updated) -> None:
    # There is an older answer, then that to what is asked now.
    command(charger.root, "sleep", answering(charger, 7))
    (charger.root / "run/cpd-firmware/answer").write_text(f"{REQUEST} 0\n")
    assert run(charger.root, SCRIPT, "ask", "install", "/var/lib/cpd/firmware").returncode == 7
    assert (charger.root / "verbs").read_text() == "install\n"
