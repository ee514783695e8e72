"""Planted faults: copies of the outlet machine's modules with one text replaced, one or more for each invariant.

A mutant is the real source, loaded under another name. The world in which its search must find it is named, so that
a mutant costs a fraction of a second: the shortest way to a violation is short.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import cast

from tests.hal.search.graph import Machine

_MODULES = ("lock", "phases", "ground_fault", "vehicle", "contactor", "voltage", "faults", "pilot", "machine")
"""In the order of their imports. The values of `state` and `config` are the real ones."""

_numbers = count()


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """In *module*, *text* becomes *instead*; the search of *world* finds that *breaks* does not hold."""

    breaks: int
    world: str
    module: str
    text: str
    instead: str

    def __str__(self) -> str:
        return f"{self.breaks}-{self.module}-{self.instead.split()[0] if self.instead.split() else 'nothing'}"


@contextmanager
def planted(mutant: Mutant) -> Iterator[Machine]:
    """The machine with *mutant* in it."""
    package = f"mutant_{next(_numbers)}"
    loaded = [package]
    sys.modules[package] = ModuleType(package)
    try:
        for name in _MODULES:
            source = _source(name)
            if name == mutant.module:
                assert source.count(mutant.text) == 1, f"{mutant.text!r} is not in {name} exactly once"
                source = source.replace(mutant.text, mutant.instead)
            for other in _MODULES:
                source = source.replace(f"from hal.outlet.{other} import", f"from {package}.{other} import")
            source = source.replace("from hal.outlet import", f"from {package} import")
            module = ModuleType(f"{package}.{name}")
            loaded.append(module.__name__)
            sys.modules[module.__name__] = module
            exec(compile(source, module.__name__, "exec"), module.__dict__)
            setattr(sys.modules[package], name, module)
        yield cast(Machine, sys.modules[f"{package}.machine"])
    finally:
        for name in loaded:
            del sys.modules[name]


def _source(name: str) -> str:
    spec = find_spec(f"hal.outlet.{name}")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


MUTANTS = (
    Mutant(
        breaks=15,
        world="phases",
        module="phases",
        text="    if state.is_offering or state.waking_since_s is not None or",
        instead="    if state.waking_since_s is not None or",
    ),
    Mutant(
        breaks=15,
        world="phases",
        module="phases",
        text="(state.pwm_stopped_s, state.woken_at_s)",
        instead="(state.pwm_stopped_s,)",
    ),
    Mutant(
        breaks=15,
        world="phases",
        module="phases",
        text="max((*ended_s, state.commanded_s))",
        instead="max(ended_s)",
    ),
    Mutant(
        breaks=15,
        world="phases",
        module="phases",
        text="    return max(rested_s, _spaced_s(state))\n",
        instead="    return rested_s\n",
    ),
    Mutant(
        breaks=15,
        world="phases",
        module="phases",
        text="    return target < state.phases or (",
        instead="    return target != state.phases and (",
    ),
    Mutant(
        breaks=15,
        world="phases",
        module="machine",
        text="pwm_stopped_s=now_s if config.phase_switching else None",
        instead="pwm_stopped_s=None",
    ),
    Mutant(
        breaks=15,
        world="phases",
        module="machine",
        text="    if first or after.phases",
        instead="    if after.phases",
    ),
    Mutant(
        breaks=7,
        world="detector",
        module="contactor",
        text="        and ground_fault.is_trusted(state, now_s)\n",
        instead="",
    ),
    Mutant(
        breaks=7,
        world="detector",
        module="ground_fault",
        text="        return _ended(state, now_s, failed=True)\n    return state",
        instead="        return _ended(state, now_s, failed=False)\n    return state",
    ),
    Mutant(
        breaks=1,
        world="vehicle",
        module="contactor",
        text="        return now_s >= state.output_since_s + state.config.timings.withdraw_s\n",
        instead="        return False\n",
    ),
    Mutant(
        breaks=2,
        world="limits",
        module="contactor",
        text="state.config.timings.withdraw_s\n    return not",
        instead="state.config.timings.withdraw_s + 1\n    return not",
    ),
    Mutant(
        breaks=2,
        world="vehicle",
        module="machine",
        text="open_at_once=reason is StopReason.EMERGENCY",
        instead="open_at_once=False",
    ),
    Mutant(
        breaks=3,
        world="trips",
        module="faults",
        text="state.sensed is not None and state.sensed.ground_fault",
        instead="False",
    ),
    Mutant(
        breaks=3,
        world="voltage",
        module="faults",
        text="            return timings.voltage_fault_after_s\n",
        instead="            return timings.voltage_back_s\n",
    ),
    Mutant(
        breaks=5,
        world="unclear pilot",
        module="pilot",
        text="if not state.raw.plugged or",
        instead="if state.raw is PilotState.A or",
    ),
    Mutant(
        breaks=6,
        world="vehicle",
        module="contactor",
        text="not state.is_ready or not is_secured(state)",
        instead="not state.raw.plugged or not is_secured(state)",
    ),
    Mutant(
        breaks=7,
        world="vehicle",
        module="contactor",
        text="now_s < state.ready_since_s + state.config.timings.close_after_s",
        instead="False",
    ),
    Mutant(breaks=7, world="diode", module="contactor", text="        and state.diode_seen\n", instead=""),
    Mutant(
        breaks=7,
        world="contactor",
        module="contactor",
        text="        and state.feedback is ContactorState.OPEN\n",
        instead="",
    ),
    Mutant(
        breaks=7,
        world="unclear pilot",
        module="contactor",
        text="        and not state.undecided\n",
        instead="",
    ),
    Mutant(
        breaks=8,
        world="vehicle",
        module="contactor",
        text="        and not state.undecided\n",
        instead="        and state.undecided\n",
    ),
    Mutant(
        breaks=9,
        world="limits",
        module="pilot",
        text="    output_ns = steady_ns if steady_ns is not None else duty_ns_for(offer_ma)\n",
        instead="    output_ns = steady_ns if steady_ns is not None else duty_ns_for(offer_ma) // 2\n",
    ),
    Mutant(
        breaks=10,
        world="cable",
        module="pilot",
        text="state.cable_a * 1_000, state.config.max_current_ma)",
        instead="state.cable_a * 1_000)",
    ),
    Mutant(
        breaks=10,
        world="limits",
        module="pilot",
        text="permitted_ma(state, now_s) > state.offer_ma and now_s < due_s",
        instead="permitted_ma(state, now_s) != state.offer_ma and now_s < due_s",
    ),
    Mutant(
        breaks=11,
        world="vehicle",
        module="machine",
        text="        return replaced(state, offer=None)\n    # A driver",
        instead="        return state\n    # A driver",
    ),
    Mutant(
        breaks=12,
        world="cable",
        module="vehicle",
        text="if state.cable_bad or (state.cable_a is not None and state.cable_a <= ampacity_a):",
        instead="if state.cable_bad:",
    ),
    Mutant(
        breaks=13,
        world="limits",
        module="pilot",
        text="            state = replaced(state, increased_s=now_s)\n",
        instead="            pass\n",
    ),
    Mutant(
        breaks=14,
        world="vehicle",
        module="contactor",
        text="    if state.output_ns == X1_NS:\n",
        instead="    if False:\n",
    ),
    Mutant(
        breaks=16,
        world="weld in a socket",
        module="lock",
        text="    if not may_unlock(state):\n        return state.lock_wanted\n",
        instead="",
    ),
    Mutant(
        breaks=16,
        world="plug",
        module="lock",
        text="return not state.config.lock or state.lock is LockState.LOCKED",
        instead="return True",
    ),
    Mutant(
        breaks=16,
        world="plug",
        module="lock",
        text="state.raw is PilotState.A and state.plug_held and state.lock_wanted",
        instead="False",
    ),
    Mutant(breaks=16, world="plug", module="lock", text="plug_held=False, ", instead=""),
    Mutant(
        breaks=16,
        world="short in a socket",
        module="lock",
        text="state.raw is not PilotState.A",
        instead="state.raw.plugged",
    ),
    Mutant(
        breaks=17,
        world="contactor",
        module="faults",
        text="    if _CAUSES[kind](state):\n        return state\n",
        instead="",
    ),
    Mutant(
        breaks=17,
        world="start after a weld",
        module="machine",
        text="        faults=faults,\n",
        instead="",
    ),
    Mutant(
        breaks=18,
        world="contactor",
        module="contactor",
        text="    if now_s < state.commanded_s + state.config.timings.feedback_s:\n        return state\n",
        instead="    return state\n",
    ),
    Mutant(
        breaks=18,
        world="contactor",
        module="contactor",
        text="failed_closes=state.failed_closes + 1",
        instead="failed_closes=1",
    ),
    Mutant(
        breaks=19,
        world="over-current",
        module="faults",
        text="            return timings.over_current_s\n",
        instead="            return timings.over_current_s + 1\n",
    ),
    Mutant(
        breaks=19,
        world="over-current",
        module="faults",
        text="max([state.offer_ma, *(ma for _, ma in state.earlier_offers)])",
        instead="state.offer_ma",
    ),
    Mutant(
        breaks=21,
        world="temperature",
        module="pilot",
        text="        return _NO_THERMOMETER_MA\n",
        instead="        return None\n",
    ),
    Mutant(
        breaks=21,
        world="voltage",
        module="voltage",
        text="return not config.meter_behind_contactor\n",
        instead="return False\n",
    ),
    Mutant(
        breaks=22,
        world="start",
        module="machine",
        text="        blocked_until_s=now_s + config.timings.boot_wait_s,\n",
        instead="",
    ),
    Mutant(
        breaks=22,
        world="start",
        module="pilot",
        text=" or not state.contactor_checked:",
        instead=":",
    ),
    Mutant(
        breaks=23,
        world="trips",
        module="machine",
        text="now_s + state.config.timings.after_fault_s",
        instead="now_s",
    ),
    Mutant(
        breaks=23,
        world="trips",
        module="faults",
        text="state.raw is PilotState.A and not state.blind",
        instead="state.raw is PilotState.A",
    ),
    Mutant(
        breaks=23,
        world="contactor",
        module="machine",
        text="was_faulted=state.is_faulted)\n    return after",
        instead="was_faulted=False)\n    return after",
    ),
    Mutant(
        breaks=24,
        world="vehicle",
        module="machine",
        text="        config=config,\n",
        instead="        config=__import__('dataclasses').replace(config, ventilation=True),\n",
    ),
    Mutant(
        breaks=25,
        world="rate of closes",
        module="contactor",
        text="    if len(state.closes_s) >= timings.closes_per_window:\n",
        instead="    if False:\n",
    ),
    Mutant(
        breaks=25,
        world="vehicle",
        module="contactor",
        text="state.commanded_s + timings.min_off_s if state.closes_s else",
        instead="",
    ),
    Mutant(
        breaks=26,
        world="sleep",
        module="pilot",
        text="woken_at_s=now_s, wake_armed=False, wake_asked=False",
        instead="woken_at_s=now_s, wake_asked=False",
    ),
    Mutant(
        breaks=26,
        world="sleep",
        module="pilot",
        text="if not state.wake_armed or state.raw is not PilotState.B or",
        instead="if not state.wake_armed or",
    ),
    Mutant(
        breaks=27,
        world="out of service",
        module="pilot",
        text="state.output_ns == F_NS and now_s < state.output_since_s + timings.fault_pulse_s",
        instead="False",
    ),
    Mutant(
        breaks=29,
        world="stall",
        module="machine",
        text="offer_until_s=now_s + offer.valid_for_s",
        instead="offer_until_s=now_s + 5 * offer.valid_for_s",
    ),
    Mutant(
        breaks=28,
        world="vehicle",
        module="machine",
        text="offer_until_s=now_s + offer.valid_for_s",
        instead="offer_until_s=now_s + offer.valid_for_s + now_s % 7",
    ),
    Mutant(
        breaks=30,
        world="vehicle",
        module="vehicle",
        text="    yield _stood_at_s(state)\n",
        instead="",
    ),
    Mutant(breaks=30, world="vehicle", module="machine", text="_MOST_PASSES = 5", instead="_MOST_PASSES = 1"),
)
