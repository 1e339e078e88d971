from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.support.calls import STARTED, make_call
from tests.support.metrics import series, total

from tokentape.proxy.messages.call import Call, RateLimit, RateLimitWindow, Timings
from tokentape.proxy.telemetry.prometheus import PrometheusSink
from tokentape.proxy.telemetry.ratelimits import HOLDS_WITHOUT_RESET, MAX_LIMITS


class Clock:
    def __init__(self) -> None:
        self.now = STARTED

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def sink(registry: CollectorRegistry, clock: Clock) -> PrometheusSink:
    return PrometheusSink(registry, clock=clock)


def limited(remaining: int, reset_at: float | None = STARTED + 30, **changes: Any) -> Call:
    limit = RateLimit(kind="requests", limit=50, remaining=remaining, reset_at=reset_at)
    return make_call(**({"credential": "c0ffee", "rate_limits": (limit,)} | changes))


def remaining(registry: CollectorRegistry) -> dict[tuple[str, ...], float]:
    return series(registry, "tokentape_ratelimit_remaining", "credential", "model", "kind")


def test_a_limit_is_absent_until_it_is_seen(registry: CollectorRegistry, sink: PrometheusSink) -> None:
    assert remaining(registry) == {}
    sink.closed(limited(49))
    key = ("c0ffee", "claude-sonnet-4-5", "requests")
    assert remaining(registry) == {key: 49}
    assert series(registry, "tokentape_ratelimit_limit", "credential", "model", "kind") == {key: 50}
    assert total(registry, "tokentape_ratelimit_reset_timestamp_seconds") == STARTED + 30


def test_it_is_gone_after_its_reset(registry: CollectorRegistry, sink: PrometheusSink, clock: Clock) -> None:
    sink.closed(limited(49))
    clock.now = STARTED + 29.9
    assert len(remaining(registry)) == 1
    clock.now = STARTED + 30
    assert remaining(registry) == {}
    assert series(registry, "tokentape_ratelimit_limit", "kind") == {}


def test_without_a_reset_it_holds_for_a_minute(
    registry: CollectorRegistry, sink: PrometheusSink, clock: Clock
) -> None:
    sink.closed(limited(49, reset_at=None, timings=Timings(duration=9.0, headers=1.0)))
    clock.now = STARTED + 1 + HOLDS_WITHOUT_RESET - 0.1
    assert len(remaining(registry)) == 1
    assert series(registry, "tokentape_ratelimit_reset_timestamp_seconds", "kind") == {}
    clock.now += 0.1
    assert remaining(registry) == {}


def test_of_two_replies_the_later_head_counts_whichever_ended_first(
    registry: CollectorRegistry, sink: PrometheusSink
) -> None:
    sink.closed(limited(40, started_at=STARTED + 5))
    sink.closed(limited(49, started_at=STARTED, ended_at=STARTED + 90))
    assert list(remaining(registry).values()) == [40]


def test_what_the_api_did_not_say_is_absent(registry: CollectorRegistry, sink: PrometheusSink) -> None:
    sink.closed(make_call(rate_limits=(RateLimit(kind="tokens", remaining=5, reset_at=STARTED + 9),)))
    assert remaining(registry) == {("none", "claude-sonnet-4-5", "tokens"): 5}
    assert series(registry, "tokentape_ratelimit_limit", "kind") == {}


def test_subscription_windows_are_shown_until_their_reset(
    registry: CollectorRegistry, sink: PrometheusSink, clock: Clock
) -> None:
    windows = (
        RateLimitWindow(window="5h", utilization=0.25, reset_at=STARTED + 100),
        RateLimitWindow(window="7d", utilization=0.5, reset_at=STARTED + 1000),
    )
    sink.closed(make_call(credential="c0ffee", rate_limit_windows=windows))
    name = "tokentape_ratelimit_utilization_ratio"
    assert series(registry, name, "credential", "window") == {("c0ffee", "5h"): 0.25, ("c0ffee", "7d"): 0.5}
    clock.now = STARTED + 100
    assert series(registry, name, "window") == {("7d",): 0.5}


def test_only_so_many_limits_are_remembered_the_latest_ones(
    registry: CollectorRegistry, sink: PrometheusSink
) -> None:
    for number in range(MAX_LIMITS + 5):
        sink.closed(limited(number, credential=f"key-{number}"))
    assert sorted(remaining(registry).values()) == list(range(5, MAX_LIMITS + 5))
    assert total(registry, "tokentape_label_overflows_total", label="credential") == 5
