import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cpd.control.listener import ControlSocketError, listening

HOLDER = """
import sys
from pathlib import Path
from cpd.control.listener import listening
with listening(Path(sys.argv[1])):
    print("listening", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cpd.sock"


def test_the_socket_is_there_while_it_is_held_and_gone_afterwards(path: Path) -> None:
    with listening(path):
        assert path.is_socket()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    assert not path.exists()


def test_without_the_group_only_the_owner_may_connect(path: Path) -> None:
    with listening(path, group="no-such-group"):
        assert path.stat().st_mode & 0o777 == 0o600


def test_with_the_group_its_members_may_connect(path: Path) -> None:
    with listening(path, group="root"):
        status = path.stat()
        assert (status.st_mode & 0o777, status.st_gid) == (0o660, 0)


def test_the_directory_is_made(tmp_path: Path) -> None:
    with listening(tmp_path / "cpd" / "cpd.sock") as listener:
        assert listener.getsockname().endswith("/cpd/cpd.sock")


def test_the_socket_of_a_killed_daemon_is_replaced_and_a_living_one_kept(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"listening\n"
        with pytest.raises(ControlSocketError, match="another cpd is running"), listening(path):
            pass
        assert path.is_socket()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert path.is_socket()

    with listening(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_file_that_is_no_socket_is_left_alone(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(ControlSocketError, match="not a socket"), listening(path):
        pass
    assert path.read_text() == "precious"


@pytest.mark.parametrize("place", ["no/such/directory/cpd.sock", "x" * 200, "file/cpd.sock"])
def test_an_impossible_place_is_refused_in_words(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / place
    with pytest.raises(ControlSocketError, match="cannot be opened"), listening(path):
        pass
