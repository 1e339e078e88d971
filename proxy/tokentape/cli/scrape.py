"""One scrape of /metrics, to be asked questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class Sample(NamedTuple):
    """One line."""

    name: str
    labels: dict[str, str]
    value: float


class Scrape:
    """The samples of a scrape."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._by_name: dict[str, list[Sample]] = {}
        for sample in samples:
            self._by_name.setdefault(sample.name, []).append(sample)

    def value(self, name: str, **labels: str) -> float:
        """The sum over all samples that carry at least these labels; 0 without any."""
        return sum(sample.value for sample in self._matching(name, labels))

    def by(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """Sums by the values of one label, the largest first; those of 0 are left out."""
        sums: dict[str, float] = {}
        for sample in self._matching(name, labels):
            key = sample.labels[label]
            sums[key] = sums.get(key, 0.0) + sample.value
        return {key: sums[key] for key in sorted(sums, key=lambda key: (-sums[key], key)) if sums[key]}

    def quantile(self, share: float, histogram: str, **labels: str) -> float | None:
        """A quantile of a histogram, as Prometheus' histogram_quantile has it; `None` while it is empty."""
        counts: dict[float, float] = {}
        for sample in self._matching(f"{histogram}_bucket", labels):
            bound = float(sample.labels["le"])
            counts[bound] = counts.get(bound, 0.0) + sample.value
        return histogram_quantile(share, sorted(counts.items()))

    def _matching(self, name: str, labels: dict[str, str]) -> Iterator[Sample]:
        wanted = labels.items()
        return (sample for sample in self._by_name.get(name, ()) if wanted <= sample.labels.items())


def histogram_quantile(share: float, buckets: Sequence[tuple[float, float]]) -> float | None:
    """A quantile by linear interpolation inside its bucket.

    Args:
        share: 0 to 1.
        buckets: upper bound and cumulative count, in order; the last bound is infinity.
    """
    if not buckets or not buckets[-1][1]:
        return None
    rank = share * buckets[-1][1]
    lower, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= rank and count > below:
            # The last bucket has no upper end: the lower one is all that is known.
            if bound == float("inf"):
                return lower
            return lower + (bound - lower) * (rank - below) / (count - below)
        lower, below = bound, count
    return lower


def parse(text: str) -> Scrape:
    """Read the plain text format."""
    from prometheus_client.parser import text_string_to_metric_families

    families = text_string_to_metric_families(text)
    return Scrape(
        Sample(sample.name, dict(sample.labels), sample.value)
        for family in families
        for sample in family.samples
    )


def scrape(metrics_url: str) -> Scrape:
    """Fetch true values from a proxy on this machine.

    Raises:
        OSError: nobody answers there.
    """
    from tokentape.cli.fetch import fetch

    # `settled`: a set that nobody saw yet is shown as it is, not at 0 first as to a scraper.
    return parse(fetch(f"{metrics_url}?settled=1").body.decode())
