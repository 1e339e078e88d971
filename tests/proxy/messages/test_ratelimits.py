"""Rate limits in response headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.messages.call import RateLimit, RateLimitWindow
from tokentape.proxy.messages.ratelimits import read_rate_limits, read_windows

NOON = 1_795_348_800.0
"""2026-11-22T12:00:00Z."""


def test_each_kind_has_limit_remaining_and_reset() -> None:
    headers = {
        b"anthropic-ratelimit-requests-limit": b"4000",
        b"anthropic-ratelimit-requests-remaining": b"3999",
        b"anthropic-ratelimit-requests-reset": b"2026-11-22T12:00:00Z",
        b"anthropic-ratelimit-input-tokens-remaining": b"0",
        b"anthropic-ratelimit-output-tokens-reset": b"2026-11-22T13:00:00+01:00",
        b"anthropic-ratelimit-tokens-limit": b"100",
        b"anthropic-ratelimit-unified-5h-utilization": b"0.5",
        b"content-type": b"application/json",
    }
    assert read_rate_limits(headers) == (
        RateLimit(kind="requests", limit=4000, remaining=3999, reset_at=NOON),
        RateLimit(kind="tokens", limit=100),
        RateLimit(kind="input_tokens", remaining=0),
        RateLimit(kind="output_tokens", reset_at=NOON),
    )


def test_a_subscription_has_windows() -> None:
    headers = {
        b"anthropic-ratelimit-unified-status": b"allowed",
        b"anthropic-ratelimit-unified-5h-utilization": b"0.25",
        b"anthropic-ratelimit-unified-5h-reset": b"1795348800",
        b"anthropic-ratelimit-unified-5h-status": b"allowed_warning",
        b"anthropic-ratelimit-unified-7d-utilization": b"1.02",
        b"anthropic-ratelimit-unified-7d_opus-utilization": b"0.9",
    }
    assert read_windows(headers) == (
        RateLimitWindow(window="5h", utilization=0.25, reset_at=NOON, status="allowed_warning"),
        RateLimitWindow(window="7d", utilization=1.02),
    )
    assert read_rate_limits(headers) == ()


def test_no_headers_no_limits() -> None:
    assert (read_rate_limits({}), read_windows({})) == ((), ())


@pytest.mark.parametrize("value", [b"", b"-5", b"many", b"1e3", b"9" * 40, b"\xff"])
def test_a_count_that_is_none_is_left_out(value: bytes) -> None:
    headers = {b"anthropic-ratelimit-requests-limit": value}
    assert read_rate_limits(headers) == (RateLimit(kind="requests"),)


@pytest.mark.parametrize(
    "value", [b"", b"soon", b"2026-11-22T12:00:00", b"nan", b"inf", b"-1", b"9e99", b"\xff"]
)
def test_a_time_that_is_none_is_left_out(value: bytes) -> None:
    headers = {b"anthropic-ratelimit-requests-reset": value}
    assert read_rate_limits(headers) == (RateLimit(kind="requests"),)


@given(st.binary(), st.binary(), st.binary())
def test_no_value_raises(first: bytes, second: bytes, third: bytes) -> None:
    values = [first, second, third]
    plain = zip(["limit", "remaining", "reset"], values, strict=True)
    unified = zip(["utilization", "reset", "status"], values, strict=True)
    assert (
        len(read_rate_limits({f"anthropic-ratelimit-tokens-{end}".encode(): value for end, value in plain}))
        == 1
    )
    assert len(read_windows({f"anthropic-ratelimit-unified-7d-{end}".encode(): v for end, v in unified})) == 1
