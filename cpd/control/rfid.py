"""`rfid.watch` and `rfid.cards`: what the readers read, and how it would be spelt, while cards start nothing."""

from datetime import datetime

from cpd.control.api import CardSpellingDocument, ShownCardDocument, ShownCardsDocument
from cpd.control.documents import Dated, optional_instant
from cpd.control.method import Caller, Method
from cpd.control.params import Params, ShownCardsParams
from cpd.control.target import ControlTarget
from cpd.domain.authorization import IdTagInfo
from cpd.station.card_watch import CardSheet, ShownCard


async def watch(target: ControlTarget, _params: Params, _caller: Caller) -> ShownCardsDocument:
    return cards_document(target.watch_cards(), target.dated)


async def cards(target: ControlTarget, params: ShownCardsParams, _caller: Caller) -> ShownCardsDocument:
    return cards_document(await target.watched_cards(params.after), target.dated)


def cards_document(sheet: CardSheet, dated: Dated) -> ShownCardsDocument:
    """`rfid.watch` and `rfid.cards`."""
    return {
        "schema": "cpd.rfid.cards/1",
        "cards": [_card(shown, dated, sheet.now) for shown in sheet.cards],
        "last": sheet.last,
        "ends_in_s": round(sheet.ends_in_s, 1),
    }


METHODS = {
    "rfid.watch": Method(Params, watch, mutating=True),
    "rfid.cards": Method(ShownCardsParams, cards),
}


def _card(shown: ShownCard, dated: Dated, now: datetime) -> ShownCardDocument:
    spellings: list[CardSpellingDocument] = [
        {
            "id_tag": candidate.id_tag,
            "byte_order": candidate.id_format.byte_order.value,
            "id_format": candidate.id_format.notation.value,
            "id_bytes": candidate.id_format.id_bytes,
            "local_list": _status(candidate.known.listed, now),
            "cache": _status(candidate.known.cached, now),
        }
        for candidate in shown.candidates
    ]
    return {
        "schema": "cpd.rfid/1",
        "at": optional_instant(dated(shown.at_s)),
        "connector": shown.card.connector,
        "id_tag": shown.card.id_tag,
        "uid": shown.card.uid,
        "local_list": _status(shown.known.listed, now),
        "cache": _status(shown.known.cached, now),
        "spellings": spellings,
    }


def _status(info: IdTagInfo | None, now: datetime) -> str | None:
    return None if info is None else info.status_at(now).value
