"""Recorded interactions, understood as calls by the same reader that understands live ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.proxy import frames
from tokentape.proxy.messages.reader import CallReader
from tokentape.proxy.pricing.batches import ResultLines, SeenInMemory, bill_results
from tokentape.proxy.pricing.price import price
from tokentape.recorder.cassette.interaction import EVENT_STREAM, Ending
from tokentape.recorder.editing.replies import is_stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokentape.proxy.messages.call import Call
    from tokentape.proxy.messages.headers import Headers
    from tokentape.proxy.pricing.bill import Bill
    from tokentape.proxy.pricing.book import PriceBook
    from tokentape.recorder.cassette import interaction as recorded

_STREAM: Final = ("content-type", EVENT_STREAM)
_ENDINGS: Final = {
    Ending.COMPLETE: frames.Ending.COMPLETE,
    Ending.CLIENT_ABORT: frames.Ending.CLIENT_ABORT,
    Ending.UPSTREAM_ABORT: frames.Ending.UPSTREAM_ABORT,
    Ending.TIMEOUT: frames.Ending.TIMEOUT,
}


def understood(interaction: recorded.Interaction, now: float) -> Call:
    """The call that an interaction was; `now` stands for the time of one that does not know its own.

    Without a recorded timing everything came at once, and the call lasted no time.
    """
    request, response = interaction.request, interaction.response
    started = now if interaction.recorded_at is None else interaction.recorded_at
    reader = CallReader(
        id="",
        engine="cassette",
        salt=b"",
        method=request.method,
        target=request.uri,
        headers=_as_bytes(request.headers),
        labels="",
        started=0.0,
        anchor=frames.Anchor(started, 0.0),
    )
    reader.request_body(request.body)
    reader.request_end()
    timing = response.timing
    reader.response_head(response.status, _as_bytes(_typed(response)), timing.headers if timing else 0.0)
    for at, piece in _pieces(response):
        reader.response_body(piece, at)
    return reader.close(_ENDINGS[response.ending], "", 0, timing.ended if timing else 0.0)


def billed(
    interactions: Iterable[recorded.Interaction], book: PriceBook, now: float
) -> Iterator[tuple[int, Call, Bill]]:
    """Number, call and bill of each interaction; after one that fetched a batch's results, its results.

    A result that was fetched twice is billed once.
    """
    seen = SeenInMemory()
    for number, interaction in enumerate(interactions):
        call = understood(interaction, now)
        yield number, call, price(call, book)
        if call.endpoint.endswith("/results") and interaction.response.status == 200:
            lines = ResultLines()
            results = [*lines.feed(interaction.response.body), *lines.finish(complete=True)]
            for result, bill in bill_results(call, results, seen, book):
                yield number, result, bill


def _typed(response: recorded.Response) -> recorded.Headers:
    """The response's headers, with the content type of a stream where a recorder redacted even that."""
    if response.streamed or not is_stream(response):
        return response.headers
    return (*(pair for pair in response.headers if pair[0].lower() != "content-type"), _STREAM)


def _pieces(response: recorded.Response) -> Iterator[tuple[float, bytes]]:
    start = 0
    for arrival in response.timing.arrivals if response.timing else ():
        yield arrival.at, response.body[start : start + arrival.size]
        start += arrival.size
    if rest := response.body[start:]:
        yield response.timing.ended if response.timing else 0.0, rest


def _as_bytes(headers: recorded.Headers) -> Headers:
    return [(name.encode("latin-1", "replace"), value.encode("utf-8", "replace")) for name, value in headers]
