"""Streams leave nothing behind in the worker: mitmproxy keeps no flow, and neither do we."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import psutil
import pytest
from tests.proxy.intercept.test_worker import Scripted, request
from tests.support.intercept import Intercepting, intercepting, require_mitmproxy, upstream_context
from tests.support.proxy import get
from tests.support.wire import receive, serving

if TYPE_CHECKING:
    from collections.abc import Generator

CONNECTIONS = 8
STREAMS = 1_000
"""A flow that is kept takes 10 KB and more; all of them together would show."""
GROWTH = 6_000
"""Bytes for each stream, of which memory that is freed late takes a part."""


@pytest.fixture(scope="module")
def proxy() -> Generator[Intercepting]:
    require_mitmproxy()
    with serving(Scripted(), upstream_context()) as url, intercepting(url) as found:
        yield found


async def carry(proxy: Intercepting, streams: int) -> None:
    """So many streams to their ends, on a few connections and, for the last of each, a new one."""

    async def share(count: int) -> None:
        for start in range(0, count, 50):
            reader, writer = await proxy.open()
            for _ in range(start, min(start + 50, count)):
                writer.write(request("many", ""))
                reply = await receive(reader, is_response=True)
                assert reply is not None
                assert reply.complete
            writer.transport.abort()
            await asyncio.sleep(0)

    await asyncio.gather(*(share(streams // CONNECTIONS) for _ in range(CONNECTIONS)))


def resident(proxy: Intercepting) -> int:
    """Bytes of the worker."""
    _, body = get(f"http://127.0.0.1:{proxy.port}/.tokentape/healthz")
    said = json.loads(body)
    assert said["inflight"] == 0
    return int(psutil.Process(said["pid"]).memory_info().rss)


def growth(proxy: Intercepting, streams: int) -> int:
    """Bytes by which the worker grows, after as many streams to warm up."""
    asyncio.run(carry(proxy, streams))
    before = resident(proxy)
    asyncio.run(carry(proxy, streams))
    return resident(proxy) - before


@pytest.mark.slow
def test_memory_does_not_grow_with_streams(proxy: Intercepting) -> None:
    assert growth(proxy, STREAMS) < STREAMS * GROWTH
