"""What is put into mitmproxy: it points the API's requests at their upstream, and tells of them in frames.

What holds, and is tested:

- Bodies pass as they come, still encoded. mitmproxy drops a chunk when the callable that it hands it to
  raises; so whatever goes wrong in ours is counted, that call is told no further, and the chunk passes.
- A request to any other host that mitmproxy reads, because it came in the clear, passes and is not told.
"""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.proxy import answers
from tokentape.proxy.frames import Ending
from tokentape.proxy.intercept.endings import Failure, client_failure, server_failure
from tokentape.proxy.intercept.exchange import InterceptedExchange
from tokentape.proxy.intercept.failures import NOTED, reply_of
from tokentape.proxy.intercept.heads import request_head, response_head
from tokentape.proxy.relay.forwarding import LABEL_HEADER, take_label_segment

if TYPE_CHECKING:
    from collections.abc import Callable

    from mitmproxy.http import HTTPFlow, Request

    from tokentape.proxy.frame_link import FrameLink
    from tokentape.proxy.relay.exchange import Exchange
    from tokentape.proxy.relay.outbox import Outbox
    from tokentape.proxy.relay.upstream_url import Upstream

UNTOLD: Final = "intercept_error"
"""Reason of calls that were carried, and that an error of ours left untold."""
_NUMBER: Final = "tokentape_exchange"
_OWN_PATH: Final = "/.tokentape/healthz"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests are the API's, and where they go."""

    hosts: frozenset[str]
    """Lower case; any port."""
    upstream: Upstream | None = None
    """Where they are carried to instead of where the client wants them; `None` lets them be."""
    labels: bytes = b""
    """Of every call, before its own."""
    idle_seconds: float = 660.0


