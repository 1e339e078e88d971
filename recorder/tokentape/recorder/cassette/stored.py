"""An interaction in the shape that a file has: vcrpy's keys, bodies in their written form.

vcrpy keeps unknown keys of a response through its own loading and saving, and refuses them in a request;
so all that it does not know of an interaction stands in the response, under `tokentape`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokentape.recorder.cassette import timing
from tokentape.recorder.cassette.bodies import WrittenBody, as_bytes, written
from tokentape.recorder.cassette.interaction import Ending

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentape.recorder.cassette.interaction import Headers, Interaction
    from tokentape.recorder.cassette.sharing import Parts

EXTRAS: Final = "tokentape"
"""The key of what vcrpy does not know."""

FRAMING: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers that speak of the bytes on the wire, which a body in its written form no longer has."""

HeaderTable = dict[str, list[str]]
"""Values by name, sorted by name without regard to case: a re-recording does not reorder lines."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """An interaction as it is written."""

    method: str
    uri: str
    request_headers: HeaderTable
    request_body: WrittenBody
    status: int
    reason: str
    response_headers: HeaderTable
    response_body: WrittenBody
    extras: dict[str, Any]
    """Under `EXTRAS`; empty where there is nothing to say."""
    body_key: str = "string"
    """What the response's body stands under: `string` wherever vcrpy can serve it."""
    parts: Parts = ()
    """The request's body in parts, some of which other requests have, too; empty where it has none."""


def stored(interaction: Interaction, *, verbatim: bool = False) -> Stored:
    """The written shape of an interaction."""
    request, response = interaction.request, interaction.response
    response_body = written(response.body, streamed=response.streamed, verbatim=verbatim)
    return Stored(
        method=request.method,
        uri=request.uri,
        request_headers=header_table(request.headers),
        request_body=written(request.body, streamed=False, verbatim=verbatim),
        status=response.status,
        reason=response.reason,
        response_headers=header_table(response.headers),
        response_body=response_body,
        extras=_extras(interaction, as_bytes(response_body)),
    )


def header_table(headers: Headers) -> HeaderTable:
    """Headers by name, in the spelling met first; framing is left out."""
    spelling: dict[str, str] = {}
    table: HeaderTable = {}
    for name, value in headers:
        low = name.lower()
        if low not in FRAMING:
            table.setdefault(spelling.setdefault(low, name), []).append(value)
    return {spelling[low]: table[spelling[low]] for low in sorted(spelling)}


def flat(pairs: Iterable[tuple[str, Iterable[str]]]) -> Headers:
    """Headers one by one, framing left out."""
    return tuple((name, value) for name, values in pairs if name.lower() not in FRAMING for value in values)


def _extras(interaction: Interaction, response_body: bytes) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if interaction.recorded_at is not None:
        extras["recorded_at"] = _utc(interaction.recorded_at)
    if interaction.response.ending is not Ending.COMPLETE:
        extras["ending"] = interaction.response.ending.value
    return extras | timing.noted(interaction.response, response_body)


def _utc(seconds: float) -> str:
    """RFC 3339, to the millisecond."""
    moment = datetime.fromtimestamp(round(seconds * 1000) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_since_epoch(text: str) -> float:
    """The time that `recorded_at` names.

    Raises:
        ValueError: it is no RFC 3339 time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.timestamp()
