"""Where mitmproxy's own replies become the API's: a seam in its HTTP layer, put there once a process.

mitmproxy answers for an upstream with a page of HTML, which an SDK shows its user as text, and tells an
addon no more than a sentence. There is no hook in between, so this wraps the one method through which
every failure of a stream goes (`HttpStream.handle_protocol_error`). A test holds it to what it expects.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from tokentape.proxy import answers
from tokentape.proxy.frames import split_head

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from mitmproxy import http as mitm

    from tokentape.proxy.intercept.endings import Failure

    Judge = Callable[[mitm.HTTPFlow, bool, str, str], Failure | None]

NOTED: Final = "tokentape_failure"
"""Key of a flow's metadata."""
_installed: list[Judge] = []


def install(judge: Judge) -> None:
    """Let `judge` say how each failed flow ended, and what its client is told.

    It is given the flow, whether its client's side failed, mitmproxy's name for the error, and its message.
    """
    if not _installed:
        _wrap()
    _installed[:] = [judge]


def _wrap() -> None:
    layer, http1 = _layer(), import_module("mitmproxy.proxy.layers.http._http1")

    untouched = layer.HttpStream.handle_protocol_error

    def handled(stream: Any, event: Any) -> Generator[Any, Any, None]:
        failure = _judged(stream, event, client=isinstance(event, layer.RequestProtocolError))
        steps = untouched(stream, event)
        told: Any = None
        while True:
            try:
                command = steps.send(told)
            except StopIteration:
                return
            if failure is not None and failure.status and _tells_client(stream, command):
                yield from _answer(stream, failure)
                told = None
            else:
                told = yield command

    def page(status: int, message: str = "") -> bytes:
        return answers.error(status, "malformed", message or "This is not HTTP.", close=True)

    layer.HttpStream.handle_protocol_error = handled
    setattr(http1, "make_error_response", page)  # noqa: B010 - a module's attribute, which checkers hold constant


def _layer() -> Any:
    """The parts of mitmproxy that its own layers import from each other, and that no type checker may see."""
    return import_module("mitmproxy.proxy.layers.http")


def _judged(stream: Any, event: Any, *, client: bool) -> Failure | None:
    flow = getattr(stream, "flow", None)
    if flow is None:
        return None
    failure = _installed[0](flow, client, event.code.name, event.message)
    flow.metadata[NOTED] = failure
    return failure


def _tells_client(stream: Any, command: Any) -> bool:
    """Whether mitmproxy is about to answer a client that has had nothing yet."""
    layer = _layer()

    return (
        isinstance(command, layer.SendHttp)
        and isinstance(command.event, layer.ResponseProtocolError)
        and command.connection is stream.context.client
        and stream.flow.response is None
    )


def _answer(stream: Any, failure: Failure) -> Generator[Any]:
    layer = _layer()

    client, number = stream.context.client, stream.stream_id
    # HTTP/2 has no such header; there, the stream ends (RFC 9113, section 8.2.2).
    reply = shaped(failure, close=client.alpn != b"h2")
    yield layer.SendHttp(layer.ResponseHeaders(number, reply), client)
    yield layer.SendHttp(layer.ResponseData(number, reply.raw_content or b""), client)
    # The connection closes once the client has sent its request, else it might not read the answer.
    yield layer.SendHttp(layer.ResponseEndOfMessage(number), client)


def shaped(failure: Failure, *, close: bool) -> mitm.Response:
    """An answer of the proxy's own as mitmproxy's object."""
    return reply_of(answers.error(failure.status, failure.code, failure.message, close=close))


def reply_of(raw: bytes) -> mitm.Response:
    """A whole reply as mitmproxy's object."""
    from mitmproxy.http import Response  # noqa: PLC0415 - an extra

    head, body = split_head(raw)
    start, *lines = head.decode("latin-1").split("\r\n")[:-2]
    fields = [(name.encode(), value.strip().encode()) for name, _, value in (e.partition(":") for e in lines)]
    return Response.make(int(start.split(" ")[1]), body, fields)
