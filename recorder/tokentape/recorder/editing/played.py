"""Play reports: which interactions of a cassette a replay asked for.

Whoever replays writes one, `NAME.played.json` beside the cassette or anywhere else:

    {"version": 1, "cassette": "chat.yaml", "sha256": "...", "interactions": 3, "played": [0, 2]}

`sha256` is that of the cassette's file as it was replayed, so that no report is taken for another
recording's. `played` counts interactions from 0. Several replays, such as the parts of one test suite, write
a report each; what none of them played can go.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from tokentape.recorder.cassette.interaction import Cassette
from tokentape.recorder.editing.errors import EditingError

if TYPE_CHECKING:
    from collections.abc import Iterable

SUFFIX: Final = ".played.json"
_VERSION: Final = 1


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """A play report."""

    version: int = _VERSION
    cassette: str
    """The file's name, for people."""
    sha256: str
    interactions: Annotated[int, msgspec.Meta(ge=0)]
    """How many the cassette has."""
    played: tuple[Annotated[int, msgspec.Meta(ge=0)], ...]


def begun(name: str, data: bytes, interactions: int) -> Played:
    """The report of a replay in which nothing has been played yet; `data` is the cassette's file."""
    digest = hashlib.sha256(data).hexdigest()
    return Played(cassette=name, sha256=digest, interactions=interactions, played=())


def ended(report: Played, played: Iterable[int]) -> bytes:
    """The report as it is written, with what was played."""
    whole = msgspec.structs.replace(report, played=tuple(sorted(set(played))))
    return msgspec.json.encode(whole) + b"\n"


def read_report(data: bytes, name: str) -> Played:
    """The report in a file; `name` is the file's.

    Raises:
        EditingError: it is none.
    """
    try:
        report = msgspec.json.decode(data, type=Played)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EditingError(f"{name} is no play report: {error}.") from None
    if report.version != _VERSION:
        raise EditingError(f"{name} has the version {report.version}, and only version 1 can be read.")
    return report


def pruned(cassette: Cassette, data: bytes, reports: Iterable[tuple[str, Played]]) -> Cassette:
    """A cassette with what was played; `data` is its file, and each report comes with its file's name.

    Raises:
        EditingError: a report is of another file, or of this one before it was changed.
    """
    digest = hashlib.sha256(data).hexdigest()
    wanted: set[int] = set()
    for name, report in reports:
        if report.sha256 != digest or report.interactions != len(cassette.interactions):
            raise EditingError(
                f"{name} is the report of {report.cassette} as it was before, or of another file: "
                "replay again, then prune."
            )
        wanted.update(report.played)
    kept = tuple(one for number, one in enumerate(cassette.interactions) if number in wanted)
    return Cassette(interactions=kept, metadata=cassette.metadata)
