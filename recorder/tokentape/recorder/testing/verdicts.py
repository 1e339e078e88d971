"""The verdict on each test, in one line: for the terminal summary and as a JUnit property."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.recorder.testing.exchange import Verdict
from tokentape.recorder.testing.settings import Unplayed

if TYPE_CHECKING:
    from tokentape.recorder.testing.cassette import OpenCassette

PROPERTY: Final = "tokentape"
"""The property's name, in JUnit files too."""
_SHOWN: Final = 3
"""Drifts that are shown."""


def line_of(cassette: OpenCassette, *, passed: bool) -> str:
    """Verdicts with their numbers, such as `HIT 3, UNPLAYED 1`; what is left over only if the test passed."""
    counts = cassette.verdicts()
    if passed and cassette.settings.unplayed is not Unplayed.IGNORE and (left := len(cassette.unplayed())):
        counts[Verdict.UNPLAYED.value] = left
    order = [verdict.value for verdict in Verdict]
    parts = [f"{name} {counts[name]}" for name in order if name in counts]
    drifts = [one.detail for one in cassette.exchanges if one.verdict is Verdict.DRIFT]
    told = f" ({' | '.join(drifts[:_SHOWN])})" if drifts else ""
    return (", ".join(parts) or "no requests") + told
