"""How the central system is told to answer."""

import asyncio

import pytest
from ocpp.v16.enums import AuthorizationStatus, RegistrationStatus

from cpd.lab.csms.behaviour import Behaviour, BehaviourInForce, Reaction, Tag


def test_unknown_tags_are_accepted_and_known_ones_compare_without_case() -> None:
    behaviour = Behaviour(tags={"Bad": Tag(status=AuthorizationStatus.blocked, parent_id_tag="P")})
    assert behaviour.tag("GOOD").status == "Accepted"
    assert behaviour.tag("bAD") == Tag(status=AuthorizationStatus.blocked, parent_id_tag="P")


def test_scripted_transaction_ids_come_first_then_the_count_goes_on() -> None:
    behaviour = Behaviour(first_transaction_id=100, transaction_ids=(0, -1))
    assert [behaviour.transaction_id(started) for started in range(4)] == [0, -1, 100, 101]


def test_a_counted_reaction_is_used_up() -> None:
    behaviour = Behaviour(reactions={"Heartbeat": Reaction(silent=True, times=2)})
    seen = []
    for _ in range(3):
        seen.append(behaviour.reaction_to("Heartbeat").silent)
        behaviour = behaviour.after("Heartbeat")
    assert seen == [True, True, False]


def test_an_uncounted_reaction_stays() -> None:
    behaviour = Behaviour(reactions={"Heartbeat": Reaction(silent=True)})
    assert behaviour.after("Heartbeat").reaction_to("Heartbeat").silent


def test_fields_are_changed_as_json_spells_them() -> None:
    changed = Behaviour(interval_s=7).changed(
        {"registration": "Pending", "reactions": {"Heartbeat": {"error": "InternalError", "times": 1}}}
    )
    assert changed.registration is RegistrationStatus.pending
    assert changed.interval_s == 7
    assert changed.reaction_to("Heartbeat").error == "InternalError"


@pytest.mark.parametrize("changes", [{"registration": "Maybe"}, {"no_such_field": 1}, {"interval_s": "soon"}])
def test_wrong_changes_are_refused_in_words(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="behaviour: "):
        Behaviour().changed(changes)


async def test_a_held_action_waits_for_a_behaviour_that_does_not_hold_it() -> None:
    in_force = BehaviourInForce(Behaviour(reactions={"Heartbeat": Reaction(held=True, times=1)}))
    assert in_force.take("Heartbeat").held
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(in_force.released("Heartbeat"))
        in_force.put(in_force.now.changed({"interval_s": 5}))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
        in_force.put(Behaviour())
