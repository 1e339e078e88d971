"""What is saved comes back, and what was loaded is saved as the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recorder.cassette.strategies import CASSETTES, plain

from tokentape.recorder.cassette.layout import Layout
from tokentape.recorder.cassette.parsing import parse
from tokentape.recorder.cassette.store import Options, written

if TYPE_CHECKING:
    from tokentape.recorder.cassette.interaction import Cassette, Response

LAYOUTS = st.sampled_from(Layout)


def again(cassette: Cassette, *, as_json: bool, options: Options) -> Cassette:
    """Written, and read."""
    text, files = written(cassette, as_json=as_json, options=options)
    return parse(text.encode("ascii"), "x", files.__getitem__)


def at_most_apart(one: Response, other: Response, seconds: float) -> bool:
    """Head, last byte and end came at the same times, and the arrivals add up to the body."""
    if one.timing is None or other.timing is None:
        return one.timing is other.timing
    mine, theirs = one.timing, other.timing
    pairs = [(mine.headers, theirs.headers), (mine.ended, theirs.ended)]
    if one.body:
        pairs.append((mine.arrivals[-1].at, theirs.arrivals[-1].at))
        if sum(each.size for each in theirs.arrivals) != len(other.body):
            return False
    return all(abs(a - b) <= seconds for a, b in pairs)


@settings(max_examples=100)
@given(cassette=CASSETTES, as_json=st.booleans(), layout=LAYOUTS)
def test_an_interaction_survives_saving_and_loading(
    *, cassette: Cassette, as_json: bool, layout: Layout
) -> None:
    read = again(cassette, as_json=as_json, options=Options(layout=layout))
    assert plain(read) == plain(cassette)
    for mine, theirs in zip(cassette.interactions, read.interactions, strict=True):
        assert at_most_apart(mine.response, theirs.response, 0.0002)


@settings(max_examples=100)
@given(cassette=CASSETTES, as_json=st.booleans(), verbatim=st.booleans(), layout=LAYOUTS)
def test_what_was_loaded_is_saved_as_the_same_bytes(
    *, cassette: Cassette, as_json: bool, verbatim: bool, layout: Layout
) -> None:
    options = Options(verbatim=verbatim, layout=layout)
    text, files = written(cassette, as_json=as_json, options=options)
    read = parse(text.encode("ascii"), "x", files.__getitem__)
    assert written(read, as_json=as_json, options=options) == (text, files)


@settings(max_examples=100)
@given(cassette=CASSETTES, as_json=st.booleans(), layout=LAYOUTS)
def test_verbatim_bodies_come_back_to_the_byte(*, cassette: Cassette, as_json: bool, layout: Layout) -> None:
    read = again(cassette, as_json=as_json, options=Options(verbatim=True, layout=layout))
    for mine, theirs in zip(cassette.interactions, read.interactions, strict=True):
        assert (theirs.request.body, theirs.response.body) == (mine.request.body, mine.response.body)


@settings(max_examples=100)
@given(cassette=CASSETTES, layout=LAYOUTS)
def test_another_layout_changes_no_byte_of_what_a_reader_gets(*, cassette: Cassette, layout: Layout) -> None:
    read = again(cassette, as_json=False, options=Options())
    assert again(read, as_json=False, options=Options(layout=layout, verbatim=True)) == read
