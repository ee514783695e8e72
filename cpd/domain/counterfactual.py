"""What would hold if one of the things that hold a limit down were not there."""

from __future__ import annotations

from dataclasses import replace

from cpd.domain.profile_book import ProfileBook
from cpd.domain.profiles import STATION
from cpd.domain.stretches import Situation
from cpd.domain.supply import Cap, Constraint, ConstraintKind


def without(constraint: Constraint, connector: int, situation: Situation) -> Situation | None:
    """The situation if *constraint* were gone; None for the connector itself, which cannot go."""
    book, supply = situation.book, situation.supply
    match constraint.kind:
        case ConstraintKind.CONNECTOR:
            return None
        case ConstraintKind.SHARE:
            alone = tuple(one for one in situation.sessions if one.connector == connector)
            return replace(situation, sessions=alone)
        case ConstraintKind.PROFILE | ConstraintKind.CLOCK:
            others = tuple(one for one in book.profiles if one.profile.id != constraint.profile_id)
            return replace(situation, book=ProfileBook(profiles=others))
    if constraint.connector == STATION:
        fuse_ma = None if constraint.kind is ConstraintKind.STATION else supply.max_current_ma
        supply = replace(supply, max_current_ma=fuse_ma, caps=_caps_without(constraint.kind, supply.caps))
    else:
        connectors = tuple(
            replace(one, caps=_caps_without(constraint.kind, one.caps)) if one.id == connector else one
            for one in supply.connectors
        )
        supply = replace(supply, connectors=connectors)
    return replace(situation, supply=supply)


def _caps_without(kind: ConstraintKind, caps: tuple[Cap, ...]) -> tuple[Cap, ...]:
    return tuple(cap for cap in caps if cap.kind is not kind)
