"""No reachable state of the outlet machine breaks a safety invariant; each planted fault breaks its own."""

import gc
from collections.abc import Callable, Iterator

import pytest

from hal.outlet import machine
from tests.hal.search.find import search
from tests.hal.search.graph import Graph
from tests.hal.search.invariants import INVARIANTS
from tests.hal.search.mutants import MUTANTS, Mutant, planted
from tests.hal.search.ticks import COARSE, LEASE, SCALED
from tests.hal.search.worlds import WORLDS, fine

IN_ORDER = sorted(
    (name for name in SCALED.__slots__ if name.endswith("_s")),
    key=lambda name: float(type(SCALED).__dataclass_fields__[name].default),
)


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """A graph has no cycles, and a collector would walk all of it time and again."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", WORLDS)
def test_no_reachable_state_breaks_an_invariant(
    name: str, pytestconfig: pytest.Config, record_property: Callable[[str, object], None]
) -> None:
    world = fine(WORLDS[name]) if pytestconfig.getoption("torture") else WORLDS[name]
    graph = Graph(machine, world)
    findings = [search(graph, INVARIANTS[number]).finding for number in world.proves]
    assert [str(finding) for finding in findings if finding] == []
    record_property("worlds around the outlet machine, each searched to its fixed point", 1)
    record_property("states reached in them", len(graph.nodes))
    record_property("transitions taken in them", graph.transitions)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_planted_fault_is_found(mutant: Mutant) -> None:
    with planted(mutant) as faulty:
        finding = search(Graph(faulty, WORLDS[mutant.world]), INVARIANTS[mutant.breaks]).finding
    assert finding is not None and finding.number == mutant.breaks


def test_every_invariant_is_searched_and_has_a_planted_fault_that_it_finds() -> None:
    assert {number for world in WORLDS.values() for number in world.proves} == set(INVARIANTS)
    assert {mutant.breaks for mutant in MUTANTS} == set(INVARIANTS)


def test_a_planted_fault_is_looked_for_where_its_invariant_is_proved() -> None:
    assert [str(mutant) for mutant in MUTANTS if mutant.breaks not in WORLDS[mutant.world].proves] == []


@pytest.mark.parametrize("scaled", [SCALED, COARSE])
def test_the_scaled_timings_are_one_to_five_ticks_in_unchanged_order(scaled: object) -> None:
    ticks = [getattr(scaled, name) for name in IN_ORDER]
    assert ticks == sorted(ticks)
    assert set(ticks) <= {1, 2, 3, 4, 5}
    assert getattr(scaled, "lock_retry_s") <= LEASE <= getattr(scaled, "wake_pulse_s")  # noqa: B009
