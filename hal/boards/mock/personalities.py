"""How the vehicles of the field behave at the end of a cable, in data; `ev` acts it out."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """A pause that the vehicle takes by itself: *for_s* in state B once it has asked for *after_s*."""

    after_s: float
    for_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Personality:
    """How a kind of vehicle behaves.

    *ready_after_s* from a valid PWM to S2; *follows_after_s* until a new duty is obeyed; *leaves_after_s* from the
    end of the PWM until S2 opens, None for never; *needs_pulse*: sleeps until it has seen F, and again once it was
    without a PWM for *sleeps_after_s*; *pulse_s*: shows C that long before it means it; *always_ready*: has no S2 at
    all; *draws_percent* of what it may; *least_offer_ma*: ignores any smaller offer; *rests*: taken in turn, for
    ever; *least_pause_s*: where the PWM of a charge comes back sooner than that, it asks no more until replugged.
    """

    ready_after_s: float = 0.5
    follows_after_s: float = 0.5
    leaves_after_s: float | None = 1.0
    needs_pulse: bool = False
    sleeps_after_s: float = 3_600.0
    pulse_s: float | None = None
    always_ready: bool = False
    draws_percent: int = 100
    least_offer_ma: int = 0
    rests: tuple[Rest, ...] = ()
    least_pause_s: float = 0.0


PERSONALITIES: Mapping[str, Personality] = MappingProxyType(
    {
        "default": Personality(),
        "sleeper": Personality(needs_pulse=True),
        "stuck_c": Personality(leaves_after_s=None),
        "pulser": Personality(pulse_s=0.25),
        "slow": Personality(ready_after_s=20.0, follows_after_s=4.5, leaves_after_s=2.9),
        "slow_to_follow": Personality(follows_after_s=6.0, leaves_after_s=5.0),
        "over_drawer": Personality(draws_percent=140),
        "simplified": Personality(always_ready=True, leaves_after_s=None),
        "needs_7_a": Personality(least_offer_ma=7_000),
        "zoe": Personality(
            ready_after_s=3.0,
            least_offer_ma=7_000,
            rests=(
                Rest(after_s=180.0, for_s=10.0),
                Rest(after_s=240.0, for_s=60.0),
                Rest(after_s=120.0, for_s=35.0),
            ),
        ),
        "self_pauser": Personality(rests=(Rest(after_s=60.0, for_s=60.0),)),
        "mach_e": Personality(least_pause_s=10.0),
        "draws_nothing": Personality(draws_percent=0),
    }
)
"""By the name that `cpd mock ev N --personality NAME` takes."""
