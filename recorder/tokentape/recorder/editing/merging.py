"""Several cassettes as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentape.recorder.cassette.interaction import Cassette, Interaction

if TYPE_CHECKING:
    from collections.abc import Iterable


def merged(cassettes: Iterable[Cassette]) -> Cassette:
    """The interactions of all, cassette by cassette, in their order; of metadata, the first that is given.

    An interaction that is the same recording as one before it is left out: all of it is equal, and so is
    the time at which it was recorded. Equal replies recorded at two times are two, and are played in turn.
    """
    kept: list[Interaction] = []
    seen: set[Interaction] = set()
    metadata: dict[str, str] = {}
    for cassette in cassettes:
        metadata = cassette.metadata | metadata
        kept += [one for one in cassette.interactions if one.recorded_at is None or one not in seen]
        seen.update(cassette.interactions)
    return Cassette(interactions=tuple(kept), metadata=metadata)
