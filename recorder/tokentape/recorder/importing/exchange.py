"""What every source comes down to, before it is an interaction."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tokentape.proxy.observer.decoding import DecodingError, decoder_for
from tokentape.recorder.cassette.interaction import first_value
from tokentape.recorder.importing.errors import ImportingError
from tokentape.recorder.scrubbing.allowed import recordable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentape.recorder.cassette.interaction import Headers, Request

_MAX_BODY: Final = 256 * 1024 * 1024
"""Bytes of one body, decoded."""
_FRAMING: Final = frozenset(
    {"connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding"}
)
_HOST: Final = "anthropic.com"


def is_call(request: Request) -> bool:
    """Whether a request is one to the API, and to an endpoint that a cassette may hold.

    Other APIs have a `/v1/models` and a `/v1/files`, too. The host tells, or the header that every client of
    this one sends.
    """
    host = urlsplit(request.uri).hostname or ""
    ours = host == _HOST or host.endswith(f".{_HOST}") or first_value(request.headers, "anthropic-version")
    return bool(ours) and recordable(request.method, request.uri)


def kept_headers(headers: Iterable[tuple[str, str]]) -> Headers:
    """Headers without framing, and without what HTTP/2 has for a first line."""
    return tuple(pair for pair in headers if pair[0].lower() not in _FRAMING and pair[0][:1] != ":")


def decoded(body: bytes, headers: Iterable[tuple[str, str]], where: str) -> bytes:
    """A body as it was before its content-encoding; `where` names it, for errors.

    Raises:
        ImportingError: it cannot be decoded. One that was cut off is what could be read of it.
    """
    encoding = ", ".join(value for name, value in headers if name.lower() == "content-encoding")
    if not body or not encoding:
        return body
    try:
        decoder = decoder_for(encoding.encode("latin-1", "replace"), _MAX_BODY)
        plain = decoder.feed(body)
        with contextlib.suppress(DecodingError):
            decoder.flush()
    except DecodingError as error:
        raise ImportingError(f"{where} is not what its content-encoding {encoding} says: {error}.") from None
    return plain
