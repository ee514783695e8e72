"""How long to wait before dialling again. Pure: chance and time come from outside."""

from dataclasses import dataclass

STABLE_AFTER_S = 60.0
"""A link that was accepted, answered and held this long starts the count of failures anew."""

MAX_RETRY_AFTER_S = 3600.0
"""No Retry-After of a central system keeps a charge point away for longer."""

_MAX_EXPONENT = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """wait = min(max_s, min_s · 2ⁿ) + jitter, n counting the links that failed in a row."""

    min_s: float
    max_s: float
    failures: int = 0

    def wait_s(self, *, jitter_s: float, retry_after_s: float | None = None) -> float:
        """Seconds until the next attempt, *retry_after_s* at least where the central system asked for it."""
        wait_s = min(self.max_s, self.min_s * (1 << min(self.failures, _MAX_EXPONENT)))
        return max(wait_s, min(retry_after_s or 0.0, MAX_RETRY_AFTER_S)) + jitter_s
