from __future__ import annotations

import re
from pathlib import Path

import pytest

from tokentape.proxy.catalogue import BY_NAME, CATALOGUE
from tokentape.proxy.telemetry.examples import EXAMPLES
from tokentape.proxy.telemetry.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_the_committed_page_is_the_generated_one() -> None:
    again = "python -m tokentape.proxy.telemetry.reference docs/metrics.md"
    assert PAGE.read_text("utf-8") == reference(), f"run {again}"


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_every_metric_is_described(metric: object) -> None:
    name = getattr(metric, "name", "")
    assert f"### `{name}`\n\n{BY_NAME[name].help}\n" in reference()


def test_every_group_has_examples() -> None:
    assert set(EXAMPLES) == {metric.group for metric in CATALOGUE}


def test_examples_use_metrics_and_labels_that_exist() -> None:
    for group in EXAMPLES.values():
        for _, query in group:
            for name in re.findall(r"\btokentape_\w+", query):
                assert name.removesuffix("_bucket") in BY_NAME, query
