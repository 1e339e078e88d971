from __future__ import annotations

from typing import get_args

from anthropic.types import model
from prometheus_client import CollectorRegistry
from tests.support.metrics import series

from tokentape.proxy.messages.models import model_label
from tokentape.proxy.telemetry.current_models import CURRENT_MODELS
from tokentape.proxy.telemetry.prometheus import MAX_MODELS, PrometheusSink


def test_the_sdk_knows_every_one_of_them() -> None:
    listed = {model_label(name) for name in get_args(get_args(model.Model)[0])}
    assert set(CURRENT_MODELS) <= listed


def test_they_are_labels_and_leave_room_for_others() -> None:
    assert [model_label(name) for name in CURRENT_MODELS] == list(CURRENT_MODELS)
    assert len(set(CURRENT_MODELS)) == len(CURRENT_MODELS) <= MAX_MODELS // 2


def test_their_counters_can_stand_at_zero_from_the_start() -> None:
    registry = CollectorRegistry()
    PrometheusSink(registry, models=CURRENT_MODELS)
    counters = series(registry, "tokentape_tokens_total", "model", "project", "kind")
    assert len(counters) == 5 * len(CURRENT_MODELS)
    assert set(counters.values()) == {0}
