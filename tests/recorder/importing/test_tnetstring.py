from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.importing.flows import tnetstring

from tokentape.recorder.importing.tnetstring import TnetstringError, values

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.binary(max_size=20)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=3)
    ),
)


@given(st.lists(VALUES))
def test_what_is_written_is_read(written: list[Any]) -> None:
    assert list(values(b"".join(map(tnetstring, written)))) == written


@given(st.binary() | st.text("0123456789:,;#^!~]}truefals").map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(TnetstringError):
        list(values(data))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"x", "there is no size at byte 0"),
        (b"0:~3:ab", "the value at byte 3 ends after the data"),
        (b"9999999999999:", "there is no size at byte 0"),
        (b"1:a?", "the value at byte 2 has the unknown type b'?'"),
        (b"1:a#", "the value at byte 2 is not of its type"),
        (b"1:a~", "the value at byte 2 has the unknown type b'~'"),
        (b"4:1:a,}", "the mapping at byte 2 is no list of names and values"),
        (b"8:1:1#1:a,}", "the mapping at byte 2 is no list of names and values"),
        (b"5:9:ab,]", "the value at byte 2 ends after the data"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(data: bytes, said: str) -> None:
    with pytest.raises(TnetstringError) as caught:
        list(values(data))
    assert str(caught.value) == said


def test_nesting_has_an_end() -> None:
    data = b"0:~"
    for _ in range(100):
        data = b"%d:%b]" % (len(data), data)
    with pytest.raises(TnetstringError, match="nested too deep"):
        list(values(data))
