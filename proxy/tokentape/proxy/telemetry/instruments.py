"""Instruments: the families of a catalogue, registered, with the bounds that all of them share."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from tokentape.proxy.catalogue import CATALOGUE, P
from tokentape.proxy.messages.labels import is_label_key
from tokentape.proxy.telemetry.bounds import Bounded, LineBudget
from tokentape.proxy.telemetry.families import AmountFamily, DistributionFamily, Family

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from prometheus_client import CollectorRegistry

    from tokentape.proxy.catalogue import Metric
    from tokentape.proxy.telemetry.families import Source

MAX_METRIC_LABELS = 3


def label_names(keys: Sequence[str]) -> tuple[str, ...]:
    """The metric labels for these label keys: what Prometheus does not allow in a name becomes `_`.

    Raises:
        ValueError: there are too many, no label can have such a key, two become the same, or one is a label
            of our own.
    """
    names = tuple(re.sub(r"\W", "_", key, flags=re.ASCII) for key in keys)
    taken = {label for metric in CATALOGUE if P in metric.labels for label in metric.labels} | {"le"}
    if len(names) > MAX_METRIC_LABELS:
        raise ValueError(f"metric_labels names {len(names)} keys; name at most {MAX_METRIC_LABELS}")
    for key, name in zip(keys, names, strict=True):
        if not is_label_key(key):
            raise ValueError(
                f"metric_labels: {key!r} is no label key; start with a letter, and go on with letters, "
                "digits, '_', '-' or '.', at most 64 in all"
            )
        if name.startswith("__"):
            raise ValueError(f"metric_labels: {name!r} cannot be a label name; start it with a letter")
        if name in taken:
            raise ValueError(f"metric_labels: {name!r} is a label of the metrics already; choose another key")
    if len(set(names)) < len(names):
        raise ValueError("metric_labels: two keys have the same label name; leave one out")
    return names


class Instruments:
    """Every family that exists here, by metric name.

    Args:
        registry: where the families are registered.
        metric_labels: label keys that stand for `P`, at most three.
        max_lines: lines that one scrape may have.
        bill: whether calls are priced; without it, metrics that need a price do not exist.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        metric_labels: Sequence[str] = ("project",),
        max_lines: int = 20_000,
        bill: bool = False,
        clock: Callable[[], float] = time.time,  # noqa: TID251 - the observer's own wall clock
    ) -> None:
        self.metric_labels = label_names(metric_labels)
        self.clock = clock
        self._budget = LineBudget(max_lines)
        self._amounts: dict[str, AmountFamily] = {}
        self._distributions: dict[str, DistributionFamily] = {}
        for metric in CATALOGUE:
            if bill or not metric.needs_bill:
                registry.register(self._family(metric))
        self._overflows = self.amounts("tokentape_label_overflows_total")
        self._budget.refused = self.overflow("scrape_lines")

    def _family(self, metric: Metric) -> Family[Any]:
        parts = (metric, self.metric_labels, self._budget, self.clock)
        if metric.buckets:
            return self._distributions.setdefault(metric.name, DistributionFamily(*parts))
        return self._amounts.setdefault(metric.name, AmountFamily(*parts))

    def amounts(self, name: str) -> AmountFamily:
        """The counter or gauge of this name."""
        return self._amounts[name]

    def distributions(self, name: str) -> DistributionFamily:
        """The histogram of this name."""
        return self._distributions[name]

    def compute(self, name: str, source: Source) -> None:
        """Let this gauge or counter be computed when it is asked for."""
        self._amounts[name].source = source

    def admits_pair(self) -> bool:
        """Whether there is room for the counters of one more model and project."""
        return self._budget.admits_pair()

    def overflow(self, label: str) -> Callable[[], None]:
        """What counts a value of this label that is beyond its bound."""
        amount = self._overflows.at(label)

        def count() -> None:
            amount.value += 1

        return count

    def bounded(self, label: str, limit: int, free: tuple[str, ...] = ()) -> Bounded:
        """A bound for the values of a label, whose overflows are counted; `free` values do not count."""
        return Bounded(limit, self.overflow(label), free)
