"""Request and response headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.messages.call import RateLimit, RateLimitWindow, Trace
from tokentape.proxy.messages.hashing import credential_hash
from tokentape.proxy.messages.headers import (
    MAX_BETAS,
    HeadSplitter,
    RequestHead,
    ResponseHead,
    read_request_head,
    read_response_head,
    split_head,
)

SALT = b"salt"
TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-01".encode()


def request(*headers: tuple[bytes, bytes]) -> RequestHead:
    return read_request_head(headers, SALT)


def response(*headers: tuple[bytes, bytes], now: float = 0.0) -> ResponseHead:
    return read_response_head(headers, now)


def test_what_the_official_sdk_sends_is_read() -> None:
    assert request(
        (b"Authorization", b"Bearer sk-ant-api03-key"),
        (b"User-Agent", b"Anthropic/Python 2.12.0"),
        (b"anthropic-version", b"2026-10-21"),
        (b"anthropic-beta", b"compact-2026-01-12, fast-mode"),
        (b"X-Stainless-Retry-Count", b"2"),
        (b"traceparent", PARENT),
        (b"tracestate", b"vendor=1"),
        (b"X-Claude-Code-Session-Id", b"11111111-2222"),
    ) == RequestHead(
        credential=credential_hash(SALT, b"sk-ant-api03-key"),
        client="Anthropic/Python 2.12.0",
        api_version="2026-10-21",
        betas=("compact-2026-01-12", "fast-mode"),
        retry_count=2,
        trace=Trace(trace_id=TRACE_ID, span_id=SPAN_ID, sampled=True, tracestate="vendor=1"),
        session="11111111-2222",
    )


def test_no_headers_say_nothing() -> None:
    assert request() == RequestHead()
    assert response() == ResponseHead()


def test_a_key_has_one_hash_whichever_header_carries_it() -> None:
    carried = [
        request((b"authorization", b"Bearer sk-1")),
        request((b"Authorization", b"bearer  sk-1")),
        request((b"X-Api-Key", b"sk-1")),
        request((b"api-key", b"sk-1")),
    ]
    assert {head.credential for head in carried} == {credential_hash(SALT, b"sk-1")}
    assert request((b"authorization", b"Basic abc")).credential == credential_hash(SALT, b"Basic abc")


def test_an_oauth_token_marks_a_subscription() -> None:
    assert request((b"authorization", b"Bearer sk-ant-oat01-token")).oauth is True
    assert request((b"authorization", b"Bearer sk-ant-api03-key")).oauth is False


@pytest.mark.parametrize(
    ("agent", "client"),
    [
        (b"Anthropic/Python 2.12.0", "Anthropic/Python 2.12.0"),
        (b"AsyncAnthropic/Python 0.75.0", "AsyncAnthropic/Python 0.75.0"),
        (b"Anthropic/JS 0.60.0", "Anthropic/JS 0.60.0"),
        (b"claude-cli/2.1.81 (external, sdk-ts)", "claude-cli/2.1.81"),
        (b"Mozilla/5.0 (X11; Linux) AppleWebKit/537.36", "Mozilla/5.0"),
        (b"curl/8.5.0", "curl/8.5.0"),
        (b"python-requests/2.32 extra/1", "python-requests/2.32"),
        (b"MyAgent", "MyAgent"),
        (b"(only a comment)", None),
        (b"", None),
        (b"\xff\xfe", None),
        (b"x" * 100, None),
    ],
)
def test_the_client_is_product_and_version(agent: bytes, client: str | None) -> None:
    assert request((b"user-agent", agent)).client == client


def test_betas_of_several_headers_are_one_bounded_list() -> None:
    assert request((b"anthropic-beta", b"a,b"), (b"Anthropic-Beta", b"c, ,")).betas == ("a", "b", "c")
    many = request((b"anthropic-beta", b",".join(b"beta-%d" % n for n in range(100))))
    assert many.betas == tuple(f"beta-{n}" for n in range(MAX_BETAS))


@pytest.mark.parametrize(
    ("value", "count"), [(b"0", 0), (b"2", 2), (b"-1", None), (b"x", None), (b"", None), (b"9999", None)]
)
def test_a_retry_count_is_a_small_number(value: bytes, count: int | None) -> None:
    assert request((b"x-stainless-retry-count", value)).retry_count == count


@pytest.mark.parametrize(
    "parent",
    [
        b"",
        b"00",
        PARENT.upper(),
        PARENT + b"-more",
        PARENT + b" ",
        b" " + PARENT,
        PARENT.replace(b"-01", b"-1"),
        PARENT.replace(b"-01", b"-0g"),
        PARENT.replace(b"-", b"_"),
        b"ff" + PARENT[2:],
        b"0g" + PARENT[2:],
        f"00-{'0' * 32}-{SPAN_ID}-01".encode(),
        f"00-{TRACE_ID}-{'0' * 16}-01".encode(),
        f"00-{TRACE_ID[1:]}-{SPAN_ID}-01".encode(),
        PARENT + b"\n",
    ],
)
def test_a_traceparent_that_breaks_the_standard_is_none(parent: bytes) -> None:
    assert request((b"traceparent", parent)).trace is None


def test_a_newer_version_of_traceparent_may_go_on() -> None:
    trace = Trace(trace_id=TRACE_ID, span_id=SPAN_ID, sampled=False)
    assert request((b"traceparent", b"00" + PARENT[2:-1] + b"0")).trace == trace
    assert request((b"traceparent", b"01" + PARENT[2:-1] + b"0-more")).trace == trace
    assert request((b"traceparent", b"01" + PARENT[2:-1] + b"0more")).trace is None


def test_two_traceparents_are_none_and_tracestates_are_one_list() -> None:
    assert request((b"traceparent", PARENT), (b"traceparent", PARENT)).trace is None
    state = request((b"traceparent", PARENT), (b"tracestate", b"a=1"), (b"Tracestate", b"b=2"))
    assert state.trace == Trace(trace_id=TRACE_ID, span_id=SPAN_ID, sampled=True, tracestate="a=1,b=2")
    assert request((b"tracestate", b"a=1")).trace is None


def test_a_response_head_is_read() -> None:
    assert response(
        (b"Content-Type", b"Text/Event-Stream; charset=utf-8"),
        (b"Request-Id", b"req_1"),
        (b"anthropic-organization-id", b"org_1"),
        (b"Anthropic-RateLimit-Requests-Limit", b"5"),
    ) == ResponseHead(
        content_type="text/event-stream",
        request_id="req_1",
        organization_id="org_1",
        rate_limits=(RateLimit(kind="requests", limit=5),),
    )


def test_unified_limits_mark_a_subscription() -> None:
    assert response((b"Anthropic-Ratelimit-Unified-Status", b"allowed")) == ResponseHead(unified=True)
    assert response((b"anthropic-ratelimit-unified-7d-utilization", b"0.5")) == ResponseHead(
        unified=True, rate_limit_windows=(RateLimitWindow(window="7d", utilization=0.5),)
    )


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([(b"retry-after-ms", b"1500"), (b"retry-after", b"7")], 1.5),
        ([(b"retry-after-ms", b"soon"), (b"retry-after", b"7")], 7.0),
        ([(b"retry-after", b"0.5")], 0.5),
        ([(b"Retry-After", b"Sun, 22 Nov 2026 12:00:10 GMT")], 10.0),
        ([(b"retry-after", b"Sun, 22 Nov 2026 11:00:00 GMT")], 0.0),
        ([(b"retry-after", b"-5")], None),
        ([(b"retry-after", b"nan")], None),
        ([(b"retry-after", b"later")], None),
        ([(b"retry-after", b"Sun, 99 Nov 2026 12:00:10 GMT")], None),
    ],
)
def test_when_to_retry_is_seconds_whatever_its_form(
    headers: list[tuple[bytes, bytes]], seconds: float | None
) -> None:
    assert response(*headers, now=1_795_348_800.0).retry_after == seconds


NAMES = st.sampled_from(
    [
        b"anthropic-beta",
        b"anthropic-organization-id",
        b"anthropic-ratelimit-tokens-reset",
        b"anthropic-ratelimit-unified-5h-reset",
        b"anthropic-version",
        b"authorization",
        b"content-type",
        b"request-id",
        b"retry-after",
        b"retry-after-ms",
        b"traceparent",
        b"tracestate",
        b"user-agent",
        b"x-api-key",
        b"x-claude-code-session-id",
        b"x-stainless-retry-count",
    ]
)


@given(st.lists(st.tuples(NAMES, st.binary())))
def test_no_header_raises(headers: list[tuple[bytes, bytes]]) -> None:
    request(*headers)
    response(*headers)


LINES = st.lists(
    st.tuples(
        NAMES, st.sampled_from([b":", b": ", b":  ", b":\t"]), st.sampled_from([b"", b"a", b"a: b", b"c "])
    )
)


@given(st.lists(LINES))
def test_a_splitter_that_remembers_names_reads_each_head_as_one_that_does_not(
    heads: list[list[tuple[bytes, bytes, bytes]]],
) -> None:
    splitter = HeadSplitter()
    for lines in heads:
        raw = b"HTTP/1.1 200 OK\r\n" + b"".join(n + c + v + b"\r\n" for n, c, v in lines) + b"\r\n"
        assert splitter.split(raw) == split_head(raw)
        assert list(splitter.split(raw)[1]) == list(split_head(raw)[1])
