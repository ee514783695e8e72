"""`cpd rfid watch`: each card as it is held to a reader, how its idTag can be spelt, and who knows which spelling."""

import json
import threading
from collections.abc import Iterator
from typing import cast

import click

from cpd.cli.client_command import Session, client_command, client_group
from cpd.cli.terminal import Terminal, labelled
from cpd.control.api import CardSpellingDocument, ShownCardDocument, ShownCardsDocument

ASK_S = 0.5
_RANDOM_FIRST_BYTE = "08"
_RANDOM_DIGITS = 8


@client_group("rfid")
def rfid() -> None:
    """The card readers.

    \b
    cpd rfid watch
    cpd rfid watch --json
    """


@client_command("watch", of=rfid)
def watch(session: Session) -> int:
    """Show each card that is held to a reader, for a minute. Meanwhile no card starts or stops a session.

    \b
    cpd rfid watch
    cpd rfid watch --json
    """
    try:
        seen = _watch(session)
    except KeyboardInterrupt:
        _tell(session, "Cards work again in 3 s.")
        return 0
    _tell(session, "Cards work again as ever.")
    if seen == 0:
        _tell(session, "No card was seen: cpd doctor looks at the readers.")
    return 0


def _watch(session: Session) -> int:
    """Show cards until the daemon ends it; returns how many there were."""
    seen = 0
    with session.client() as client:
        sheet = cast(ShownCardsDocument, client.call("rfid.watch"))
        _tell(
            session,
            f"Hold a card to the reader: for {sheet['ends_in_s']:.0f} s cards start and stop nothing.",
        )
        while sheet["ends_in_s"] > 0:
            threading.Event().wait(ASK_S)
            sheet = cast(ShownCardsDocument, client.call("rfid.cards", {"after": sheet["last"]}))
            for card in sheet["cards"]:
                _show(session, card)
            seen += len(sheet["cards"])
    return seen


def _show(session: Session, card: ShownCardDocument) -> None:
    if session.json:
        click.echo(json.dumps(card, ensure_ascii=False))
    else:
        click.echo("\n" + render_card(card, session.terminal))


def _tell(session: Session, words: str) -> None:
    click.echo("\n".join(session.terminal.wrap(words)), err=True)


def render_card(card: ShownCardDocument, terminal: Terminal) -> str:
    """What was read and what would be sent first, then who knows it, then the other spellings, then what to do."""
    return "\n".join([*_read(card, terminal), *_spellings(card, terminal), *_advice(card, terminal)])


def _read(card: ShownCardDocument, terminal: Terminal) -> Iterator[str]:
    yield terminal.paint("bold", terminal.cut(f"sent as  {card['id_tag']}", terminal.width))
    if card["uid"] is None:
        read = "a name, no bytes"
    else:
        read = " ".join(card["uid"][at : at + 2] for at in range(0, len(card["uid"]), 2))
    yield from labelled("read     ", terminal.wrap(read, 9))
    if card["connector"] is not None:
        yield f"reader   of connector {card['connector']}"
    yield from labelled("known    ", terminal.wrap(_known(card), 9))


def _known(entry: ShownCardDocument | CardSpellingDocument) -> str:
    found = [
        f"{place}: {status}"
        for place, status in (("local list", entry["local_list"]), ("cache", entry["cache"]))
        if status is not None
    ]
    return ", ".join(found) or "not in local list, not in cache"


def _spellings(card: ShownCardDocument, terminal: Terminal) -> Iterator[str]:
    if not card["spellings"]:
        return
    yield ""
    yield from terminal.wrap("It can be spelt:")
    for spelling in card["spellings"]:
        is_known = _is_known(spelling)
        drawn = terminal.glyph("✓" if is_known else "·")
        mark = terminal.paint("green" if is_known else "dim", drawn)
        yield f"{mark} {spelling['id_tag']}"
        words = f"{spelling['id_format']} {spelling['byte_order']}, {_in(spelling)}"
        yield from terminal.wrap(words, len(drawn) + 1)


def _in(spelling: CardSpellingDocument) -> str:
    return _known(spelling) if _is_known(spelling) else "not known here"


def _is_known(entry: ShownCardDocument | CardSpellingDocument) -> bool:
    return entry["local_list"] is not None or entry["cache"] is not None


def _advice(card: ShownCardDocument, terminal: Terminal) -> Iterator[str]:
    if _is_random(card):
        yield ""
        yield from _warning(
            "a phone's or a bank card's id: another one each time, no list can have it", terminal
        )
        return
    other = next((spelling for spelling in card["spellings"] if _is_known(spelling)), None)
    if _is_known(card) or other is None or other["id_tag"] == card["id_tag"]:
        return
    yield ""
    yield from _warning(f"known here as {other['id_tag']}. In [[reader]] of cpd.toml:", terminal)
    indent = " " * (len(terminal.glyph("!")) + 1)
    yield f'{indent}byte_order = "{other["byte_order"]}"'
    yield f'{indent}id_format = "{other["id_format"]}"'
    if other["id_bytes"]:
        yield f"{indent}id_bytes = {other['id_bytes']}"
    yield from terminal.wrap("then restart cpd", len(indent))


def _warning(words: str, terminal: Terminal) -> list[str]:
    drawn = terminal.glyph("!")
    return labelled(terminal.paint("yellow", drawn) + " ", terminal.wrap(words, len(drawn) + 1))


def _is_random(card: ShownCardDocument) -> bool:
    """ISO/IEC 14443-3 §6.5.4: of the cards with four bytes those that begin with 08 draw the others by lot."""
    uid = card["uid"]
    return uid is not None and len(uid) == _RANDOM_DIGITS and uid.startswith(_RANDOM_FIRST_BYTE)
