"""Cache outcomes."""

from __future__ import annotations

import pytest

from tokentape.proxy.messages.cache import cache_outcome
from tokentape.proxy.messages.call import CacheOutcome, Usage


@pytest.mark.parametrize(
    ("read", "written", "marks", "outcome"),
    [
        (5, 0, 1, CacheOutcome.HIT),
        (5, None, 0, CacheOutcome.HIT),
        (0, 5, 1, CacheOutcome.WRITE),
        (None, 5, 0, CacheOutcome.WRITE),
        (5, 5, 1, CacheOutcome.MIXED),
        (0, 0, 1, CacheOutcome.IGNORED),
        (None, None, 2, CacheOutcome.IGNORED),
        (0, 0, 0, CacheOutcome.UNMARKED),
        (None, None, 0, CacheOutcome.UNMARKED),
    ],
)
def test_reads_writes_and_marks_make_the_outcome(
    read: int | None, written: int | None, marks: int, outcome: CacheOutcome
) -> None:
    usage = Usage(input_tokens=1, cache_read_input_tokens=read, cache_creation_input_tokens=written)
    assert cache_outcome(usage, marks) is outcome


def test_without_a_word_about_input_there_is_no_outcome() -> None:
    assert cache_outcome(None, 1) is None
    assert cache_outcome(Usage(output_tokens=5), 1) is None
    assert cache_outcome(Usage(cache_read_input_tokens=0), 0) is CacheOutcome.UNMARKED
