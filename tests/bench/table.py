"""The figures of a run beside their targets: as a table for people, as one document for machines."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

COLUMNS = ("p50", "p99", "CPU")
"""The measures that have a column of their own, in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number of a figure; *limit* None: told, not judged. None as *value*: it could not be measured here.

    *timed*: it grows with the slowness of the machine.
    """

    name: str
    value: float | None
    unit: str = "ms"
    limit: float | None = None
    at_least: bool = False
    timed: bool = True

    def meets(self, factor: float = 1.0) -> bool | None:
        """Whether it is within its limit on a machine *factor* times as fast; None where it is not judged."""
        if self.value is None or self.limit is None:
            return None
        if self.at_least:
            return self.value * factor >= self.limit
        return self.value / (factor if self.timed else 1.0) <= self.limit

    @property
    def target(self) -> str:
        """What it should be, in words."""
        sign = "≥" if self.at_least else "≤"
        return f"{self.name} {sign} {self.limit:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the table."""

    number: int
    name: str
    measures: tuple[Measure, ...]

    def verdict(self, factor: float) -> str:
        """In how far the targets are met: here, or at the speed of the machine that they were made on."""
        if all(one.meets() is not False for one in self.measures):
            return "met"
        if all(one.meets(factor) is not False for one in self.measures):
            return "met at reference speed"
        return "missed"


def times(
    taken_s: Sequence[float], *, p50: float | None, p99: float | None = None, scale: float = 1000.0
) -> tuple[Measure, Measure]:
    """Median and 99th percentile of *taken_s* as milliseconds, with the limits *p50* and *p99*."""
    highest = quantiles(taken_s, n=100, method="inclusive")[98]
    return (
        Measure(name="p50", value=median(taken_s) * scale, limit=p50),
        Measure(name="p99", value=highest * scale, limit=p99),
    )


def lines(figures: Iterable[Figure], factor: float) -> Iterator[str]:
    """The table, line by line."""
    yield f"{'#':>2}  {'figure':<43}{'p50':>8}{'p99':>8}{'CPU':>8}  {'beside':<43}{'target':<45}verdict"
    for figure in figures:
        told = {one.name: one for one in figure.measures}
        columns = "".join(f"{_number(told[name]) if name in told else '':>8}" for name in COLUMNS)
        beside = ", ".join(
            f"{one.name} {_number(one)} {one.unit}".rstrip()
            for one in figure.measures
            if one.name not in COLUMNS
        )
        target = ", ".join(one.target for one in figure.measures if one.limit is not None)
        yield f"{figure.number:>2}  {figure.name:<43}{columns}  {beside:<43}{target:<45}{figure.verdict(factor)}"


def document(figures: Iterable[Figure], factor: float) -> list[dict[str, Any]]:
    """The same as plain JSON."""
    return [
        {
            "number": figure.number,
            "name": figure.name,
            "verdict": figure.verdict(factor),
            "measures": [
                {
                    "name": one.name,
                    "value": one.value,
                    "unit": one.unit,
                    "limit": one.limit,
                    "at_least": one.at_least,
                }
                for one in figure.measures
            ],
        }
        for figure in figures
    ]


def _number(measure: Measure) -> str:
    if measure.value is None:
        return "?"
    return f"{measure.value:.0f}" if abs(measure.value) >= 1000 else f"{measure.value:.3g}"
