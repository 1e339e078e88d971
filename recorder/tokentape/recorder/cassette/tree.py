"""From a parsed file to a cassette: vcrpy's version 1, and what other recorders write in its shape.

Bodies may be text, bytes, under `string`, or base64; compressed ones are decoded. Headers may be lists or
single values. Keys that nobody knows are left alone. What is missing is named, with its interaction.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast
from urllib.parse import urlsplit

from tokentape.proxy.observer.decoding import DecodingError, decoder_for
from tokentape.recorder.cassette.errors import CassetteError
from tokentape.recorder.cassette.interaction import (
    Cassette,
    Ending,
    Headers,
    Interaction,
    Request,
    Response,
    first_value,
)
from tokentape.recorder.cassette.stored import EXTRAS, flat, seconds_since_epoch
from tokentape.recorder.cassette.timing import timing_of

Tree = Mapping[str, Any]

MAX_DECODED: Final = 256 * 1024 * 1024
"""Bytes of one body, decoded."""

_MAGIC: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


class Wrong(Exception):  # noqa: N818  # half a sentence, caught in this package
    """What is wrong with one interaction: the end of a sentence that begins with its number."""


def cassette(tree: object, name: str) -> Cassette:
    """The cassette in a parsed file; `name` is the file's, for errors.

    Raises:
        CassetteError: it is no cassette of version 1, or an interaction lacks something.
    """
    if not isinstance(tree, Mapping):
        raise CassetteError(f"{name} is no cassette: it holds no mapping with a list of interactions.")
    document = cast("Tree", tree)
    if str(document.get("version", 1)) != "1":
        version = document["version"]
        raise CassetteError(f"{name} has the format version {version}, and only version 1 can be read.")
    entries = _entries(document, name)
    return Cassette(
        interactions=tuple(_named(entry, index, name) for index, entry in enumerate(entries)),
        metadata=_metadata(document),
    )


def _entries(document: Tree, name: str) -> list[Any]:
    """By vcrpy's key, or the two lists of requests and responses that some suites write."""
    entries = _list(document.get("interactions", "none") or [])
    if entries is not None:
        return entries
    requests, responses = _list(document.get("requests")), _list(document.get("responses"))
    if requests is not None and responses is not None:
        pairs = zip(requests, responses, strict=False)
        return [{"request": request, "response": response} for request, response in pairs]
    raise CassetteError(f"{name} is no cassette: it holds no list of interactions.")


def _list(value: object) -> list[Any] | None:
    return list(cast("Iterable[Any]", value)) if isinstance(value, list) else None


def _metadata(document: Tree) -> dict[str, str]:
    known: dict[str, str] = {}
    for key in ("metadata", EXTRAS):
        found = document.get(key)
        if isinstance(found, Mapping):
            known |= {_text(name): _text(value) for name, value in cast("Tree", found).items()}
    return known


def _named(entry: Any, index: int, name: str) -> Interaction:
    try:
        return interaction(entry)
    except Wrong as wrong:
        raise CassetteError(f"{name}: interaction {index} {wrong}.") from None


def interaction(entry: Any) -> Interaction:
    """One entry of the list."""
    request = _mapping(entry, "request")
    response = _mapping(entry, "response")
    extras: Tree = _mapping(response, EXTRAS) if EXTRAS in response else {}
    return Interaction(
        request=_request(request),
        response=_response(response, extras),
        recorded_at=recorded_at(extras),
    )


def _request(side: Tree) -> Request:
    headers = _headers(side, "request")
    body = _body(side.get("body"), "request") if "parsed_body" not in side else _parsed_body(side)
    return Request(
        method=_text(_needed(side, "method", "request")).upper(),
        uri=_uri(side["url"] if "url" in side and "uri" not in side else _needed(side, "uri", "request")),
        headers=flat(headers),
        body=decoded(body, _joined(headers), "request"),
    )


def _uri(value: object) -> str:
    uri = _text(value)
    try:
        urlsplit(uri)
    except ValueError:
        raise Wrong(f"has a `uri` that is none: {uri[:80]}") from None
    return uri


def _response(side: Tree, extras: Tree) -> Response:
    status, reason = _status(side)
    headers = _headers(side, "response")
    stored = side["content"] if "content" in side and "body" not in side else side.get("body")
    body = _parsed_body(side) if "parsed_body" in side else _body(stored, "response")
    response = Response(
        status=status,
        reason=reason,
        headers=flat(headers),
        body=decoded(body, _joined(headers), "response"),
        ending=ending(extras),
    )
    if not extras:
        return response
    return timed(response, extras)


def timed(response: Response, extras: Tree) -> Response:
    """A response with the timing that its file noted."""
    try:
        timing = timing_of(extras, response.body, streamed=response.streamed)
    except (TypeError, ValueError) as error:
        raise Wrong(f"has a timing that cannot be read: {error}") from None
    return Response(
        status=response.status,
        reason=response.reason,
        headers=response.headers,
        body=response.body,
        ending=response.ending,
        timing=timing,
    )


