"""A span is covered exactly, without gap or overlap, by pieces that are aligned."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.ledger.cover import MICRO, Piece, cover

DAY = 86_400 * MICRO
HOUR = 3_600 * MICRO


ALL = (900, 3_600, 86_400)


def test_whole_days_are_days() -> None:
    assert cover([3 * DAY, 33 * DAY], ALL) == [Piece(86_400, 3 * DAY, 33 * DAY)]


def test_ragged_ends_are_finer_and_at_last_rows() -> None:
    assert cover([DAY - HOUR - 1, 2 * DAY + HOUR], ALL) == [
        Piece(0, DAY - HOUR - 1, DAY - HOUR),
        Piece(3_600, DAY - HOUR, DAY),
        Piece(86_400, DAY, 2 * DAY),
        Piece(3_600, 2 * DAY, 2 * DAY + HOUR),
    ]


def test_without_a_usable_grain_there_are_only_rows() -> None:
    assert cover([0, DAY], ()) == [Piece(0, 0, DAY)]


def test_nothing_is_covered_by_nothing() -> None:
    assert cover([DAY, DAY], ALL) == []
    assert cover([DAY, 0], ALL) == []


def test_no_piece_crosses_a_boundary_that_it_is_not_aligned_to() -> None:
    """A day that begins at half past the hour keeps its hours, and takes quarters at its ends."""
    half = HOUR // 2
    assert cover([half, DAY + half, 2 * DAY + half], ALL) == [
        Piece(900, half, HOUR),
        Piece(3_600, HOUR, DAY),
        Piece(900, DAY, DAY + HOUR),
        Piece(3_600, DAY + HOUR, 2 * DAY),
        Piece(900, 2 * DAY, 2 * DAY + half),
    ]


@given(
    st.integers(0, 10**16),
    st.lists(st.integers(0, 10**12), min_size=1, max_size=5),
    st.sampled_from([(), (900,), (3600, 86_400), ALL]),
)
def test_pieces_join_up_and_are_aligned(since: int, lengths: list[int], grains: tuple[int, ...]) -> None:
    boundaries = list(accumulate(lengths, initial=since))
    pieces = cover(boundaries, grains)
    ends = [since, *(piece.until for piece in pieces)]
    assert [piece.since for piece in pieces] == ends[:-1]
    assert ends[-1] == boundaries[-1]
    for piece in pieces:
        step = piece.grain * MICRO or 1
        assert piece.since % step == piece.until % step == 0
        assert piece.grain in {0, *grains}
        # A boundary inside is one that this grain keeps apart.
        assert all(end % step == 0 for end in boundaries if piece.since < end < piece.until)
