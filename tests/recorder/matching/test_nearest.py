"""The recording that is most like a request."""

from __future__ import annotations

import random

from tests.recorder.matching.conversations import message, post

from tokentape.recorder.cassette.interaction import Interaction, Request
from tokentape.recorder.matching.keys import Reading
from tokentape.recorder.matching.nearest import FEW, Search, Words, likeness, words
from tokentape.recorder.matching.rules import DEFAULT
from tokentape.recorder.matching.volatile import Normaliser

VOCABULARY = [f"word{number}" for number in range(400)]


def asking(text: str, **more: object) -> Request:
    return post({"model": "claude", "messages": [{"role": "user", "content": text}]} | more)


def found(sent: Request, recorded: list[Request], least: float = 0.0) -> int | None:
    normaliser = Normaliser(DEFAULT)
    interactions = [Interaction(request=each, response=message("x")) for each in recorded]
    readings = 0

    def reading(place: int) -> Reading:
        nonlocal readings
        readings += 1
        return Reading(recorded[place], normaliser)

    search = Search(interactions, reading)
    place = search.nearest(Reading(sent, normaliser), range(len(recorded)), least=least)
    assert readings <= 4, "only the best few are parsed"
    return place


def prose(seed: int) -> str:
    return " ".join(random.Random(seed).choices(VOCABULARY, k=80))


def test_it_is_the_one_with_most_words_in_common() -> None:
    recorded = [asking(prose(seed)) for seed in range(40)]
    for seed in range(40):
        assert found(asking(prose(seed).replace("word7", "other")), recorded) == seed


def test_it_is_found_among_ten_thousand() -> None:
    recorded = [asking(prose(seed) + "." * (seed % 50)) for seed in range(10_000)]
    assert len(recorded) > FEW
    assert found(asking(prose(4711).replace("word7", "another"), max_tokens=1), recorded) == 4711


def test_of_equals_it_is_the_first() -> None:
    assert found(asking("Why not?"), [asking("How?"), asking("Why?"), asking("Why?")]) == 1


def test_of_those_with_equal_words_it_is_the_one_with_fewer_differences() -> None:
    recorded = [asking("b a", max_tokens=1, top_k=2), asking("a b", max_tokens=1, top_k=2)]
    assert found(asking("a b", max_tokens=2, top_k=1), recorded) == 1


def test_there_is_none_among_none_and_none_that_is_too_unlike() -> None:
    assert found(asking("Why?"), []) is None
    assert found(post({"model": "m", "system": "abc"}), [post({"model": "n", "system": "xyz"})], 0.1) is None


def test_likeness_is_the_share_of_words_in_common() -> None:
    assert likeness(words(b'{"model":"a","x":"b c"}'), words(b'{"model":"a","x":"b d"}')) == 3 / 5
    assert likeness(words(b""), words(b"")) == 1.0
    assert likeness(words(b"a"), words(b"")) == 0.0


def test_only_the_ends_of_a_long_body_are_looked_at() -> None:
    assert b"hidden" in words(b"a" * 50 + b" hidden " + b"b" * 50)
    assert b"hidden" not in words(b"a" * 5000 + b" hidden " + b"b" * 5000)


def test_the_index_finds_those_that_share_most_and_only_those_that_are_asked_for() -> None:
    texts = ["a b c", "b c", "c", "a b c", "x"]
    index = Words([Interaction(request=post(text.encode()), response=message("")) for text in texts])
    assert index.like([b"a", b"b", b"c", b"nowhere"], range(5)) == [0, 3, 1, 2]
    assert index.like([b"a", b"b", b"c"], [1, 2]) == [1, 2]
    assert index.like([b"nowhere"], range(5)) == []
    assert Words([]).like([b"a"], []) == []
