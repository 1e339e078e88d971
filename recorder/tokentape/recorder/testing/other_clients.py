"""requests, urllib3, aiohttp and urllib in tests, where vcrpy is installed: its patches, before our deck.

vcrpy patches these libraries (https://vcrpy.readthedocs.io) and asks a cassette; what stands here looks like
one to it. Each response is handed over whole: vcrpy reads a live one to its end before its client sees any.
"""

from __future__ import annotations

import importlib
import importlib.util
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from tokentape.proxy.messages import tolerant
from tokentape.recorder.cassette.interaction import Request
from tokentape.recorder.testing.script import script_of
from tokentape.recorder.testing.take import Take
from tokentape.recorder.wire.answer import Ending

if TYPE_CHECKING:
    from collections.abc import Generator

    from tokentape.recorder.testing.deck import Deck
    from tokentape.recorder.wire.reply import Reply

_SKIPPED: Final = ("httpx", "httpx2")
"""They have wrappers of our own, through which streams stay streams."""


@contextmanager
def asking_through_vcrpy(deck: Deck) -> Generator[None]:
    """While the block runs, the libraries that vcrpy patches ask a deck; without vcrpy, nothing changes."""
    if importlib.util.find_spec("vcr") is None:
        yield
        return
    # Before anything is patched: what serves other processes has connections that nobody is to be asked for.
    importlib.import_module("tokentape.recorder.testing.fetch")
    patch = importlib.import_module("vcr.patch")
    with ExitStack() as stack:
        for patcher in patch.CassettePatcherBuilder(View(deck)).build():
            stack.enter_context(patcher)
        yield


class View:
    """A deck as vcrpy's patches see a cassette. Names and values are those of `vcr.cassette.Cassette`."""

    skip_patchers = _SKIPPED
    custom_patches = ()
    write_protected = False
    """What may not go live is answered or refused before vcrpy looks at this."""
    _path = "tokentape"

    def __init__(self, deck: Deck) -> None:
        self._deck = deck
        self._answers: dict[int, tuple[Any, Reply | Take | None]] = {}
        """By request, which is kept with its answer so that no other one has its id."""

    def filter_request(self, request: Any) -> Any:
        """vcrpy: the request as it is recorded."""
        return request

    def find_requests_with_most_matches(self, request: Any) -> list[Any]:
        """vcrpy: the recordings for a redirected request; that request is asked for by itself."""
        return [(request, [], [])]

    def can_play_response_for(self, request: Any) -> bool:
        """Vcrpy asks this once or more for each request; the deck is asked once."""
        found = self._answers.get(id(request))
        if found is None:
            found = self._answers[id(request)] = (request, self._deck.ask(_asked(request), connects=True))
        return found[1] is not None and not isinstance(found[1], Take)

    def play_response(self, request: Any) -> dict[str, Any]:
        """vcrpy: the recorded response."""
        _, reply = self._answers.pop(id(request))
        assert reply is not None
        assert not isinstance(reply, Take), "vcrpy asked whether it can be played"
        script = script_of(reply)
        if not script.answered or script.ending != Ending.KEEP:
            raise ConnectionResetError("Connection reset by peer")
        headers: dict[str, list[str]] = {}
        for name, value in script.headers:
            headers.setdefault(name, []).append(value)
        body = b"".join(step.data for step in script.steps)
        status = {"code": script.status, "message": script.reason}
        return {"status": status, "headers": headers, "body": {"string": body}}

    def append(self, request: Any, response: dict[str, Any]) -> None:
        """vcrpy: a live response, whole."""
        _, take = self._answers.pop(id(request), (None, None))
        if not isinstance(take, Take):
            return
        status = response["status"]
        pairs = tuple(
            (str(name), str(value))
            for name, values in response["headers"].items()
            for value in ([values] if isinstance(values, str) else values)
        )
        take.head(status["code"], status["message"] or "", pairs)
        if body := response["body"].get("string"):
            take.data(body if isinstance(body, bytes) else str(body).encode())
        take.end()


def _asked(request: Any) -> Request:
    body = request.body
    if hasattr(body, "read"):
        body = body.read()
    elif body is not None and not isinstance(body, bytes | str):
        body = b"".join(body)
    headers = tuple((str(name), _text(value)) for name, value in request.headers.items())
    raw = body.encode() if isinstance(body, str) else body or b""
    return Request(method=request.method, uri=request.uri, headers=headers, body=raw)


def _text(value: Any) -> str:
    """A header's value; vcrpy has some in lists."""
    if tolerant.is_array(value):
        return ", ".join(map(_text, value))
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
