"""The log in the journal, with its fields, by systemd-python or by the standard library."""

import logging
import struct
from pathlib import Path

import pytest

from hal.journal import MOST_BYTES, JournalHandler, journal_sender
from tests.hal.libsystemd import run
from tests.hal.notified import heard

LOGGED = """
import logging, os
from pathlib import Path
state = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{state.st_dev}:{state.st_ino}"
from hal.journal import log_handler, log_to
log_to(log_handler("cpd-test", journal=Path(os.environ.get("JOURNAL", "nowhere"))))
log = logging.getLogger("cpd.station")
log.warning("status connector=%d status=%s", 2, "Faulted")
"""

ENTRY = [
    "MESSAGE=cpd.station: status connector=2 status=Faulted",
    "PRIORITY=4",
    "SYSLOG_IDENTIFIER=cpd-test",
    "CPD_LOGGER=cpd.station",
    "CPD_CONNECTOR=2",
    "CPD_STATUS=Faulted",
]


def test_without_the_library_an_entry_goes_over_the_journals_socket(tmp_path: Path) -> None:
    with heard(tmp_path) as journal:
        assert run(tmp_path, LOGGED, library=False, JOURNAL=str(journal.path)) == ("", [])
        assert journal.now() == ["".join(f"{field}\n" for field in ENTRY)]


def test_with_the_library_an_entry_goes_through_it(tmp_path: Path) -> None:
    with heard(tmp_path) as journal:
        told, given = run(tmp_path, LOGGED, library=True, JOURNAL=str(journal.path))
        assert (told, given, journal.now()) == ("", [["sendv", *ENTRY]], [])


@pytest.mark.parametrize("library", [True, False])
def test_what_the_journal_does_not_take_goes_to_standard_error_with_its_priority(
    tmp_path: Path, library: bool
) -> None:
    told, _ = run(tmp_path, LOGGED, library=library, LIBRARY_FAILS="1")
    assert told == "<4>cpd.station: status connector=2 status=Faulted\n"


def test_elsewhere_the_log_goes_to_standard_error_with_the_time(tmp_path: Path) -> None:
    elsewhere = LOGGED.replace('os.environ["JOURNAL_STREAM"] = ', "unused = ")
    told, given = run(tmp_path, elsewhere, library=True, JOURNAL_STREAM="1:2")
    assert told.endswith("WARNING cpd.station: status connector=2 status=Faulted\n")
    assert given == []


def test_a_text_of_several_lines_is_one_entry(tmp_path: Path) -> None:
    with heard(tmp_path) as journal:
        handler = JournalHandler("cpd", journal_sender(journal.path))
        handler.handle(logging.LogRecord("cpd", logging.ERROR, "", 0, "first\nsecond", None, None))
        (entry,) = journal.now()
        text = "cpd: first\nsecond"
        assert entry.startswith(f"MESSAGE\n{struct.pack('<Q', len(text)).decode()}{text}\nPRIORITY=3\n")


def test_a_text_that_no_datagram_takes_is_cut(tmp_path: Path) -> None:
    with heard(tmp_path) as journal:
        handler = JournalHandler("cpd", journal_sender(journal.path))
        handler.handle(logging.LogRecord("cpd", logging.DEBUG, "", 0, "ä" * 1_000_000, None, None))
        (entry,) = journal.now()
        message, priority, *_ = entry.splitlines()
        assert MOST_BYTES - 2 <= len(message.removeprefix("MESSAGE=").encode()) <= MOST_BYTES
        assert priority == "PRIORITY=7"


BY_A_STRANGER = """
import logging, os
state = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{state.st_dev}:{state.st_ino}"
from hal.logging_thread import logging_on_a_thread
with logging_on_a_thread("cpd-test"):
    for card in ("04A1", "04\\ud800A1", "04A2"):
        logging.getLogger("hal").info("card id_tag=%s", card)
"""


def test_half_a_character_in_a_value_loses_no_line(tmp_path: Path) -> None:
    _, given = run(tmp_path, BY_A_STRANGER, library=True)
    assert [entry[-1] for entry in given] == ["CPD_ID_TAG=04A1", "CPD_ID_TAG=04?A1", "CPD_ID_TAG=04A2"]


def test_a_line_that_cannot_be_sent_at_all_is_told_and_the_next_one_is_sent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sent: list[dict[str, str]] = []

    def send(entry: dict[str, str]) -> None:
        if not sent:
            sent.append({})
            raise TypeError("an argument is wrong")
        sent.append(entry)

    handler = JournalHandler("cpd", send)
    for text in ("first", "second"):
        handler.handle(logging.LogRecord("cpd", logging.INFO, "", 0, text, None, None))
    assert [entry.get("MESSAGE") for entry in sent] == [None, "cpd: second"]
    assert "an argument is wrong" in capsys.readouterr().err


IN_A_FLOOD = """
import logging, os, sys
state = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{state.st_dev}:{state.st_ino}"
from hal.logging_thread import logging_on_a_thread
with logging_on_a_thread("cpd-test"):
    for _ in range(313):
        logging.getLogger("hal").error("fault connector=%d kind=%s", 1, "ground_fault")
"""


def test_a_flood_in_the_journal_is_its_first_and_its_last_line(tmp_path: Path) -> None:
    _, given = run(tmp_path, IN_A_FLOOD, library=True)
    text = "MESSAGE=hal: fault connector=1 kind=ground_fault"
    assert [entry[1] for entry in given] == [text, f"{text} [repeated 312 times]"]
    assert all(entry[-2:] == ["CPD_CONNECTOR=1", "CPD_KIND=ground_fault"] for entry in given)
