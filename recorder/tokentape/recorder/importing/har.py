"""HAR 1.2, which browsers and many proxies write: http://www.softwareishard.com/blog/har-12-spec/.

Bodies in it are decoded, as text or as base64. Times are milliseconds. An entry without a status got no
response and is no exchange.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from tokentape.recorder.cassette.interaction import Arrival, Interaction, Request, Response, Timing
from tokentape.recorder.importing.errors import ImportingError
from tokentape.recorder.importing.exchange import kept_headers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentape.recorder.cassette.interaction import Headers


class _Header(msgspec.Struct):
    name: str
    value: str


class _PostData(msgspec.Struct):
    text: str = ""
    encoding: str = ""


class _Request(msgspec.Struct):
    method: str
    url: str
    headers: list[_Header] = []
    post_data: _PostData | None = msgspec.field(default=None, name="postData")


class _Content(msgspec.Struct):
    text: str = ""
    encoding: str = ""


class _Response(msgspec.Struct):
    status: int
    reason: str = msgspec.field(default="", name="statusText")
    headers: list[_Header] = []
    content: _Content = msgspec.field(default_factory=_Content)


class _Timings(msgspec.Struct):
    wait: float = -1
    receive: float = -1


class _Entry(msgspec.Struct):
    request: _Request
    response: _Response
    started: str = msgspec.field(default="", name="startedDateTime")
    timings: _Timings = msgspec.field(default_factory=_Timings)


class _Log(msgspec.Struct):
    entries: list[_Entry]


class _Har(msgspec.Struct):
    log: _Log


def interactions(data: bytes, name: str) -> Iterator[Interaction]:
    """The exchanges of a file; `name` is the file's, for errors.

    Raises:
        ImportingError: it is no HAR.
    """
    try:
        har = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=_Har, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ImportingError(f"{name} is no HAR: {error}.") from None
    for number, entry in enumerate(har.log.entries):
        if entry.response.status > 0:
            try:
                yield _interaction(entry)
            except ValueError as error:
                raise ImportingError(f"{name}: entry {number} cannot be read: {error}.") from None


def _interaction(entry: _Entry) -> Interaction:
    post, content = entry.request.post_data, entry.response.content
    body = _body(content.text, content.encoding)
    return Interaction(
        request=Request(
            method=entry.request.method.upper(),
            uri=entry.request.url,
            headers=_headers(entry.request.headers),
            body=_body(post.text, post.encoding) if post else b"",
        ),
        response=Response(
            status=entry.response.status,
            reason=entry.response.reason,
            headers=_headers(entry.response.headers),
            body=body,
            timing=_timing(entry.timings, len(body)),
        ),
        recorded_at=datetime.fromisoformat(entry.started).timestamp() if entry.started else None,
    )


def _body(text: str, encoding: str) -> bytes:
    return base64.b64decode(text) if encoding.lower() == "base64" else text.encode("utf-8", "surrogatepass")


def _headers(headers: list[_Header]) -> Headers:
    return kept_headers((header.name, header.value) for header in headers)


def _timing(timings: _Timings, size: int) -> Timing | None:
    """A HAR knows when a response began and ended, and not when its pieces came."""
    if timings.wait < 0 or timings.receive < 0:
        return None
    ended = (timings.wait + timings.receive) / 1000
    arrivals = (Arrival(at=ended, size=size),) if size else ()
    return Timing(headers=timings.wait / 1000, arrivals=arrivals, ended=ended)
