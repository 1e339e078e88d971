"""The fast reader reads what YAML means, or leaves it to the full reader."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recorder.cassette.strategies import CASSETTES

from tokentape.recorder.cassette import fast, tree
from tokentape.recorder.cassette.errors import CassetteError
from tokentape.recorder.cassette.interaction import Cassette
from tokentape.recorder.cassette.parsing import document
from tokentape.recorder.cassette.store import Options, written


def in_full(data: bytes) -> Cassette | None:
    """What the full reader makes of a file; `None` where it refuses it."""
    try:
        return tree.cassette(document(data, "x"), "x")
    except CassetteError:
        return None


@settings(max_examples=60)
@given(cassette=CASSETTES, verbatim=st.booleans())
def test_it_reads_what_our_writer_makes_as_the_full_reader_does(
    *, cassette: Cassette, verbatim: bool
) -> None:
    data = written(cassette, options=Options(verbatim=verbatim))[0].encode("ascii")
    read = fast.read(data)
    assert read in (None, in_full(data))


EDITS = st.sampled_from(
    [
        *(
            " ",
            "\n",
            "  ",
            "#",
            " # x",
            ":",
            ": ",
            "'",
            '"',
            "\\",
            "|",
            "|+",
            "-",
            "- ",
            "\t",
            "0",
            "null",
            "\r",
        ),
        *("{}", "[]", "!!binary ", "&a ", "*a", "\u00e9", "---\n", "...\n", "yes", "gzip"),
        "content-encoding:\n      - br\n",
    ]
)


@settings(max_examples=150)
@given(cassette=CASSETTES, data=st.data())
def test_of_an_edited_file_it_says_nothing_that_the_full_reader_does_not(
    *, cassette: Cassette, data: st.DataObject
) -> None:
    text, _ = written(cassette)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        gone = data.draw(st.integers(0, 3))
        text = text[:at] + data.draw(EDITS) + text[at + gone :]
    edited = text.encode()
    assert fast.read(edited) in (None, in_full(edited))


@given(cassette=CASSETTES)
def test_it_declines_nothing_of_our_own_making(cassette: Cassette) -> None:
    ordinary = all(100 <= each.response.status <= 999 for each in cassette.interactions)
    assert ordinary <= (fast.read(written(cassette)[0].encode()) is not None)


def test_a_file_that_it_declines_costs_no_more_than_one_that_it_reads() -> None:
    """Each of these lines doubles the work of an expression that tries every way."""
    lines = "      a  b \\n\\\n" * 10_000
    head = "interactions:\n- request:\n    method: POST\n    uri: x\n    headers: {}\n"
    body = f'    body: "\\\n{lines}      "\n'
    assert fast.read(f"{head}{body}  response: none\nversion: 1\n".encode()) is None


def test_what_stands_after_an_empty_list_is_not_overlooked() -> None:
    assert fast.read(b"interactions: []\nversion: 1\n") == Cassette()
    assert fast.read(b"interactions: []\n- request:\nversion: 1\n") is None
