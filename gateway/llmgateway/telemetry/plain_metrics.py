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


class Counts:
    """What one set of labels has observed: `counts[i]` values up to `bounds[i]`, the last one above them all."""

    __slots__ = ("counts", "sum")

    def __init__(self, bounds: int) -> None:
        self.counts = [0] * (bounds + 1)
        self.sum = 0.0


class CounterFamily(Collector):
    """A counter by labels; the text adds `_total` to its name."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._description = (name, documentation)
        self._label_names = labels
        self._totals: dict[tuple[str, ...], float] = {}
        registry.register(self)

    def inc(self, labels: tuple[str, ...], amount: float = 1.0) -> None:
        """Counts; `labels` are values in the order of the names."""
        self._totals[labels] = self._totals.get(labels, 0.0) + amount

    def collect(self) -> Iterator[CounterMetricFamily]:
        """For the registry."""
        family = CounterMetricFamily(*self._description, labels=self._label_names)
        for labels, total in self._totals.items():
            family.add_metric(labels, total)
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

    def observe(self, labels: tuple[str, ...], value: float) -> None:
        """One more value; `labels` are values in the order of the names."""
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = Counts(len(self._bounds))
        child.counts[bisect_left(self._bounds, value)] += 1
        child.sum += value

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """For the registry."""
        names = [*(repr(float(bound)) for bound in self._bounds), "+Inf"]
        family = HistogramMetricFamily(*self._description, labels=self._label_names)
        for labels, child in self._children.items():
            family.add_metric(labels, list(zip(names, accumulate(child.counts), strict=True)), child.sum)
        yield family
