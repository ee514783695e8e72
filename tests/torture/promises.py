"""What the charger has answered Accepted, and what must therefore be true after any power cut."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """Default profiles (id and limit in A) by stack level, configuration values, the connector's availability."""

    profiles: Mapping[int, tuple[int, float]] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    operative: bool = True


Change = Callable[[Promises], Promises]


def installed(profile_id: int, stack_level: int, limit_a: float) -> Change:
    """A TxDefaultProfile; it takes the place of the one at its stack level."""
    return lambda now: replace(now, profiles={**now.profiles, stack_level: (profile_id, limit_a)})


def cleared(stack_level: int) -> Change:
    """The profile of a stack level is gone."""
    return lambda now: replace(
        now, profiles={level: one for level, one in now.profiles.items() if level != stack_level}
    )


def configured(key: str, value: str) -> Change:
    """A configuration value."""
    return lambda now: replace(now, values={**now.values, key: value})


def available(operative: bool) -> Change:
    """Operative or not, at once or when the transaction ends."""
    return lambda now: replace(now, operative=operative)


class Promised:
    """The promises so far, and the one request whose answer is still out: it may have been kept or not."""

    def __init__(self) -> None:
        self.now = Promises()
        self.asked: Change | None = None

    @property
    def possible(self) -> tuple[Promises, ...]:
        """What may be true after a power cut now."""
        return (self.now,) if self.asked is None else (self.now, self.asked(self.now))

    def ask(self, change: Change) -> None:
        """A request goes out."""
        self.asked = change

    def answered(self, accepted: bool) -> None:
        """Its answer is in."""
        assert self.asked is not None
        if accepted:
            self.now = self.asked(self.now)
        self.asked = None

    def found(self, truth: Promises) -> None:
        """After a cut this was true; it is what later promises build on."""
        assert truth in self.possible, f"{truth} is none of {self.possible}"
        self.now, self.asked = truth, None
