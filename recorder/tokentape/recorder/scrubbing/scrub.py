"""Interactions and texts without their secrets: deterministic, and the same when done again.

A request is scrubbed when it is recorded and when it is looked up, so every secret has one placeholder,
whatever its value, and a placeholder is no secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from tokentape.recorder.cassette.interaction import Ending
from tokentape.recorder.scrubbing.edits import Body, Edit
from tokentape.recorder.scrubbing.finding import ROUNDS, find, find_user_ids, placeholder
from tokentape.recorder.scrubbing.heads import (
    credentials,
    scrub_request_headers,
    scrub_response_headers,
    scrub_value,
)
from tokentape.recorder.scrubbing.paths import path_edits
from tokentape.recorder.scrubbing.patterns import pattern_edits
from tokentape.recorder.scrubbing.policy import DEFAULT, Policy
from tokentape.recorder.scrubbing.streams import stream_edits
from tokentape.recorder.scrubbing.uris import scrub_uri

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentape.recorder.cassette.interaction import Interaction, Request, Response
    from tokentape.recorder.scrubbing.finding import Span

_STREAM_BEGINS: Final = (b"event:", b"data:")


class _Place(NamedTuple):
    """What kind of body it is."""

    stream: bool = False
    cut: bool = False
    """It broke off."""


def scrub(interaction: Interaction, policy: Policy = DEFAULT) -> Interaction:
    """An interaction as it may be kept. What its request was authorised with is looked for on both sides."""
    literals = credentials(interaction.request.headers)
    return msgspec.structs.replace(
        interaction,
        request=scrub_request(interaction.request, policy),
        response=_scrub_response(interaction.response, policy, literals),
    )


def scrub_request(request: Request, policy: Policy = DEFAULT) -> Request:
    """A request as it may be kept, and as it is looked up."""
    literals = credentials(request.headers)
    body = Body(request.body)
    body.apply(_placeholders(find_user_ids(body.data)))
    _scrub_body(body, policy, literals, _Place())
    return msgspec.structs.replace(
        request,
        uri=scrub_uri(request.uri, policy, literals),
        headers=scrub_request_headers(request.headers, policy, literals),
        body=body.data,
    )


def scrub_text(text: str, policy: Policy = DEFAULT) -> str:
    """A text fit for a log, an error or a terminal."""
    return scrub_value(text, policy)


def _scrub_response(response: Response, policy: Policy, literals: tuple[bytes, ...]) -> Response:
    timing = response.timing
    body = Body(response.body, timing.arrivals if timing else ())
    stream = response.streamed or response.body.startswith(_STREAM_BEGINS)
    cut = response.ending is not Ending.COMPLETE
    _scrub_body(body, policy, literals, _Place(stream=stream, cut=cut))
    if timing and body.data is not response.body:
        timing = msgspec.structs.replace(timing, arrivals=body.arrivals())
    return msgspec.structs.replace(
        response,
        reason=scrub_value(response.reason, policy, literals),
        headers=scrub_response_headers(response.headers, policy, literals),
        body=body.data,
        timing=timing,
    )


def _scrub_body(body: Body, policy: Policy, literals: tuple[bytes, ...], place: _Place) -> None:
    body.apply(path_edits(body.data, policy, stream=place.stream))
    body.apply(pattern_edits(body.data, policy, stream=place.stream))
    for _ in range(ROUNDS):
        edits = _edits(body.data, literals, place)
        if not edits:
            return
        body.apply(edits)


def _edits(data: bytes, literals: tuple[bytes, ...], place: _Place) -> list[Edit]:
    if place.stream:
        return stream_edits(data, literals, cut=place.cut)
    return _placeholders(find(data, literals=literals, cut=place.cut))


def _placeholders(found: Iterable[Span]) -> list[Edit]:
    return [Edit(span.start, span.end, placeholder(span.kind)) for span in found]
