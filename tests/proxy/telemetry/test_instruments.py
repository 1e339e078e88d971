from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry
from tests.support.metrics import series

from tokentape.proxy.catalogue import CATALOGUE
from tokentape.proxy.telemetry.instruments import Instruments, label_names


def names(registry: CollectorRegistry) -> set[str]:
    return {metric.name for metric in registry.collect()}


def test_without_a_bill_what_needs_a_price_does_not_exist() -> None:
    registry = CollectorRegistry()
    Instruments(registry)
    assert names(registry) == {metric.family for metric in CATALOGUE if not metric.needs_bill}


def test_with_a_bill_the_whole_catalogue_exists() -> None:
    registry = CollectorRegistry()
    Instruments(registry, bill=True)
    assert names(registry) == {metric.family for metric in CATALOGUE}


def test_two_registries_share_nothing() -> None:
    first, second = CollectorRegistry(), CollectorRegistry()
    Instruments(first).amounts("tokentape_parse_errors_total").at("decoding").value += 1
    Instruments(second)
    assert series(second, "tokentape_parse_errors_total", "reason") == {}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("project",), ("project",)),
        ((), ()),
        (("cost-center", "app.name"), ("cost_center", "app_name")),
    ],
)
def test_label_keys_become_label_names(keys: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert label_names(keys) == expected


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (("a", "b", "c", "d"), "at most 3"),
        (("model",), "'model' is a label of the metrics already"),
        (("le",), "'le' is a label of the metrics already"),
        (("1st",), "'1st' is no label key"),
        (("pro ject",), "'pro ject' is no label key"),
        (("größe",), "'größe' is no label key"),
        (("k" * 65,), "is no label key"),
        (("__name__",), "'__name__' cannot be a label name"),
        (("",), "'' is no label key"),
        (("a-b", "a.b"), "two keys have the same label name"),
    ],
)
def test_label_keys_that_cannot_be_names_are_refused(keys: tuple[str, ...], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        label_names(keys)


def test_what_is_beyond_a_bound_is_counted_by_label() -> None:
    registry = CollectorRegistry()
    bounded = Instruments(registry).bounded("tool", 1)
    assert [bounded("a"), bounded("b"), bounded("c")] == ["a", "other", "other"]
    assert series(registry, "tokentape_label_overflows_total", "label") == {
        ("scrape_lines",): 0,
        ("tool",): 2,
    }


def test_a_computed_metric_is_asked_at_every_scrape() -> None:
    registry = CollectorRegistry()
    answers = iter([[((), 3.0)], []])
    Instruments(registry).compute("tokentape_inflight_requests", lambda: next(answers))
    assert series(registry, "tokentape_inflight_requests") == {(): 3.0}
    assert series(registry, "tokentape_inflight_requests") == {}