class Interceptor:
    """The addon of one worker."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.live: dict[int, Exchange] = {}
        self.carried = 0
        self.draining = False
        self.outbox: Outbox
        self.link: FrameLink

    # mitmproxy's hooks.

    def requestheaders(self, flow: HTTPFlow) -> None:
        """A request begins."""
        request = flow.request
        if self._is_ours(flow):
            flow.response = reply_of(self._own_answer(request.path))
            return
        request.stream = True
        if not self._is_told(flow):
            return
        segment, header = _take_labels(request)
        if self.route.upstream is not None:
            _redirect(request, self.route.upstream)
        try:
            exchange = self._open(request, b",".join(filter(None, (self.route.labels, segment, header))))
            flow.metadata[_NUMBER] = exchange.id
        except Exception:  # noqa: BLE001 - whatever is wrong with us, the call passes
            self.link.unmetered[UNTOLD] += 1
            self.link.changed = True
            return
        request.stream = self._passing(exchange, lambda data: _request_passed(flow, exchange, data))

    def request(self, flow: HTTPFlow) -> None:
        """A request is complete; the only word of one without a body."""
        exchange = self._exchange(flow)
        if exchange is not None and not exchange.request_ended:
            self._passing(exchange, exchange.request_passed)(b"")

    def responseheaders(self, flow: HTTPFlow) -> None:
        """A reply begins."""
        response, exchange = flow.response, self._exchange(flow)
        if response is None or flow.metadata.get(_NUMBER) is None:
            if response is not None:
                response.stream = not self._is_ours(flow)
            return
        response.stream = True
        if exchange is None:
            return

        def begin(_: bytes) -> None:
            data = response.data
            exchange.reply_begun(response_head(data.status_code, data.reason, data.headers.fields))

        self._passing(exchange, begin)(b"")
        response.stream = self._passing(exchange, exchange.reply_passed)

    def response(self, flow: HTTPFlow) -> None:
        """A reply is complete."""
        exchange = self._exchange(flow)
        if exchange is not None:
            self._passing(exchange, lambda _: exchange.reply_whole())(b"")

    def error(self, flow: HTTPFlow) -> None:
        """A request or its reply broke off."""
        exchange = self._exchange(flow)
        if exchange is None:
            return
        failure: Failure = flow.metadata.get(NOTED) or Failure(
            ending=Ending.UPSTREAM_ABORT, code="upstream_protocol"
        )
        told = 0 if exchange.begun else failure.status
        reason = failure.code
        self._passing(exchange, lambda _: exchange.finish(failure.ending, told, reason))(b"")

    # What else asks.

    def judge(self, flow: HTTPFlow, client: bool, kind: str, message: str) -> Failure | None:  # noqa: FBT001 - as `failures.Judge`
        """How a flow failed; see `failures.install`."""
        exchange = self._exchange(flow)
        silent = exchange is not None and monotonic() - exchange.seen >= self.route.idle_seconds
        if client:
            return client_failure(message, silent=silent)
        host = flow.request.pretty_host
        return server_failure(kind, message, host, begun=flow.response is not None)

    def end_all(self) -> None:
        """The proxy ends: whatever is under way breaks off."""
        for exchange in list(self.live.values()):
            exchange.finish(Ending.PROXY_ERROR, 0, "draining")
        self.outbox.flush()

    # Helpers.

    def _open(self, request: Request, labels: bytes) -> InterceptedExchange:
        self.carried += 1
        data = request.data
        head = request_head(data.method, data.path, _authority(request), data.headers.fields)
        return InterceptedExchange(
            self.carried, self.outbox, self.live, method=data.method, head=head, labels=labels
        )

    def _exchange(self, flow: HTTPFlow) -> InterceptedExchange | None:
        found = self.live.get(flow.metadata.get(_NUMBER, 0))
        assert found is None or isinstance(found, InterceptedExchange)
        return found

    def _passing(
        self, exchange: InterceptedExchange, tell: Callable[[bytes], None]
    ) -> Callable[[bytes], bytes]:
        """A callable that tells of a chunk and gives it back, whatever telling comes to."""

        def passed(data: bytes) -> bytes:
            if exchange.metered:
                try:
                    tell(data)
                except Exception:  # noqa: BLE001 - the chunk passes
                    self._give_up(exchange)
            return data

        return passed

    def _give_up(self, exchange: InterceptedExchange) -> None:
        exchange.give_up()
        self.link.unmetered[UNTOLD] += 1
        self.link.changed = True

    def _is_ours(self, flow: HTTPFlow) -> bool:
        """The client asks this very port for something, as if it were a server."""
        own = flow.client_conn.sockname
        return flow.request.port == own[1] and flow.request.host in {own[0], "127.0.0.1", "localhost", "::1"}

    def _is_told(self, flow: HTTPFlow) -> bool:
        """Its host is the API's, as the client named it: to us, or to the server where we got an address."""
        hosts, named = self.route.hosts, flow.client_conn.sni
        return flow.request.host.lower() in hosts or (named is not None and named.lower() in hosts)

    def _own_answer(self, path: str) -> bytes:
        if path == _OWN_PATH:
            status = "draining" if self.draining else "ok"
            return answers.json(200, {"status": status, "pid": os.getpid(), "inflight": len(self.live)})
        return answers.error(
            404, "unknown_path", "This port is a forward proxy: set HTTPS_PROXY to it, not a base_url."
        )


def _request_passed(flow: HTTPFlow, exchange: InterceptedExchange, data: bytes) -> None:
    if not exchange.announced:
        # mitmproxy stamps wall time; these two are only compared with each other.
        made, begun = flow.server_conn.timestamp_start, flow.request.timestamp_start
        exchange.fresh = made is not None and made >= begun
    exchange.request_passed(data)


def _take_labels(request: Request) -> tuple[bytes, bytes]:
    """Take label segment and label header off a request."""
    segment, target = take_label_segment(request.data.path)
    if segment:
        request.data.path = target
    name = LABEL_HEADER.decode()
    if name not in request.headers:
        return segment, b""
    values = request.headers.get_all(name)
    del request.headers[name]
    return segment, ",".join(values).encode("latin-1", "replace")


def _redirect(request: Request, upstream: Upstream) -> None:
    data, host = request.data, upstream.host_header.encode()
    data.scheme = b"https" if upstream.tls else b"http"
    data.host, data.port = upstream.host, upstream.port
    data.path = upstream.prefix.encode() + data.path
    if data.authority:
        data.authority = host
    if "host" in request.headers or not data.authority:
        request.headers["host"] = upstream.host_header


def _authority(request: Request) -> bytes:
    return request.data.authority or request.pretty_host.encode("idna")
