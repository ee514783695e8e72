"""Breadth-first search of a graph together with one observer, to the fixed point: the shortest way to a violation."""

from collections import deque
from dataclasses import dataclass
from typing import Any

from tests.hal.search.graph import Graph, Moment
from tests.hal.search.invariants import Broken, Invariant


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The invariant *number* is broken at the end of *path*."""

    number: int
    reason: str
    path: tuple[str, ...]

    def __str__(self) -> str:
        return f"invariant {self.number}: {self.reason}\n  " + "\n  ".join(self.path)


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a search found, and how many (node, memory) pairs it looked at."""

    finding: Finding | None
    pairs: int


def search(graph: Graph, invariant: Invariant) -> Search:
    """Watch everything that can happen in *graph*."""
    watch = invariant.watch(graph.world.config)
    came_from: dict[tuple[int, Any], tuple[tuple[int, Any] | None, Moment]] = {}
    waiting: deque[tuple[int, Any]] = deque()

    def arrive(origin: tuple[int, Any] | None, memory: Any, moment: Moment, node: int) -> Finding | None:
        try:
            memory = watch(memory, moment)
        except Broken as broken:
            path = (*_path(came_from, origin), _told(moment))
            return Finding(number=invariant.number, reason=str(broken), path=path)
        pair = (node, memory)
        if pair not in came_from:
            came_from[pair] = (origin, moment)
            waiting.append(pair)
        return None

    for moment, node in graph.starts():
        if finding := arrive(None, None, moment, node):
            return Search(finding=finding, pairs=len(came_from))
    while waiting:
        pair = waiting.popleft()
        for moment, node in graph.edges(pair[0]):
            if finding := arrive(pair, pair[1], moment, node):
                return Search(finding=finding, pairs=len(came_from))
    return Search(finding=None, pairs=len(came_from))


def _path(
    came_from: dict[tuple[int, Any], tuple[tuple[int, Any] | None, Moment]], end: tuple[int, Any] | None
) -> list[str]:
    path: list[str] = []
    while end is not None:
        end, moment = came_from[end]
        path.append(_told(moment))
    return path[::-1]


def _told(moment: Moment) -> str:
    after = moment.after
    return (
        f"{moment.event.name}: output {after.output_ns} ns, {'closed' if after.closed else 'open'}, "
        f"bolt {after.bolt}, faults {sorted(after.faults)}"
    )
