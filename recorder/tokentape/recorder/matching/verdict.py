"""How a request was found, and what a tape gives for it."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentape.recorder.cassette.interaction import Interaction
    from tokentape.recorder.matching.difference import Difference
    from tokentape.recorder.matching.miss import Miss


class Verdict(enum.StrEnum):
    """How a request was found."""

    EXACT = "exact"
    """It equals its recording."""
    NORMALISED = "normalised"
    """It does without what is volatile."""
    DRIFTED = "drifted"
    """It differs, and the best recording of its lane was played all the same."""
    MISS = "miss"
    LIVE = "live"
    """It was not looked for: the API itself answered."""


class Mode(enum.StrEnum):
    """What becomes of a request that differs from every recording."""

    STRICT = "strict"
    """It is a miss."""
    LENIENT = "lenient"
    """The best recording of its lane is played, and the differences are told."""


class AfterLast(enum.StrEnum):
    """What a request gets that comes more often than it was recorded."""

    FAIL = "fail"
    REPEAT_LAST = "repeat_last"
    CYCLE = "cycle"


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What a tape gives for a request: an interaction, or a miss."""

    verdict: Verdict
    place: int = -1
    """Of the interaction in the cassette, from 0."""
    interaction: Interaction | None = None
    drift: tuple[Difference, ...] = ()
    """Where the request differs from what was played, if it drifted; the first places."""
    miss: Miss | None = None


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a player behaves."""

    mode: Mode = Mode.STRICT
    after_last: AfterLast = AfterLast.FAIL
    name: str = ""
    """What the cassette is called in a miss."""
    hint: str = ""
    """The last line of a miss: what to run."""
    mask: Callable[[str], str] = str
    """Takes the secrets out of a text that is going to be shown."""
