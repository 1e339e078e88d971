"""A span is covered exactly, without gap or overlap, by pieces that are aligned."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.ledger.cover import MICRO, Piece, cover

DAY = 86_400 * MICRO
HOUR = 3_600 * MICRO


def test_whole_days_are_days() -> None:
    assert cover(3 * DAY, 33 * DAY, 86_400) == [Piece(86_400, 3 * DAY, 33 * DAY)]


def test_ragged_ends_are_finer_and_at_last_rows() -> None:
    assert cover(DAY - HOUR - 1, 2 * DAY + HOUR, 86_400) == [
        Piece(0, DAY - HOUR - 1, DAY - HOUR),
        Piece(3_600, DAY - HOUR, DAY),
        Piece(86_400, DAY, 2 * DAY),
        Piece(3_600, 2 * DAY, 2 * DAY + HOUR),
    ]


def test_without_a_usable_grain_there_are_only_rows() -> None:
    assert cover(0, DAY, 0) == [Piece(0, 0, DAY)]


def test_nothing_is_covered_by_nothing() -> None:
    assert cover(DAY, DAY, 86_400) == []
    assert cover(DAY, 0, 86_400) == []


@given(st.integers(0, 10**16), st.integers(0, 10**14), st.sampled_from([0, 900, 3600, 86_400]))
def test_pieces_join_up_and_are_aligned(since: int, length: int, largest: int) -> None:
    pieces = cover(since, since + length, largest)
    ends = [since, *(piece.until for piece in pieces)]
    assert [piece.since for piece in pieces] == ends[:-1]
    assert ends[-1] == since + length
    for piece in pieces:
        assert piece.grain <= largest
        assert piece.since % max(piece.grain * MICRO, 1) == piece.until % max(piece.grain * MICRO, 1) == 0
    assert (
        sum(piece.until - piece.since for piece in pieces if not piece.grain) < 2 * 900 * MICRO or not largest
    )
