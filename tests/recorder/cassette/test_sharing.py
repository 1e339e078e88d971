"""What requests have in common is written once."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.cassette.loop import loop
from tests.recorder.cassette.test_writing import changed

from tokentape.recorder.cassette.layout import Layout
from tokentape.recorder.cassette.sharing import SHORTEST, Part, shared
from tokentape.recorder.cassette.store import Options, written


def indented(*texts: str, **others: Any) -> str:
    return json.dumps({"messages": [{"role": "user", "content": text} for text in texts], **others}, indent=2)


A, B, C = ("a" * SHORTEST, "b" * SHORTEST, "c" * SHORTEST)


def test_the_parts_of_a_body_joined_are_the_body() -> None:
    bodies = [indented(A), indented(A, B), indented(A, B, C, tools=[1])]
    joined = ["".join(part.text for part in parts) for parts in shared(bodies)]
    assert joined == bodies


def test_a_turn_is_written_where_it_first_stands_and_named_after_that() -> None:
    first, second = shared([indented(A), indented(A, B)])
    opening = f'{{\n  "messages": [\n    {{\n      "role": "user",\n      "content": "{A}"\n'
    closing = "    }\n  ]\n}"
    turn = f'    }},\n    {{\n      "role": "user",\n      "content": "{B}"\n'
    assert first == (Part(opening, "p1"), Part(closing))
    assert second == (Part(opening, "p1", first=False), Part(turn + closing))


def test_a_body_that_has_nothing_in_common_is_not_cut() -> None:
    assert shared([indented(A), indented(B)]) == [(), ()]
    assert shared([indented("short"), indented("short")]) == [(), ()]
    assert shared([]) == []


def test_an_identical_body_is_one_name() -> None:
    body = indented(A, B)
    assert shared([body, body]) == [(Part(body, "p1"),), (Part(body, "p1", first=False),)]


@pytest.mark.parametrize("body", [b"\xff", "", "text\n" * 100, '{"a": 1}', '{\n\n  "a": 1\n}', '{\n"é": 1}'])
def test_what_is_no_indented_json_is_left_alone(body: str | bytes) -> None:
    assert shared([body, body]) == [(), ()]


PIECES = st.sampled_from(
    ["{\n", "  [\n", "    {\n", "      x\n", f"      {A}\n", "    },\n", "  ]\n", "}", "\n"]
)


@given(bodies=st.lists(st.lists(PIECES).map(lambda pieces: "{\n" + "".join(pieces)), max_size=4))
def test_any_parts_join_to_their_body_and_are_named_before_they_are_used(bodies: list[str]) -> None:
    named: dict[str | None, str] = {}
    for body, parts in zip(bodies, shared(bodies), strict=True):
        assert "".join(part.text for part in parts) == body or parts == ()
        for part in parts:
            if part.first:
                assert part.name is None or part.name not in named
                named[part.name] = part.text
            else:
                assert named[part.name] == part.text


def test_a_loop_of_an_agent_grows_by_what_is_new() -> None:
    sizes = {
        (turns, layout): len(written(loop(turns), options=Options(layout=layout))[0])
        for turns in (20, 40)
        for layout in (Layout.READABLE, Layout.SHARED)
    }
    assert sizes[40, Layout.READABLE] > 3 * sizes[20, Layout.READABLE]
    assert sizes[40, Layout.SHARED] < 2.5 * sizes[20, Layout.SHARED]
    assert sizes[40, Layout.SHARED] < sizes[40, Layout.READABLE] / 6


def test_a_changed_word_in_what_is_shared_is_one_changed_line() -> None:
    cassette = loop(10)
    options = Options(layout=Layout.SHARED)
    edited = msgspec.structs.replace(
        cassette,
        interactions=tuple(
            msgspec.structs.replace(
                each,
                request=msgspec.structs.replace(
                    each.request, body=each.request.body.replace(b"Look", b"See")
                ),
            )
            for each in cassette.interactions
        ),
    )
    before, after = (written(each, options=options)[0].splitlines() for each in (cassette, edited))
    assert len(changed(before, after)) == 2
