"""The two keys of a request, exact and normalised, each a hash of its head and its body.

The head of the exact key is the method, the path, the query (parameters sorted by name, those of one name
in their order) and the beta headers. The scheme and the host are in no key: a recording is played under
another address than it was made. The normalised key starts the path at `/v1/`, leaves out `beta=true`,
which clients have begun and ceased to send, and takes the betas as a set.

The betas are part of the key because they change what the API does; other headers are not. Recorders that
keep no request headers, or write a placeholder for every value, leave the betas unknown: such a recording
answers a request with any.
"""

from __future__ import annotations

import functools
import re
from hashlib import sha256
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

from tokentape.proxy.messages.routes import OTHER, find_route
from tokentape.proxy.messages.tolerant import is_object
from tokentape.recorder.matching.canonical import Body, Kind, encode, read_body

if TYPE_CHECKING:
    from tokentape.recorder.cassette.interaction import Headers, Request
    from tokentape.recorder.matching.volatile import Normaliser

DIGEST: Final = 16
"""Bytes of a key."""
BETAS: Final = "anthropic-beta"
UNKNOWN: Final = "?"
"""Betas that nobody knows."""
_BETA_QUERY: Final = ("beta", "true")
_JSON: Final = b"json\n"
_OTHER: Final = b"bytes\n"
_ADDRESS: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]*://[^/?#]*")
_BETA: Final = re.compile(r"[a-z0-9._\-]*")
_MAX_REMEMBERED: Final = 256
"""Characters of an address that is remembered."""


class Head(NamedTuple):
    """What a request's address says."""

    path: str
    query: str
    exact: str
    normal: str
    endpoint: str
    """The template of its route, or its path."""


class Reading:
    """A request being read: each of its keys is worked out once, when it is first asked for.

    Attributes:
        request: as it came.
        head: what its address says.
        body: its body. Its value is normalised once `normal` or `value` has been asked for.
    """

    __slots__ = ("_betas", "_exact", "_normal", "_normalised", "_normaliser", "body", "head", "request")

    def __init__(self, request: Request, normaliser: Normaliser) -> None:
        self.request = request
        self.head = head_of(request.method, request.uri, normaliser)
        self.body, canonical = _read(request.body)
        self._exact = _body_digest(self.body, canonical)
        self._normaliser = normaliser
        self._normal = b""
        self._normalised = False
        self._betas: str | None = None

    @property
    def betas(self) -> str:
        """The beta headers as they came, in one line; `UNKNOWN` where nobody can know."""
        if self._betas is None:
            self._betas = betas_of(self.request.headers)
        return self._betas

    def exact(self, betas: str | None = None) -> bytes:
        """The exact key; with betas that are not its own, where they are given."""
        return _digest(self.head.exact, self.betas if betas is None else betas, self._exact)

    def normal(self, betas: str | None = None) -> bytes:
        """The normalised key."""
        if not self._normal:
            self._normal = _body_digest(self.body, self._without_volatile())
        return _digest(self.head.normal, as_set(self.betas if betas is None else betas), self._normal)

    @property
    def value(self) -> Any:
        """The JSON value of the body without what is volatile; `None` where it is no JSON."""
        if not self._normalised:
            self._normalised = True
            self.body.value = self._normaliser.value(self.body.value)
        return self.body.value

    @property
    def streams(self) -> bool:
        """It asks for a stream."""
        value = self.body.value
        return is_object(value) and value.get("stream") is True

    def _without_volatile(self) -> bytes:
        if not self.body.is_json:
            return self._normaliser.data(self.body.data)
        return encode(self.value, odd=self.body.odd)


def head_of(method: str, uri: str, normaliser: Normaliser) -> Head:
    """What an address says; the normaliser's patterns are applied to its normalised form."""
    if normaliser.reads_text:
        head = _head(method, uri)
        return head._replace(normal=normaliser.text(head.normal))
    return _remembered(method, uri) if len(uri) <= _MAX_REMEMBERED else _head(method, uri)


def _head(method: str, uri: str) -> Head:
    method = method.upper()
    path, _, query = _ADDRESS.sub("", uri, count=1).partition("#")[0].partition("?")
    path = path or "/"
    pairs = sorted(parse_qsl(query, keep_blank_values=True), key=itemgetter(0))
    endpoint = find_route(method, path).endpoint
    return Head(
        path=path,
        query=urlencode(pairs),
        endpoint=path if endpoint == OTHER else endpoint,
        exact=f"{method} {path}?{urlencode(pairs)}",
        normal=f"{method} {_below_prefix(path)}?{urlencode([pair for pair in pairs if pair != _BETA_QUERY])}",
    )


_remembered: Final = functools.lru_cache(maxsize=1024)(_head)


def _below_prefix(path: str) -> str:
    """The path from `/v1/` on: what stands before it belongs to the base URL."""
    start = path.find("/v1/")
    return path[start:] if start > 0 else path


def betas_of(headers: Headers) -> str:
    """The values of the beta headers, in one line; `UNKNOWN` where they were not kept."""
    values = [value for name, value in headers if name.lower() == BETAS]
    if not values:
        return "" if headers else UNKNOWN
    line = ",".join(values)
    return line if all(_BETA.fullmatch(name.strip()) for name in line.split(",")) else UNKNOWN


def as_set(betas: str) -> str:
    """Beta names in one order, each once."""
    return ",".join(sorted({name.strip() for name in betas.split(",")} - {""})) if betas else ""


def _read(data: bytes) -> tuple[Body, bytes]:
    """A body and its canonical bytes; what is nested too deeply to be written again is read as bytes."""
    body = read_body(data)
    try:
        return body, body.canonical()
    except RecursionError:
        return Body(Kind.BYTES, data=data), data


def _body_digest(body: Body, canonical: bytes) -> bytes:
    digest = sha256(_JSON if body.is_json else _OTHER)
    digest.update(canonical)
    return digest.digest()


def _digest(head: str, betas: str, body: bytes) -> bytes:
    text = f"{head}\n{betas}\n".encode("utf-8", "surrogatepass")
    return sha256(text + body).digest()[:DIGEST]
