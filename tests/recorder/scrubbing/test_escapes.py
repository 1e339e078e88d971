from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.scrubbing.planted import IN_TEXT, SHAPED
from tests.recorder.scrubbing.traffic import deltas, request, stream

from tokentape.recorder.cassette.interaction import Interaction
from tokentape.recorder.scrubbing.escapes import shortest
from tokentape.recorder.scrubbing.scrub import scrub, scrub_request

if TYPE_CHECKING:
    from collections.abc import Callable

AWS = "AWS_SECRET_ACCESS_KEY=wJalrXUtn/K7MDENG+bPxRfiCYzz9KEY"
PLANTED = {**SHAPED, **IN_TEXT, "aws secret with signs": AWS}


def _escaped(signs: str) -> Callable[[object], bytes]:
    """An encoder that writes these signs as escapes."""

    def encode(value: object) -> bytes:
        text = json.dumps(value).replace('\\"', "\\u0022" if '"' in signs else '\\"')
        inside = re.compile(f"[{re.escape(signs)}]")
        return re.sub(
            r'"(?:[^"\\]|\\.)*"',
            lambda string: '"' + inside.sub(lambda one: f"\\u{ord(one[0]):04X}", string[0][1:-1]) + '"',
            text,
        ).encode()

    return encode


def _php(value: object) -> bytes:
    return json.dumps(value).replace("/", "\\/").encode()


ENCODERS: dict[str, Callable[[object], bytes]] = {
    ".NET": _escaped("\"&'+<>`"),
    "Go": _escaped("&<>"),
    "Gson": _escaped("&'<=>"),
    "PHP": _php,
    "nearly all": _escaped("\"&'+<>`=-_.:;/@%?, "),
}


@pytest.mark.parametrize("encoder", sorted(ENCODERS))
@pytest.mark.parametrize("kind", sorted(PLANTED))
def test_a_secret_is_found_whatever_an_encoder_escapes(kind: str, encoder: str) -> None:
    body = {"messages": [{"role": "user", "content": f"Here: {PLANTED[kind]} (done)"}]}
    expected = json.loads(scrub_request(request(body)).body)
    clean = scrub_request(request(ENCODERS[encoder](body)))
    assert json.loads(clean.body) == expected != body
    assert scrub_request(clean) == clean


@pytest.mark.parametrize("encoder", [".NET", "PHP"])
def test_json_in_json_is_searched_whatever_an_encoder_escapes(encoder: str) -> None:
    inner = ENCODERS[encoder]({"auth": {"password": "two words/+", "user": "me"}}).decode()
    around = {"content": inner}
    for body in (json.dumps(around).encode(), ENCODERS[encoder](around)):
        clean = json.loads(scrub_request(request(body)).body)["content"]
        assert json.loads(clean) == {"auth": {"password": "REDACTED-password", "user": "me"}}


def test_a_stream_is_searched_whatever_an_encoder_escapes() -> None:
    """The tool input itself has escapes, and they are cut by events."""
    text = '{"command":"' + r"psql postgres:\/\/app:hunter2\u0040Horse9@db.example.com\/main" + '"}'
    events = deltas("partial_json", [text[at : at + 3] for at in range(0, len(text), 3)])
    clean = scrub(Interaction(request=request(), response=stream(events))).response.body
    pieces = (json.loads(line[5:]) for line in clean.splitlines() if line.startswith(b"data:"))
    said = "".join(piece["delta"]["partial_json"] for piece in pieces)
    assert "hunter2" not in said
    assert "Horse9" not in json.loads(said)["command"].partition("REDACTED")[0]


@given(st.lists(st.sampled_from(["a", '"', "/", "\\", "é", "+", "\n"]), max_size=12).map("".join))
def test_the_shortest_form_is_json_of_the_same_text(text: str) -> None:
    for encode in ENCODERS.values():
        written = encode(text)
        reading = shortest(written)
        if reading is not None and "\\" not in text:
            assert json.loads(reading.text) == text
        if reading is not None:
            places = [reading.place(at) for at in range(len(reading.text) + 1)]
            assert places == sorted(places)
            assert (places[0], places[-1]) == (0, len(written))


def test_a_text_without_such_escapes_is_short_already() -> None:
    assert shortest(b'{"a": "\\u00e9 \\n \\"quoted\\" \\ud83d"}') is None
