"""Recorded traffic as our cassettes: what the readers of `recordings` find, in the recorder's own types."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from tests.support import recordings

from tokentape.recorder.cassette.interaction import Cassette, Interaction, Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

METADATA: Final = {"recorder": "another project's"}


def to_cassette(file: Path) -> Cassette:
    """The interactions of one recorded file with the API, in order; other hosts are left out."""
    return _cassette(recordings.load_file(file.parent, file))


def to_cassettes(recorded: Iterable[recordings.Interaction]) -> dict[str, Cassette]:
    """A cassette per file, by the file's name; `recorded` as `recordings.load` gives it."""
    return {file: _cassette(group) for file, group in groupby(recorded, key=lambda each: each.file)}


def to_interaction(recorded: recordings.Interaction) -> Interaction:
    """Bodies decoded; framing, host and redacted headers left out; a content-type for every response."""
    return Interaction(
        request=Request(
            method=recorded.method,
            uri=recorded.url,
            headers=tuple(recorded.sent_headers()),
            body=recorded.request_body,
        ),
        response=Response(
            status=recorded.status,
            headers=tuple(recorded.served_headers()),
            body=recorded.body,
        ),
    )


def _cassette(recorded: Iterable[recordings.Interaction]) -> Cassette:
    return Cassette(interactions=tuple(map(to_interaction, recorded)), metadata=METADATA)
