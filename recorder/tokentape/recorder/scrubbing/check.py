"""Leaks: the secrets in a cassette that is already written, whoever wrote it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.recorder.cassette.interaction import Ending
from tokentape.recorder.scrubbing.finding import find, find_user_ids, protected
from tokentape.recorder.scrubbing.heads import secret_kind
from tokentape.recorder.scrubbing.paths import path_edits
from tokentape.recorder.scrubbing.patterns import pattern_edits
from tokentape.recorder.scrubbing.policy import DEFAULT
from tokentape.recorder.scrubbing.streams import find_in_stream, joined, joined_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentape.recorder.cassette.interaction import Cassette, Headers, Interaction
    from tokentape.recorder.scrubbing.policy import Policy

_STREAM_BEGINS: Final = (b"event:", b"data:")
_STRING: Final = re.compile(rb'"((?:[^"\\]|\\.)*+)"')
_SHOWN: Final = 4

_DUMMY: Final = re.compile(
    r"(?i).*(?:redact|filtered|hidden|masked|removed|scrubbed|placeholder|example|your[_-]|dummy|fake"
    r"|test[_-]|invalid|\*\*|xxx|\.\.\.|…).*|(.)\1*|\$.*|\{\{.*|<.*>|\[.*\]|%\w+%|(?:none|null|true|false|test|string|secret|token|password)",
    re.DOTALL,
)
"""What other recorders, and people who write examples, put in a secret's place."""


class Leak(msgspec.Struct, frozen=True, kw_only=True):
    """A secret that was found."""

    interaction: int
    """Counted from 0."""
    place: str
    """Such as `request body` or `response header set-cookie`."""
    kind: str
    sample: str
    """Its first characters and its length: enough to find it, too little to use it."""


def find_leaks(cassette: Cassette, policy: Policy = DEFAULT) -> list[Leak]:
    """Every secret in a cassette, once for each place; and whatever else the policy names."""
    found = {
        (index, place, kind, _masked(secret))
        for index, interaction in enumerate(cassette.interactions)
        for place, kind, secret in (*_secrets(interaction), *_named(interaction, policy))
        if secret and not _DUMMY.fullmatch(secret)
    }
    return [
        Leak(interaction=index, place=place, kind=kind, sample=sample)
        for index, place, kind, sample in sorted(found)
    ]


def _masked(secret: str) -> str:
    return f"{secret[: min(_SHOWN, len(secret) // 4)]}… ({len(secret)} characters)"


def _secrets(interaction: Interaction) -> Iterator[tuple[str, str, str]]:
    """Place, kind and text of what may be a secret."""
    request, response = interaction.request, interaction.response
    yield from _in_text("uri", request.uri)
    yield from _in_headers("request header", request.headers)
    yield from _in_body("request body", request.body, request=True)
    yield from _in_text("status line", response.reason)
    yield from _in_headers("response header", response.headers)
    if _is_stream(interaction):
        yield from _in_stream("response body", response.body, cut=response.ending is not Ending.COMPLETE)
    else:
        yield from _in_body("response body", response.body)


def _named(interaction: Interaction, policy: Policy) -> Iterator[tuple[str, str, str]]:
    """What the user's own rules say of the bodies."""
    for place, body, stream in (
        ("request body", interaction.request.body, False),
        ("response body", interaction.response.body, _is_stream(interaction)),
    ):
        for edit in (
            *path_edits(body, policy, stream=stream),
            *pattern_edits(body, policy, stream=stream),
        ):
            yield place, "named", _text(body[edit.start : edit.end])


def _is_stream(interaction: Interaction) -> bool:
    return interaction.response.streamed or interaction.response.body.startswith(_STREAM_BEGINS)


def _in_headers(place: str, headers: Headers) -> Iterator[tuple[str, str, str]]:
    for name, value in headers:
        where = f"{place} {name.lower()}"
        if kind := secret_kind(name):
            yield where, kind, value.partition(";")[0].rpartition(" ")[2]
        else:
            yield from _in_text(where, value)


def _in_text(place: str, text: str) -> Iterator[tuple[str, str, str]]:
    yield from _in_bytes(place, text.encode("utf-8", "surrogatepass"))
    yield from _detected(place, text)


def _in_bytes(place: str, data: bytes, *, request: bool = False) -> Iterator[tuple[str, str, str]]:
    for span in (*find(data), *(find_user_ids(data) if request else ())):
        yield place, span.kind, _text(data[span.start : span.end])


def _in_body(place: str, body: bytes, *, request: bool = False) -> Iterator[tuple[str, str, str]]:
    yield from _in_bytes(place, body, request=request)
    if body.lstrip()[:1] in {b"{", b"["}:
        yield from _detected(place, _strings(body))
    else:
        yield from _detected(place, _text(body))


def _in_stream(place: str, body: bytes, *, cut: bool) -> Iterator[tuple[str, str, str]]:
    for span, pieces in find_in_stream(body, cut=cut):
        yield place, span.kind, _text(joined(body, pieces)[span.start : span.end])
    blocks = "\n".join(_decoded(joined(body, block)) for block in joined_blocks(body))
    yield from _detected(place, f"{blocks}\n{_strings(body)}")


def _detected(place: str, text: str) -> Iterator[tuple[str, str, str]]:
    from tokentape.recorder.scrubbing.detectors import detect  # noqa: PLC0415  # only a check needs them

    for kind, secret in detect(text):
        yield place, kind, secret


def _strings(body: bytes) -> str:
    """The strings of a JSON text, decoded, a line each, less media and signatures."""
    kept = {start for start, _ in protected(body)}
    found = (match for match in _STRING.finditer(body) if match.start(1) not in kept)
    return "\n".join(_decoded(match[1]) for match in found)


def _decoded(raw: bytes) -> str:
    if b"\\" not in raw:
        return _text(raw)
    try:
        return str(json.loads(b'"%b"' % raw, strict=False))
    except ValueError:  # an escape that broke off
        return _text(raw)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
