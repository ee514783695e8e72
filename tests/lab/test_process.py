"""``python -m cpd.lab.csms``: a central system driven through its pipes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

BOOT = json.dumps([2, "1", "BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"}])


class CsmsProcess:
    """The running process and its port."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = self._line()["port"]

    def tell(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()

    def ask(self, command: str, **arguments: Any) -> Any:
        self.tell(json.dumps({"id": 1, "command": command, **arguments}))
        return self.reply()

    def reply(self) -> Any:
        line = self._line()
        return line.get("result", line.get("error"))

    def _line(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


@contextmanager
def csms_process(*arguments: str) -> Iterator[CsmsProcess]:
    command = [sys.executable, "-m", "cpd.lab.csms", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield CsmsProcess(process)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(5) == 0
        finally:
            process.kill()


def test_the_process_serves_obeys_records_and_ends_with_its_stdin(tmp_path: Path) -> None:
    record = tmp_path / "frames.jsonl"
    with csms_process("--record", str(record), "--behaviour", '{"interval_s": 77}') as csms:
        with connect(
            f"ws://127.0.0.1:{csms.port}/CP-1", subprotocols=[Subprotocol("ocpp1.6")], proxy=None
        ) as websocket:
            websocket.send(BOOT)
            assert json.loads(websocket.recv())[2]["interval"] == 77

            csms.tell('{"id": 4, "command": "call", "station": "CP-1", "action": "ClearCache"}')
            request = json.loads(websocket.recv())
            assert request[2] == "ClearCache"
            websocket.send(json.dumps([3, request[1], {"status": "Accepted"}]))
            assert csms.reply() == {"status": "Accepted"}

            websocket.send('[2,"2","Heartbeat",{}]')
            websocket.recv()
            assert csms.ask("send_raw", station="CP-1", text="anything") is None
            assert websocket.recv() == "anything"

            assert csms.ask("behave", behaviour={"registration": "Rejected"})["interval_s"] == 77
            report = csms.ask("report", station="CP-1")
            assert report["connected"]
            assert (report["connections"], report["registration"]) == (1, "Accepted")
            assert report["violations"] == []
            assert csms.ask("received", station="CP-1", action="BootNotification") == [
                {"chargePointVendor": "v", "chargePointModel": "m"}
            ]
            assert csms.ask("drop", station="CP-1") is None

        for wrong, words in [
            ({"command": "call", "station": "CP-9", "action": "ClearCache"}, "CP-9 is not connected"),
            ({"command": "call", "station": "CP-1", "action": "Frobnicate"}, "no CALL 'Frobnicate'"),
            ({"command": "call", "station": "CP-1", "action": "Reset", "payload": {"x": 1}}, "Reset: "),
            ({"command": "behave", "behaviour": {"registration": "Perhaps"}}, "behaviour: "),
            ({"command": "frobnicate"}, "frobnicate"),
        ]:
            assert words in csms.ask(**wrong)
    entries = [json.loads(line) for line in record.read_text().splitlines()]
    assert [entry["event"] for entry in entries[:3]] == ["connected", "received", "sent"]
    assert entries[1]["text"] == BOOT


def test_the_process_has_a_personality_that_can_be_hurried() -> None:
    with csms_process("--personality", "aws-2h", "--hurry") as csms:
        assert csms.ask("behave", behaviour={})["closes_after_s"] == [4, 4, 7_200]
    with csms_process("--personality", "csms-aws-2h", "--behaviour", '{"interval_s": 9}') as csms:
        behaviour = csms.ask("behave", behaviour={})
        assert (behaviour["closes_after_s"], behaviour["interval_s"]) == ([7_200], 9)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--behaviour", "{"),
        ("--behaviour", '{"x": 1}'),
        ("--password", "no-colon"),
        ("--personality", "nobody"),
    ],
)
def test_wrong_options_end_the_process_with_status_2(option: str, value: str) -> None:
    command = [sys.executable, "-m", "cpd.lab.csms", option, value]
    finished = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert finished.returncode == 2
    assert option in finished.stderr
