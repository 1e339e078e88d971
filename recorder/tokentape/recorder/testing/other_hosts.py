"""Recordings of other hosts than the API, matched as vcrpy does by default.

Method, scheme, host, port, path and query must be equal (https://vcrpy.readthedocs.io/en/latest/configuration.html),
and each recording is played once, in order.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentape.recorder.cassette.interaction import Interaction, Request

_Key = tuple[str, str, str, int | None, str, tuple[tuple[str, str], ...]]


class OtherHosts:
    """The recordings of other hosts, and what has been played of them. For one thread at a time."""

    def __init__(self, interactions: Iterable[tuple[int, Interaction]]) -> None:
        """`interactions` come with their places in the cassette."""
        self._left: dict[_Key, list[tuple[int, Interaction]]] = defaultdict(list)
        for place, interaction in interactions:
            self._left[key_of(interaction.request)].append((place, interaction))

    def play(self, request: Request) -> tuple[int, Interaction] | None:
        """The next recording of a request, with its place; `None` where there is none left."""
        left = self._left.get(key_of(request))
        return left.pop(0) if left else None

    def unplayed(self) -> list[int]:
        """The places of what has not been played."""
        return sorted(place for left in self._left.values() for place, _ in left)


def key_of(request: Request) -> _Key:
    """What is equal in requests that have the same answer."""
    parts = urlsplit(request.uri)
    query = tuple(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    host = parts.hostname or ""
    return request.method.upper(), parts.scheme, host, port, parts.path or "/", query
