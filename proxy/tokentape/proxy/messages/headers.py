"""Headers: who calls, with what credential, for which attempt; and what the response heads say."""

from __future__ import annotations

import email.utils
import functools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.call import RateLimit, RateLimitWindow, Trace
from tokentape.proxy.messages.hashing import credential_hash
from tokentape.proxy.messages.ratelimits import UNIFIED_STATUS, read_rate_limits, read_windows

MAX_BETAS: Final = 32
MAX_RETRIES: Final = 1000
"""A retry count above this is no retry count."""

_OAUTH_TOKEN: Final = b"sk-ant-oat"
"""How the OAuth tokens of subscriptions begin."""

# https://www.w3.org/TR/trace-context/#traceparent-header; version ff is forbidden, and so are zero ids.
_TRACEPARENT: Final = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
_MAX_TRACESTATE: Final = 512
_PRODUCT: Final = re.compile(r"[\w!#$%&'*+.^`|~/-]{1,64}", re.ASCII)


class RequestHead(msgspec.Struct, frozen=True, kw_only=True):
    """What request headers say."""

    credential: str | None = None
    oauth: bool = False
    """The credential is a subscription's OAuth token."""
    client: str | None = None
    api_version: str | None = None
    betas: tuple[str, ...] = ()
    retry_count: int | None = None
    trace: Trace | None = None
    session: str | None = None


class ResponseHead(msgspec.Struct, frozen=True, kw_only=True):
    """What response headers say."""

    content_type: str = ""
    """Media type, lower-case, without parameters."""
    request_id: str | None = None
    organization_id: str | None = None
    retry_after: float | None = None
    """Seconds."""
    rate_limits: tuple[RateLimit, ...] = ()
    rate_limit_windows: tuple[RateLimitWindow, ...] = ()
    unified: bool = False
    """A subscription's rate limits apply."""


_MAX_LINES: Final = 64
"""Lines of a head that is worth remembering."""
_LINES: Final = re.compile(rb"\r\n([^:\r\n]+):[ \t]*([^\r\n]*)").findall

Headers = Mapping[bytes, bytes] | Sequence[tuple[bytes, bytes]]
"""Names in any case, repeated ones allowed; a mapping has been through `folded` already."""


def folded(headers: Headers) -> Mapping[bytes, bytes]:
    """Headers by lower-case name, repeated ones joined by a comma (RFC 9110, 5.3)."""
    if isinstance(headers, Mapping):
        return headers
    found = {name.lower(): value for name, value in headers}
    return found if len(found) == len(headers) else _joined(headers)


def split_head(raw: bytes) -> tuple[bytes, Mapping[bytes, bytes]]:
    """First line and folded headers of a head that a data plane has already judged."""
    pairs = _LINES(raw)
    if b" \r\n" in raw or b"\t\r\n" in raw:
        pairs = [(name, value.rstrip()) for name, value in pairs]
    return raw[: raw.find(b"\r\n")], folded(pairs)


