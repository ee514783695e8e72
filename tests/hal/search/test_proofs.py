from importlib import import_module

import pytest

from tests.hal.search.invariants import INVARIANTS
from tests.hal.search.proofs import PROOFS, SEARCH


def test_each_invariant_says_where_it_is_proved() -> None:
    assert set(PROOFS) == {*range(1, 31)}
    assert {number for number, places in PROOFS.items() if SEARCH in places} == set(INVARIANTS)


@pytest.mark.parametrize("place", sorted({place for places in PROOFS.values() for place in places}))
def test_a_proof_exists(place: str) -> None:
    module, _, name = place.partition(":")
    assert callable(getattr(import_module(module), name))
