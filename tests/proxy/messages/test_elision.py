from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tokentape.proxy.messages.elision import STRING_LIMIT, Elider

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(values, st.lists(st.integers(0, 10_000), max_size=8))
def test_text_with_short_strings_passes_unchanged_in_any_pieces(value: Any, places: list[int]) -> None:
    text = json.dumps(value).encode()
    elider = Elider()
    assert b"".join(map(elider.feed, cut(text, places))) == text


@given(st.text(alphabet='ab"\\\n\u00e9', max_size=30), st.lists(st.integers(0, 100_000), max_size=6))
def test_a_long_string_becomes_a_mark_and_its_neighbours_stay(tail: str, places: list[int]) -> None:
    long = "x" * STRING_LIMIT + '"\\' + tail
    text = json.dumps({"a": "short", "b": long, "c": [long, long + "!"], "d": '\\"'}).encode()
    elider = Elider()
    shortened = json.loads(b"".join(map(elider.feed, cut(text, places))))
    assert (shortened["a"], shortened["d"]) == ("short", '\\"')
    assert shortened["b"].startswith("elided:")
    assert shortened["b"] == shortened["c"][0] != shortened["c"][1]


def test_ten_megabytes_of_base64_leave_a_few_bytes() -> None:
    elider = Elider()
    pieces = [b'{"data":"', *[b"QUJD" * 16_384] * 160, b'"}']
    assert len(b"".join(map(elider.feed, pieces))) < 60


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_no_bytes_raise(pieces: list[bytes]) -> None:
    elider = Elider()
    for piece in pieces:
        elider.feed(piece)
