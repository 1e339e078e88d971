"""Questions to a scrape."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.cli.scrape import histogram_quantile, parse

TEXT = """\
# TYPE calls_total counter
calls_total{model="a",outcome="ok"} 3
calls_total{model="b",outcome="ok"} 5
calls_total{model="b",outcome="api_error"} 1
calls_total{model="c",outcome="ok"} 0
# TYPE wait_seconds histogram
wait_seconds_bucket{model="a",le="1.0"} 1
wait_seconds_bucket{model="a",le="2.0"} 2
wait_seconds_bucket{model="a",le="+Inf"} 2
wait_seconds_bucket{model="b",le="1.0"} 0
wait_seconds_bucket{model="b",le="2.0"} 2
wait_seconds_bucket{model="b",le="+Inf"} 2
"""
INFINITY = float("inf")


def test_a_value_is_a_sum_over_what_carries_the_labels() -> None:
    scrape = parse(TEXT)
    assert (scrape.value("calls_total"), scrape.value("calls_total", model="b")) == (9, 6)
    assert (scrape.value("calls_total", model="z"), scrape.value("other_total")) == (0, 0)


def test_values_by_a_label_come_largest_first_without_zeros() -> None:
    assert list(parse(TEXT).by("calls_total", "model").items()) == [("b", 6), ("a", 3)]
    assert parse(TEXT).by("calls_total", "outcome", model="b") == {"ok": 5, "api_error": 1}


def test_a_quantile_is_taken_over_all_series_of_the_histogram() -> None:
    scrape = parse(TEXT)
    assert scrape.quantile(0.5, "wait_seconds", model="a") == 1.0
    assert scrape.quantile(0.5, "wait_seconds") == pytest.approx(1 + 1 / 3)
    assert scrape.quantile(0.5, "wait_seconds", model="z") is None


@pytest.mark.parametrize(
    ("share", "buckets", "value"),
    [
        (0.5, [(1, 10), (INFINITY, 10)], 0.5),
        (0.95, [(1, 10), (2, 20), (INFINITY, 20)], 1.9),
        (0.5, [(1, 0), (2, 0), (4, 8), (INFINITY, 8)], 3.0),
        (0.99, [(1, 1), (INFINITY, 100)], 1.0),
        (0.5, [(INFINITY, 4)], 0.0),
        (1.0, [(1, 5), (2, 5), (INFINITY, 5)], 1.0),
        (0.5, [(1, 0), (INFINITY, 0)], None),
        (0.5, [], None),
    ],
)
def test_a_quantile_is_interpolated_inside_its_bucket(
    share: float, buckets: list[tuple[float, float]], value: float | None
) -> None:
    assert histogram_quantile(share, buckets) == (None if value is None else pytest.approx(value))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.floats(0, 1))
def test_a_quantile_lies_within_the_bounds_and_grows_with_its_share(counts: list[int], share: float) -> None:
    bounds = [float(2**n) for n in range(len(counts) - 1)] + [INFINITY]
    buckets = list(zip(bounds, map(float, accumulate(counts)), strict=True))
    value = histogram_quantile(share, buckets)
    if sum(counts) == 0:
        assert value is None
        return
    top = histogram_quantile(1.0, buckets)
    assert value is not None
    assert top is not None
    assert 0 <= value <= top <= (bounds[-2] if len(bounds) > 1 else 0)
