"""What `cpd rfid watch` advises."""

from cpd.cli.rfid import render_card
from cpd.cli.terminal import Terminal
from hal.evse import CardRead
from tests.cli.documents import ACCEPTED, shown

SENT_REVERSED = CardRead(id_tag="8061B1021FA304", uid="04A31F02B16180")


def test_a_card_that_is_known_as_it_is_sent_needs_no_other_spelling() -> None:
    card = shown(SENT_REVERSED, _8061B1021FA304=ACCEPTED, _04A31F02B16180=ACCEPTED)
    assert "cpd.toml" not in render_card(card, Terminal(width=40))


def test_a_card_that_is_known_otherwise_needs_the_keys_of_that_spelling() -> None:
    card = shown(SENT_REVERSED, _04A31F02B16180=ACCEPTED)
    assert 'byte_order = "msb"\n  id_format = "hex"\n' in render_card(card, Terminal(width=40))
