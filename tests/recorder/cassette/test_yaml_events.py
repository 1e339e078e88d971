"""Reading by events gives what the loader gives."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recorder.cassette.strategies import CASSETTES

from tokentape.recorder.cassette import yaml_events
from tokentape.recorder.cassette.interaction import Cassette
from tokentape.recorder.cassette.layout import Layout
from tokentape.recorder.cassette.store import Options, written
from tokentape.recorder.cassette.yaml_loader import loader


def by_the_loader(text: str) -> Any:
    """What the loader makes of it, or what it says."""
    try:
        return repr(yaml.load(text, loader()))
    except (yaml.YAMLError, ValueError, TypeError) as error:
        return str(error)


def by_events(text: str) -> Any:
    try:
        return repr(yaml_events.load(text, loader()))
    except (yaml.YAMLError, ValueError, TypeError) as error:
        return str(error)


@pytest.mark.parametrize(
    "text",
    [
        "a: [1, 0x1F, 0o7, 1_000, 1.5, .inf, .nan, 1e3, 010, 1:30]",
        "a: [null, ~, yes, No, on, True, '', \"no\", 'null', =]",
        "a: [2026-11-22, 2026-11-22T15:00:00Z, 2026-11-22 15:00:00 +02:00, 12:30]",
        "a: !!binary aGk=\nb: !binary aGk=\nc: !!str 1\nd: ! 1\ne: !!int '1'",
        "a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n",
        "a: 1\na: 2\n? [b]\n: 1\n",
        "1: a\nnull: b\n? |\n  block\n: c",
        "- a\n- - b\n  -\n- {}\n- []\n",
        "--- a\n--- b\n",
        "--- a\n...\n",
        "",
        "# nothing\n",
        "a: 2026-13-45",
        "a: [1",
        "a: *nowhere",
        "a: &x [1]\nb: *x\nc: &y z\nd: [*y, *x]\n",
        "a: &x 1\nb: &x 2\n",
        "a: &x [*x]\n",
        "&x a: *x\n",
        "a: &x !!binary aGk=\nb: *x\n",
        "a: !!python/object/apply:builtins.iter {args: [[a, &x b, *x]]}",
        "a: !!python/object/apply:builtins.iter {args: [[!!binary aGk=, b]], state: 1}",
        "a: !!python/object/apply:builtins.iter {}",
        "a: !!python/object/apply:builtins.iter {args: [[1]]}",
        "a: !!python/tuple [1]",
        "{[a]: 1}",
        "a: |+\n  x\n\n",
        "a: >\n  folded\n  text\n",
    ],
)
def test_every_form_is_read_as_the_loader_does(text: str) -> None:
    assert by_events(text) == by_the_loader(text)


def test_dates_and_numbers_are_such() -> None:
    assert yaml_events.load("[2026-11-22, 7]", loader()) == [dt.date(2026, 11, 22), 7]


WORDS = st.sampled_from(
    [
        *(
            "a",
            "1",
            "- ",
            "  ",
            "\n",
            ": ",
            "'",
            '"',
            "[",
            "]",
            "{",
            "}",
            ",",
            "|\n",
            ">\n",
            "#",
            "&x ",
            "*x",
            "!!str ",
        )
    ]
)


@settings(max_examples=200)
@given(text=st.lists(WORDS, max_size=15).map("".join))
def test_whatever_the_text_is_both_say_the_same(text: str) -> None:
    assert by_events(text) == by_the_loader(text)


@given(cassette=CASSETTES)
def test_parts_that_are_used_again_are_read_alike(cassette: Cassette) -> None:
    twice = Cassette(interactions=cassette.interactions * 2)
    text, _ = written(twice, options=Options(layout=Layout.SHARED))
    assert by_events(text) == by_the_loader(text)


@given(cassette=CASSETTES, default_style=st.sampled_from([None, "'", '"']))
def test_what_other_dumpers_make_of_a_cassette_is_read_alike(cassette: Cassette, default_style: str) -> None:
    tree = yaml.load(written(cassette)[0], loader())
    text = yaml.safe_dump(tree, default_style=default_style)
    assert by_events(text) == by_the_loader(text)
