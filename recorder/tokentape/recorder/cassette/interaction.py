"""What a cassette holds, as plain data.

Bodies are decoded: neither chunked nor content-encoded. So `content-encoding`, `content-length` and
`transfer-encoding` are not among the response's headers: whoever serves it says them anew.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

Headers = tuple[tuple[str, str], ...]
"""Names as they were on the wire, in order; a name may come more than once."""


class Ending(enum.StrEnum):
    """How the response ended."""

    COMPLETE = "complete"
    CLIENT_ABORT = "client_abort"
    """The client left: the body is what it had been sent."""
    UPSTREAM_ABORT = "upstream_abort"
    """Upstream closed or reset inside the response."""
    TIMEOUT = "timeout"


class Arrival(msgspec.Struct, frozen=True, array_like=True):
    """Body bytes that came together."""

    at: float
    """Seconds from the end of the request."""
    size: int
    """Bytes of the decoded body that were complete then and not before."""


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """When a response came, in seconds from the end of the request."""

    headers: float
    arrivals: tuple[Arrival, ...] = ()
    """In order; their sizes add up to the body."""
    ended: float = 0.0


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it is kept."""

    method: str
    uri: str
    """Whole, with the real upstream's host, never the proxy's."""
    headers: Headers = ()
    body: bytes = b""


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """A response as it is kept."""

    status: int
    reason: str = ""
    headers: Headers = ()
    body: bytes = b""
    ending: Ending = Ending.COMPLETE
    timing: Timing | None = None
    """`None` where it is not known, as in cassettes of other recorders."""

    def header(self, name: str) -> str | None:
        """The first value of a header; `name` in lower case."""
        return first_value(self.headers, name)

    @property
    def streamed(self) -> bool:
        """The body is a stream of server-sent events."""
        return (self.header("content-type") or "").lower().startswith(EVENT_STREAM)


class Interaction(msgspec.Struct, frozen=True, kw_only=True):
    """A request and its response."""

    request: Request
    response: Response
    recorded_at: float | None = None
    """Seconds since the epoch at which the request began."""


class Cassette(msgspec.Struct, frozen=True, kw_only=True):
    """The interactions of one session."""

    interactions: tuple[Interaction, ...] = ()
    metadata: dict[str, str] = {}
    """Such as the recorder and its version. Nothing in it matters to a replay."""


EVENT_STREAM: Final = "text/event-stream"


def first_value(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """The first value of a header; `name` in lower case."""
    return next((value for key, value in headers if key.lower() == name), None)
