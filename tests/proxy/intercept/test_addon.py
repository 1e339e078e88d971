"""Whatever goes wrong in telling of a call, the call passes, and is counted."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.intercept import API, require_mitmproxy

from tokentape.proxy.frames import Ending, Flag, Kind
from tokentape.proxy.intercept.addon import UNTOLD, Interceptor, Route

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow


class Told:
    """An outbox that keeps what it is told, and breaks when asked to."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, int, bytes]] = []
        self.broken_kind = 0

    def frame(
        self,
        exchange: object,
        kind: int,
        flags: int,
        received: float,
        payload: bytes,
        status: int = 0,
        last: bool = False,  # noqa: FBT001, FBT002 - as an outbox's
    ) -> None:
        del exchange, received, status, last
        if kind == self.broken_kind:
            raise RuntimeError("broken")
        self.frames.append((int(kind), int(flags), payload))

    def behind(self) -> bool:
        return False

    def skims(self) -> bool:
        return False

    def flush(self) -> None:
        """Nothing waits."""


class Scene:
    """An interceptor, what it told, and a flow of its client."""

    def __init__(self, host: str = API) -> None:
        tflow: Any = import_module("mitmproxy.test.tflow")
        tutils: Any = import_module("mitmproxy.test.tutils")
        self.told = Told()
        self.link = SimpleNamespace(unmetered=Counter[str](), changed=False)
        self.interceptor = Interceptor(Route(hosts=frozenset({API})))
        parts: Any = self.interceptor
        parts.outbox, parts.link = self.told, self.link
        headers = [(b"X-Api-Key", b"k")]
        request = tutils.treq(host=host, port=443, path=b"/@a=b/v1/messages", headers=headers, content=None)
        self.flow: HTTPFlow = tflow.tflow(
            req=request, resp=tutils.tresp(content=None, headers=[(b"a", b"1")])
        )

    def play(self) -> list[bytes]:
        """A whole exchange; the chunks that came out."""
        flow, hooks = self.flow, self.interceptor
        reply, flow.response = flow.response, None
        hooks.requestheaders(flow)
        out = [passed(flow.request, data) for data in (b"one", b"two", b"")]
        hooks.request(flow)
        flow.response = reply
        hooks.responseheaders(flow)
        out += [passed(flow.response, data) for data in (b"three", b"four", b"")]
        hooks.response(flow)
        return out


def passed(message: Any, data: bytes) -> bytes:
    if message.stream is True:
        return data
    chunk: bytes = message.stream(data)
    return chunk


CHUNKS = [b"one", b"two", b"", b"three", b"four", b""]


@pytest.fixture
def scene() -> Scene:
    require_mitmproxy()
    return Scene()


def test_an_exchange_is_told_in_the_relays_frames(scene: Scene) -> None:
    assert scene.play() == CHUNKS
    head = b"POST /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\nX-Api-Key: k\r\n\r\n".replace(
        b"POST", scene.flow.request.data.method
    )
    assert scene.told.frames == [
        (Kind.OPENED, Flag.FRESH_CONNECTION, b"\x03\x00a=b" + head + b"one"),
        (Kind.REQUEST_BODY, 0, b"two"),
        (Kind.REQUEST_BODY, Flag.END, b""),
        (Kind.RESPONSE_HEAD, 0, b"HTTP/1.1 200 OK\r\na: 1\r\n\r\n"),
        (Kind.RESPONSE_BODY, 0, b"three"),
        (Kind.RESPONSE_BODY, 0, b"four"),
        (Kind.CLOSED, Ending.COMPLETE, b""),
    ]
    assert (scene.interceptor.live, scene.link.unmetered) == ({}, Counter())


@pytest.mark.parametrize(
    "kind", [Kind.OPENED, Kind.REQUEST_BODY, Kind.RESPONSE_HEAD, Kind.RESPONSE_BODY, Kind.CLOSED]
)
def test_no_chunk_is_lost_to_an_error_of_ours_and_the_call_is_counted_once(scene: Scene, kind: Kind) -> None:
    scene.told.broken_kind = kind
    assert scene.play() == CHUNKS
    assert (scene.link.unmetered, scene.link.changed) == (Counter({UNTOLD: 1}), True)
    assert scene.interceptor.live == {}
    assert [frame[0] for frame in scene.told.frames][-1:] == [Kind.DROPPED]


def test_a_request_to_another_host_passes_and_is_not_told() -> None:
    require_mitmproxy()
    scene = Scene("example.org")
    assert scene.play() == CHUNKS
    assert (scene.told.frames, scene.interceptor.carried) == ([], 0)
    assert scene.flow.request.path == "/@a=b/v1/messages"
