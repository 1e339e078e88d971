"""Answers: cut and grouped, byte by byte as they were."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tokentape.recorder.wire.answer import GROUP, Answer, cut_at, grouped


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=9), st.integers(0, 99))
def test_a_cut_at_a_byte_keeps_exactly_what_comes_before(pieces: list[bytes], size: int) -> None:
    answer = Answer(pieces=pieces, due=[float(place) for place in range(len(pieces))])

    cut_at(answer, size)

    assert b"".join(answer.pieces) == b"".join(pieces)[:size]
    assert len(answer.due) == len(answer.pieces)


@given(st.lists(st.sampled_from([1, 7, GROUP - 1, GROUP, 3 * GROUP + 5]), max_size=6))
def test_groups_are_few_and_bounded(sizes: list[int]) -> None:
    pieces = [bytes([place]) * size for place, size in enumerate(sizes)]

    groups = grouped(pieces)

    assert b"".join(groups) == b"".join(pieces)
    assert all(len(group) <= GROUP for group in groups)
    assert sum(len(group) < GROUP for group in groups) <= len(pieces) + 1
