"""Counters and histograms for the event loop's thread: one dictionary look-up and one addition each.

prometheus_client's own take a lock and check their labels on every use, which at nine uses a request was a tenth of
what a request cost. These become its metric families only when somebody scrapes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector


class Total:
    """What one set of labels has counted."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, amount: float = 1) -> None:
        """Counts."""
        self.value += amount


class Counts:
    """What one set of labels has observed: `counts[i]` values up to `bounds[i]`, the last one above them all."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """One more value."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value


class CounterFamily(Collector):
    """A counter by labels; the text adds `_total` to its name."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._description = (name, documentation)
        self._label_names = labels
        self._children: dict[tuple[str, ...], Total] = {}
        registry.register(self)

    def labels(self, *values: str) -> Total:
        """The counter of these label values, in the order of the names."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = Total()
        return child

    def collect(self) -> Iterator[CounterMetricFamily]:
        """For the registry."""
        family = CounterMetricFamily(*self._description, labels=self._label_names)
        for values, child in self._children.items():
            family.add_metric(values, child.value)
        yield family


class HistogramFamily(Collector):
    """A histogram by labels; `bounds` ascend, and the one for infinity is added."""

    def __init__(
        self, name: str, documentation: str, labels: Sequence[str], bounds: Sequence[float], registry: CollectorRegistry
    ) -> None:
        self._description = (name, documentation)
        self._label_names = labels
        self._bounds = bounds
        self._children: dict[tuple[str, ...], Counts] = {}
        registry.register(self)

    def labels(self, *values: str) -> Counts:
        """The histogram of these label values, in the order of the names."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = Counts(self._bounds)
        return child

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """For the registry."""
        names = [*(repr(float(bound)) for bound in self._bounds), "+Inf"]
        family = HistogramMetricFamily(*self._description, labels=self._label_names)
        for values, child in self._children.items():
            family.add_metric(values, list(zip(names, accumulate(child.counts), strict=True)), child.sum)
        yield family