class HeadSplitter:
    """`split_head`, at half the price for a head whose names are those of the last one of that length.

    A server sends the same names in the same order nearly always. So they are not looked for: each line is
    only checked to begin with its name, one colon and one space, and where one does not, all are read anew.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[int, tuple[tuple[bytes, ...], tuple[tuple[bytes, int], ...]]] = {}
        """By number of lines: folded names, and how each line begins, and how long that is."""

    def split(self, raw: bytes) -> tuple[bytes, Mapping[bytes, bytes]]:
        """First line and folded headers of a head that a data plane has already judged."""
        first, *lines, _, _ = raw.split(b"\r\n")
        known = self._known.get(len(lines))
        if known is not None and b"\t" not in raw and b":  " not in raw and b" \r\n" not in raw:
            names, starts = known
            values = [
                line[size:]
                for line, (start, size) in zip(lines, starts, strict=True)
                if line.startswith(start)
            ]
            if len(values) == len(names):
                return first, dict(zip(names, values, strict=True))
        head = split_head(raw)
        self._remember(lines, head[1])
        return head

    def _remember(self, lines: list[bytes], headers: Mapping[bytes, bytes]) -> None:
        names = [line[: line.find(b":")] for line in lines]
        folded_names = tuple(name.lower() for name in names)
        if len(lines) <= _MAX_LINES and folded_names == tuple(headers):  # each once
            self._known[len(lines)] = folded_names, tuple((name + b": ", len(name) + 2) for name in names)


def read_request_head(headers: Headers, salt: bytes) -> RequestHead:
    """Read request headers."""
    found = folded(headers)
    secret = _secret(found)
    return RequestHead(
        credential=credential_hash(salt, secret) if secret else None,
        oauth=secret.startswith(_OAUTH_TOKEN),
        client=_client(found.get(b"user-agent")),
        api_version=_text_again(found.get(b"anthropic-version"), 32),
        betas=_betas(found.get(b"anthropic-beta")),
        retry_count=_retry_count(found.get(b"x-stainless-retry-count")),
        trace=_trace(found) if b"traceparent" in found else None,
        session=_text(found.get(b"x-claude-code-session-id"), 128),
    )


def read_response_head(headers: Headers, now: float, *, limits: bool = True) -> ResponseHead:
    """Read response headers; `now` is when they came, in seconds since the epoch.

    Without `limits` those of API keys are left out: the next reply says them again.
    """
    found = folded(headers)
    windows = read_windows(found)
    return ResponseHead(
        content_type=_media_type(found.get(b"content-type", b"")),
        request_id=_text(found.get(b"request-id"), 128),
        organization_id=_text_again(found.get(b"anthropic-organization-id"), 128),
        retry_after=_retry_after(found, now)
        if b"retry-after" in found or b"retry-after-ms" in found
        else None,
        rate_limits=read_rate_limits(found) if limits else (),
        rate_limit_windows=windows,
        unified=bool(windows) or UNIFIED_STATUS in found,
    )


def _joined(headers: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for raw_name, value in headers:
        name = raw_name.lower()
        found[name] = b"%b,%b" % (found[name], value) if name in found else value
    return found


@functools.lru_cache(maxsize=64)
def _media_type(value: bytes) -> str:
    return value.partition(b";")[0].strip().lower().decode("latin-1")


def _text(value: bytes | None, limit: int) -> str | None:
    return tolerant.text(value.decode("latin-1"), limit) if value else None


_text_again = functools.lru_cache(maxsize=256)(_text)


def _secret(found: Mapping[bytes, bytes]) -> bytes:
    authorization = found.get(b"authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(b" ")
        return token.strip() if scheme.lower() == b"bearer" else authorization
    return (found.get(b"x-api-key") or found.get(b"api-key") or b"").strip()


@functools.lru_cache(maxsize=256)
def _client(value: bytes | None) -> str | None:
    """Product and version: `Anthropic/Python 2.12.0`, `claude-cli/2.1.81`. Comments are left out."""
    words = value.decode("latin-1").partition("(")[0].split()[:2] if value else []
    products = [word for word in words if _PRODUCT.fullmatch(word)]
    if not products:
        return None
    first = products[0]
    named = first.rpartition("/")[2][:1].isdigit()
    return first if named or len(products) == 1 or not products[1][:1].isdigit() else " ".join(products)


@functools.lru_cache(maxsize=256)
def _betas(value: bytes | None) -> tuple[str, ...]:
    if not value:
        return ()
    names = (part.strip() for part in value.decode("latin-1").split(",", MAX_BETAS)[:MAX_BETAS])
    return tuple(name[:64] for name in names if name and name.isprintable())


def _retry_count(value: bytes | None) -> int | None:
    if value is None or not value.isdigit() or len(value) > 4:
        return None
    count = int(value)
    return count if count <= MAX_RETRIES else None


def _trace(found: Mapping[bytes, bytes]) -> Trace | None:
    match = _TRACEPARENT.fullmatch(found[b"traceparent"])
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == b"00" and more is not None:
        return None
    return Trace(
        trace_id=trace_id.decode(),
        span_id=span_id.decode(),
        sampled=bool(int(flags, 16) & 1),
        tracestate=_text(found.get(b"tracestate"), _MAX_TRACESTATE),
    )


def _retry_after(found: Mapping[bytes, bytes], now: float) -> float | None:
    """Seconds, of `retry-after-ms`, or of `retry-after` as seconds or as an HTTP date (RFC 9110, 10.2.3)."""
    exact, value = found.get(b"retry-after-ms"), found.get(b"retry-after")
    if exact is not None and (milliseconds := _seconds(exact)) is not None:
        return milliseconds / 1000
    if value is None:
        return None
    if (seconds := _seconds(value)) is not None:
        return seconds
    try:
        moment = email.utils.parsedate_to_datetime(value.decode("latin-1"))
        return max(0.0, moment.timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _seconds(value: bytes) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
