"""The unit of loss is the call, and every lost call is counted: kill -9 and SIGSTOP of a real observer."""

from __future__ import annotations

import http.client
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.support.proxy import RunningProxy, eventually, running_proxy

from tokentape.recorder.standin.server import standing_in

if TYPE_CHECKING:
    from collections.abc import Generator

    from tokentape.recorder.standin.server import StandIn

pytestmark = pytest.mark.slow
HEADERS = {
    "authorization": "Bearer sk-ant-api03-dummy",
    "anthropic-version": "2023-06-01",
    "content-type": "application/json",
}


@pytest.fixture
def upstream() -> Generator[StandIn]:
    with standing_in() as standin:
        yield standin


@pytest.fixture
def proxy(upstream: StandIn) -> Generator[RunningProxy]:
    with running_proxy(upstream.url) as running:
        yield running


def body(size: int = 100, *, stream: bool = False) -> bytes:
    message = {"role": "user", "content": "x" * size}
    return json.dumps(
        {"model": "claude-sonnet-4-5", "max_tokens": 64, "stream": stream, "messages": [message]}
    ).encode()


def send(proxy: RunningProxy, calls: int, *, size: int = 100) -> list[int]:
    """Make calls one after the other on one connection; their statuses."""
    connection = http.client.HTTPConnection(*proxy.address, timeout=30)
    statuses: list[int] = []
    for _ in range(calls):
        connection.request("POST", "/v1/messages", body(size), HEADERS)
        reply = connection.getresponse()
        json.loads(reply.read())
        statuses.append(reply.status)
    connection.close()
    return statuses


def send_at_once(proxy: RunningProxy, clients: int, calls: int, *, size: int = 100) -> list[int]:
    with ThreadPoolExecutor(clients) as pool:
        sent = [pool.submit(send, proxy, calls, size=size) for _ in range(clients)]
        return [status for one in sent for status in one.result()]


def test_calls_made_while_the_observer_is_dead_are_metered_later_or_counted(
    proxy: RunningProxy, upstream: StandIn
) -> None:
    assert set(send_at_once(proxy, 4, 25)) == {200}
    assert proxy.settled().value("tokentape_requests_total") == 100
    observer = proxy.observer_pid()
    os.kill(observer, signal.SIGKILL)
    assert set(send_at_once(proxy, 4, 50)) == {200}
    eventually(lambda: proxy.observer_pid() not in {0, observer}, "the observer's restart")
    assert set(send_at_once(proxy, 4, 25)) == {200}
    after = proxy.after(300)
    metered, lost = after.value("tokentape_requests_total"), after.value("tokentape_unmetered_calls_total")
    assert metered + lost == 300
    assert upstream.totals.requests == 400


def test_a_stopped_observer_never_slows_traffic_and_what_it_misses_is_counted_exactly(
    proxy: RunningProxy, upstream: StandIn
) -> None:
    observer = proxy.observer_pid()
    os.kill(observer, signal.SIGSTOP)
    # 60 MB of requests against a buffer of 32 MB, then so many calls that even skimmed ones fill it.
    assert send_at_once(proxy, 4, 75, size=200_000) == [200] * 300
    assert send_at_once(proxy, 4, 1500) == [200] * 6000
    os.kill(observer, signal.SIGCONT)
    after = proxy.after(6300)
    metered, lost = after.value("tokentape_requests_total"), after.value("tokentape_unmetered_calls_total")
    assert metered + lost == 6300
    assert after.by("tokentape_unmetered_calls_total", "reason") == {"buffer_full": lost}
    assert 0 < lost < 6000
    assert after.value("tokentape_parse_errors_total", reason="request_skimmed") > 0
    assert upstream.totals.requests == 6300
    assert set(send(proxy, 5)) == {200}
    settled = proxy.settled()
    assert settled.value("tokentape_unmetered_calls_total") == lost
    assert settled.value("tokentape_requests_total") == metered + 5


def test_a_stream_outlives_its_observer_and_is_metered_by_the_next(proxy: RunningProxy) -> None:
    connection = http.client.HTTPConnection(*proxy.address, timeout=30)
    steer = {
        "x-standin-behaviour": json.dumps({"output_tokens": 60, "chunk_tokens": 2, "tokens_per_second": 30})
    }
    connection.request("POST", "/v1/messages", body(stream=True), HEADERS | steer)
    reply = connection.getresponse()
    first = reply.readline()
    proxy.kill_observer()
    rest = reply.read()
    assert first.startswith(b"event: message_start")
    assert b"event: message_stop" in rest
    after = proxy.after(1)
    assert after.value("tokentape_requests_total", stream="true", outcome="ok") == 1
    assert after.by("tokentape_requests_total", "model") == {"claude-sonnet-4-5": 1}
    assert after.by("tokentape_tokens_total", "kind") == {"input": 25, "output": 60}
    assert after.value("tokentape_unmetered_calls_total") == 0
    connection.close()
