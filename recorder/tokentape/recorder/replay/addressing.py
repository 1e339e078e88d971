"""Which cassette and which session a request means, and what it asks of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from tokentape.proxy.messages.labels import MAX_VALUE
from tokentape.proxy.relay.forwarding import LABEL_HEADER, take_label_segment

if TYPE_CHECKING:
    from collections.abc import Iterable


class Address(NamedTuple):
    """What a request names."""

    cassette: str
    """Empty where it names none."""
    session: str
    """Empty for the session of whoever names none."""
    target: bytes
    """Path and query without the label segment."""


def addressed(target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> Address:
    """What a request names; the path wins over the header."""
    segment, rest = take_label_segment(target)
    texts = [value for name, value in headers if name.lower() == LABEL_HEADER]
    if segment:
        texts.append(segment)
    labels: dict[str, str] = {}
    for text in texts:
        labels |= _labels(text.decode("latin-1"))
    return Address(labels.get("cassette", ""), labels.get("session", "")[:MAX_VALUE], rest)


def _labels(text: str) -> dict[str, str]:
    """As `tokentape.proxy.messages.labels` reads them, but whole: a cassette's name may be long."""
    pairs = (part.partition("=") for part in text.split(","))
    found = {unquote(key).strip(): unquote(value).strip() for key, equals, value in pairs if equals}
    return {key: value for key, value in found.items() if value.isprintable()}
