"""Interactions of any content for hypothesis, and what it means that two of them are the same."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tokentape.proxy.messages.sse import EventSplitter, parse_event
from tokentape.recorder.cassette.interaction import (
    Arrival,
    Cassette,
    Ending,
    Interaction,
    Request,
    Response,
    Timing,
)
from tokentape.recorder.cassette.stored import FRAMING, flat, header_table

if TYPE_CHECKING:
    from tokentape.recorder.cassette.interaction import Headers

JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@st.composite
def json_texts(draw: st.DrawFn) -> str:
    """A JSON object or array, laid out in any way."""
    value = draw(st.lists(JSON_VALUES, max_size=3) | st.dictionaries(st.text(max_size=5), JSON_VALUES))
    indent = draw(st.sampled_from([None, 3]))
    separators = draw(st.sampled_from([None, (",", ":"), (" , ", "\t: ")]))
    return json.dumps(value, ensure_ascii=draw(st.booleans()), indent=indent, separators=separators)


LINES = st.sampled_from(
    [": ping", "event: ping", "data:", "data: [DONE]", "data: caf\u00e9", "id: 7", "retry", "data: {broken"]
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Server-sent events with any line ends and padding, whole or cut off."""
    lines = st.one_of(LINES, json_texts().map(lambda text: "data:" + re.sub(r"\s*\n\s*", " ", text)))
    events = draw(st.lists(st.lists(lines, min_size=1, max_size=3), max_size=4))
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    text = "".join(end.join(event) + end + end for event in events)
    kept = draw(st.integers(0, len(text))) if draw(st.booleans()) else len(text)
    return text[:kept].encode()


BODIES = st.one_of(
    json_texts().map(str.encode),
    streams(),
    st.text(max_size=40).map(lambda text: text.encode()),
    st.text("ab \n\t\"'\\#:-\u00e9", max_size=30).map(str.encode),
    st.binary(max_size=30),
)
NAMES = st.from_regex(re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}"), fullmatch=True)
VALUES = st.text(st.characters(max_codepoint=255), max_size=20) | st.sampled_from(
    ["600", "true", "null", "~", "gzip, deflate", '{"endpoints":[]}', "", " x ", "a: b", "a #b", "2026-11-22"]
)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=5).map(tuple)


@st.composite
def timings(draw: st.DrawFn, size: int) -> Timing:
    """Arrivals of a body in any pieces."""
    cuts = sorted({*draw(st.lists(st.integers(0, size), max_size=6)), 0, size})
    pieces = [after - before for before, after in pairwise(cuts)]
    gaps = st.floats(0, 30)
    headers = at = draw(gaps)
    arrivals: list[Arrival] = []
    for piece in pieces:
        at += draw(gaps)
        arrivals.append(Arrival(at, piece))
    return Timing(headers=headers, arrivals=tuple(arrivals), ended=at + draw(gaps))


@st.composite
def responses(draw: st.DrawFn) -> Response:
    stream = draw(st.booleans())
    body = draw(streams() if stream else BODIES)
    kind = (
        "text/event-stream; charset=utf-8" if stream else draw(st.sampled_from(["application/json", "x/y"]))
    )
    return Response(
        status=draw(st.sampled_from([200, 404, 529, 99, 1000])),
        reason=draw(st.sampled_from(["OK", "", "No", "Not Found", "no: such"])),
        headers=(("Content-Type", kind), *draw(HEADERS.map(_without_framing_and_kind))),
        body=body,
        ending=draw(st.sampled_from(Ending)),
        timing=draw(st.none() | timings(len(body))),
    )


def _without_framing_and_kind(headers: Headers) -> Headers:
    return tuple(pair for pair in headers if pair[0].lower() not in FRAMING | {"content-type"})


@st.composite
def interactions(draw: st.DrawFn) -> Interaction:
    return Interaction(
        request=Request(
            method=draw(st.sampled_from(["POST", "GET", "DELETE"])),
            uri=draw(
                st.sampled_from(
                    ["https://api.anthropic.com/v1/messages", "https://x/?beta=true#a b", "http://[::1]:80/"]
                )
            ),
            headers=draw(HEADERS.map(_without_framing_and_kind)),
            body=draw(BODIES),
        ),
        response=draw(responses()),
        recorded_at=draw(st.none() | st.floats(0, 4e9)),
    )


CASSETTES = st.builds(
    Cassette,
    interactions=st.lists(interactions(), max_size=2).map(tuple),
    metadata=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=2),
)


def plain(cassette: Cassette) -> list[Any]:
    """What must be the same before and after: all but layout, framing, order of names, and fine times."""
    return [cassette.metadata, [_plain(each) for each in cassette.interactions]]


def _plain(each: Interaction) -> dict[str, Any]:
    request, response = each.request, each.response
    return {
        "request": (request.method, request.uri, _named(request.headers), meaning(request.body)),
        "status": (response.status, response.reason, _named(response.headers), response.ending),
        "body": events(response.body) if response.streamed else meaning(response.body),
        "recorded_at": each.recorded_at is not None and round(each.recorded_at * 1000),
    }


def _named(headers: Headers) -> Headers:
    return flat(header_table(headers).items())


def meaning(body: bytes) -> Any:
    """Parsed JSON, where the body is an object or an array, else its bytes."""
    try:
        text = body.decode()
        value = json.loads(text) if text.strip(" \t\r\n")[:1] in {"{", "["} else body
    except (ValueError, RecursionError):
        return body
    return value if isinstance(value, bytes) else repr(value)


def events(body: bytes) -> list[Any]:
    """Name and data of every event; data parsed where it is JSON."""
    splitter = EventSplitter()
    blocks = splitter.feed(body)
    return [(name, meaning(data)) for name, data in map(parse_event, [*blocks, splitter.flush()])]
