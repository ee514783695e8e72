"""The OCPP-J error codes and the exception that a handler raises to answer a CALL with a CALLERROR.

It knows nothing of frames, actions or the link.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

_MAX_DESCRIPTION_LENGTH = 255


class ErrorCode(StrEnum):
    """Error codes of OCPP-J 1.6 §4.2.3, spelt as they go over the wire."""

    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    INTERNAL_ERROR = "InternalError"
    PROTOCOL_ERROR = "ProtocolError"
    SECURITY_ERROR = "SecurityError"
    FORMATION_VIOLATION = "FormationViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    # Misspelt in the standard, and the errata say it stays so.
    OCCURENCE_CONSTRAINT_VIOLATION = "OccurenceConstraintViolation"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"
    GENERIC_ERROR = "GenericError"


class Unanswered(Exception):
    """A CALL of the central system is not to be answered; `str()` says why."""


class CallError(Exception):
    """A CALL cannot be served; the other side gets *code*, *description* and *details* as a CALLERROR.

    *description* is cut to the 255 characters that OCPP-J 1.6 §4.2.3 allows.
    """

    def __init__(
        self, code: ErrorCode, description: str = "", details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code}: {description}" if description else str(code))
        self.code = code
        self.description = description[:_MAX_DESCRIPTION_LENGTH]
        self.details: dict[str, Any] = dict(details or {})
