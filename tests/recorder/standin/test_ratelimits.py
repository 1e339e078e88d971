"""Rate-limit headers: buckets that empty with use and fill with time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.messages.call import RateLimit, RateLimitWindow
from tokentape.proxy.messages.headers import read_response_head
from tokentape.recorder.standin.behaviour import RateLimits
from tokentape.recorder.standin.ratelimits import RateLimiter
from tokentape.recorder.standin.turn import Usage

WALL = 1_800_000_000.0
LIMITS = RateLimits(requests=60, input_tokens=600_000, output_tokens=60_000)
USAGE = Usage(
    input_tokens=40_000,
    cache_read_input_tokens=999_999,
    ephemeral_5m_input_tokens=10_000,
    ephemeral_1h_input_tokens=10_000,
    output_tokens=6_000,
)


def limits(limiter: RateLimiter, now: float, credential: bytes = b"me") -> tuple[RateLimit, ...]:
    """What the proxy reads from the headers of one reply."""
    lines = limiter.headers(LIMITS, (credential, "m"), USAGE, now, WALL + now).split(b"\r\n")
    headers = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
    return read_response_head(headers, WALL).rate_limits


def test_a_call_takes_its_tokens_but_not_those_read_from_the_cache() -> None:
    assert limits(RateLimiter(), 0.0) == (
        RateLimit(kind="requests", limit=60, remaining=59, reset_at=WALL + 1),
        RateLimit(kind="tokens", limit=660_000, remaining=594_000, reset_at=WALL + 6),
        RateLimit(kind="input_tokens", limit=600_000, remaining=540_000, reset_at=WALL + 6),
        RateLimit(kind="output_tokens", limit=60_000, remaining=54_000, reset_at=WALL + 6),
    )


def test_time_gives_back_and_other_credentials_take_nothing() -> None:
    limiter = RateLimiter()
    limits(limiter, 0.0)
    limits(limiter, 0.0, b"you")

    requests, _, inputs, outputs = limits(limiter, 3.0)

    assert (requests.remaining, inputs.remaining, outputs.remaining) == (59, 510_000, 51_000)


@given(st.lists(st.floats(0, 100), max_size=40).map(sorted))
def test_what_is_left_stays_between_nothing_and_the_limit(times: list[float]) -> None:
    limiter = RateLimiter()
    for now in times:
        for limit in limits(limiter, now):
            assert limit.limit is not None
            assert limit.remaining is not None
            assert 0 <= limit.remaining <= limit.limit


def test_a_subscription_is_told_its_windows() -> None:
    raw = RateLimiter().headers(LIMITS, (b"sk-ant-oat01-x", "m"), USAGE, 0.0, WALL)
    head = read_response_head([tuple(line.split(b": ")) for line in raw.split(b"\r\n")[:-1]], WALL)  # type: ignore[misc] # lines have one colon

    assert head.unified
    assert head.rate_limits == ()
    assert head.rate_limit_windows == (
        RateLimitWindow(window="5h", utilization=0.25, reset_at=WALL + 5 * 3600, status="allowed"),
        RateLimitWindow(window="7d", utilization=0.25, reset_at=WALL + 168 * 3600, status="allowed"),
    )


def test_the_buckets_are_bounded() -> None:
    limiter = RateLimiter()
    for number in range(10_050):
        limiter.headers(LIMITS, (b"%d" % number, "m"), USAGE, 0.0, WALL)

    assert len(limiter._buckets) <= 10_000
