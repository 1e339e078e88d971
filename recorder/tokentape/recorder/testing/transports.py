"""httpx and httpx2 in tests: their transports ask the deck first, and streams stay streams.

Both libraries have the same classes, of which every client without a transport of its own is made
(https://www.python-httpx.org/advanced/transports/). What is patched is the class, so that clients made
before the test count, too.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from tokentape.recorder.cassette.interaction import Request
from tokentape.recorder.testing.noting import failing, noted
from tokentape.recorder.testing.playing import Play, async_stream_of, sleep, stream_of
from tokentape.recorder.testing.take import Take
from tokentape.recorder.wire.coding import decoded
from tokentape.recorder.wire.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Generator

    from tokentape.recorder.testing.deck import Deck

LIBRARIES: Final = ("httpx2", "httpx")


@contextmanager
def asking(deck: Deck) -> Generator[None]:
    """While the block runs, the installed ones of `LIBRARIES` ask a deck before they send."""
    with ExitStack() as stack:
        for name in LIBRARIES:
            if importlib.util.find_spec(name) is not None:
                _patch(importlib.import_module(name), deck, stack)
        yield


def _patch(library: Any, deck: Deck, stack: ExitStack) -> None:
    sync, others = library.HTTPTransport, library.AsyncHTTPTransport
    send, send_async = sync.handle_request, others.handle_async_request

    @functools.wraps(send)
    def handle_request(transport: Any, request: Any) -> Any:
        request.read()
        answer = deck.ask(_asked(request), connects=True)
        if answer is None:
            return send(transport, request)
        if isinstance(answer, Take):
            with failing(library, answer):
                return noted(library, send(transport, request), answer)
        play = Play(library, request, answer)
        play.begin(time.sleep)
        return play.response(stream_of(library)(play))

    @functools.wraps(send_async)
    async def handle_async_request(transport: Any, request: Any) -> Any:
        await request.aread()
        answer = deck.ask(_asked(request), connects=True)
        if answer is None:
            return await send_async(transport, request)
        if isinstance(answer, Take):
            with failing(library, answer):
                return noted(library, await send_async(transport, request), answer)
        play = Play(library, request, answer)
        if play.script.wait:
            await sleep(play.checked(play.script.wait))
        play.begin(lambda _: None)
        return play.response(async_stream_of(library)(play))

    for owner, name, wrapper, original in (
        (sync, "handle_request", handle_request, send),
        (others, "handle_async_request", handle_async_request, send_async),
    ):
        setattr(owner, name, wrapper)
        stack.callback(setattr, owner, name, original)


def _asked(request: Any) -> Request:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw)
    body = request.content
    if coding := request.headers.get("content-encoding", ""):
        with contextlib.suppress(ApiError):  # it is looked up as it is
            body = decoded(body, coding.encode("latin-1"))
    return Request(method=request.method, uri=str(request.url), headers=headers, body=body)