def _mapping(parent: object, key: str) -> Tree:
    value = cast("Tree", parent).get(key) if isinstance(parent, Mapping) else None
    if not isinstance(value, Mapping):
        raise Wrong(f"has no `{key}`")
    return cast("Tree", value)


def _needed(side: Tree, key: str, where: str) -> object:
    if side.get(key) is None:
        raise Wrong(f"has no `{key}` in its {where}")
    return side[key]


def _status(side: Tree) -> tuple[int, str]:
    """As a mapping, as vcrpy has it, or a number by itself."""
    match side:
        case {"status": {"code": code, "message": message}}:
            pass
        case {"status": {"code": code}} | {"status_code": code} | {"status": code}:
            message = ""
        case _:
            raise Wrong("has no `status` in its response")
    try:
        number = int(cast("str", code))
    except (TypeError, ValueError):
        raise Wrong(f"has a status code that is no number: {code!r}") from None
    return number, "" if message is None else _text(message)


def _headers(side: Tree, where: str) -> list[tuple[str, list[str]]]:
    """As names with lists, names with single values, or pairs."""
    found = side.get("headers")
    if found is None:
        return []
    if isinstance(found, Mapping):
        return [(_text(name), _values(value)) for name, value in cast("Tree", found).items()]
    if (pairs := _list(found)) is not None:
        return [_pair(pair, where) for pair in pairs]
    raise Wrong(f"has headers in its {where} that are neither a mapping nor a list")


def _pair(item: Any, where: str) -> tuple[str, list[str]]:
    match item:
        case {"name": name, "value": value} | [name, value]:
            return _text(name), _values(value)
        case _:
            raise Wrong(f"has a header in its {where} that is no pair of name and value: {item!r}")


def _values(value: object) -> list[str]:
    many = cast("Iterable[object]", value) if isinstance(value, list | tuple) else [value]
    return [_text(each) for each in many if each is not None]


def _text(value: object) -> str:
    """As text, in which nothing is half a surrogate pair: a JSON cassette may hold one."""
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return text if text.isascii() else text.encode(errors="replace").decode()


def _joined(headers: list[tuple[str, list[str]]]) -> Headers:
    return tuple((name, ", ".join(values)) for name, values in headers)


def _body(stored: Any, where: str) -> bytes:
    match stored:
        case None:
            return b""
        case bytes():
            return stored
        case str():
            # A JSON cassette may hold half a surrogate pair, which has no UTF-8 of its own.
            return stored.encode(errors="surrogatepass")
        case {"string": text}:
            return _body(text, where)
        case {"base64_string": str(text)} | {"base64": str(text)}:
            return _from_base64(text, where)
        case _:
            raise Wrong(f"has a body in its {where} that is neither text nor bytes")


def _from_base64(text: str, where: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        raise Wrong(f"has a body in its {where} that is no base64") from None


def _parsed_body(side: Tree) -> bytes:
    return json.dumps(side["parsed_body"], default=str).encode()


def decoded(body: bytes, headers: Headers, where: str) -> bytes:
    """A body that was stored compressed, where a header says that it may have been.

    The header proves nothing: many recorders decode, and keep it. So the first bytes decide, where the
    coding has some of its own.
    """
    named = (first_value(headers, "content-encoding") or "").strip().lower()
    coding = _coding(body, named)
    if not coding:
        return body
    decoder = decoder_for(coding.encode(), MAX_DECODED)
    try:
        plain = decoder.feed(body)
    except DecodingError as error:
        if named == coding and coding in _MAGIC.values():
            raise Wrong(f"has a {coding} body in its {where} that cannot be decoded: {error}") from None
        return body
    with contextlib.suppress(DecodingError):  # one that was cut off is what could be read of it
        decoder.flush()
    return plain


def _coding(body: bytes, named: str) -> str:
    if not named or not body:
        return ""
    found = next((coding for magic, coding in _MAGIC.items() if body.startswith(magic)), "")
    return found or (named if named in {"br", "deflate"} else "")


def ending(extras: Tree) -> Ending:
    """How a response ended: whole where nothing is said."""
    try:
        return Ending(extras.get("ending", Ending.COMPLETE))
    except ValueError:
        known = ", ".join(Ending)
        raise Wrong(f"has the unknown ending {extras['ending']!r}; known are {known}") from None


def recorded_at(extras: Tree) -> float | None:
    """When its request began, in seconds since the epoch, if that is known."""
    found = extras.get("recorded_at")
    if found is None:
        return None
    try:
        return seconds_since_epoch(str(found))
    except ValueError:
        raise Wrong(f"has a `recorded_at` that is no RFC 3339 time: {found!r}") from None
