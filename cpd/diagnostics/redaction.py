"""What must not leave the charger in a bundle: passwords and keys are replaced, idTags shortened.

Too much rather than too little: a bundle goes by mail.
"""

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from cpd.domain.authorization import shortened

HIDDEN: Final = "(secret)"

_SECRET_NAME = re.compile(
    r"passw|passphrase|secret|token|credential|authorization_?key|api_?key|private_?key|psk|^pin$",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(
    r"((?:passw\w*|passphrase|secret|token|credentials?|authorization_?key|(?:api|private)_?key)=)[^\s\"',;&]+",
    re.IGNORECASE,
)
"""What the word of a command, or a line of a program, sets a secret to: ``--token=…``."""
_ID_TAGS: Final = frozenset({"idtag", "parentidtag", "autostarttag", "stopidtag"})
_ADDRESS = re.compile(r"(\w{0,10}:(?:\\?/){2})([^\s\"'<>]*@)?([^\s\"'<>?]*)(\?[^\s\"'<>]*)?")
"""An address with user and password up to the last @, a path, and a query that may be a signature.

The scheme is bounded, so that a long word costs no more than it is long.
"""
_QUOTED_ID_TAG = re.compile(r'("(?:parent)?idTag"\s*:\s*")([^"]*)', re.IGNORECASE)
_SHORTEST_SECRET: Final = 5
"""A shorter one is found in words that mean something else; the places where it belongs are known by name."""


class Redaction:
    """Knows *secrets* by their texts, and the others by where they stand."""

    def __init__(self, secrets: Iterable[str | None]) -> None:
        known = {secret for secret in secrets if secret is not None and len(secret) >= _SHORTEST_SECRET}
        spelt = known | {json.dumps(secret)[1:-1] for secret in known}
        longest_first = sorted(spelt, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if spelt else None

    def text(self, text: str) -> str:
        """*text* without known secrets, without what is secret in an address, and with its idTags shortened."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        text = _ASSIGNED.sub(lambda found: found[1] + HIDDEN, text)
        text = _QUOTED_ID_TAG.sub(lambda found: found[1] + shortened(found[2]), text)
        return _ADDRESS.sub(_shown_address, text)

    def document(self, value: Any, name: str = "") -> Any:
        """A document of JSON or TOML, its members judged by their names; *name* is the value's own."""
        if _SECRET_NAME.search(name) and value is not None:
            return HIDDEN
        match value:
            case str():
                tag = name.replace("_", "").casefold() in _ID_TAGS
                return self._told(shortened(value) if tag else value)
            case Mapping():
                return {key: self._member(value, key) for key in value}
            case list() | tuple():
                return [self.document(one) for one in value]
            case _:
                return value

    def frame(self, frame: str) -> str:
        """An OCPP-J frame; one that is no JSON is left out where it might hold a key."""
        try:
            return json.dumps(self.document(_without_loose_secrets(json.loads(frame))), ensure_ascii=False)
        except (ValueError, RecursionError):
            if _SECRET_NAME.search(frame):
                return "(not JSON, and not shown: it may hold a secret)"
            return self.text(frame)

    def _told(self, text: str) -> str:
        """A text of a document, which may be a document itself, as the data of many a DataTransfer is."""
        if text.lstrip()[:1] in ("{", "["):
            with suppress(ValueError, RecursionError):
                return json.dumps(self.document(json.loads(text)), ensure_ascii=False)
        return self.text(text)

    def _member(self, owner: Mapping[str, Any], key: str) -> Any:
        """A value beside the name of its key, as ChangeConfiguration and the control interface have it."""
        named = owner.get("key")
        if key in ("value", "file_value") and isinstance(named, str) and _SECRET_NAME.search(named):
            return HIDDEN
        # Of AuthorizationKey itself and the like only the name is told.
        return owner[key] if key == "key" else self.document(owner[key], key)


def _without_loose_secrets(frame: Any) -> Any:
    """A frame whose key and value stand loose in it, as somebody writes who has not read the specification."""
    if not isinstance(frame, list):
        return frame
    shown, named = [], False
    for one in frame:
        shown.append(HIDDEN if named and isinstance(one, str) else one)
        named = named or (isinstance(one, str) and _SECRET_NAME.search(one) is not None)
    return shown


def _shown_address(found: re.Match[str]) -> str:
    scheme, user, path, query = found.groups()
    return f"{scheme}{'…@' if user else ''}{path}{'?…' if query else ''}"
