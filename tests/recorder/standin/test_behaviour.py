"""Behaviours: of a process, of a model, of a request."""

from __future__ import annotations

import pytest

from tokentape.recorder.standin.behaviour import (
    Behaviour,
    BehaviourError,
    Behaviours,
    Settings,
    Tool,
    changed,
    read_settings,
)


def test_settings_are_read_from_json() -> None:
    read = read_settings('{"ttft": 0.5, "tool": {"name": "look"}, "by_model": {"*opus*": {"ttft": 2}}}')

    assert read == Settings(ttft=0.5, tool=Tool(name="look"), by_model={"*opus*": {"ttft": 2}})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"tttf": 1}', "Object contains unknown field `tttf`"),
        ('{"ttft": "soon"}', "Expected `float`, got `str` - at `$.ttft`"),
        ('{"tool": {"nam": 1}}', "Object contains unknown field `nam` - at `$.tool`"),
        ("{bad", "JSON is malformed: object keys must be strings (byte 1)"),
    ],
)
def test_what_cannot_be_understood_is_named(text: str, sentence: str) -> None:
    with pytest.raises(BehaviourError) as caught:
        read_settings(text)

    assert str(caught.value) == sentence


def test_a_change_leaves_all_other_fields() -> None:
    before = Behaviour(ttft=0.5, output_tokens=7)

    assert changed(before, {"output_tokens": 9}) == Behaviour(ttft=0.5, output_tokens=9)


def test_a_change_of_an_unknown_field_is_refused() -> None:
    with pytest.raises(BehaviourError, match="unknown field `speedd`"):
        changed(Behaviour(), {"speedd": 1})


def test_the_header_beats_the_model_and_the_model_beats_the_process() -> None:
    behaviours = Behaviours(
        Settings(ttft=1, output_tokens=1, seed=1, by_model={"claude-opus*": {"ttft": 2, "seed": 2}})
    )

    assert behaviours.find("claude-haiku-4-5", b"") == Behaviour(ttft=1, output_tokens=1, seed=1)
    assert behaviours.find("claude-opus-5", b"") == Behaviour(ttft=2, output_tokens=1, seed=2)
    assert behaviours.find("claude-opus-5", b'{"seed": 3}') == Behaviour(ttft=2, output_tokens=1, seed=3)


def test_the_first_pattern_that_fits_counts() -> None:
    behaviours = Behaviours(Settings(by_model={"*-5": {"seed": 1}, "claude-*": {"seed": 2}}))

    assert [behaviours.find(model, b"").seed for model in ("claude-opus-5", "claude-opus-4", "gpt")] == [
        1,
        2,
        0,
    ]


@pytest.mark.parametrize("header", [b"[]", b"{", b'{"ttft": []}', b"\xff"])
def test_a_broken_header_is_refused_every_time(header: bytes) -> None:
    behaviours = Behaviours(Settings())

    for _ in range(2):
        with pytest.raises(BehaviourError):
            behaviours.find("claude-opus-5", header)


def test_any_number_of_different_headers_is_understood() -> None:
    behaviours = Behaviours(Settings())

    found = [behaviours.find("", b'{"seed": %d}' % number).seed for number in range(3_000)]

    assert found == list(range(3_000))
    assert len(behaviours._known) <= 1024
