"""Tokens by kind."""

from __future__ import annotations

from tokentape.cli.tokens import Tokens


def test_the_hit_ratio_is_the_share_of_all_input_that_was_read_from_the_cache() -> None:
    assert Tokens(input=10, cache_read=60, cache_write=30, output=1).hit_ratio == 0.6
    assert Tokens(output=1).hit_ratio is None
