"""Families: a metric of the catalogue with its label sets, as a collector of a registry.

What `collect` gives is the truth, for whoever reads the registry (an OTLP exporter, a test). How
the same sets look to one scraper is the business of the exposition, which knows a `Snapshot` when
it sees one and reads the sets behind it without making a sample object of every line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from prometheus_client import Metric as Exposed
from prometheus_client.samples import Exemplar as ExposedExemplar
from prometheus_client.samples import Sample

from tokentape.proxy.catalogue import OTHER
from tokentape.proxy.telemetry.sets import ALWAYS, Amount, Distribution, tick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tokentape.proxy.catalogue import Metric
    from tokentape.proxy.telemetry.bounds import LineBudget
    from tokentape.proxy.telemetry.sets import Exemplar

    Source = Callable[[], Iterable[tuple[tuple[str, ...], float]]]

_OPEN_LABELS = frozenset({"model", "asked", "served", "tool"})
"""Labels that fall to `other` too when there is no line left at all."""

SetT = TypeVar("SetT", Amount, Distribution)


def escape(value: str) -> str:
    """A label value as it stands between quotes in both text formats."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def exemplar_labels(exemplar: Exemplar) -> dict[str, str]:
    """The ids of an exemplar, as far as OpenMetrics has room: 128 characters, names included.

    An id with a quote or a backslash is left out: prometheus-client's own parser fails on one here, and no
    API makes such ids.
    """
    labels: dict[str, str] = {}
    room = 128
    for name, value in (("trace_id", exemplar.trace_id), ("request_id", exemplar.request_id)):
        room -= len(name) + len(value)
        if value and room >= 0 and '"' not in value and "\\" not in value:
            labels[name] = value
    return labels


def label_text(names: Sequence[str], values: Sequence[str]) -> str:
    """Labels as they stand between the braces of a sample."""
    return ",".join(f'{name}="{escape(value)}"' for name, value in zip(names, values, strict=True))


class Family(Generic[SetT]):
    """The label sets of one metric."""

    def __init__(
        self, metric: Metric, metric_labels: Sequence[str], budget: LineBudget, clock: Callable[[], float]
    ) -> None:
        self.metric = metric
        self.names = metric.label_names(metric_labels)
        self.bounds = (*(repr(float(bound)) for bound in metric.buckets), "+Inf")
        self._sets: dict[tuple[str, ...], SetT] = {}
        self._budget = budget
        self._clock = clock
        self._since = clock()
        own = {name for name in self.names if name not in metric.labels}
        self._owned = tuple(name in own for name in self.names)
        self._open = tuple(name in own or name in _OPEN_LABELS for name in self.names)

    def _make(self, values: tuple[str, ...]) -> SetT:
        raise NotImplementedError

    def _lines(self) -> int:
        raise NotImplementedError

    def _samples_of(self, one: SetT, labels: dict[str, str]) -> Iterable[Sample]:
        raise NotImplementedError

    def sets(self) -> list[SetT]:
        """The sets of this moment."""
        return list(self._sets.values())

    def at(self, *values: str, born: int | None = None) -> SetT:
        """The set of these label values, or of the coarser ones that the line budget leaves it."""
        found = self._sets.get(values)
        return self._add(self._affordable(values), born) if found is None else found

    def _affordable(self, values: tuple[str, ...]) -> tuple[str, ...]:
        lines = self._lines()
        if not any(self._open) or self._budget.admits(self.metric.rank, lines):
            return values
        coarse = self._blur(values, self._owned)
        if coarse in self._sets or self._budget.admits_any(lines):
            return coarse
        return self._blur(values, self._open)

    @staticmethod
    def _blur(values: tuple[str, ...], which: tuple[bool, ...]) -> tuple[str, ...]:
        return tuple(OTHER if blur else value for value, blur in zip(values, which, strict=True))

    def _add(self, values: tuple[str, ...], born: int | None) -> SetT:
        if values not in self._sets:
            self._budget.used += self._lines()
            # A scrape that has begun must not meet the new set half-way: it is born last.
            self._sets[values] = self._make(values)
            self._sets[values].born = tick() if born is None else born
        return self._sets[values]

    def describe(self) -> list[Exposed]:
        """What the registry checks for clashing names."""
        return [Exposed(self.metric.family, self.metric.help, self.metric.type)]

    def collect(self) -> list[Exposed]:
        """One snapshot."""
        return [Snapshot(self)]

    def samples(self) -> list[Sample]:
        """The true values, in the shape that `prometheus_client` gives its own."""
        return [
            sample
            for one in self.sets()
            for sample in self._samples_of(one, dict(zip(self.names, one.values, strict=True)))
        ]


class AmountFamily(Family[Amount]):
    """A counter or a gauge, counted or computed.

    Computed sets are as old as the process, or older: they have no zero to show first.
    """

    source: Source | None = None
    """What gives label values and numbers when they are asked for, where nothing is counted."""

    def sets(self) -> list[Amount]:
        """The sets of this moment."""
        if self.source is None:
            return super().sets()
        return [self._computed(values, value) for values, value in self.source()]

    def _computed(self, values: tuple[str, ...], value: float) -> Amount:
        one = Amount(values, label_text(self.names, values), self._since)
        one.value, one.born = value, ALWAYS
        return one

    def _make(self, values: tuple[str, ...]) -> Amount:
        return Amount(values, label_text(self.names, values), self._clock())

    def _lines(self) -> int:
        return 2 if self.metric.type == "counter" else 1

    def _samples_of(self, one: Amount, labels: dict[str, str]) -> Iterable[Sample]:
        yield Sample(self.metric.name, labels, one.value)
        if self.metric.type == "counter":
            yield Sample(f"{self.metric.family}_created", labels, one.created)


class DistributionFamily(Family[Distribution]):
    """A histogram."""

    def _make(self, values: tuple[str, ...]) -> Distribution:
        return Distribution(values, label_text(self.names, values), self._clock(), self.metric.buckets)

    def _lines(self) -> int:
        return len(self.bounds) + 3

    def _samples_of(self, one: Distribution, labels: dict[str, str]) -> Iterable[Sample]:
        name, total, exemplars = self.metric.name, 0, dict(one.exemplars)
        for index, count in enumerate(list(one.counts)):
            total += count
            yield Sample(
                f"{name}_bucket",
                {**labels, "le": self.bounds[index]},
                total,
                None,
                _exposed(exemplars.get(index)),
            )
        yield Sample(f"{name}_count", labels, total)
        yield Sample(f"{name}_sum", labels, one.sum)
        yield Sample(f"{name}_created", labels, one.created)


def _exposed(exemplar: Exemplar | None) -> ExposedExemplar | None:
    labels = exemplar_labels(exemplar) if exemplar else None
    return ExposedExemplar(labels, exemplar.value, exemplar.at) if exemplar and labels else None


class Snapshot(Exposed):
    """A family as a registry hands it out; its samples are made when somebody asks for them."""

    def __init__(self, family: Family[Any]) -> None:
        metric = family.metric
        unit = metric.unit if metric.family.endswith(f"_{metric.unit}") else ""
        super().__init__(metric.family, metric.help, metric.type, unit)
        self.family = family
        del self.samples  # from here on `__getattr__` answers for it

    def __getattr__(self, name: str) -> Any:
        if name != "samples":
            raise AttributeError(name)
        self.samples = self.family.samples()
        return self.samples
